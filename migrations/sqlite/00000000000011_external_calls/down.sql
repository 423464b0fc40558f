DROP TABLE reports;
DROP INDEX calls_external;
ALTER TABLE calls DROP COLUMN external;
