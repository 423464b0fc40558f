DROP TABLE list_uses;
DROP TABLE sip_domains;
DROP TABLE ip_addresses;
DROP TABLE ip_acls;
DROP TABLE credentials;
DROP TABLE credential_lists;
