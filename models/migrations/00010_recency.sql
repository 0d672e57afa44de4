-- +goose Up

-- The order of the latest change, which every message changes, in a table of its own: a row of conversations, with its
-- dozen indexes, is then updated in place (HOT) by a message, where before each index got a new entry. Lists in this order
-- come through here; status, assignee, team and SLA state are repeated, because those are few among many: they have an index of
-- their own. No index of conversations may name what a message changes. What else a list asks for (a channel, one side's turn) is met often enough on the way.
CREATE TABLE conversation_recency (
    tenant_id       uuid NOT NULL,
    conversation_id uuid NOT NULL,
    status          text NOT NULL,
    assignee_id     uuid,
    team_id         uuid,
    sla_state       text,
    updated_at      timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
) WITH (fillfactor = 80);
INSERT INTO conversation_recency (tenant_id, conversation_id, status, assignee_id, team_id, sla_state, updated_at)
    SELECT tenant_id, id, status, assignee_id, team_id, sla_state, updated_at FROM conversations;
-- None but the first begins with tenant_id, for the reason in 00001.
CREATE INDEX conversation_recency_updated ON conversation_recency (tenant_id, updated_at DESC, conversation_id DESC);
CREATE INDEX conversation_recency_assignee ON conversation_recency (assignee_id, updated_at DESC, conversation_id DESC)
    WHERE assignee_id IS NOT NULL;
CREATE INDEX conversation_recency_team ON conversation_recency (team_id, updated_at DESC, conversation_id DESC)
    WHERE team_id IS NOT NULL;
CREATE INDEX conversation_recency_status ON conversation_recency (status, tenant_id, updated_at DESC, conversation_id DESC)
    WHERE status IN ('active', 'snoozed');
CREATE INDEX conversation_recency_sla ON conversation_recency (sla_state, tenant_id, updated_at DESC, conversation_id DESC)
    WHERE sla_state IN ('at_risk', 'urgent', 'breached');
ALTER TABLE conversation_recency ADD PRIMARY KEY (conversation_id, tenant_id);

DROP INDEX conversations_updated;
ALTER TABLE conversations SET (fillfactor = 85); -- room for the next version on the same page
