package faults

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/webhook"
)

// dispatchers is how many there are unless workers are told otherwise.
const dispatchers = 8

// shards is the variable that tells a worker how many dispatchers there are. In the small form of most scenarios there is
// one: they have a webhook or two, and each dispatcher asks the database four times a second.
func shards(n int) string { return fmt.Sprintf("ATENDER_DISPATCH_SHARDS=%d", n) }

// spread subscribes a receiver for each of the dispatchers.
func (w *world) spread() {
	w.t.Helper()
	for i := range dispatchers {
		_, sub := w.subscribe()
		w.exec(`UPDATE subscriptions SET shard = $2 WHERE id = $1`, sub.ID, (2*i+1)*webhook.Shards/(2*dispatchers))
	}
}

// delivered is how many deliveries a worker has made.
func (p *process) delivered() int {
	p.t.Helper()
	return p.counted("atender_delivery_attempts_total", `state="delivered"`)
}

// held is how many dispatchers run in each of the workers. A worker's identity begins with its process id.
func (w *world) held(workers ...*process) []int {
	w.t.Helper()
	held := make([]int, len(workers))
	for dispatcher := range dispatchers {
		eventually(w.t, time.Minute, "dispatcher runs", func() bool {
			d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), durable.DispatchID(dispatcher), "")
			if err != nil || len(d.PendingActivities) == 0 {
				return false
			}
			run := d.PendingActivities[0]
			if run.State != enums.PENDING_ACTIVITY_STATE_STARTED {
				return false
			}
			pid, _, _ := strings.Cut(run.LastWorkerIdentity, "@")
			for i, worker := range workers {
				if strconv.Itoa(worker.cmd.Process.Pid) == pid {
					held[i]++
					return true
				}
			}
			return false // of one that was killed; Temporal does not know yet
		})
	}
	return held
}

// Two APIs and two workers share the work, and nothing comes twice.
func TestTwoOfEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.spread()
	w.startAPI()
	w.startAPI()
	one, two := w.prepare("worker", shards(dispatchers)), w.prepare("worker", shards(dispatchers))
	one.launch()
	two.launch()
	one.awaitReady()
	two.awaitReady()
	held := w.held(one, two)
	// The worker that is there first may get all of them, and keeps each for minutes. When it goes, both are there.
	for tries := 0; (held[0] == 0 || held[1] == 0) && tries < 3; tries++ {
		w.logf("the dispatchers are spread %v: once more", held)
		busy := one
		if held[0] == 0 {
			busy = two
		}
		w.killWorker(busy)
		busy.again()
		held = w.held(one, two)
	}
	require.NotContains(t, held, 0, "dispatchers of the two workers")
	w.logf("ready; the dispatchers are spread %v", held)

	creates := sized(12, 2_000)
	w.creates(8, creates).finish(time.Minute)
	w.logf("all is answered")
	w.settle(2 * time.Minute)
	w.requireNothingSilent(t)
	require.Zero(t, w.balance(), "duplicates without a killed worker")
	all := row[int](w, `SELECT count(*) FROM deliveries`)
	w.logf("settled: %d and %d of %d deliveries by the workers, %d and %d answers by the APIs", one.delivered(), two.delivered(),
		all, w.ledger.byAPI[w.apis[0]], w.ledger.byAPI[w.apis[1]])
	require.Equal(t, all, one.delivered()+two.delivered(), "each delivery is one worker's")
	for i, worker := range []*process{one, two} {
		require.Positive(t, worker.delivered(), "both deliver")
		if *fullFlag { // in the small form a busy machine may keep a heartbeat for long enough for a dispatcher to move
			require.Equal(t, all*held[i]/dispatchers, worker.delivered(), "each dispatcher has one webhook, with the same events")
		}
	}
	for _, api := range w.apis {
		require.InDelta(t, creates/2, w.ledger.byAPI[api], float64(creates)/4, "calls go to both in turn")
	}
}

// Workers that were told different numbers of dispatchers have dispatchers whose shards overlap. That is a mistake, and
// costs nothing but waiting for each other: nothing comes twice (P4.1).
func TestDispatchersOfTheSameShards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.spread()
	w.startAPI()
	runs := func(dispatcher int) {
		eventually(t, time.Minute, "dispatcher runs", func() bool {
			d, err := w.temporal.DescribeWorkflowExecution(t.Context(), durable.DispatchID(dispatcher), "")
			return err == nil && len(d.PendingActivities) > 0 && d.PendingActivities[0].LastStartedTime != nil
		})
	}
	one := w.start("worker", shards(3)) // 0 to 20, 21 to 41, 42 to 63
	runs(0)
	runs(2)
	two := w.start("worker", shards(8)) // the first three are there; 24 to 31, 32 to 39, …
	for dispatcher := 3; dispatcher < 8; dispatcher++ {
		runs(dispatcher)
	}
	overlap := row[int](w, `SELECT count(*) FROM subscriptions WHERE shard >= 24`)
	require.Positive(t, overlap, "subscriptions that two dispatchers serve")
	w.logf("ready; two dispatchers for each of %d subscriptions", overlap)

	w.creates(8, sized(20, 2_000)).finish(time.Minute)
	w.settle(2 * time.Minute)
	contended := row[int](w, `SELECT count(*) FROM (SELECT FROM claims c JOIN subscriptions s ON s.id = c.subscription_id
		WHERE s.shard >= 24 GROUP BY s.id HAVING count(DISTINCT c.owner) >= 2) contended`)
	w.logf("settled; %d and %d by the workers; two dispatchers have claimed of %d subscriptions",
		one.delivered(), two.delivered(), contended)
	require.Positive(t, contended, "no subscription had two dispatchers that claimed")
	w.requireNothingSilent(t)
	require.Zero(t, w.balance(), "duplicates without a killed worker")
}
