-- +goose Up

-- The limits of a key of tier custom: null is no limit. Other tiers have theirs in the code.
ALTER TABLE api_keys
    ADD COLUMN per_minute integer CHECK (per_minute > 0),
    ADD COLUMN burst      integer CHECK (burst >= 0),
    ADD COLUMN per_day    integer CHECK (per_day > 0);
-- Until now nothing was limited, whatever the tier said: who has a key keeps what it allows.
UPDATE api_keys SET tier = 'custom' WHERE tier <> 'custom';

-- What each subject of a rate limit has taken (P11): one row, locked by the statement that leases tokens. No index has what
-- that statement changes, so that the row is updated in place.
CREATE TABLE rate_windows (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    subject   uuid NOT NULL,        -- the API key, the session, or the dock session
    kind      text NOT NULL CHECK (kind IN ('key', 'session', 'dock_reads', 'dock_actions')),
    slot      bigint NOT NULL,      -- the newest half second that is counted, since 1970
    counts    integer[] NOT NULL,   -- tokens taken in each half second of the trailing minute, the newest last
    day       bigint NOT NULL,      -- since 1970, UTC
    in_day    bigint NOT NULL,      -- tokens taken in it
    granted   integer NOT NULL,     -- by the latest statement
    leased_at timestamptz NOT NULL, -- when that was
    PRIMARY KEY (subject, kind)
) WITH (fillfactor = 50);
