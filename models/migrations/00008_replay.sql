-- +goose Up

-- Kinds are the relay's: a list here would have to be repeated by everybody who adds one.
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_kind_check;

-- Past events on their way to a webhook once more (P4.9).
CREATE TABLE replays (
    tenant_id       uuid NOT NULL REFERENCES tenants (id),
    id              uuid NOT NULL,
    subscription_id uuid NOT NULL,
    since           timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    events          text[] NOT NULL CHECK (cardinality(events) > 0), -- types; never {*}
    only_failed     boolean NOT NULL,
    state           text NOT NULL CHECK (state IN ('running', 'completed', 'cancelled')),
    reason          text, -- why it was cancelled without being asked
    position        uuid NOT NULL, -- it has looked at everything up to this id
    queued          bigint NOT NULL DEFAULT 0, -- deliveries it put on their way
    missing         bigint NOT NULL DEFAULT 0, -- deliveries whose event is gone
    next_look_at    timestamptz, -- when its workflow looks at it next; null when it has ended
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions (tenant_id, id),
    CHECK (since < until),
    CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX replays_running ON replays (subscription_id) WHERE state = 'running';
CREATE INDEX replays_subscription ON replays (tenant_id, subscription_id, id DESC);
ALTER TABLE replays ADD PRIMARY KEY (id, tenant_id); -- last: see conversations

-- The delivery log by outcome, the replay of what failed, and the oldest that is owed. None costs a delivery that
-- succeeds at once.
CREATE INDEX deliveries_unsuccessful ON deliveries (tenant_id, subscription_id, id DESC) WHERE state IN ('failed', 'cancelled');
CREATE INDEX deliveries_retry_oldest ON deliveries (subscription_id, id) WHERE state = 'pending' AND attempts > 0;

-- How an endpoint has been doing: its last success, and how many of its last attempts were one.
CREATE INDEX attempts_recent ON attempts (subscription_id, id DESC) INCLUDE (class);
