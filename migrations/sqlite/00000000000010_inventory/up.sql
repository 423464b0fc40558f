-- The operator's numbers.
CREATE TABLE inventory (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT,
    created INTEGER NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    visibility TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE UNIQUE INDEX inventory_number ON inventory (number);
CREATE INDEX inventory_created ON inventory (created, sid);
