package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
)

// webhooks switches the tenant's webhooks on or off.
func (b *bench) webhooks(on bool) {
	b.t.Helper()
	_, err := b.Webhooks.SetLimits(b.t.Context(), b.tenant.ID, webhook.TenantLimits{WebhooksEnabled: &on})
	require.NoError(b.t, err)
}

// reasons counts deliveries by state and why.
func (b *bench) reasons() map[string]int {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), `SELECT state || ' ' || coalesce(failure, ''), count(*) FROM deliveries GROUP BY 1`)
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	found := map[string]int{}
	for rows.Next() {
		var why string
		var n int
		require.NoError(b.t, rows.Scan(&why, &n))
		found[why] = n
	}
	require.NoError(b.t, rows.Err())
	return found
}

func (b *bench) sweep() int64 {
	b.t.Helper()
	n, err := b.Webhooks.CancelSwitchedOff(b.t.Context())
	require.NoError(b.t, err)
	return n
}

const off = "cancelled WEBHOOKS_DISABLED"

// P4.10: nothing is queued, and what waits is not sent, in whatever process; on again, what comes is sent, and nothing else.
func TestWebhooksThatAreOffSendNothing(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("before")
	other := *b
	other.Store = b.open()
	other.webhooks(false)

	b.conversation("meanwhile")
	require.Equal(t, map[string]int{"pending": 3}, b.states(), "of the event before; the one meanwhile queues nothing")
	require.Empty(t, b.claim(uuid.New(), 100))
	require.Equal(t, map[string]int{off: 3}, b.reasons())
	require.Zero(t, b.sweep())

	other.webhooks(true)
	require.Empty(t, b.claim(uuid.New(), 100))
	b.conversation("after")
	require.Len(t, b.sendAll(), 3)
	require.Equal(t, map[string]int{off: 3, "delivered ": 3}, b.reasons())
}

// Off and on again before anything was cancelled: what was owed is told from what is, however much it was.
func TestNothingOldIsSentByWebhooksThatAreOnAgain(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	const many = 12_000 // more than two steps
	_, err := b.db.ExecContext(t.Context(), `INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard,
			state, attempts, due_at, created_at)
		SELECT gen_random_uuid(), s.tenant_id, s.id, gen_random_uuid(), 'message.sent', i, s.shard, 'pending', i % 2,
			now() + interval '8 hours' * (i % 2), now() FROM subscriptions s, generate_series(1, $1) i WHERE s.id = $2`, many, sub.ID)
	require.NoError(t, err)
	_, err = b.db.ExecContext(t.Context(), `UPDATE deliveries SET id = overlay(id::text placing '00' from 1 for 2)::uuid`)
	require.NoError(t, err) // older than what comes, as ids that begin with their time are
	b.webhooks(false)
	b.webhooks(true)
	b.conversation("after")
	var sent []uuid.UUID
	for round := 0; len(sent) == 0; round++ {
		require.Less(t, round, 5, "each claim cancels a step of what is old")
		sent = b.sendAll()
	}
	require.Equal(t, b.ids(), sent, "the new ones only")
	b.arm(sub.ID)
	require.Equal(t, map[string]int{off: many, "delivered ": 3}, b.reasons())
}

func TestSwitchingOffCancelsRetriesThatAreDueInHours(t *testing.T) {
	b := setup(t)
	b.owing(time.Now().Add(8*time.Hour), time.Now().Add(-time.Second))
	b.conversation("b")
	b.webhooks(false)
	require.EqualValues(t, 5, b.sweep(), "retries that are due in hours, too")
	require.Equal(t, map[string]int{off: 5, "delivered ": 1}, b.reasons())
}

// What is on its way arrives or fails; then it is not tried again, though they be on by then.
func TestSwitchingOffWhileDeliveriesAreOnTheirWay(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("on again %v", again), func(t *testing.T) {
			b := setup(t)
			sub := b.subscribe()
			b.conversation("a")
			owner := uuid.New()
			claimed := b.claim(owner, 100)
			require.Len(t, claimed, 3)
			b.webhooks(false)
			if again {
				b.webhooks(true)
				b.conversation("after")
			}
			require.Zero(t, b.sweep(), "what is leased stays")
			b.record(owner, delivered(claimed[0]), delivered(claimed[1]), failed(claimed[2], time.Now().Add(-time.Second)))
			st := b.arm(sub.ID)
			require.Nil(t, st.NextDue, "its retry workflow ends")
			retries, err := b.Webhooks.ClaimRetries(t.Context(), uuid.New(), sub.ID, 10)
			require.NoError(t, err)
			require.Empty(t, retries)
			want := map[string]int{off: 1, "delivered ": 2}
			if again {
				require.Len(t, b.sendAll(), 3)
				want["delivered "] = 5
			}
			require.Equal(t, want, b.reasons())
		})
	}
}

// A lease whose owner is gone ends as what waits does.
func TestALeaseThatRunsOutIsCancelledWithTheRest(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("a")
	require.Len(t, b.claim(uuid.New(), 100), 3)
	b.webhooks(false)
	b.webhooks(true)
	_, err := b.db.ExecContext(t.Context(), `UPDATE deliveries SET leased_until = now() - interval '1 second'`)
	require.NoError(t, err)
	n, err := b.Webhooks.ReleaseExpired(t.Context(), 0, webhook.Shards)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	require.Empty(t, b.claim(uuid.New(), 100))
	require.Equal(t, map[string]int{off: 3}, b.reasons())
}

// A write that had looked at the tenant before the switch may commit after it.
func TestAStragglerIsCancelledAndTheSwitchForgotten(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	b.sendAll()
	b.webhooks(false)
	b.webhooks(true)
	require.Zero(t, b.sweep())
	_, err := b.db.ExecContext(t.Context(), `UPDATE deliveries SET state = 'pending', finished_at = NULL`)
	require.NoError(t, err)
	require.EqualValues(t, 3, b.sweep())

	remembered := func() (is bool) {
		row := b.db.QueryRowContext(t.Context(), `SELECT cancel_before IS NOT NULL FROM subscriptions WHERE id = $1`, sub.ID)
		require.NoError(t, row.Scan(&is))
		return is
	}
	require.True(t, remembered())
	_, err = b.db.ExecContext(t.Context(), `UPDATE subscriptions SET cancel_before = now() - interval '2 minutes'`)
	require.NoError(t, err)
	_, err = b.db.ExecContext(t.Context(), `UPDATE deliveries SET state = 'leased', finished_at = NULL, created_at = now() - interval '1 hour'
		WHERE id = (SELECT id FROM deliveries LIMIT 1)`)
	require.NoError(t, err)
	b.sweep()
	require.True(t, remembered(), "one is still on its way")
	_, err = b.db.ExecContext(t.Context(), `UPDATE deliveries SET state = 'delivered', finished_at = now() WHERE state = 'leased'`)
	require.NoError(t, err)
	b.sweep()
	require.False(t, remembered())
}

// An open circuit owes probes; off, it owes nothing, and the sweeper leaves it alone. On again, the endpoint begins
// anew.
func TestSwitchingOffEndsRetriesOfAnOpenCircuit(t *testing.T) {
	b := setup(t)
	sub, claimed := b.openCircuit()
	require.NotNil(t, b.arm(sub.ID).NextDue)
	_, err := b.db.ExecContext(t.Context(), `DELETE FROM outbox`)
	require.NoError(t, err)
	b.webhooks(false)
	var signals int
	row := b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM outbox WHERE kind = 'retry' AND target_id = $1`, sub.ID)
	require.NoError(t, row.Scan(&signals))
	require.Equal(t, 1, signals, "its workflow looks again at once")
	st := b.arm(sub.ID)
	require.Nil(t, st.NextDue)
	require.Equal(t, map[string]int{off: len(claimed) + 5}, b.reasons())
	_, err = b.db.ExecContext(t.Context(), `DELETE FROM outbox`)
	require.NoError(t, err)
	n, err := b.Webhooks.SignalLateRetries(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, n)

	b.webhooks(true)
	now, err := b.Webhooks.Get(t.Context(), b.tenant.ID, sub.ID)
	require.NoError(t, err)
	require.Equal(t, "ok", now.Health.State)
	b.conversation("after")
	require.Len(t, b.sendAll(), 3)
}

// A replay ends with the webhooks; after they are on again, a new one sends what happened, what was cancelled included.
func TestSwitchingOffEndsReplaysAndAReplayBringsWhatWasMissed(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("sent")
	b.sendAll()
	r := b.replay(sub.ID, webhook.NewReplay{})
	b.webhooks(false)
	step, err := b.Replays.Advance(t.Context(), b.tenant.ID, r.ID, "")
	require.NoError(t, err)
	require.Equal(t, webhook.ReplayCancelled, step.Replay.State)
	require.Equal(t, "WEBHOOKS_DISABLED", *step.Replay.Reason)
	require.Nil(t, step.Replay.NextLookAt, "its workflow ends")
	b.conversation("missed")
	_, err = b.Replays.Start(t.Context(), b.tenant.ID, sub.ID, webhook.NewReplay{Since: r.Since.Time})
	require.Equal(t, "WEBHOOKS_DISABLED", code(err))

	// One that the flag alone meets, such as a replay that began in the moment of the switch.
	_, err = b.db.ExecContext(t.Context(), `UPDATE replays SET state = 'running', finished_at = NULL, reason = NULL`)
	require.NoError(t, err)
	step = b.advance(r)
	require.Equal(t, "WEBHOOKS_DISABLED", *step.Replay.Reason)

	b.webhooks(true)
	b.conversation("owed")
	b.webhooks(false)
	b.webhooks(true)
	r = b.replay(sub.ID, webhook.NewReplay{})
	require.True(t, b.advance(r).Full, "it waits until what is to be cancelled is")
	b.sweep()
	require.Equal(t, webhook.ReplayCompleted, b.advance(r).Replay.State)
	require.ElementsMatch(t, b.ids(), b.sendAll(), "all that happened, though cancelled a moment ago")
	require.Zero(t, b.sweep())
}

func TestARedeliveryIsNotOld(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	b.webhooks(false)
	require.EqualValues(t, 3, b.sweep())
	b.webhooks(true)
	log, _, err := b.Webhooks.Deliveries(t.Context(), b.tenant.ID, sub.ID, webhook.DeliveryFilter{}, postgres.Page{})
	require.NoError(t, err)
	_, err = b.Webhooks.Redeliver(t.Context(), b.tenant.ID, sub.ID, log[0].ID, nil)
	require.NoError(t, err)
	require.Zero(t, b.sweep())
	require.Equal(t, []uuid.UUID{log[0].EventID}, b.sendAll())
}

// The flag counts, however it came to be set.
func TestATenantWhoseFlagAloneIsOffIsOwedNothing(t *testing.T) {
	b := setup(t)
	sub, _ := b.owing(time.Now().Add(8 * time.Hour))
	b.conversation("b")
	_, err := b.db.ExecContext(t.Context(), `UPDATE tenants SET webhooks_enabled = false WHERE id = $1`, b.tenant.ID)
	require.NoError(t, err)
	b.conversation("c")
	require.Empty(t, b.claim(uuid.New(), 100))
	b.sweep()
	require.Equal(t, map[string]int{off: 4, "delivered ": 2}, b.reasons())
	require.Nil(t, b.arm(sub).NextDue)
}

func TestMaxWebhooksAppliesToTheNextOne(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.subscribe()
	set := func(most int) error {
		_, err := b.Webhooks.SetLimits(t.Context(), b.tenant.ID, webhook.TenantLimits{MaxWebhooks: &most})
		return err
	}
	require.NoError(t, set(1))
	_, err := b.Webhooks.Create(t.Context(), b.tenant.ID, webhook.NewSubscription{
		Name: "x", URL: "http://127.0.0.1:9/hook", Events: []string{"*"},
	})
	require.Equal(t, "WEBHOOK_LIMIT_REACHED", code(err))
	b.conversation("a")
	require.Len(t, b.sendAll(), 6, "those that are there stay")
	require.NoError(t, set(webhook.MaxWebhooksOfTenant))
	b.subscribe()
	for _, wrong := range []int{-1, webhook.MaxWebhooksOfTenant + 1} {
		require.Equal(t, "VALIDATION_FAILED", code(set(wrong)))
	}
	no := false
	_, err = b.Webhooks.SetLimits(t.Context(), uuid.New(), webhook.TenantLimits{WebhooksEnabled: &no})
	require.Equal(t, "NOT_FOUND", code(err))
}
