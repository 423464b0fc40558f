-- Trunks of accounts (Elastic SIP Trunking), where they ring, and which numbers they have.
CREATE TABLE elastic_trunks (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    domain TEXT,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE UNIQUE INDEX elastic_trunks_domain ON elastic_trunks (domain);
CREATE INDEX elastic_trunks_account ON elastic_trunks (account, created, sid);
CREATE TABLE origination_urls (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    trunk TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX origination_urls_trunk ON origination_urls (trunk, created, sid);
ALTER TABLE numbers ADD COLUMN trunk TEXT;
CREATE INDEX numbers_trunk ON numbers (trunk, created, sid);
