package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/worktime"
)

// The ✗ of protocols.md within runs of many steps, each a transaction: what was committed stays, the rest is done by
// the next worker, and nothing twice.

// createMany creates conversations, with more tags than orders have if so wished, and returns their ids.
func (w *world) createMany(n int, tags ...string) []uuid.UUID {
	w.t.Helper()
	var mu sync.Mutex
	var ids []uuid.UUID
	group, ctx := errgroup.WithContext(w.t.Context())
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			c := w.writer(i)
			c.tags = tags
			id, err := c.create(ctx, fmt.Sprintf("order-%d", i))
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, id)
			return err
		})
	}
	require.NoError(w.t, group.Wait())
	return ids
}

// ✗ P3.7: who was visited is up to date, who was not is still behind.
func TestCrashOfTheWalkOverClocks(t *testing.T) {
	t.Parallel()
	const all, answered, step = 56, 51, 50 // the others miss the promise as edited
	const owing = `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deliveries WHERE state <> 'delivered')`
	w := newWorld(t)
	w.subscribe()
	policy := w.promise(map[sla.Metric]sla.Targets{
		sla.FirstReply: soon(3600, 7200, 10800), sla.Resolution: soon(3600, 7200, 10800),
	})
	w.startAPI()
	worker := w.start("worker")
	ids := w.createMany(all)
	for i, id := range ids[:answered] {
		require.NoError(t, w.writer(i).message(t.Context(), id, "outbound", fmt.Sprintf("reply-%d", i)))
	}
	eventually(t, 3*time.Minute, "all is told", func() bool { // of what is not urgent one row at a time (P1.9)
		return row[int](w, owing) == 0 && row[int](w, `SELECT count(*) FROM conversations WHERE armed_for IS NULL`) == 0
	})
	for _, id := range ids { // else a tick is made again after the edit, because Temporal does not know of it yet
		eventually(t, time.Minute, "the workflow waits", func() bool { return w.idle(id) })
	}
	w.killWorker(worker)

	edited := map[sla.Metric]sla.Targets{
		sla.FirstReply: soon(1, 7200, 10800), sla.Resolution: soon(3000, 7200, 10800),
	}
	_, err := w.store.Worktime.UpdateSLAPolicy(t.Context(), w.tenant.ID, policy, worktime.SLAPolicyUpdate{Targets: &edited})
	require.NoError(t, err)
	const behind = `SELECT count(*) FROM conversations c JOIN tenants t ON t.id = c.tenant_id
		WHERE c.time_version < t.time_version`
	const versions = `SELECT sum(version)::int FROM conversations`
	before := row[int](w, versions)
	for _, crash := range []struct {
		point   fault.Point
		visited int
	}{
		{fault.BeforeStep, 0},
		{fault.AfterStep, step},
	} {
		w.scene(string(crash.point), func(t *testing.T) {
			w.awaitEnd(w.armed("worker", crash.point))
			late := row[int](w, `SELECT count(*) FROM conversations c JOIN tenants t ON t.id = c.tenant_id
				WHERE c.time_version < t.time_version AND c.first_reply_at IS NULL`)
			done := all - row[int](w, behind)
			require.LessOrEqual(t, done, crash.visited)
			require.GreaterOrEqual(t, done, crash.visited-late)
			require.Equal(t, all-answered, late, "nobody with something due was let through unticked")
			require.Equal(t, before+done, row[int](w, versions), "deadlines that moved are a version")
		})
	}

	w.expireLeases()
	w.start("worker")
	eventually(t, time.Minute, "everybody is up to date", func() bool { return row[int](w, behind) == 0 })
	eventually(t, time.Minute, "all is told", func() bool { return row[int](w, owing) == 0 })
	require.Equal(t, all-answered, row[int](w, `SELECT count(*) FROM sla_crossings`))
	require.Equal(t, before+all, row[int](w, versions), "one version for each, whether or not it missed the promise")
	// The targets were edited: tripwires are others, and a deadline that moved is a version without an entry.
	w.balance("a tripwire that was not crossed, or not to be, or not when it was due",
		"a version that nothing in the timeline accounts for")
}

// manyTags make a conversation of as many events as it may have at its beginning, which Temporal is told of once.
var manyTags = func() (tags []string) {
	for i := range lifecycle.MaxTags - 2 { // those of an order are two
		tags = append(tags, fmt.Sprintf("tag-%d", i))
	}
	return tags
}()

// ✗ P4.9: a step has queued its deliveries and noted where it is, or neither.
func TestCrashOfAReplay(t *testing.T) {
	t.Parallel()
	const orders, step = 11, 500
	w := newWorld(t)
	in, sub := w.subscribe()
	w.startAPI()
	worker := w.start("worker")
	w.createMany(orders, manyTags...) // each tag is an event
	w.settle(time.Minute)
	events := row[int](w, `SELECT count(*) FROM events`)
	require.Greater(t, events, step, "it takes more than one step")
	w.killWorker(worker)

	replay, err := w.store.Replays.Start(t.Context(), w.tenant.ID, sub.ID, webhook.NewReplay{Since: w.began})
	require.NoError(t, err)
	for _, crash := range []struct {
		point  fault.Point
		queued int
	}{
		{fault.BeforeReplaying, 0},
		{fault.AfterReplaying, step},
	} {
		w.scene(string(crash.point), func(t *testing.T) {
			w.awaitEnd(w.armed("worker", crash.point))
			require.Equal(t, crash.queued, row[int](w, `SELECT queued FROM replays`))
			require.Equal(t, crash.queued, row[int](w, `SELECT count(*) FROM deliveries WHERE state IN ('pending', 'leased')`)+
				in.Count()-events, "what is on its way, or was before the worker was gone")
			w.expireLeases()
		})
	}

	w.start("worker")
	eventually(t, time.Minute, "the replay is through", func() bool {
		r, err := w.store.Replays.Get(context.WithoutCancel(t.Context()), w.tenant.ID, sub.ID, replay.ID)
		return err == nil && r.Status == webhook.ReplayCompleted && r.Queued == int64(events)
	})
	w.settle(time.Minute)
	times := map[string]int{}
	for _, d := range in.Accepted() {
		times[d.ID]++
	}
	require.Len(t, times, events)
	for id, n := range times {
		require.Equal(t, 2, n, "%s: once when it happened, once replayed", id)
	}
}
