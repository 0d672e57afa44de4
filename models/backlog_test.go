package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/deps"
)

func (b *bench) backlog() (deliveries map[webhook.OwedState]int, oldest map[webhook.OwedState]time.Duration) {
	b.t.Helper()
	found, err := b.Webhooks.Backlog(b.t.Context())
	require.NoError(b.t, err)
	deliveries, oldest = map[webhook.OwedState]int{}, map[webhook.OwedState]time.Duration{}
	for state, owed := range found {
		require.Equal(b.t, owed.Deliveries > 0, owed.Oldest > 0, state)
		if owed.Deliveries > 0 {
			deliveries[state], oldest[state] = owed.Deliveries, owed.Oldest
		}
	}
	return deliveries, oldest
}

func TestWhatIsOwedIsToldApartByWhatItWaitsFor(t *testing.T) {
	b := setup(t)
	owed := func() map[webhook.OwedState]int {
		n, _ := b.backlog()
		return n
	}
	circuits := func() int {
		n, err := b.Webhooks.CountOpenCircuits(t.Context())
		require.NoError(t, err)
		return n
	}
	closedAt := func(id uuid.UUID) int {
		return b.count(`SELECT count(*) FROM subscriptions WHERE id = $1 AND circuit_closed_at > now() - interval '1 minute'`, id)
	}
	require.Empty(t, owed())
	sub := b.subscribe()
	b.conversation("c") // three events
	require.Equal(t, map[webhook.OwedState]int{webhook.OwedWaiting: 3}, owed())
	b.exec(`UPDATE deliveries SET created_at = created_at - interval '1 hour'`)
	_, oldest := b.backlog()
	require.InDelta(t, time.Hour.Seconds(), oldest[webhook.OwedWaiting].Seconds(), 60)

	owner := uuid.New()
	claimed := b.claim(owner, 1)
	require.Equal(t, map[webhook.OwedState]int{webhook.OwedWaiting: 2, webhook.OwedSending: 1}, owed())
	_, oldest = b.backlog()
	require.InDelta(t, time.Hour.Seconds(), oldest[webhook.OwedSending].Seconds(), 60)
	b.record(owner, failed(claimed[0], time.Now().Add(time.Hour)))
	require.Equal(t, map[webhook.OwedState]int{webhook.OwedWaiting: 2, webhook.OwedRetrying: 1}, owed())
	require.Zero(t, circuits())
	b.exec(`UPDATE subscriptions SET ordering = 'conversation'`)
	b.arm(sub.ID)
	require.Equal(t, map[webhook.OwedState]int{webhook.OwedRetrying: 3}, owed(), "it waits for the one that failed")
	b.exec(`UPDATE subscriptions SET ordering = 'none'`)

	b.exec(`UPDATE subscriptions SET circuit_opened_at = now(), failures = 10, next_probe_at = now() WHERE id = $1`, sub.ID)
	require.Equal(t, map[webhook.OwedState]int{webhook.OwedCircuitOpen: 3}, owed())
	require.Equal(t, 1, circuits())
	require.Zero(t, closedAt(sub.ID))
	b.probe(sub.ID, true)
	require.Zero(t, circuits())
	require.Equal(t, 1, closedAt(sub.ID), "what waited until now has waited for the endpoint")

	b.exec(`UPDATE subscriptions SET circuit_opened_at = now(), failures = 10, circuit_closed_at = NULL WHERE id = $1`, sub.ID)
	_, err := b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: text("http://127.0.0.1:9/new")})
	require.NoError(t, err)
	require.Equal(t, 1, closedAt(sub.ID))

	b.exec(`UPDATE subscriptions SET is_active = false WHERE id = $1`, sub.ID)
	require.Empty(t, owed(), "what is pending for a webhook that is off is cancelled, not owed")
}

// However much is behind, what operators are shown of it is read through indexes, a bounded number of rows, in their
// order.
func TestWhatIsBehindIsMeasuredInBoundedStatements(t *testing.T) {
	b := setupAlone(t)
	rows := deps.Sized(12_000, 1_000_000)
	for _, state := range []string{"waiting", "retrying"} {
		for range 3 {
			sub := b.subscribe()
			attempts := map[string]int{"waiting": 0, "retrying": 1}[state]
			b.exec(`INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, attempts, due_at,
				created_at)
				SELECT gen_random_uuid(), tenant_id, id, gen_random_uuid(), 'message.received', n, shard, 'pending', $2, now(), now()
				FROM subscriptions, generate_series(1, $3) n WHERE id = $1`, sub.ID, attempts, rows/3)
		}
	}
	b.conversation("due")
	b.exec(`INSERT INTO conversations (tenant_id, id, number, subject, channel, status, engagement, contact_id, version, chain_id,
			created_at, updated_at, next_due_at, set_aside)
		SELECT tenant_id, gen_random_uuid(), 1000 + n, '', channel, 'active', 'pending', contact_id, 1, gen_random_uuid(), now(),
			now(), now() - n * interval '1 ms', '{"until": "2040-01-01T00:00:00Z"}'
		FROM conversations, generate_series(1, $1) n`, rows)
	b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, available_at, created_at)
		SELECT $1, 'conversation', gen_random_uuid(), 5, now(), now() - interval '1 hour' FROM generate_series(1, $2) n`,
		b.tenant.ID, rows)

	seen := &statements{}
	s := b.open(func(o *models.Options) { o.Tracer = seen })
	ctx := t.Context()
	owed, err := s.Webhooks.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, postgres.CountMost, owed[webhook.OwedWaiting].Deliveries)
	require.Equal(t, postgres.CountMost, owed[webhook.OwedRetrying].Deliveries)
	n, lag, err := s.Sweep.Due(ctx)
	require.NoError(t, err)
	require.Equal(t, postgres.CountMost, n)
	require.GreaterOrEqual(t, lag, time.Duration(rows)*time.Millisecond)
	n, age, err := s.Outbox.Depth(ctx)
	require.NoError(t, err)
	require.Equal(t, postgres.CountMost, n)
	require.InDelta(t, time.Hour.Seconds(), age.Seconds(), 600)
	asides, err := s.Clocks.CountSetAsides(ctx)
	require.NoError(t, err)
	require.EqualValues(t, postgres.CountMost, asides)
	_, err = s.Webhooks.CountOpenCircuits(ctx)
	require.NoError(t, err)

	explained := 0
	for _, sql := range seen.sql {
		if !strings.Contains(sql, postgres.CountMostSQL) {
			continue // of the connection
		}
		explained++
		read, plan := b.rowsRead(sql, nil)
		require.Less(t, read, 60_000, "%s\n%s", sql, plan) // some nodes hand the same 10,000 on
		require.NotContains(t, plan, "Seq Scan", "%s\n%s", sql, plan)
		if deps.Long() {
			t.Log(plan)
		}
	}
	require.Equal(t, 7, explained)
}
