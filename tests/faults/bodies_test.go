package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/tests/deps"
)

const (
	maxResident  = 600 << 20              // bytes of an API process under attack
	maxSmallP99  = 250 * time.Millisecond // of small requests meanwhile
	bodiesOfAKey = 4                      // of 1 MiB, that may be sent at a time
)

// bodySenders is how many send at once. An API reads the bodies of a few, and refuses the others.
var bodySenders = deps.Sized(100, 200)

// Bodies that cost the most, many at a time, with keys and without, take neither the memory nor the time of others.
func TestWorstBodiesHurtNoOneElse(t *testing.T) {
	beside(t)
	w := newWorld(t)
	api := w.startAPI()
	conversation, err := w.writer(-1).create(t.Context(), "attacked")
	require.NoError(t, err)
	var keys []string
	for range bodySenders / bodiesOfAKey {
		_, plain, err := w.store.Keys.Create(t.Context(), w.tenant.ID, account.NewKey{
			Name: "attacker", Scopes: []string{"full_access"}, Tier: "custom",
		})
		require.NoError(t, err)
		keys = append(keys, plain)
	}
	attack := bodyAttack{
		t: t, origin: "http://" + api.addr, message: "/v1/conversations/" + conversation.String() + "/messages", keys: keys,
		client: &http.Client{
			Timeout: time.Minute, Transport: w.checked(&http.Transport{MaxIdleConnsPerHost: bodySenders}),
		},
	}
	t.Cleanup(attack.client.CloseIdleConnections)

	small := w.smallRequests(api, "/v1/conversations/"+conversation.String())
	for round := range deps.Sized(1, 40) {
		for name, body := range worstBodies() {
			chunked := (round+len(name))%2 == 1
			statuses := attack.run(name, body, chunked)
			w.logf("%s, chunked %t: %v, %d MiB at most", name, chunked, statuses, residentPeak(t, api)>>20)
		}
		statuses := attack.withoutKey()
		w.logf("without a key: %v, %d MiB at most", statuses, residentPeak(t, api)>>20)
		require.Zero(t, statuses[http.StatusBadRequest], "the body was read")
	}
	times := small()
	p99 := times[len(times)*99/100]
	w.logf("%d small requests: p50 %s, p99 %s, max %s", len(times), times[len(times)/2], p99, times[len(times)-1])
	require.Greater(t, len(times), 50)
	if deps.Long() { // other tests run beside the short form
		require.Less(t, p99, maxSmallP99)
	}
	require.Less(t, residentPeak(t, api), maxResident)
	require.True(t, api.running())
}

// worstBodies are the bodies of up to 1 MiB that cost the most to decode and to check, by what is bad about them.
func worstBodies() map[string]string {
	list := func(n int, item func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item(i))
		}
		return b.String()
	}
	key := func(i int) string { return fmt.Sprintf(`"k%d":0`, i) }
	thousand := "{" + list(1000, key) + "}"
	return map[string]string{
		"unknown keys":  "{" + list(75_000, key) + "}",
		"numbers":       `{"metadata":[` + list(400_000, func(int) string { return "0" }) + "]}",
		"nesting":       strings.Repeat(`{"metadata":`, 80_000) + "0" + strings.Repeat("}", 80_000),
		"repeated keys": "{" + list(85_000, func(int) string { return `"text":"x"` }) + "}",
		"escapes":       `{"text":"` + strings.Repeat(`\n\/`, 150_000) + strings.Repeat(`\u00e9`, 60_000) + `"}`,
		// These keep to every limit of the text, so that they are built and checked.
		"allowed values":  `{"text":"x","metadata":[` + list(19, func(int) string { return thousand }) + "]}",
		"long wrong keys": "{" + list(1000, func(i int) string { return `"` + strings.Repeat("k", 900) + key(i)[1:] }) + "}",
		"too long text":   `{"text":"` + strings.Repeat("x", 1_000_000) + `"}`,
	}
}

// bodyAttack sends the same body many times at once.
type bodyAttack struct {
	t       *testing.T
	origin  string // of the API
	message string // path of a conversation's messages
	keys    []string
	client  *http.Client
}

// pieces reads a text as a network would carry it: 2.5 MB a second. All at once, so many clients would measure this machine.
type pieces struct{ text *strings.Reader }

func (p *pieces) Read(to []byte) (int, error) {
	<-time.After(10 * time.Millisecond)
	return p.text.Read(to[:min(len(to), 25_000)])
}

// run sends a body with every key, and counts the answers by status; 0 are connections that the API has closed early.
func (a bodyAttack) run(name, body string, chunked bool) map[int]int {
	return a.atOnce(bodySenders, func(i int) *http.Request {
		r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.origin+a.message, &pieces{strings.NewReader(body)})
		require.NoError(a.t, err, name)
		if !chunked {
			r.ContentLength = int64(len(body))
		}
		r.Header.Set("Authorization", "Bearer "+a.keys[i%len(a.keys)])
		if name == "too long text" {
			r.Header.Set("Idempotency-Key", strconv.Itoa(i))
		}
		return r
	})
}

// withoutKey is 40 clients that sign in with 75,000 unknown keys.
func (a bodyAttack) withoutKey() map[int]int {
	body := worstBodies()["unknown keys"]
	return a.atOnce(40, func(int) *http.Request {
		r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.origin+"/console/session", strings.NewReader(body))
		require.NoError(a.t, err)
		r.Header.Set("Origin", a.origin)
		return r
	})
}

func (a bodyAttack) atOnce(n int, request func(i int) *http.Request) map[int]int {
	a.t.Helper()
	statuses := map[int]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range n {
		r := request(i)
		r.Header.Set("Content-Type", "application/json")
		group.Go(func() {
			status := 0
			if answer, err := a.client.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, answer.Body) // its status is what counts
				_ = answer.Body.Close()
				status = answer.StatusCode
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	group.Wait()
	require.Zero(a.t, statuses[http.StatusInternalServerError])
	require.Less(a.t, statuses[0], n, "nothing was answered")
	return statuses
}

// smallRequests makes small requests of another key all the time, one after the other: one that has a body and is all
// computation, and one that reads the database. The function it returns ends them,
// and says how long each took, the shortest first.
func (w *world) smallRequests(api *process, conversation string) (stop func() []time.Duration) {
	ctx, cancel := context.WithCancel(w.t.Context())
	client := &http.Client{Timeout: 30 * time.Second, Transport: w.checked(&http.Transport{})}
	var times []time.Duration
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil && failed == nil; i++ {
			method, path, body := http.MethodPost, "/v1/opening-hours/preview?at=2026-05-05T10:00:00Z", `{"timeZone":"UTC","weekly":{}}`
			if i%2 == 1 {
				method, path, body = http.MethodGet, conversation, ""
			}
			// well formed
			r, _ := http.NewRequestWithContext(w.t.Context(), method, "http://"+api.addr+path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+w.key)
			r.Header.Set("Content-Type", "application/json")
			began := time.Now()
			answer, err := client.Do(r)
			if err != nil {
				failed = err
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body) // its status is what counts
			_ = answer.Body.Close()
			if took := time.Since(began); took > maxSmallP99 {
				w.logf("a small request takes %s", took)
			}
			times = append(times, time.Since(began))
			if answer.StatusCode != http.StatusOK {
				failed = fmt.Errorf("a small request got %d", answer.StatusCode)
			}
			<-time.After(10 * time.Millisecond) // a pace, so that they do not attack themselves
		}
	}()
	return func() []time.Duration {
		cancel()
		<-done
		client.CloseIdleConnections()
		require.NoError(w.t, failed)
		slices.Sort(times)
		return times
	}
}

// residentPeak is the most memory that a process has had, in bytes; 0 where the system does not tell.
func residentPeak(t *testing.T, p *process) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kilobytes), "kB")))
			require.NoError(t, err)
			return n << 10
		}
	}
	return 0
}
