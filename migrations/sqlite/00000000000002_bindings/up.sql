-- Where peers that registered can be reached.
CREATE TABLE bindings (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT,
    created BIGINT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
);
