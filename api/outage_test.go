package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/password"
)

// breaker breaks the connection under one statement of those that a store makes: the At-th from now on.
type breaker struct {
	at     atomic.Int64 // counts down; the statement that makes it 0 is the one
	breaks func(context.Context, *pgx.Conn)
}

// TraceQueryStart implements pgx.QueryTracer.
func (b *breaker) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if b.at.Add(-1) == 0 {
		b.breaks(ctx, conn)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (b *breaker) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// calls are calls of every kind that reads or writes: each time another one, so that none finds what the last one made.
// The other harness, whose connections hold, makes keys.
func (h *harness) calls(cookie string, keys *harness) map[string]func(time int) answer {
	return map[string]func(time int) answer{
		"a list":   func(int) answer { return h.call("GET", "/v1/conversations", nil) },
		"a report": func(int) answer { return h.call("GET", reportOfAYear, nil) },
		"a new key": func(int) answer {
			return h.call("GET", "/v1/me", nil, "Authorization", "Bearer "+keys.newKey(h.live, "full_access"))
		},
		"a creation":   func(n int) answer { return h.call("POST", "/v1/conversations/outbound", least(fmt.Sprint("a", n))) },
		"a repeatable": func(n int) answer { return h.repeatable(n) },
		"a sign-in": func(int) answer {
			return send(h.t, h.server.Handler(), "POST", "/console/session",
				object{"email": "agent@example.com", "password": passphrase}, "Origin", ownOrigin)
		},
		"the console's stream": func(int) answer { return h.stream(cookie) },
	}
}

const reportOfAYear = "/v1/sla-report?groupBy=policy&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"

// repeatable is a creation with an Idempotency-Key, whose transaction is a unit of work.
func (h *harness) repeatable(n int) answer {
	name := fmt.Sprint("b", n)
	return h.call("POST", "/v1/conversations/outbound", least(name), "Idempotency-Key", name)
}

// stream asks for the console's events and hangs up.
func (h *harness) stream(cookie string) answer {
	ctx, cancel := context.WithTimeout(h.t.Context(), 300*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/console/events", nil)
	r.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	h.server.Handler().ServeHTTP(w, r)
	return answer{t: h.t, status: w.Code, header: w.Header(), text: w.Body.String()}
}

// reopen makes the harness work with another store and server over its database.
func (h *harness) reopen(options models.Options) {
	h.t.Helper()
	var err error
	options.URL, options.Keys, options.Logger = h.url, h.store.DB.Keyring, h.store.DB.Log
	options.HashPassword, options.Serving = password.HashCheaply, true
	h.store, err = models.Open(h.t.Context(), options)
	require.NoError(h.t, err)
	h.t.Cleanup(h.store.Close)
	h.server, err = New(Config{Version: "test"}, Deps{Store: h.store, Logger: options.Logger})
	require.NoError(h.t, err)
}

// Regression: a connection that broke between two statements of a transaction gave 500 ("conn closed").
func TestAConnectionThatBreaksUnderAnyStatementIsAnOutageAndNoFault(t *testing.T) {
	for how, breaks := range map[string]func(context.Context, *pgx.Conn){
		"closed here":      func(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(ctx) },
		"the socket broke": func(_ context.Context, conn *pgx.Conn) { _ = conn.PgConn().Conn().Close() },
	} {
		t.Run(how, func(t *testing.T) {
			h := newHarnessAlone(t)
			cookie := h.newBrowser(account.RoleAgent).cookie
			b := &breaker{breaks: breaks}
			whole := *h
			h.reopen(models.Options{Tracer: b})
			unavailable := 0
			for what, call := range h.calls(cookie, &whole) {
				for at := 1; ; at++ {
					require.Less(t, at, 200, "%s never gets to its end", what)
					b.at.Store(int64(at))
					a := call(at)
					require.NotEqual(t, 500, a.status, "%s, statement %d: %s\n%s", what, at, a.text, h.log)
					if a.status == 503 {
						unavailable++
					}
					if b.at.Swap(0) > 0 {
						require.Less(t, a.status, 300, "%s, unharmed: %s", what, a.text)
						break
					}
				}
			}
			require.Positive(t, unavailable)
		})
	}
}

// Regression: a full disk (53100) gave 500.
func TestAFullDiskIsAnOutage(t *testing.T) {
	h := newHarnessAlone(t)
	h.exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER full_disk BEFORE INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION full_disk();
		CREATE TRIGGER full_disk BEFORE INSERT ON tags FOR EACH ROW EXECUTE FUNCTION full_disk();
		CREATE TRIGGER full_disk BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION full_disk()`)
	h.person("agent@example.com", account.RoleAgent)
	calls := h.calls("", h)
	for _, what := range []string{"a creation", "a repeatable", "a sign-in"} {
		a := calls[what](1)
		a.refused(503, "UNAVAILABLE")
		require.Equal(t, "1", a.header.Get("Retry-After"))
		require.NotContains(t, a.text, "extend file")
	}
	h.call("POST", "/v1/tags", object{"name": "vip"}).refused(503, "UNAVAILABLE")
}

// A process that is told to stop closes its connections; what still runs then is an outage to its callers.
func TestClosedPoolsAreAnOutage(t *testing.T) {
	h := newHarnessAlone(t)
	cookie := h.newBrowser(account.RoleAgent).cookie
	key := h.key
	calls := h.calls(cookie, h)
	delete(calls, "a new key")
	h.store.Close()
	h.key = key
	for what, call := range calls {
		require.Equal(t, 503, call(1).status, what)
	}
}
