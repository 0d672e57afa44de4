-- +goose Up

-- P4.10: what a subscription was owed when its tenant's webhooks were switched off, or on again, is to be cancelled. null: nothing.
ALTER TABLE subscriptions ADD COLUMN cancel_before timestamptz;

-- When a delivery was put on its way, if that was not when it was made: by a redelivery or a replay (P4.8, P4.9).
ALTER TABLE deliveries ADD COLUMN queued_at timestamptz;

-- What the subscriptions of tenants without webhooks are owed by now.
UPDATE subscriptions s SET cancel_before = clock_timestamp() FROM tenants t WHERE t.id = s.tenant_id AND NOT t.webhooks_enabled;
