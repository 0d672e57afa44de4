-- +goose NO TRANSACTION
-- +goose Up

-- Contacts, messages, agents and teams get numbers of their tenant (P2), so that no tenant sees by its own how much others do.
-- Until now all tenants took them from one sequence for each, and processes of the version before go on doing so while they run.
-- So those sequences get an end, a margin above where they are, and the tenants' counters begin behind it: whatever either kind of
-- process takes, no number comes twice. The margins are what an upgrade can use up: 10 million messages are three hours of
-- 1,000 a second. A process of the version before that meets the end (2200H) cannot add any more of the kind; the new ones can.
-- Where a sequence was never used there is nothing to stay above, and counters begin with 1.
--
-- The counters' beginnings are the columns' defaults, so that a tenant made meanwhile, by whichever process, begins there, too.
-- A later version, beside which no such process runs any more, drops the sequences and sets the defaults to 1.
--
-- It is one statement, all or nothing, because a second run would find other beginnings. The defaults are constants, with which
-- PostgreSQL adds columns without rewriting the table.
-- +goose StatementBegin
DO $$
DECLARE
    k record;
    used bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'conversation_numbers'::regclass AND attname = 'next_contact') THEN
        RETURN;
    END IF;
    FOR k IN SELECT * FROM (VALUES
        ('contacts_number_seq', 'next_contact', 1000000),
        ('messages_number_seq', 'next_message', 10000000),
        ('agents_number_seq', 'next_agent', 1000),
        ('teams_number_seq', 'next_team', 1000)) v (seq, counter, margin)
    LOOP
        EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %I', k.seq) INTO used;
        IF used > 0 THEN
            EXECUTE format('ALTER SEQUENCE %I MAXVALUE %s', k.seq, used + k.margin);
            used := used + k.margin;
        END IF;
        EXECUTE format('ALTER TABLE conversation_numbers ADD COLUMN %I bigint NOT NULL DEFAULT %s', k.counter, used + 1);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- The number of the conversation's last message, which the next one's has to be above. 0 is below all that counters give, so the
-- rows that are there need no other. A process of the version before does not move it, and what it adds has a number below
-- those of messages that new processes added to the same conversation before.
ALTER TABLE conversations ADD COLUMN IF NOT EXISTS last_message_number bigint NOT NULL DEFAULT 0;

-- What is unique now. These tables are small.
DROP INDEX CONCURRENTLY IF EXISTS agents_number;
CREATE UNIQUE INDEX CONCURRENTLY agents_number ON agents (number, tenant_id);
ALTER TABLE agents DROP CONSTRAINT IF EXISTS agents_number_key;
DROP INDEX CONCURRENTLY IF EXISTS teams_number_of_tenant;
CREATE UNIQUE INDEX CONCURRENTLY teams_number_of_tenant ON teams (number, tenant_id);
DROP INDEX CONCURRENTLY IF EXISTS teams_number;
