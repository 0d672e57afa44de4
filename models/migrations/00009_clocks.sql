-- +goose Up

-- The clocks of a conversation are in its row: whoever waits for the row's lock then sees them as the last writer left
-- them, in the same statement. sla_clocks keeps what came of them.
ALTER TABLE conversations
    ADD COLUMN opened_at     timestamptz, -- created or last reopened: first reply and resolution are waited for since
    ADD COLUMN waiting_since timestamptz, -- the first message of the customer that no agent has replied to
    ADD COLUMN clocks        jsonb NOT NULL DEFAULT '[]', -- the latest cycle of each metric (package sla)
    ADD COLUMN time_version  bigint NOT NULL DEFAULT 0; -- tenants.time_version that clocks and auto_archive_at go by

UPDATE conversations SET opened_at = created_at,
    waiting_since = CASE WHEN status IN ('active', 'snoozed') AND engagement = 'pending' THEN last_message_at END;

-- The walk over the conversations that an edit of the tenant's time configuration concerns: those in which time may do
-- something; and those that are done for good, which only a tenant that begins to archive needs to visit.
CREATE INDEX conversations_time_version ON conversations (tenant_id, time_version, id)
    WHERE status IN ('active', 'snoozed') OR auto_archive_at IS NOT NULL;
CREATE INDEX conversations_resting ON conversations (tenant_id, time_version, id)
    WHERE status = 'done' AND auto_archive_at IS NULL;
