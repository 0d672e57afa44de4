-- +goose Up

-- P5: how an endpoint has been doing (package circuit).
ALTER TABLE subscriptions
    ADD COLUMN ordering          text NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'conversation')),
    ADD COLUMN failures          integer NOT NULL DEFAULT 0,
    ADD COLUMN failing           uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN failing_since     timestamptz,
    ADD COLUMN circuit_opened_at timestamptz,
    ADD COLUMN probes            integer NOT NULL DEFAULT 0,
    ADD COLUMN next_probe_at     timestamptz,
    ADD COLUMN last_probe        uuid; -- the delivery of the last probe: the next one takes another

-- P4.5: a delivery that waits for the earlier ones of its conversation.
ALTER TABLE deliveries ADD COLUMN ordered boolean NOT NULL DEFAULT false;
CREATE INDEX deliveries_order ON deliveries (subscription_id, conversation_id, seq)
    WHERE ordered AND state IN ('pending', 'leased');

-- P3.6 and the like: what the installation remembers of itself.
CREATE TABLE installation (
    key   text PRIMARY KEY,
    value text NOT NULL
);

-- P3.6: the walk over conversations whose workflow should be running.
CREATE INDEX conversations_open ON conversations (id) WHERE status IN ('active', 'snoozed');
