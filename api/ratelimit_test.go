package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ratelimit"
)

// limited is a harness whose key is a new one, of tier starter unless in says otherwise.
func limited(t *testing.T, in account.NewKey) (*harness, account.APIKey) {
	t.Helper()
	h := newHarnessAlone(t)
	in.Name, in.Scopes = "limited", []string{"conversations:write"}
	key, plain, err := h.store.Keys.Create(t.Context(), h.live.ID, in)
	require.NoError(t, err)
	h.key = plain
	return h, key
}

// rate is what an answer says of the limit.
func (a answer) rate() (limit, remaining int, reset time.Time) {
	a.t.Helper()
	numbers := [3]int64{}
	for i, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		var err error
		numbers[i], err = strconv.ParseInt(a.header.Get(name), 10, 64)
		require.NoError(a.t, err, "%s of %d %s", name, a.status, a.text)
	}
	return int(numbers[0]), int(numbers[1]), time.Unix(numbers[2], 0)
}

func TestEveryAnswerTellsOfTheLimit(t *testing.T) {
	h, _ := limited(t, account.NewKey{})
	made := h.call("POST", "/v1/conversations/outbound", least("limit"), "Idempotency-Key", "once").want(201)
	path := "/v1/conversations/" + made.string("id")
	for i, a := range []answer{
		made,
		h.call("POST", "/v1/conversations/outbound", least("limit"), "Idempotency-Key", "once").want(201), // replayed
		h.call("POST", "/v1/conversations/outbound", least("limit")).want(409),
		h.call("GET", path, nil).want(200),
		h.call("GET", path, nil, "If-None-Match", made.header.Get("ETag")),
		h.call("GET", "/v1/conversations/nonsense", nil),
		h.call("POST", "/v1/conversations/outbound", `{`).want(400),
		h.call("GET", "/v1/webhooks", nil).want(403),
		h.call("GET", "/api/v1/me", nil).want(200),
	} {
		limit, remaining, reset := a.rate()
		require.Equal(t, 70, limit)
		require.Equal(t, 69-i, remaining, "%d: %d", i, a.status)
		require.WithinDuration(t, time.Now().Add(30*time.Second), reset, 35*time.Second)
	}
	for _, a := range []answer{
		h.call("GET", "/v1/me", nil, "Authorization", "Bearer sa_live_wrong").want(401),
		h.call("GET", "/healthz", nil).want(200),
		h.call("GET", "/v1/nothing", nil).want(404),
	} {
		require.Empty(t, a.header.Values("X-RateLimit-Limit"))
	}
	_, remaining, _ := h.call("GET", "/v1/me", nil).want(200).rate()
	require.Equal(t, 60, remaining, "what no key made does not count")
}

func TestTheSeventyFirstCallInAMinuteIsRefused(t *testing.T) {
	h, _ := limited(t, account.NewKey{})
	for range 70 {
		h.call("GET", "/v1/me", nil).want(200)
	}
	for range 3 {
		a := h.call("GET", "/v1/me", nil)
		details := a.refused(429, "RATE_LIMITED")
		require.Equal(t, "minute", details["window"])
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, wait, 1)
		require.LessOrEqual(t, wait, 61)
		limit, remaining, reset := a.rate()
		require.Equal(t, []int{70, 0}, []int{limit, remaining})
		require.WithinDuration(t, time.Now().Add(time.Duration(wait)*time.Second), reset, 2*time.Second)
	}
	w := httptest.NewRecorder()
	h.server.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, w.Body.String(), `atender_rate_limited_total{tier="starter",window="minute"} 3`+"\n")
	require.Contains(t, w.Body.String(), `atender_rate_limited_total{tier="starter",window="day"} 0`+"\n")
	require.Contains(t, w.Body.String(), `status="2xx",tier="starter"} `)
}

func TestADayCapIsSaidToBeOne(t *testing.T) {
	h, _ := limited(t, account.NewKey{Tier: "custom", Limits: ratelimit.Limits{PerDay: 3}})
	for i := range 3 {
		limit, remaining, _ := h.call("GET", "/v1/me", nil).want(200).rate()
		require.Equal(t, []int{3, 2 - i}, []int{limit, remaining})
	}
	require.Equal(t, "day", h.call("GET", "/v1/me", nil).refused(429, "RATE_LIMITED")["window"])
}

func TestKeysWithoutLimitsHaveNoHeadersAndNoLeases(t *testing.T) {
	h, _ := limited(t, account.NewKey{Tier: "custom"})
	a := h.call("GET", "/v1/me", nil).want(200)
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		require.Empty(t, a.header.Values(name))
	}
	conn, err := pgx.Connect(t.Context(), h.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var rows int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM rate_windows`).Scan(&rows))
	require.Zero(t, rows, "nothing is leased for them")
}

func TestThreeAPIProcessesHoldAStarterKeyToItsLimit(t *testing.T) {
	h, _ := limited(t, account.NewKey{})
	handlers := []http.Handler{h.server.Handler()}
	for range 2 {
		store, err := models.Open(t.Context(), models.Options{URL: h.url, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		s, err := New(Config{Version: "test"}, Deps{Store: store, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		handlers = append(handlers, s.Handler())
	}
	var granted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			w := get(handlers[i%3], "/v1/me", "Authorization", "Bearer "+h.key)
			switch w.Code {
			case 200:
				granted.Add(1)
			case 429:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 300, granted.Load()+refused.Load())
	require.GreaterOrEqual(t, granted.Load(), int64(63))
	require.LessOrEqual(t, granted.Load(), int64(77))
}

func TestKeysMadeOverTheAPIAreStarters(t *testing.T) {
	h := newHarnessAlone(t)
	a := h.call("POST", "/v1/api-keys", object{"name": "k", "scopes": []string{"basic"}}).want(201)
	require.Equal(t, "starter", a.body["tier"])
	require.Equal(t, object{"perMinute": 60.0, "burst": 10.0, "perDay": 10_000.0}, a.body["limits"])
	for _, tier := range []string{"tier", "limits"} {
		body := object{"name": "k", "scopes": []string{"basic"}, tier: "custom"}
		require.Equal(t, []string{tier + ":unknown_field"}, h.call("POST", "/v1/api-keys", body).wrong())
	}
	own := h.call("GET", "/v1/api-keys", nil).want(200).list()[0]
	require.Equal(t, "custom", own["tier"])
	require.Equal(t, object{"perMinute": nil, "burst": nil, "perDay": nil}, own["limits"])
}

func TestSessionsOfTheConsoleHaveALimitOfTheirOwn(t *testing.T) {
	h := newHarnessAlone(t)
	b := h.newBrowser(account.RoleAgent)
	limit, remaining, _ := b.call("GET", "/v1/me", nil).want(200).rate()
	require.Equal(t, []int{700, 699}, []int{limit, remaining})
	for _, path := range []string{"/console/session", "/console/", "/console/app.js"} {
		require.Empty(t, b.call("GET", path, nil).header.Values("X-RateLimit-Limit"), path)
	}
	_, remaining, _ = b.call("GET", "/v1/me", nil).want(200).rate()
	require.Equal(t, 698, remaining, "the console's own pages do not count")
}

func TestTokensOfDockSessionsReadOftenAndActSeldom(t *testing.T) {
	h := newHarnessAlone(t)
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(nil).string("id"))
	limit, remaining, _ := s.call("GET", s.path+"/context", nil).want(200).rate()
	require.Equal(t, []int{120, 119}, []int{limit, remaining})
	a := s.call("POST", s.path+"/actions", object{})
	limit, remaining, _ = a.rate()
	require.Equal(t, []int{30, 29}, []int{limit, remaining})
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "X-RateLimit-Remaining")
	for range 119 {
		s.call("GET", s.path+"/context", nil).want(200)
	}
	require.Equal(t, "minute", s.call("GET", s.path+"/context", nil).refused(429, "RATE_LIMITED")["window"])
	require.Equal(t, 400, s.call("POST", s.path+"/actions", object{}).status, "actions have their own")
}

func TestWithoutADatabaseALimitedKeyHasWhatIsLeased(t *testing.T) {
	h, _ := limited(t, account.NewKey{Tier: "enterprise"})
	h.call("GET", "/v1/me", nil).want(200)
	h.exec(`ALTER TABLE rate_windows RENAME TO rate_windows_away`) // what leases say then is what they say without a database
	answered := 0
	a := h.call("GET", "/v1/me", nil)
	for ; a.status == 200 && answered < 100; answered++ {
		a = h.call("GET", "/v1/me", nil)
	}
	require.Equal(t, 40, answered, "a block")
	a.refused(503, "UNAVAILABLE")
	require.Equal(t, "1", a.header.Get("Retry-After"))
	limit, _, _ := a.rate()
	require.Equal(t, 1_200, limit)
	h.exec(`ALTER TABLE rate_windows_away RENAME TO rate_windows`)
	h.call("GET", "/v1/me", nil).want(200)
}
