-- How the peer of a trunk and we know each other: /gateways lists those where we register.
ALTER TABLE trunks ADD COLUMN mode TEXT COLLATE "C";
UPDATE trunks SET mode = body::json ->> 'authentication_mode';
CREATE INDEX trunks_mode ON trunks (mode, created, sid);
