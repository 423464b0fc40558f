-- A live call's row is written several times. These indexes are of what changes meanwhile, or of what only a list of many calls asks
-- for: they take a call up when it is over. Live calls, which are few, are found by calls_live.
DROP INDEX calls_called;
DROP INDEX calls_caller;
DROP INDEX calls_status;
DROP INDEX calls_started;
DROP INDEX calls_ended;
CREATE INDEX calls_called ON calls (account, called, created, sid) WHERE live = 0;
CREATE INDEX calls_caller ON calls (account, caller, created, sid) WHERE live = 0;
CREATE INDEX calls_status ON calls (account, status, created, sid) WHERE live = 0;
CREATE INDEX calls_started ON calls (account, started) WHERE started IS NOT NULL AND live = 0;
CREATE INDEX calls_ended ON calls (account, ended) WHERE ended IS NOT NULL AND live = 0;
