package models_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
)

// BenchmarkWritePath measures the transactions of the write path without HTTP, from 16 goroutines.
func BenchmarkWritePath(b *testing.B) {
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(b, err)
	s, err := models.Open(context.Background(), models.Options{
		URL: deps.Database(b), Keys: keys, Logger: slog.New(slog.DiscardHandler),
		Targets: target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	tenant, _, err := s.Accounts.CreateTenant(b.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(b, err)
	_, err = s.Webhooks.Create(b.Context(), tenant.ID, webhook.NewSubscription{
		Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"},
	})
	require.NoError(b, err)
	var n atomic.Int64
	create := func() conversation.Conversation {
		c, err := s.Conversations.Create(b.Context(), tenant.ID, wire.System, conversation.NewConversation{
			ExternalReference: fmt.Sprint("r", n.Add(1)), Subject: "Where is my order?",
			Contact: contact.Identity{Email: fmt.Sprintf("c%d@example.com", n.Load())},
			Message: &conversation.FirstMessage{Text: text("It has not come.")},
		})
		if err != nil {
			b.Error(err)
		}
		return c
	}
	conversations := make([]conversation.Conversation, 200)
	for i := range conversations {
		conversations[i] = create()
	}
	b.Run("create", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				create()
			}
		})
	})
	b.Run("message", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c := conversations[n.Add(1)%int64(len(conversations))]
				_, err := s.Conversations.PostMessage(b.Context(), tenant.ID, c.ID, wire.System, conversation.NewMessage{
					Direction: conversation.Outbound, Text: text("On its way."),
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkClaims measures claims of a hundred deliveries over tables of ten and of forty partitions.
func BenchmarkClaims(b *testing.B) {
	for _, partitions := range []int{10, 40} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) { benchmarkClaims(b, partitions) })
	}
}

func benchmarkClaims(b *testing.B, partitions int) {
	const rows, pending = 100, 10_000
	w := over(b, deps.Database(b))
	w.Store, w.db = w.open(), w.connect()
	b.Cleanup(func() { _ = w.db.Close() })
	tenant, _, err := w.Accounts.CreateTenant(b.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(b, err)
	w.tenant = tenant
	sub := w.subscribe()
	for _, table := range []string{"events", "deliveries", "attempts"} {
		there := w.count(`SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass`, table)
		from := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 7*10)
		for n := there; n < partitions; n++ {
			w.exec(fmt.Sprintf(`CREATE TABLE %s_bench%d PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')`, table, n, table,
				ident.Floor(from), ident.Floor(from.AddDate(0, 0, 7))))
			from = from.AddDate(0, 0, 7)
		}
	}
	w.exec(`WITH made AS (
			INSERT INTO events (id, tenant_id, type, payload, created_at)
			SELECT `+ident.SQL(`$3::bigint`, `i`)+`, $1, 'message.sent', repeat('I ordered two lamps. ', 40), now()
			FROM generate_series(1, $4::int) i RETURNING id)
		INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at, created_at)
		SELECT m.id, $1, s.id, m.id, 'message.sent', 1, s.shard, 'pending', now(), now() FROM made m, subscriptions s WHERE s.id = $2`,
		tenant.ID, sub.ID, ident.Tick(time.Now()), pending)
	w.exec(`VACUUM (ANALYZE) events, deliveries`)
	endpoints, _, err := w.Webhooks.FreshEndpoints(b.Context(), 0, webhook.Shards, webhook.ClaimPosition{})
	require.NoError(b, err)
	quotas := []webhook.Quota{{Endpoint: &endpoints[0], Rows: rows}}
	claim := func() int {
		claimed, err := w.Webhooks.ClaimFresh(b.Context(), uuid.New(), quotas)
		require.NoError(b, err)
		return len(claimed)
	}
	claim() // plans the statement
	claimed := 0
	for b.Loop() {
		n := claim()
		claimed += n
		if n < rows { // the backlog is at its end
			b.StopTimer()
			w.exec(`UPDATE deliveries SET state = 'pending', lease_owner = NULL, leased_until = NULL`)
			w.exec(`VACUUM deliveries`)
			claim()
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(max(claimed, 1)), "ms/row")
}
