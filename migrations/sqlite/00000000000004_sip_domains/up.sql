-- Twilio's SIP API: who may call through a domain, by password and by address, and which lists a domain uses for what.
CREATE TABLE credential_lists (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX credential_lists_account ON credential_lists (account, created, sid);

CREATE TABLE credentials (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    list TEXT NOT NULL,
    username TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE UNIQUE INDEX credentials_username ON credentials (list, username);
CREATE INDEX credentials_list ON credentials (account, list, created, sid);

CREATE TABLE ip_acls (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX ip_acls_account ON ip_acls (account, created, sid);

CREATE TABLE ip_addresses (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    list TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX ip_addresses_of ON ip_addresses (list);
CREATE INDEX ip_addresses_list ON ip_addresses (account, list, created, sid);

CREATE TABLE sip_domains (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE UNIQUE INDEX sip_domains_name ON sip_domains (name);
CREATE INDEX sip_domains_account ON sip_domains (account, created, sid);

CREATE TABLE list_uses (
    sid TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    list TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT
) STRICT;
CREATE INDEX list_uses_owner ON list_uses (account, owner, purpose, created, sid);
CREATE INDEX list_uses_of ON list_uses (owner);
CREATE INDEX list_uses_list ON list_uses (list);
