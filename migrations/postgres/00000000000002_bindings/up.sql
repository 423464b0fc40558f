-- Where peers that registered can be reached.
CREATE TABLE bindings (
    sid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C",
    created BIGINT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
);
