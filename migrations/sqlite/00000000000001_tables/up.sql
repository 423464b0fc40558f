-- One table an aggregate: the columns that are filtered or ordered by, the row as JSON, its secrets encrypted.
-- The order of the columns is that of the declarations in src/store.

CREATE TABLE accounts (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    friendly_name TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX accounts_owner ON accounts (account, created, sid);
CREATE INDEX accounts_created ON accounts (created, sid);

CREATE TABLE keys (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX keys_account ON keys (account, created, sid);

CREATE TABLE numbers (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    number TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE UNIQUE INDEX numbers_number ON numbers (number);
CREATE INDEX numbers_account ON numbers (account, created, sid);
CREATE INDEX numbers_created ON numbers (created, sid);

CREATE TABLE applications (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    friendly_name TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX applications_account ON applications (account, created, sid);
CREATE INDEX applications_created ON applications (created, sid);

CREATE TABLE trunks (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT,
    created INTEGER NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX trunks_account ON trunks (account, created, sid);
CREATE INDEX trunks_created ON trunks (created, sid);

CREATE TABLE calls (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    live INTEGER NOT NULL,
    called TEXT NOT NULL,
    caller TEXT NOT NULL,
    status TEXT NOT NULL,
    parent TEXT,
    started INTEGER,
    ended INTEGER,
    idempotency TEXT,
    node TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX calls_account ON calls (account, created, sid);
CREATE INDEX calls_created ON calls (created, sid);
CREATE INDEX calls_called ON calls (account, called, created, sid);
CREATE INDEX calls_caller ON calls (account, caller, created, sid);
CREATE INDEX calls_status ON calls (account, status, created, sid);
CREATE INDEX calls_parent ON calls (account, parent, created, sid) WHERE parent IS NOT NULL;
CREATE INDEX calls_started ON calls (account, started) WHERE started IS NOT NULL;
CREATE INDEX calls_ended ON calls (account, ended) WHERE ended IS NOT NULL;
CREATE UNIQUE INDEX calls_idempotency ON calls (account, idempotency) WHERE idempotency IS NOT NULL;
CREATE INDEX calls_live ON calls (created, sid) WHERE live = 1;

CREATE TABLE recordings (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    live INTEGER NOT NULL,
    call TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX recordings_account ON recordings (account, created, sid);
CREATE INDEX recordings_created ON recordings (created, sid);
CREATE INDEX recordings_call ON recordings (account, call, created, sid);
CREATE INDEX recordings_live ON recordings (created, sid) WHERE live = 1;

CREATE TABLE notifications (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    call TEXT,
    level TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX notifications_account ON notifications (account, created, sid);
CREATE INDEX notifications_created ON notifications (created, sid);
CREATE INDEX notifications_call ON notifications (account, call, created, sid) WHERE call IS NOT NULL;
CREATE INDEX notifications_level ON notifications (account, level, created, sid);

CREATE TABLE streams (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    live INTEGER NOT NULL,
    call TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX streams_call ON streams (call, created, sid);
CREATE INDEX streams_live ON streams (created, sid) WHERE live = 1;

CREATE TABLE outbox (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    live INTEGER NOT NULL,
    call TEXT,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX outbox_live ON outbox (live, created, sid);
CREATE INDEX outbox_account ON outbox (account, created, sid);
CREATE INDEX outbox_state ON outbox (account, state, created, sid);
CREATE INDEX outbox_call ON outbox (account, call, position, sid) WHERE call IS NOT NULL;

CREATE TABLE timelines (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;

-- Facts about the database itself: with which key its secrets were encrypted.
CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
