package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atender/atender/models/ident"
)

// storedChunk is how many messages one statement stores, storedThread how many each of their conversations has.
const (
	storedChunk  = 50_000
	storedThread = 20
)

// storeMessages makes messages that have been there before the run, with all that belongs to them: conversations of a contact's,
// the timeline, events with their positions, deliveries that have ended, and attempts. Nothing is due of them.
func (b *bench) storeMessages(ctx context.Context) error {
	if b.p.Stored == 0 {
		return nil
	}
	progress("storing %d messages", b.p.Stored)
	begin := time.Now().Add(-time.Hour)
	for from := 0; from < b.p.Stored; from += storedChunk {
		n := min(storedChunk, b.p.Stored-from)
		conversations := (n + storedThread - 1) / storedThread
		_, err := b.db.Exec(ctx, storeSQL, b.tenant, n, conversations, from/storedThread, ident.Tick(begin)+int64(8*from))
		if err != nil {
			return fmt.Errorf("store messages: %w", err)
		}
	}
	for _, table := range []string{
		"conversations", "contacts", "conversation_recency", "messages", "timeline", "events", "deliveries", "attempts",
	} {
		if _, err := b.db.Exec(ctx, `VACUUM (ANALYZE) `+table); err != nil {
			return fmt.Errorf("vacuum %s: %w", table, err)
		}
	}
	if _, err := b.db.Exec(ctx, `CHECKPOINT`); err != nil {
		return err
	}
	for range 1 + b.p.Stored/1_000_000 { // the sequencer has been through them, which takes a while
		if err := b.idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// storeSQL stores $2 messages in $3 conversations for tenant $1; $4 is how many conversations there were before, and $5 the
// time that the ids begin with (ident.Tick).
var storeSQL = `
WITH talk AS MATERIALIZED (
	SELECT c, ` + ident.SQL(`$5::bigint`, `8 * c`) + ` AS id, ` + ident.SQL(`$5::bigint`, `8 * c + 1`) + ` AS contact_id,
		$4::bigint + c AS nth, now() - interval '1 hour' AS at FROM generate_series(0, $3::int - 1) c
), contact AS (
	INSERT INTO contacts (tenant_id, id, number, name, email, email_key, created_at, updated_at)
	SELECT $1, contact_id, 1000000000 + nth, 'Stored Customer', 'stored-' || nth || '@customers.example',
		'stored-' || nth || '@customers.example', at, at FROM talk
), conversation AS (
	INSERT INTO conversations (tenant_id, id, number, external_reference, subject, channel, status, engagement, contact_id,
		version, chain_id, created_at, updated_at, first_reply_at, last_message_at, opened_at)
	SELECT $1, id, 1000000000 + nth, 'stored-' || nth, 'Where is my order?', 'email', 'active', 'engaged', contact_id,
		20, id, at, at, at, at, at FROM talk
), recency AS (
	INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at, last_message_at)
	SELECT $1, id, 'active', at, at FROM talk
), said AS MATERIALIZED (
	SELECT m, t.id AS conversation_id, t.at, 1 + m % 20 AS version,
		` + ident.SQL(`$5::bigint`, `8 * m + 2`) + ` AS id, ` + ident.SQL(`$5::bigint`, `8 * m + 3`) + ` AS entry_id,
		` + ident.SQL(`$5::bigint`, `8 * m + 4`) + ` AS event_id, ` + ident.SQL(`$5::bigint`, `8 * m + 5`) + ` AS delivery_id,
		` + ident.SQL(`$5::bigint`, `8 * m + 6`) + ` AS attempt_id
	FROM generate_series(0, $2::int - 1) m JOIN talk t ON t.c = m / 20
), message AS (
	INSERT INTO messages (tenant_id, id, number, conversation_id, chain_id, direction, text, author_type, author_name, sent_at,
		created_at)
	SELECT $1, id, 1000000000 + $4::bigint * 20 + m, conversation_id, conversation_id, 'outbound', repeat('I ordered two lamps. ', 10),
		'api_key', 'load', at, at FROM said
), entry AS (
	INSERT INTO timeline (tenant_id, id, conversation_id, kind, actor, data, version, created_at)
	SELECT $1, entry_id, conversation_id, 'message_sent', '{"type":"api_key","id":null,"name":"load","via":null}',
		jsonb_build_object('messageId', id), version, at FROM said
), event AS (
	INSERT INTO events (id, tenant_id, type, conversation_id, version, payload, created_at)
	SELECT event_id, $1, 'message.sent', conversation_id, version, '{"data":"' || repeat('I ordered two lamps. ', 70) || '"}', at
	FROM said
), delivery AS (
	INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq, shard, state, attempts,
		due_at, first_attempt_at, finished_at, created_at)
	SELECT delivery_id, $1, $1, event_id, 'message.sent', conversation_id, version * 4096 + 1, 0, 'delivered', 1, at, at,
		at, at
	FROM said
)
INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms, status, class)
SELECT attempt_id, $1, delivery_id, $1, 1, at, 1, 204, 'ok' FROM said`
