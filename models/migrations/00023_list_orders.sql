-- +goose NO TRANSACTION
-- +goose Up

-- The order of the latest message, with indexes as conversation_recency has them for the latest change. What a process of the
-- version before writes meanwhile has its conversation's time from its next change on. now(), the default of the rows that
-- such a process makes, is read once, so that the table is not rewritten.
ALTER TABLE conversation_recency ADD COLUMN IF NOT EXISTS last_message_at timestamptz NOT NULL DEFAULT now();
-- Since when a clock is breached that runs: the list of what is due next begins with those. Its rest has sla_due_at.
ALTER TABLE conversations ADD COLUMN IF NOT EXISTS sla_breached_since timestamptz;

-- What is there already, a few at a time: each has its row's lock for as long as its batch takes.
-- +goose StatementBegin
DO $$
DECLARE
    at uuid := '00000000-0000-0000-0000-000000000000';
    up_to uuid;
BEGIN
    LOOP
        SELECT (array_agg(id ORDER BY id DESC))[1] INTO up_to
        FROM (SELECT id FROM conversations WHERE id > at ORDER BY id LIMIT 1000) next;
        EXIT WHEN up_to IS NULL;
        UPDATE conversations c SET sla_breached_since = b.since
        FROM (SELECT k.id, min(coalesce(clock->'due'->>2, clock->>'startedAt')::timestamptz) AS since
            FROM conversations k, jsonb_array_elements(k.clocks) clock
            WHERE k.id > at AND k.id <= up_to AND k.sla_state = 'breached' AND clock->>'state' = 'breached'
                AND clock->>'stoppedAt' IS NULL GROUP BY k.id) b
        WHERE c.id = b.id;
        UPDATE conversation_recency r SET last_message_at = coalesce(c.last_message_at, c.created_at)
        FROM conversations c WHERE c.id > at AND c.id <= up_to AND r.conversation_id = c.id AND r.tenant_id = c.tenant_id;
        at := up_to;
        COMMIT;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- They are made while others write; one that was broken off half-way is of no use, and is made again.
-- The first has a condition that queries must repeat, for the reason in 00001.
DROP INDEX CONCURRENTLY IF EXISTS conversation_recency_message;
CREATE INDEX CONCURRENTLY conversation_recency_message
    ON conversation_recency (tenant_id, last_message_at DESC, conversation_id DESC) WHERE last_message_at > '-infinity';
DROP INDEX CONCURRENTLY IF EXISTS conversation_recency_assignee_message;
CREATE INDEX CONCURRENTLY conversation_recency_assignee_message
    ON conversation_recency (assignee_id, last_message_at DESC, conversation_id DESC) WHERE assignee_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversation_recency_team_message;
CREATE INDEX CONCURRENTLY conversation_recency_team_message
    ON conversation_recency (team_id, last_message_at DESC, conversation_id DESC) WHERE team_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversation_recency_status_message;
CREATE INDEX CONCURRENTLY conversation_recency_status_message
    ON conversation_recency (status, tenant_id, last_message_at DESC, conversation_id DESC)
    WHERE status IN ('active', 'snoozed');
DROP INDEX CONCURRENTLY IF EXISTS conversation_recency_sla_message;
CREATE INDEX CONCURRENTLY conversation_recency_sla_message
    ON conversation_recency (sla_state, tenant_id, last_message_at DESC, conversation_id DESC)
    WHERE sla_state IN ('at_risk', 'urgent', 'breached');

-- What is breached and runs first, the longest overdue on top, then what has a next tripwire.
DROP INDEX CONCURRENTLY IF EXISTS conversations_sla_order;
CREATE INDEX CONCURRENTLY conversations_sla_order
    ON conversations (tenant_id, (sla_breached_since IS NULL), coalesce(sla_breached_since, sla_due_at), id)
    WHERE coalesce(sla_breached_since, sla_due_at) IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversations_sla_due;

-- For the report, which counts a breach when it happens.
DROP INDEX CONCURRENTLY IF EXISTS sla_crossings_breached;
CREATE INDEX CONCURRENTLY sla_crossings_breached ON sla_crossings (tenant_id, crossed_at) WHERE tripwire = 'breached';
DROP INDEX CONCURRENTLY IF EXISTS conversations_breached;
CREATE INDEX CONCURRENTLY conversations_breached ON conversations (id, tenant_id) WHERE sla_breached_since IS NOT NULL;
