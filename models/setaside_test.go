package models_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/sweep"
)

// spoil makes what is stored of a conversation unreadable.
func (b *bench) spoil(id uuid.UUID) {
	b.t.Helper()
	b.exec(`UPDATE conversations SET clocks = '{"no": "list"}' WHERE id = $1`, id)
}

// overdue makes a snoozed conversation due an hour ago.
func (b *bench) overdue(id uuid.UUID) {
	b.t.Helper()
	b.exec(`UPDATE conversations SET snoozed_until = now() - interval '1 hour', next_due_at = now() - interval '1 hour'
		WHERE id = $1`, id)
}

func (b *bench) snoozed(reference string) uuid.UUID {
	b.t.Helper()
	id := b.conversation(reference).ID
	b.change(id, conversation.Snooze{Until: time.Now().Add(time.Hour)})
	return id
}

func (b *bench) setAsides() []conversation.SetAside {
	b.t.Helper()
	list, err := b.Clocks.SetAsides(b.t.Context(), nil, 100)
	require.NoError(b.t, err)
	n, err := b.Clocks.CountSetAsides(b.t.Context())
	require.NoError(b.t, err)
	require.EqualValues(b.t, len(list), n)
	return list
}

func (b *bench) isOverdue(id uuid.UUID) bool {
	b.t.Helper()
	refs, err := b.Sweep.Overdue(b.t.Context(), time.Second, 100)
	require.NoError(b.t, err)
	return slices.Contains(refs, sweep.Ref{TenantID: b.tenant.ID, ID: id})
}

// P3.8: the third failure sets a conversation aside, for twice as long each time; what is due in the others is done.
func TestAConversationWhoseTickFailsIsSetAside(t *testing.T) {
	b := setup(t)
	bad, good := b.snoozed("bad"), b.snoozed("good")
	b.overdue(bad)
	b.overdue(good)
	b.spoil(bad)
	for range 2 {
		_, err := b.Clocks.TickOverdue(t.Context(), b.tenant.ID, bad)
		require.Error(t, err)
		require.True(t, b.isOverdue(bad), "tried again at once")
		require.Empty(t, b.setAsides())
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		tick, err := b.Clocks.Tick(t.Context(), b.tenant.ID, bad, "")
		require.NoError(t, err)
		require.Equal(t, "unreadable", tick.SetAside)
		require.Equal(t, lifecycle.Snoozed, tick.Status, "its workflow waits on")
		require.False(t, tick.MayEnd)
		require.WithinDuration(t, time.Now().Add(want*time.Minute), *tick.NextDue, 20*time.Second)
		require.False(t, b.isOverdue(bad))

		list := b.setAsides()
		require.Len(t, list, 1)
		require.Equal(t, bad, list[0].ConversationID)
		require.Equal(t, b.tenant.ID, list[0].TenantID)
		require.Equal(t, i+1, list[0].Times)
		require.WithinDuration(t, *tick.NextDue, list[0].Until, time.Second)
		require.WithinDuration(t, time.Now(), list[0].Since, time.Minute)
	}
	require.True(t, b.isOverdue(good))
	tick, err := b.Clocks.TickOverdue(t.Context(), b.tenant.ID, good)
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1)

	b.exec(`UPDATE conversations SET clocks = '[]' WHERE id = $1`, bad)
	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, bad, "")
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1, "the snooze that ended an hour ago")
	require.Equal(t, lifecycle.Active, tick.Status)
	require.Empty(t, b.setAsides())
}

var mondays = calendar.Rule{Zone: "Europe/Copenhagen", Weekly: slots("09:00", "17:00", "monday")}

// computing has a conversation that must compute its clocks anew, and no time for it.
func computing(t *testing.T) (*slaBench, uuid.UUID) {
	t.Helper()
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: {Normal: 3600, High: 7200, Urgent: 10800}})
	id := b.conversation("a").ID
	b.exec(`UPDATE conversations SET time_version = 0`) // so that there is something to compute
	b.exec(`UPDATE conversations SET clocks = '[]'`)
	b.Conversations.ComputeIn(time.Nanosecond)
	return b, id
}

func TestAConversationWhoseComputationRunsOutIsSetAsideAtOnce(t *testing.T) {
	b, id := computing(t)
	b.opening(mondays)
	tick, err := b.Clocks.Tick(t.Context(), b.tenant.ID, id, "")
	require.NoError(t, err)
	require.Equal(t, "computation_too_long", tick.SetAside)
	_, err = b.Conversations.Change(t.Context(), b.tenant.ID, id, b.actor, conversation.AddTag{Name: "vip"})
	require.ErrorContains(t, err, "COMPUTATION_TOO_LONG", "who edits it is told")
	require.Len(t, b.setAsides(), 1, "and changes nothing")

	b.Conversations.ComputeIn(time.Second)
	b.change(id, conversation.AddTag{Name: "vip"})
	require.Empty(t, b.setAsides(), "an edit clears that")
	c := b.read(id)
	require.WithinDuration(t, *c.SLADueAt, *c.NextDueAt, 0, "it is due when its clocks say")
}

func TestAnEditOfTheTimeConfigurationClearsWhatIsSetAside(t *testing.T) {
	b, id := computing(t)
	b.opening(mondays)
	_, err := b.Clocks.Tick(t.Context(), b.tenant.ID, id, "")
	require.NoError(t, err)
	require.False(t, b.isOverdue(id))
	b.Conversations.ComputeIn(time.Second)
	b.newPolicy("Gold", map[sla.Metric]sla.Targets{sla.Resolution: {Normal: 60, High: 120, Urgent: 180}})
	require.Empty(t, b.setAsides())
	b.walk()
	c := b.read(id)
	require.WithinDuration(t, *c.SLADueAt, *c.NextDueAt, 0)
}

// The walk meets a conversation that fails among those that it writes together.
func TestTheWalkGoesOnWithoutAConversationThatFails(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: {Normal: 3600, High: 7200, Urgent: 10800}})
	ids := []uuid.UUID{b.conversation("a").ID, b.conversation("b").ID, b.conversation("c").ID}
	b.newPolicy("Gold", map[sla.Metric]sla.Targets{sla.Resolution: {Normal: 60, High: 120, Urgent: 180}})
	b.spoil(ids[1])
	for range 3 {
		_, err := b.Clocks.Recompute(t.Context(), b.tenant.ID)
		require.NoError(t, err)
	}
	done, err := b.Clocks.Recompute(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.False(t, done.Left, "what is set aside is not waited for")
	require.Len(t, b.setAsides(), 1)
	require.Zero(t, b.count(`SELECT count(*) FROM conversations c JOIN tenants t ON t.id = c.tenant_id
		WHERE c.time_version < t.time_version AND c.id <> $1`, ids[1]))
}

func TestWaitingForTheDatabaseSetsNothingAside(t *testing.T) {
	b := setup(t)
	id := b.snoozed("a")
	b.overdue(id)
	lock, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = lock.ExecContext(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR UPDATE`, id)
	require.NoError(t, err)
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := b.Clocks.Tick(ctx, b.tenant.ID, id, "")
		require.Error(t, err)
		cancel()
	}
	require.NoError(t, lock.Rollback())
	require.Zero(t, b.count(`SELECT count(*) FROM conversations WHERE set_aside IS NOT NULL`))
	tick, err := b.Clocks.Tick(t.Context(), b.tenant.ID, id, "")
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1)
}
