-- Trunks of accounts (Elastic SIP Trunking), where they ring, and which numbers they have.
CREATE TABLE elastic_trunks (
    sid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    domain TEXT COLLATE "C",
    body TEXT NOT NULL,
    secret TEXT
);
CREATE UNIQUE INDEX elastic_trunks_domain ON elastic_trunks (domain);
CREATE INDEX elastic_trunks_account ON elastic_trunks (account, created, sid);
CREATE TABLE origination_urls (
    sid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    trunk TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
);
CREATE INDEX origination_urls_trunk ON origination_urls (trunk, created, sid);
ALTER TABLE numbers ADD COLUMN trunk TEXT COLLATE "C";
CREATE INDEX numbers_trunk ON numbers (trunk, created, sid);
