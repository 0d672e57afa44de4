package faults

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/inbox"
)

// A lease that runs out while its request is under way costs one more request with the same webhook-id, no more, and the
// delivery ends as what it is (P4.4). Requests end before leases do; here the lease is cut short.
func TestLeaseRunsOutUnderSlowReceiver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, _ := w.subscribe()
	release := make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	in.Hold(func(d inbox.Delivery) {
		if d.Event == "conversation.created" {
			<-release
		}
	})
	w.startAPI()
	w.start("worker")
	w.creates(1, 1).finish(time.Minute)

	requests := func() (of []inbox.Delivery) {
		for _, d := range in.All() {
			if d.Event == "conversation.created" {
				of = append(of, d)
			}
		}
		return of
	}
	eventually(t, time.Minute, "the request is under way", func() bool { return len(requests()) == 1 })
	first := requests()[0]
	require.Equal(t, "leased", row[string](w, `SELECT state FROM deliveries WHERE id = $1`, first.Delivery))
	cut := time.Now()
	require.EqualValues(t, 1, w.exec(`UPDATE deliveries SET leased_until = clock_timestamp() - interval '1 second'
		WHERE id = $1 AND state = 'leased'`, first.Delivery))
	w.ledger.mayRepeat([]string{first.Delivery}, cut)
	eventually(t, time.Minute, "it is sent again", func() bool { return len(requests()) == 2 })
	let()

	w.settle(time.Minute)
	require.Equal(t, 1, w.balance())
	require.Len(t, requests(), 2)
	require.Equal(t, first.ID, requests()[1].ID, "the same webhook-id")
	require.Equal(t, "delivered", row[string](w, `SELECT state FROM deliveries WHERE id = $1`, first.Delivery))
	require.Equal(t, 2, row[int](w, `SELECT count(*) FROM attempts WHERE delivery_id = $1 AND class = 'ok'`, first.Delivery))
	require.Equal(t, 1, row[int](w, `SELECT attempts FROM deliveries WHERE id = $1`, first.Delivery), "only one of them counts")
}

// ✗ P4.3: a database that is away for as long as the lease. The worker holds what came of its requests, gives up at last, and
// what was not recorded is posted again with the same webhook-id.
func TestDatabaseAwayForALease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, _ := w.subscribe()
	w.startAPI()
	worker := w.start("worker")
	under, release := make(chan struct{}), make(chan struct{})
	begun := sync.OnceFunc(func() { close(under) })
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	in.Hold(func(inbox.Delivery) {
		begun()
		<-release
	})
	w.creates(1, 1).finish(time.Minute)
	<-under
	eventually(t, time.Minute, "all is claimed", func() bool {
		return row[int](w, `SELECT count(*) FROM deliveries WHERE state = 'leased'`) == row[int](w, `SELECT count(*) FROM deliveries`)
	})
	claimed := rows[string](w, `SELECT id::text FROM deliveries`)

	back := w.shutDatabase()
	away := time.Now()
	in.Hold(nil)
	let()
	const givenUp = "outcomes of webhooks given up"
	eventually(t, 90*time.Second, "the worker gives up", func() bool {
		content, err := os.ReadFile(worker.log)
		require.NoError(t, err)
		return strings.Contains(string(content), givenUp)
	})
	w.ledger.mayRepeat(claimed, away.Add(lease/2)) // it was sent when the database had gone
	back()
	w.disturbed(database)
	w.logf("the database is back after %.1f s", time.Since(away).Seconds())
	require.Zero(t, row[int](w, `SELECT count(*) FROM attempts`), "nothing was recorded")

	w.settle(time.Minute)
	require.Equal(t, len(claimed), w.balance(), "all came again, and nothing a third time")
	require.Equal(t, len(claimed), row[int](w, `SELECT count(*) FROM attempts`))
}

// shutDatabase keeps all processes out of the scenario's database, whose PostgreSQL others use, until the function it
// returns lets them in again.
func (w *world) shutDatabase() (open func()) {
	w.t.Helper()
	name := row[string](w, `SELECT current_database()`)
	allow := func(ctx context.Context, allowed string) {
		require.NoError(w.t, w.services.admin(ctx, `ALTER DATABASE `+name+` ALLOW_CONNECTIONS `+allowed))
	}
	allow(w.t.Context(), "false")
	w.t.Cleanup(func() { allow(context.Background(), "true") })
	require.NoError(w.t, w.services.admin(w.t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+name+`'`))
	return func() { allow(w.t.Context(), "true") }
}
