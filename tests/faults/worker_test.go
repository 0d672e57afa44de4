package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
)

// A worker that is killed again and again loses nothing, crosses each tripwire once, and repeats only what it had sent and
// not recorded (P4.3).
func TestWorkerKilledAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	deliveries, kills := sized(2_000, 20_000), sized(3, 10)
	w.promise(map[sla.Metric]sla.Targets{sla.Resolution: soon(1, 3, 5)})
	w.subscribe()
	w.startAPI()
	worker := w.start("worker")

	const perCreate = 7 // conversation.created, message.received, two of tag.added, two of sla.warning, sla.breached
	w.logf("ready")
	load := w.creates(8, deliveries/perCreate)
	for k := range kills {
		// Somewhere in each part of the way, while deliveries flow.
		share := deliveries / (kills + 1)
		at := k*share + share/2 + w.rng.IntN(share)
		eventually(t, time.Minute, "deliveries flow", func() bool { return w.arrived() >= at })
		w.killWorker(worker)
		w.logf("kill %d after %d deliveries, %d claimed and not recorded", k+1, w.arrived(), len(w.ledger.repeatable))
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
	t.Logf("%d deliveries, %d kills: 0 lost, %d duplicates", row[int](w, `SELECT count(*) FROM deliveries`), kills, duplicates)
}
