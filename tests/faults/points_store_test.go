package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/ident"
)

// keyed creates a conversation with tags and an Idempotency-Key, once, by an API.
func (w *world) keyed(api *process, key, reference string, tags ...string) (reply, error) {
	creation := order(reference, 1)
	creation["tags"] = append([]string{}, tags...)
	body, err := json.Marshal(creation)
	if err != nil {
		return reply{}, err
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost,
		"http://"+api.addr+"/v1/conversations/outbound", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Authorization", "Bearer "+w.key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	client := http.Client{Timeout: httpClient.Timeout, Transport: w.checked(httpClient.Transport)}
	answer, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	r := reply{status: answer.StatusCode, header: answer.Header}
	err = json.NewDecoder(answer.Body).Decode(new(json.RawMessage))
	return r, err
}

// ✗ P7.2: what the first call with a key did is there with its answer, or neither; and so it is for a call that waits at
// another API for the first one.
func TestCrashOfTheFirstCallWithAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe()
	other := w.startAPI()
	w.start("worker")
	for i, crash := range []struct {
		point    fault.Point
		alone    bool   // in a unit of work, and not together with others (P7.5)
		there    int    // conversations after the crash
		replayed string // whether the second call gets the first one's answer
	}{
		{fault.BeforeFirst, true, 0, ""},
		{fault.AfterFirst, true, 1, "true"},
		{fault.BeforeFirst, false, 0, ""},
		{fault.AfterFirst, false, 1, "true"},
	} {
		how := map[bool]string{true: ", alone", false: ", in a group"}[crash.alone]
		w.scene(string(crash.point)+how, func(t *testing.T) {
			first := newKeyedCall(w, fmt.Sprintf("repeated-%d", i), crash.alone)
			api := w.armed("api", crash.point)
			api.awaitReady()
			_, err := first.at(api)
			require.Error(t, err, "no answer")
			w.awaitEnd(api)
			first.isThere(crash.there)
			r, err := first.at(other)
			first.isDone(r, err, crash.replayed)
		})
		w.scene(string(crash.point)+how+", while a second call waits", func(t *testing.T) {
			newKeyedCall(w, fmt.Sprintf("awaited-%d", i), crash.alone).
				crashWhileAnotherWaits(w.armed("api", crash.point), other, crash.replayed)
		})
	}
	eventually(t, time.Minute, "every event has arrived", func() bool {
		return w.arrived() == row[int](w, `SELECT count(*) FROM events`)
	})
	require.Equal(t, 8, row[int](w, `SELECT count(*) FROM conversations`))
}

// keyedCall creates a conversation with an Idempotency-Key.
type keyedCall struct {
	w     *world
	name  string   // the key, and the conversation's reference
	tags  []string // one that must be made takes the call out of groups
	known int      // keys that there were before
}

func newKeyedCall(w *world, name string, alone bool) keyedCall {
	w.t.Helper()
	c := keyedCall{w: w, name: name, known: row[int](w, `SELECT count(*) FROM idempotency_keys`)}
	if alone {
		c.tags = []string{name}
	}
	return c
}

// at makes the call, once, at an API.
func (c keyedCall) at(api *process) (reply, error) { return c.w.keyed(api, c.name, c.name, c.tags...) }

// isThere checks how many conversations and answers there are of the call: one of each, or none.
func (c keyedCall) isThere(n int) {
	c.w.t.Helper()
	require.Equal(c.w.t, n, row[int](c.w, `SELECT count(*) FROM conversations WHERE external_reference = $1`, c.name))
	require.Equal(c.w.t, c.known+n, row[int](c.w, `SELECT count(*) FROM idempotency_keys`))
}

// isDone checks the second call's answer.
func (c keyedCall) isDone(r reply, err error, replayed string) {
	c.w.t.Helper()
	require.NoError(c.w.t, err)
	require.Equal(c.w.t, http.StatusCreated, r.status)
	require.Equal(c.w.t, replayed, r.header.Get("Idempotency-Replayed"))
	c.isThere(1)
}

// crashWhileAnotherWaits has the call wait at another API for the first one, which crashes: it does the work where the first
// one's is gone, and has its answer where that was committed.
func (c keyedCall) crashWhileAnotherWaits(one, two *process, replayed string) {
	w, t := c.w, c.w.t
	one.awaitReady()
	barrier, err := w.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = barrier.Rollback() }() // nothing to undo
	_, err = barrier.ExecContext(t.Context(), `LOCK TABLE conversations IN SHARE MODE`)
	require.NoError(t, err)

	type outcome struct {
		reply
		err error
	}
	call := func(api *process) <-chan outcome {
		done := make(chan outcome, 1)
		go func() {
			r, err := c.at(api)
			done <- outcome{r, err}
		}()
		eventually(t, 4*time.Second, api.name()+" waits", func() bool {
			return row[int](w, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`, api.name()) == 1
		})
		return done
	}
	first := call(one) // has claimed the key, and cannot make the conversation
	second := call(two)
	require.NoError(t, barrier.Rollback())
	require.Error(t, (<-first).err, "no answer")
	w.awaitEnd(one)
	r := <-second
	c.isDone(r.reply, r.err, replayed)
}

// A worker that noticed that Temporal has lost its data is gone before a workflow was signaled: the next one notices,
// too.
func TestCrashBeforeALostTemporalIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe()
	w.startAPI()
	worker := w.start("worker")
	c := w.writer(0)
	id, err := c.create(t.Context(), "order-1")
	require.NoError(t, err)
	require.NoError(t, c.snooze(t.Context(), id, time.Hour))
	eventually(t, time.Minute, "the namespace is remembered and the workflow armed", func() bool {
		return row[int](w, `SELECT count(*) FROM installation WHERE key LIKE 'temporal%'`) == 1 &&
			row[int](w, `SELECT count(*) FROM outbox`) == 0 && row[int](w, `SELECT count(armed_for) FROM conversations`) == 1
	})
	known := row[string](w, `SELECT value FROM installation WHERE key LIKE 'temporal%'`)
	w.killWorker(worker)
	w.exec(`UPDATE installation SET value = 'another' WHERE key LIKE 'temporal%'`)
	w.awaitEnd(w.armed("worker", fault.BeforeSignaling))
	require.Equal(t, "another", row[string](w, `SELECT value FROM installation WHERE key LIKE 'temporal%'`))
	require.Zero(t, row[int](w, `SELECT count(*) FROM outbox`), "nothing was signaled")
	w.start("worker")
	eventually(t, time.Minute, "it is noticed again", func() bool {
		return row[string](w, `SELECT value FROM installation WHERE key LIKE 'temporal%'`) == known
	})
	eventually(t, time.Minute, "and everything is signaled", func() bool {
		return row[int](w, `SELECT count(*) FROM outbox`) == 0
	})
}

func TestCrashBeforeAWeekIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := func(ago int) string {
		return ident.Floor(time.Now().Add(-time.Duration(ago) * 24 * time.Hour)).String()
	}
	w.exec(`CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('` + day(707) + `') TO ('` + day(700) + `')`)
	w.exec(`INSERT INTO events (id, tenant_id, type, payload, created_at, position)
		VALUES ('` + day(705) + `', '` + w.tenant.ID.String() + `', 'contact.created', '{}', now() - interval '705 days', 7)`)
	w.awaitEnd(w.armed("worker", fault.BeforeForgetting))
	require.Equal(t, 1, row[int](w, `SELECT count(*) FROM events_old`), "the week is there")
	require.Zero(t, row[int](w, `SELECT count(*) FROM feed_floors`), "and nobody is told otherwise")
	w.start("worker")
	eventually(t, time.Minute, "the week is dropped", func() bool {
		return row[bool](w, `SELECT to_regclass('events_old') IS NULL`)
	})
	require.Equal(t, 7, row[int](w, `SELECT position FROM feed_floors`))
}
