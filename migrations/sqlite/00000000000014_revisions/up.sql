-- How often a row has been changed: a change that was made from an older one is refused.
ALTER TABLE accounts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE numbers ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
