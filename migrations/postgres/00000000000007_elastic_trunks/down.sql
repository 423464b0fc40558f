DROP INDEX numbers_trunk;
ALTER TABLE numbers DROP COLUMN trunk;
DROP TABLE origination_urls;
DROP TABLE elastic_trunks;
