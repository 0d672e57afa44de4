-- +goose Up

-- Lists of conversations that are late or about to be: few among many, like those of 00007. Conversations that are not, or
-- that have no clock, cost nothing.
CREATE INDEX conversations_sla_state ON conversations (sla_state, tenant_id, updated_at DESC, id DESC)
    WHERE sla_state IN ('at_risk', 'urgent', 'breached');
