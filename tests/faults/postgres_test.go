package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While PostgreSQL is away the API says so, with 503 and the error envelope, and never 500; when it is back, everything
// goes on by itself, with all that was answered (the ledger refuses other answers).
func TestPostgresRestartedUnderLoad(t *testing.T) {
	beside(t)
	w := newWorldToDisturb(t)
	w.subscribe()
	w.startAPI()
	w.start("worker")
	w.logf("ready")

	w.pace = sized(120*time.Millisecond, 0) // each conversation is a workflow to start afterwards
	load := w.creates(sized(3, 8), 0)
	for _, fault := range []struct {
		name string
		take func()
	}{
		{"stopped", func() { w.stop(database) }},
		{"killed", func() { w.kill(database) }},
	} {
		load.await(time.Minute, sized(10, 2_000)+w.rng.IntN(20))
		before := w.arrived()
		eventually(t, time.Minute, "deliveries flow", func() bool { return w.arrived() > before+sized(20, 50) })
		refusals := w.ledger.seen(http.StatusServiceUnavailable)
		fault.take()
		eventually(t, time.Minute, "answers of 503", func() bool {
			return w.ledger.seen(http.StatusServiceUnavailable) >= refusals+sized(30, 2_000)
		})
		w.give(database)
		w.disturbed(database)
		w.logf("PostgreSQL was %s and is back; %d answers, %d of 503", fault.name, load.made.Load(),
			w.ledger.seen(http.StatusServiceUnavailable))
		load.await(time.Minute, sized(10, 2_000))
	}
	load.halt()
	w.logf("all is answered")
	w.settle(time.Minute)
	w.logf("settled")
	w.requireNothingSilent(t)
	require.Zero(t, w.balance(), "duplicates without a killed worker")
}
