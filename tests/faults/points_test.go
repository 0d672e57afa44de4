package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/inbox"
)

// The ✗ of protocols.md that have a fault point: the process is stopped right there, and the step's promise is kept by the
// next one.

// armed starts a process that ends itself at the point.
func (w *world) armed(role string, point fault.Point) *process {
	w.t.Helper()
	p := w.prepare(role, fault.Variable+"="+string(point))
	p.launch()
	return p
}

// awaitEnd waits for a process to stop itself.
func (w *world) awaitEnd(p *process) {
	w.t.Helper()
	eventually(w.t, time.Minute, "the "+p.role+" stops itself", func() bool { return !p.running() })
	w.bury(p, time.Now())
}

// idle tells whether a conversation's workflow runs and has nothing to do: it waits for its timer or a signal.
func (w *world) idle(conversation uuid.UUID) bool {
	w.t.Helper()
	return w.waits(w.conversationID(conversation))
}

// waits tells whether a workflow runs and has nothing to do.
func (w *world) waits(id string) bool {
	w.t.Helper()
	d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), id, "")
	return err == nil && d.WorkflowExecutionInfo.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING &&
		len(d.PendingActivities) == 0 && d.PendingWorkflowTask == nil
}

// cutOff makes a call that gets no answer, because the API stops itself.
func (w *world) cutOff(point fault.Point, reference string) {
	w.t.Helper()
	api := w.armed("api", point)
	api.awaitReady()
	w.apis = append(w.apis, api)
	_, err := w.writer(0).call(w.t.Context(), http.MethodPost, "/v1/conversations/outbound", order(reference, 1))
	require.Error(w.t, err)
	w.awaitEnd(api)
	w.apis = nil
}

// ✗ P1.7: of a change that was not committed nothing happened, of one that was everything did.
func TestCrashAroundTheCommitOfAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe()
	w.scene(string(fault.BeforeCommit), func(t *testing.T) {
		w.cutOff(fault.BeforeCommit, "order-1")
		for _, table := range []string{
			"conversations", "contacts", "messages", "tags", "timeline", "events", "deliveries", "outbox",
		} {
			require.Zero(t, row[int](w, `SELECT count(*) FROM `+table), "nothing happened: %s", table)
		}
	})
	w.scene(string(fault.AfterCommit), func(t *testing.T) {
		w.cutOff(fault.AfterCommit, "order-2")
		w.start("worker") // which was not woken
		w.settle(time.Minute)
		w.startAPI()
		r, err := w.writer(1).call(t.Context(), http.MethodPost, "/v1/conversations/outbound", order("order-2", 1))
		require.NoError(t, err)
		require.Equal(t, http.StatusConflict, r.status, "whoever asks again is told")
		id, err := uuid.Parse(r.field("error", "details", "conversationId"))
		require.NoError(t, err)
		w.ledger.create("order-2", id, false)
		_, err = w.writer(1).create(t.Context(), "order-1") // of which nothing is in the way
		require.NoError(t, err)
		w.settle(time.Minute)
		require.Zero(t, w.balance(), "everything happened")
	})
}

// Crashes of a worker at its points, one after the other. A scene begins and ends without a worker and with nothing owed.
func TestCrashOfAWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, _ := w.subscribe(func(n *webhook.NewSubscription) { n.Retry = []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1} })
	w.startAPI()
	for _, crash := range []struct {
		point fault.Point
		scene func(*testing.T, *inbox.Inbox)
	}{
		{fault.BeforePositions, w.crashBeforePositions},
		{fault.AfterTelling, w.crashAfterTelling},
		{fault.BeforeRecord, w.crashBeforeRecord},
		{fault.BeforeArming, w.crashBeforeArming},
		{fault.AfterTick, w.crashAfterTick},
	} {
		w.scene(string(crash.point), func(t *testing.T) { crash.scene(t, in) })
	}
	w.balance()
}

// Temporal is told again of what it knows.
func (w *world) crashAfterTelling(t *testing.T, _ *inbox.Inbox) {
	worker := w.armed("worker", fault.AfterTelling)
	_, err := w.writer(0).create(t.Context(), "told")
	require.NoError(t, err)
	w.awaitEnd(worker)
	require.Positive(t, row[int](w, `SELECT count(*) FROM outbox`), "the row is still there, and is told again")
	w.exec(`UPDATE outbox SET available_at = clock_timestamp()`) // the claim runs out now instead of in 30 s
	w.expireLeases()
	w.retire(w.start("worker"))
}

// The conversation's workflow does not know that its tick was made; it makes it again, and nothing is due. The worker
// stops only where the workflow's own tick has ended a snooze, not the sweeper's.
func (w *world) crashAfterTick(t *testing.T, _ *inbox.Inbox) {
	dying := w.armed("worker", fault.AfterTick)
	c := w.writer(0)
	id, err := c.create(t.Context(), "snoozed")
	require.NoError(t, err)
	snoozes := 0
	for woken := 0; dying.running() && snoozes < 5; { // on a busy machine the sweeper may have been quicker
		snoozes++
		require.NoError(t, c.snooze(t.Context(), id, time.Second))
		eventually(t, time.Minute, "the snooze ends", func() bool {
			woken = row[int](w, `SELECT count(*) FROM timeline WHERE kind = 'woken'`)
			return woken == snoozes
		})
		within(2*time.Second, func() bool { return !dying.running() })
	}
	w.awaitEnd(dying)
	require.Equal(t, "active", row[string](w, `SELECT status FROM conversations WHERE id = $1`, id), "the wake was committed")
	versions := row[int](w, `SELECT version FROM conversations WHERE id = $1`, id)
	w.expireLeases()
	worker := w.start("worker")
	eventually(t, time.Minute, "the workflow makes its tick again, and waits", func() bool { return w.idle(id) })
	w.settle(time.Minute)
	require.Zero(t, worker.counted("atender_timer_lag_seconds_count"), "nothing was due any more")
	require.Equal(t, versions, row[int](w, `SELECT version FROM conversations WHERE id = $1`, id))
	require.Equal(t, snoozes, row[int](w, `SELECT count(*) FROM timeline WHERE kind = 'woken'`))
	worker.stop()
}

// What was sent and not recorded is sent again, under the same webhook-id.
func (w *world) crashBeforeRecord(t *testing.T, in *inbox.Inbox) {
	const attempts = `SELECT count(*) FROM attempts`
	sent, recorded := in.Count(), row[int](w, attempts)
	repeated := sent - row[int](w, `SELECT count(*) FROM deliveries`)
	worker := w.armed("worker", fault.BeforeRecord)
	for i := range 5 {
		_, err := w.writer(i).create(t.Context(), fmt.Sprintf("sent-%d", i))
		require.NoError(t, err)
	}
	w.awaitEnd(worker)
	require.Greater(t, in.Count(), sent, "something was sent")
	require.Equal(t, recorded, row[int](w, attempts), "and nothing recorded")
	w.expireLeases()
	w.retire(w.start("worker"))
	require.Greater(t, in.Count()-row[int](w, `SELECT count(*) FROM deliveries`), repeated, "it is sent again")
}

func (w *world) crashBeforeArming(t *testing.T, in *inbox.Inbox) {
	in.Answer(func(d inbox.Delivery) int {
		if d.Header.Get("X-Atender-Attempt") < "3" {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	worker := w.armed("worker", fault.BeforeArming)
	_, err := w.writer(0).create(t.Context(), "refused")
	require.NoError(t, err)
	w.awaitEnd(worker)
	require.Positive(t, row[int](w, `SELECT count(*) FROM deliveries WHERE attempts = 2 AND state = 'pending'`), "a retry was made")
	w.retire(w.start("worker"))
	in.Answer(nil)
}

// The sequencer's connection takes its lock and its batch with it; the next one gives the positions.
func (w *world) crashBeforePositions(t *testing.T, _ *inbox.Inbox) {
	known, last := row[int](w, `SELECT count(*) FROM events`), row[int](w, `SELECT coalesce(max(position), 0) FROM events`)
	worker := w.armed("worker", fault.BeforePositions)
	for i := range 5 {
		_, err := w.writer(i).create(t.Context(), fmt.Sprintf("placed-%d", i))
		require.NoError(t, err)
	}
	w.awaitEnd(worker)
	require.Equal(t, known, row[int](w, `SELECT count(position) FROM events`), "nothing was given")
	w.expireLeases()
	w.retire(w.start("worker"))
	require.Equal(t, row[int](w, `SELECT count(*) FROM events`), row[int](w, `SELECT count(DISTINCT position) FROM events`))
	require.Equal(t, rows[string](w, `SELECT id::text FROM events WHERE position > $1 ORDER BY created_at, id`, last),
		rows[string](w, `SELECT id::text FROM events WHERE position > $1 ORDER BY position`, last))
}

// ✗ P1.9 for what is told of deliveries: a webhook's retry is made once, and a replay sends everything once, though their
// workflows are told of them a second time.
func TestCrashAfterTellingOfDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, sub := w.subscribe(func(s *webhook.NewSubscription) { s.Retry = []int{2, 2, 2} })
	w.startAPI()
	worker := w.start("worker")
	c := w.writer(0)
	id, err := c.create(t.Context(), "order-1")
	require.NoError(t, err)
	w.settle(time.Minute)
	eventually(t, time.Minute, "the workflow waits", func() bool { return w.idle(id) })
	worker.stop()

	// What is asked for leads to one row in the outbox, which is told twice. Every event comes so often in all.
	toldTwice := func(t *testing.T, kind string, times int) {
		w.awaitEnd(w.armed("worker", fault.AfterTelling))
		require.Equal(t, []string{kind}, rows[string](w, `SELECT kind FROM outbox`), "it will be told again")
		w.exec(`UPDATE outbox SET available_at = clock_timestamp()`)
		w.expireLeases()
		worker := w.start("worker")
		eventually(t, time.Minute, "the replay, if any, is through", func() bool {
			return row[int](w, `SELECT count(*) FROM replays WHERE state <> 'completed'`) == 0
		})
		w.retire(worker)
		came := map[string]int{}
		for _, d := range in.Accepted() {
			came[d.ID]++
		}
		require.Len(t, came, row[int](w, `SELECT count(*) FROM events`))
		for event, n := range came {
			require.Equal(t, times, n, event)
		}
	}
	w.scene("retry", func(t *testing.T) {
		refused := false
		in.Answer(func(inbox.Delivery) int {
			if !refused {
				refused = true
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		require.NoError(t, c.message(t.Context(), id, "outbound", "message-1"))
		toldTwice(t, "retry", 1)
		require.Len(t, in.All(), len(in.Accepted())+1, "the refused one was tried again once")
	})
	w.scene("replay", func(t *testing.T) {
		_, err = w.store.Replays.Start(t.Context(), w.tenant.ID, sub.ID, webhook.NewReplay{Since: w.began})
		require.NoError(t, err)
		toldTwice(t, "replay", 2)
	})
}
