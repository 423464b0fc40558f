DROP INDEX trunks_registers;
ALTER TABLE trunks DROP COLUMN registers;
