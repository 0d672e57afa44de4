-- +goose Up

-- Conversations that are late or about to be: few among many, so that they are sorted when a list asks for them. Neither the
-- time of the latest change nor anything else that a message changes is in here, for the reason in 00010.
CREATE INDEX conversations_late ON conversations (sla_state, tenant_id) WHERE sla_state IN ('at_risk', 'urgent', 'breached');
