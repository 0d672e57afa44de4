-- +goose NO TRANSACTION
-- +goose Up

-- Conversations whose tick fails through their own fault, and until when they are left alone (P3.8); NULL for the others.
ALTER TABLE conversations ADD COLUMN IF NOT EXISTS set_aside jsonb;
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_set_aside ON conversations (id, tenant_id) WHERE set_aside IS NOT NULL;
