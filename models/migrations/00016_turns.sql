-- +goose NO TRANSACTION
-- +goose Up

-- Work is done one tenant after the other (P1.9, P3.5): these find a tenant's next without reading another's. They are made
-- while others write; one that was broken off half-way is of no use, and is made again.
DROP INDEX CONCURRENTLY IF EXISTS outbox_turns;
CREATE INDEX CONCURRENTLY outbox_turns ON outbox (tenant_id, priority, coalesce(due_at, 'infinity'::timestamptz), id);
DROP INDEX CONCURRENTLY IF EXISTS conversations_turns;
-- With a condition that queries must repeat, for the reason in 00001, and an expression, so that the index of all that is
-- due is not taken for it.
CREATE INDEX CONCURRENTLY conversations_turns ON conversations (tenant_id, coalesce(next_due_at, 'infinity'::timestamptz))
    WHERE next_due_at IS NOT NULL;
