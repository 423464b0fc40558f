-- The id that an external switch gave its call; NULL for our own.
ALTER TABLE calls ADD COLUMN external TEXT COLLATE "C";
CREATE UNIQUE INDEX calls_external ON calls (external) WHERE external IS NOT NULL;

-- What external switches reported.
CREATE TABLE reports (
    sid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    call TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
);
CREATE INDEX reports_call ON reports (call, created, sid);
CREATE INDEX reports_created ON reports (created, sid);
