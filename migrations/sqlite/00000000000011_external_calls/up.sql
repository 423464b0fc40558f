-- The id that an external switch gave its call; NULL for our own.
ALTER TABLE calls ADD COLUMN external TEXT;
CREATE UNIQUE INDEX calls_external ON calls (external) WHERE external IS NOT NULL;

-- What external switches reported.
CREATE TABLE reports (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    call TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX reports_call ON reports (call, created, sid);
CREATE INDEX reports_created ON reports (created, sid);
