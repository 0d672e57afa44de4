package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/tests/inbox"
)

// A worker that is killed again and again loses nothing, crosses each tripwire once, and repeats only what it had sent and
// not recorded (P4.3).
func TestWorkerKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deliveries, kills := sized(245, 20_000), sized(2, 10)
	w.promise(map[sla.Metric]sla.Targets{sla.Resolution: soon(1, 3, 5)})
	in, _ := w.subscribe()
	w.startAPI()
	worker := w.start("worker")

	const perCreate = 7 // conversation.created, message.received, two of tag.added, two of sla.warning, sla.breached
	w.logf("ready")
	load := w.creates(8, deliveries/perCreate)
	for k := range kills {
		// Somewhere in each part of the way, while deliveries flow.
		share := deliveries / (kills + 1)
		at := k*share + share/2 + w.rng.IntN(share)
		w.awaitArrivals(at)
		before := len(w.ledger.repeatable)
		if k == 0 { // this one, for certain, between the answer and its record
			w.killBetween(worker, in)
			require.Greater(t, len(w.ledger.repeatable), before, "the kill missed")
		} else {
			w.killWorker(worker)
		}
		w.logf("kill %d after %d deliveries, %d claimed and not recorded", k+1, w.arrived(), len(w.ledger.repeatable)-before)
		if !w.patient {
			w.expireLeases()
		}
		worker.again()
	}
	w.logf("back for the last time")
	load.finish(2 * time.Minute)
	w.logf("all is answered")
	w.settle(2 * time.Minute)
	w.requireNothingSilent(t)
	require.Len(t, w.ledger.conversations, deliveries/perCreate)
	duplicates := w.balance()
	require.Positive(t, duplicates, "what had been sent and not recorded came again")
	t.Logf("%d deliveries, %d kills: 0 lost, %d duplicates", row[int](w, `SELECT count(*) FROM deliveries`), kills, duplicates)
}

// awaitArrivals waits until receivers have accepted n deliveries, to the hundredth of a second: there are hundreds in one.
func (w *world) awaitArrivals(n int) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); w.arrived() < n; <-time.After(5 * time.Millisecond) {
		require.False(w.t, time.Now().After(deadline), "%d deliveries of %d have arrived", w.arrived(), n)
	}
}

// killBetween kills a worker while a receiver has taken something and has not answered yet.
func (w *world) killBetween(worker *process, in *inbox.Inbox) {
	w.t.Helper()
	held, release := make(chan struct{}, 1), make(chan struct{})
	in.Hold(func(inbox.Delivery) {
		select {
		case held <- struct{}{}:
		default:
		}
		<-release
	})
	select {
	case <-held:
	case <-time.After(time.Minute):
		require.FailNow(w.t, "no request came")
	}
	w.killWorker(worker)
	in.Hold(nil)
	close(release)
}
