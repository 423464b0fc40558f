-- How the peer of a trunk and we know each other: /gateways lists those where we register.
ALTER TABLE trunks ADD COLUMN mode TEXT;
UPDATE trunks SET mode = json_extract(body, '$.authentication_mode');
CREATE INDEX trunks_mode ON trunks (mode, created, sid);
