package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
)

// P3.5
func TestSweeperDoesWhatTheWorkflowIsLateForAndSignalsIt(t *testing.T) {
	b := setup(t)
	c, later := b.conversation("a"), b.conversation("b")
	b.change(c.ID, conversation.Snooze{Until: time.Now().Add(20 * time.Millisecond)})
	b.change(later.ID, conversation.Snooze{Until: time.Now().Add(time.Hour)})
	require.Eventually(t, func() bool {
		refs, err := b.Sweep.Overdue(t.Context(), 10*time.Millisecond, 10)
		return err == nil && len(refs) == 1 && refs[0].ID == c.ID
	}, 5*time.Second, 5*time.Millisecond)
	refs, err := b.Sweep.Overdue(t.Context(), time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, refs, "it leaves Temporal its time")

	b.exec(`DELETE FROM outbox`)
	tick, err := b.Clocks.TickOverdue(t.Context(), b.tenant.ID, c.ID)
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID))
	tick, err = b.Clocks.TickOverdue(t.Context(), b.tenant.ID, c.ID)
	require.NoError(t, err)
	require.Empty(t, tick.Fired)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID), "nothing happened: no signal")
}

// P3.5: after an outage what has waited longest comes first, and what a transaction is changing is left to it.
func TestOverdueConversationsComeLongestFirst(t *testing.T) {
	b := setup(t)
	var ids []uuid.UUID
	for _, late := range []int{3, 1, 4, 2, 5} {
		c := b.conversation(fmt.Sprint("late by ", late))
		b.change(c.ID, conversation.Snooze{Until: time.Now().Add(time.Hour)})
		b.exec(`UPDATE conversations SET (snoozed_until, next_due_at) = (u, u) FROM (SELECT now() - make_interval(hours => $1) AS u) x
			WHERE id = $2`, late, c.ID)
		ids = append(ids, c.ID)
	}
	overdue := func(limit int) (found []uuid.UUID) {
		refs, err := b.Sweep.Overdue(t.Context(), time.Second, limit)
		require.NoError(t, err)
		for _, r := range refs {
			found = append(found, r.ID)
		}
		return found
	}
	order := []uuid.UUID{ids[4], ids[2], ids[0], ids[3], ids[1]}
	require.Equal(t, order, overdue(10))
	require.Equal(t, order[:2], overdue(2))

	tx, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE`, order[0])
	require.NoError(t, err)
	require.Equal(t, order[1:], overdue(10))
	require.NoError(t, tx.Rollback())

	before := len(b.events())
	for _, id := range overdue(10) {
		_, err := b.Clocks.TickOverdue(t.Context(), b.tenant.ID, id)
		require.NoError(t, err)
	}
	require.Len(t, b.events(), before+len(ids), "one wake each")
	require.Empty(t, overdue(10))
}

// P3.6
func TestLostTemporalIsNoticedOnceAndEverythingIsSignaled(t *testing.T) {
	b := setup(t)
	open := b.conversation("open")
	snoozed := b.conversation("snoozed")
	b.change(snoozed.ID, conversation.Snooze{Until: time.Now().Add(time.Hour)})
	b.change(b.conversation("done").ID, conversation.Resolve{})
	sub := b.subscribe()
	b.exec(`UPDATE subscriptions SET retry_armed_for = now() + interval '1 hour'`)
	b.exec(`DELETE FROM outbox`)
	first, again := "namespace-1", "namespace-2"
	for _, x := range []struct {
		id       string
		replaced bool
	}{{first, false}, {first, false}, {again, true}, {again, false}} {
		replaced, err := b.Sweep.RememberNamespace(t.Context(), "default", x.id)
		require.NoError(t, err)
		require.Equal(t, x.replaced, replaced, x.id)
	}
	require.Equal(t, 2, b.count(`SELECT count(*) FROM outbox`))
	require.Equal(t, 2, b.count(`SELECT count(*) FROM outbox WHERE target_id IN ($1, $2)`, open.ID, snoozed.ID))
	n, err := b.Webhooks.SignalLateRetries(t.Context(), time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, sub.ID))
	n, err = b.Webhooks.SignalLateRetries(t.Context(), time.Second)
	require.NoError(t, err)
	require.Zero(t, n, "one signal at a time")
}

func TestLostRetryWorkflowIsSignaled(t *testing.T) {
	b := setup(t)
	b.openCircuit()
	b.exec(`DELETE FROM outbox`)
	n, err := b.Webhooks.SignalLateRetries(t.Context(), time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "an open circuit without a workflow")
	b.exec(`DELETE FROM outbox`)
	b.exec(`UPDATE subscriptions SET circuit_opened_at = NULL, next_probe_at = NULL`)
	b.exec(`UPDATE deliveries SET due_at = now() - interval '1 minute' WHERE attempts > 0`)
	n, err = b.Webhooks.SignalLateRetries(t.Context(), time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "retries without one")
}

func TestWalkVisitsEveryOpenConversation(t *testing.T) {
	b := setup(t)
	for i := range 25 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	b.change(b.conversation("done").ID, conversation.Resolve{})
	b.exec(`DELETE FROM outbox`)
	for range 4 { // ten at a time, and then from the beginning
		_, err := b.Sweep.Step(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 25, b.count(`SELECT count(DISTINCT target_id) FROM outbox`))
	require.Zero(t, b.count(`SELECT count(*) FROM outbox WHERE status = $1`, string(lifecycle.Done)))
}
