DROP INDEX trunks_mode;
ALTER TABLE trunks DROP COLUMN mode;
