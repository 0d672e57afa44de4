package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An API that is killed under creations has made those it answered, and no half of any other; trying again is safe.
func TestAPIKilledDuringCreates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	creates, kills := sized(48, 5_000), sized(2, 10)
	w.subscribe()
	api := w.startAPI()
	w.start("worker")

	w.logf("ready")
	load := w.creates(16, creates)
	for k := range kills {
		share := creates / (kills + 1)
		at := int64(k*share + share/2 + w.rng.IntN(share))
		load.reach(at)
		w.logf("kill %d after %d creations", k+1, load.made.Load())
		api.kill()
		api.again()
	}
	load.finish(2 * time.Minute)
	require.Len(t, w.ledger.conversations, creates)
	require.Positive(t, w.ledger.silent, "no call was cut off: the kills missed")
	require.Equal(t, creates, row[int](w, `SELECT count(*) FROM conversations`))
	w.logf("all is answered")
	w.settle(time.Minute)
	w.logf("settled")
	require.Zero(t, w.balance(), "duplicates without a killed worker")

	// A repeated call is told which conversation there is.
	c := w.writer(-1)
	for reference, id := range w.ledger.conversations {
		r, err := c.call(t.Context(), http.MethodPost, "/v1/conversations/outbound", order(reference, 1))
		require.NoError(t, err)
		require.Equal(t, http.StatusConflict, r.status, "%s", r.body)
		require.Equal(t, id.String(), r.field("error", "details", "conversationId"))
	}
	require.Equal(t, creates, row[int](w, `SELECT count(*) FROM conversations`))
}
