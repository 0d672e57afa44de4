package faults

import (
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
	eventually(t, 30*time.Second, "the request is under way", func() bool { return len(requests()) == 1 })
	first := requests()[0]
	require.Equal(t, "leased", row[string](w, `SELECT state FROM deliveries WHERE id = $1`, first.Delivery))
	cut := time.Now()
	require.EqualValues(t, 1, w.exec(`UPDATE deliveries SET leased_until = clock_timestamp() - interval '1 second'
		WHERE id = $1 AND state = 'leased'`, first.Delivery))
	w.ledger.mayRepeat([]string{first.Delivery}, cut)
	eventually(t, 5*time.Second, "it is sent again", func() bool { return len(requests()) == 2 })
	let()

	w.settle(30 * time.Second)
	require.Equal(t, 1, w.balance())
	require.Len(t, requests(), 2)
	require.Equal(t, first.ID, requests()[1].ID, "the same webhook-id")
	require.Equal(t, "delivered", row[string](w, `SELECT state FROM deliveries WHERE id = $1`, first.Delivery))
	require.Equal(t, 2, row[int](w, `SELECT count(*) FROM attempts WHERE delivery_id = $1 AND class = 'ok'`, first.Delivery))
	require.Equal(t, 1, row[int](w, `SELECT attempts FROM deliveries WHERE id = $1`, first.Delivery), "only one of them counts")
}
