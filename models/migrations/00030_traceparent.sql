-- +goose Up

-- The span that caused a row, as a W3C traceparent, where the request was traced; null otherwise. It is with the event, so that every
-- attempt of every delivery of it continues the trace, and with what Temporal is to be told. Processes of the version before do not
-- write it, and what they wrote is not traced any further.
--
-- PostgreSQL notes a column without a default in its catalog and touches no row. It needs the table, with all its partitions, to
-- itself for that moment, and whoever comes behind it waits as long as it does: so it waits 2 s at most for those who use the tables
-- (as P10.4), and otherwise the migration fails, with nothing done, and is run again.
SET LOCAL lock_timeout = '2s';
ALTER TABLE outbox ADD COLUMN traceparent text;
ALTER TABLE events ADD COLUMN traceparent text;
