-- The operator's numbers.
CREATE TABLE inventory (
    sid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C",
    created BIGINT NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    visibility TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
);
CREATE UNIQUE INDEX inventory_number ON inventory (number);
CREATE INDEX inventory_created ON inventory (created, sid);
