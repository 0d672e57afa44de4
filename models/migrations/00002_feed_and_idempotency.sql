-- +goose Up

-- P6: the event feed. The one row is the counter of positions; it outlives the events that had them, so that a position
-- is never given twice, whatever retention has dropped.
CREATE TABLE feed (
    id            smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    last_position bigint NOT NULL DEFAULT 0
);
INSERT INTO feed DEFAULT VALUES;

-- The last position of a tenant's events that retention has dropped (P10): whoever reads from before it has missed some.
-- By tenant, so that a reader of a quiet one is not told to have missed what others did.
CREATE TABLE feed_floors (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id),
    position  bigint NOT NULL
);

CREATE INDEX events_unsequenced ON events (created_at, id) WHERE position IS NULL;
CREATE INDEX events_feed ON events (tenant_id, position) WHERE position IS NOT NULL;

-- P7: the first answers to calls that carried an Idempotency-Key. A row commits with what its call did.
CREATE TABLE idempotency_keys (
    id         bytea PRIMARY KEY, -- SHA-256 of API key, method, path and key
    tenant_id  uuid NOT NULL, -- of the API key; no foreign key: its lock would be every call's
    api_key_id uuid NOT NULL,
    request    bytea NOT NULL, -- SHA-256 of the request's body
    status     smallint NOT NULL DEFAULT 0, -- 0 only inside the transaction that claimed the key
    header     jsonb NOT NULL DEFAULT '{}',
    body       bytea NOT NULL DEFAULT '',
    is_sealed  boolean NOT NULL DEFAULT false, -- body is encrypted: it holds a secret
    created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
