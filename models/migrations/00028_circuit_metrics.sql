-- +goose NO TRANSACTION
-- +goose Up

-- When the circuit was closed last (P5.3): what was put on its way before that was held back by the endpoint.
ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS circuit_closed_at timestamptz;

-- Webhooks whose circuit is open, which are few, to be counted for operators.
DROP INDEX CONCURRENTLY IF EXISTS subscriptions_circuit_open;
CREATE INDEX CONCURRENTLY subscriptions_circuit_open ON subscriptions (circuit_opened_at)
    WHERE circuit_opened_at IS NOT NULL;
