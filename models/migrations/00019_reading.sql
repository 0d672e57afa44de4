-- +goose Up

-- What authenticates the cursors of the tenant's lists. It is no secret of the tenant's: a forged cursor shows its forger
-- nothing but what the list would show him, and is checked like any input. So it is not sealed, and resealing leaves it.
ALTER TABLE tenants ADD COLUMN cursor_key bytea NOT NULL
    DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

-- SHA-256 of what an action asked for. null: it was taken in before this was kept.
ALTER TABLE dock_actions ADD COLUMN request_hash bytea;
