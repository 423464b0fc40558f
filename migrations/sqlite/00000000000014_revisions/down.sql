ALTER TABLE accounts DROP COLUMN revision;
ALTER TABLE numbers DROP COLUMN revision;
