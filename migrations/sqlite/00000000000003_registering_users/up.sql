-- The user under which the peer of a trunk registers; NULL where it does not.
ALTER TABLE trunks ADD COLUMN registers TEXT;
CREATE UNIQUE INDEX trunks_registers ON trunks (registers);
