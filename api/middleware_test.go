package api

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/conversations"
	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/pages"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/tests/deps"
)

// anyKey lets every key in, as a key that may do everything.
type anyKey struct{}

func (anyKey) Authenticate(context.Context, string) (account.Principal, error) {
	return account.Principal{TenantID: uuid.Max, KeyID: uuid.Max, Scopes: []string{"conversations:write", "webhooks:write"}}, nil
}

func (anyKey) AuthenticateSession(context.Context, string) (account.Principal, error) {
	return account.Principal{}, nil
}

// storeless is the API without a store: what gets through to one panics.
func storeless(t testing.TB) (http.Handler, *logBuffer, *metrics.Metrics) {
	t.Helper()
	doc, err := openDocument("")
	require.NoError(t, err)
	log := &logBuffer{}
	logger := loggerTo(log)
	m := metrics.New(nil)
	files, err := console.Open()
	require.NoError(t, err)
	return newRouter(routing{
		doc: doc, metrics: m, who: anyKey{},
		handlers: &handlers{
			conversationHandlers: conversations.New(nil), service: &service{log: logger, version: "1.2.3"},
		},
		console: pages.Console{Intake: intake.New(), Files: files, Errors: respond.Errors{Log: logger}},
	}), log, m
}

func get(handler http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestPanicsAreAnsweredWithoutTheirText(t *testing.T) {
	handler, log, _ := storeless(t)
	w := get(handler, "/v1/conversations", "X-Request-Id", "find-me")
	require.Equal(t, 500, w.Code)
	require.JSONEq(t, `{"error":{"code":"INTERNAL",
		"message":"something went wrong on our side; tell us the requestId and we can look it up"},
		"requestId":"find-me"}`, w.Body.String())
	require.Contains(t, log.String(), "nil pointer")
	require.Contains(t, log.String(), "conversations.go", "the stack is in the log")
	require.Contains(t, log.String(), `"requestId":"find-me"`)
}

func TestRequestIDs(t *testing.T) {
	handler, _, _ := storeless(t)
	for _, id := range []string{"a", "A.b_c-9", strings.Repeat("x", 128)} {
		require.Equal(t, id, get(handler, "/version", "X-Request-Id", id).Header().Get("X-Request-Id"))
	}
	made := map[string]bool{}
	for _, id := range []string{"", "a b", "a\"b", "a\nb", "ä", "a/b", strings.Repeat("x", 129)} {
		got := get(handler, "/version", "X-Request-Id", id).Header().Get("X-Request-Id")
		require.Regexp(t, `^[0-9a-f]{24}$`, got)
		made[got] = true
	}
	require.Len(t, made, 7)
}

func TestTheLogHasNoPersonalData(t *testing.T) {
	h := newHarnessAlone(t)
	a := h.call("POST", "/v1/conversations/outbound", least("private-reference"), "X-Request-Id", "the-id").want(201)
	h.call("GET", "/v1/conversations?q=ada%40example.com", nil).want(200)
	h.call("PUT", "/v1/conversations/"+a.string("id")+"/tags/private-tag", nil).want(200)
	h.call("POST", "/v1/conversations/outbound", `{"subject":"private"}`).wrong()
	h.call("GET", "/private-path", nil).refused(404, "NOT_FOUND")
	log := h.log.String()
	require.NotContains(t, log, "example.com")
	require.NotContains(t, log, "private")
	require.NotContains(t, log, "sa_live_")
	require.Contains(t, log, `"conversationId":"`+a.string("id")+`"`)
	require.Contains(t, log, `"route":"/v1/conversations/outbound","status":201,`)
	require.Contains(t, log, `"requestId":"the-id","tenantId":"`+h.live.ID.String()+`"`)
	require.Contains(t, log, `"route":"unmatched","status":404`)
}

func TestMetrics(t *testing.T) {
	handler, _, m := storeless(t)
	get(handler, "/api/v1/conversations/42")
	get(handler, "/v1/conversations/43")
	get(handler, "/nothing/here")
	r := httptest.NewRequest("WHATEVER", "/also/nothing", nil)
	handler.ServeHTTP(httptest.NewRecorder(), r)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`atender_http_requests_total{method="GET",route="/v1/conversations/:id",status="4xx",tier="none"} 2`,
		`atender_http_requests_total{method="GET",route="unmatched",status="4xx",tier="none"} 1`,
		`atender_http_requests_total{method="OTHER",route="unmatched",status="4xx",tier="none"} 1`,
		`atender_http_request_duration_seconds_count{method="GET",route="/v1/conversations/:id"} 2`,
		`atender_http_requests_in_flight 0`,
	} {
		require.Contains(t, w.Body.String(), line+"\n")
	}
}

func TestWithoutADatabase(t *testing.T) {
	store, err := models.Open(t.Context(), models.Options{
		URL: "postgres://atender@127.0.0.1:1/nothing?connect_timeout=1", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	s, err := New(Config{Version: "1.2.3"}, Deps{Store: store, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)

	a := send(t, s.Handler(), "GET", "/v1/conversations", nil, "Authorization", "Bearer sa_live_"+strings.Repeat("0", 64))
	a.refused(503, "UNAVAILABLE")
	require.Equal(t, "1", a.header.Get("Retry-After"))
	send(t, s.Handler(), "GET", "/healthz", nil).want(200)
	ready := send(t, s.Handler(), "GET", "/readyz", nil).want(503)
	require.Equal(t, object{"status": "unready", "database": "unavailable", "temporal": "unconfigured"}, ready.body)
	require.Equal(t, "1.2.3", send(t, s.Handler(), "GET", "/version", nil).want(200).string("version"))
}

func TestReady(t *testing.T) {
	h := newHarnessAlone(t)
	ready := h.call("GET", "/readyz", nil).want(200)
	require.Equal(t, object{"status": "ready", "database": "ok", "temporal": "unconfigured"}, ready.body)
}

// Regression: a database without its tables was "unavailable", as one that is down.
func TestAnUnmigratedDatabaseIsSaidToLackWhichMigrations(t *testing.T) {
	h := newHarnessAlone(t)
	h.exec(`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	ready := h.call("GET", "/readyz", nil).want(503)
	require.Equal(t, "unready", ready.string("status"))
	require.Equal(t, "unmigrated", ready.string("database"))
	missing := ready.body["missingMigrations"].([]any)
	require.Len(t, missing, 1)
	require.Regexp(t, `^\d{5}_\w+$`, missing[0])
	require.Contains(t, h.log.String(), "migrations are missing: "+missing[0].(string))
}

func TestTemporalIsReportedAndNotRequired(t *testing.T) {
	h := newHarnessAlone(t)
	away, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(h.server.log)})
	require.NoError(t, err)
	defer away.Close()
	address, namespace := deps.Temporal(t)
	there, err := client.Dial(client.Options{
		HostPort: address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(h.server.log),
	})
	require.NoError(t, err)
	defer there.Close()
	for state, temporal := range map[string]client.Client{"unavailable": away, "ok": there} {
		s, err := New(Config{Version: "test"}, Deps{Store: h.store, Temporal: temporal, Logger: h.server.log})
		require.NoError(t, err)
		ready := send(t, s.Handler(), "GET", "/readyz", nil).want(200)
		require.Equal(t, object{"status": "ready", "database": "ok", "temporal": state}, ready.body)
	}
}

func TestDocsComeFromHereAlone(t *testing.T) {
	handler, _, _ := storeless(t)
	w := get(handler, "/docs")
	require.Equal(t, 200, w.Code)
	require.NotRegexp(t, `(src|href)="(https?:)?//`, w.Body.String())
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
	require.NotContains(t, w.Header().Get("Content-Security-Policy"), "http")
	require.Equal(t, 200, get(handler, "/docs/redoc.standalone.js").Code)
	require.Equal(t, 200, get(handler, "/openapi.json").Code)
	doc, err := openDocument("")
	require.NoError(t, err)
	require.Equal(t, string(doc.YAML), get(handler, "/openapi.yaml").Body.String())
}

func TestRunServesAndStops(t *testing.T) {
	h := newHarnessAlone(t)
	h.server.config.Addr, h.server.config.MetricsAddr = "127.0.0.1:0", "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- h.server.Run(ctx) }()
	fetch := func(what, path string) (text string) {
		require.Eventually(t, func() bool {
			addr := addrIn(h.log.String(), what)
			if addr == "" {
				return false
			}
			r, err := http.Get("http://" + addr + path)
			require.NoError(t, err)
			defer func() { _ = r.Body.Close() }()
			b, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			text = string(b)
			return r.StatusCode == 200
		}, 5*time.Second, 10*time.Millisecond)
		return text
	}
	require.Contains(t, fetch("api", "/version"), `"test"`)
	require.Contains(t, fetch("metrics", "/metrics"), "atender_http_requests_in_flight")
	head, err := http.Head("http://" + addrIn(h.log.String(), "api") + "/healthz")
	require.NoError(t, err)
	require.Equal(t, 200, head.StatusCode)
	require.NoError(t, head.Body.Close())
	cancel()
	require.NoError(t, <-stopped)
	_, err = net.Dial("tcp", addrIn(h.log.String(), "api"))
	require.Error(t, err, "it does not listen any more")
}

// addrIn finds where a listener is in the log.
func addrIn(log, what string) string {
	_, after, _ := strings.Cut(log, `"for":"`+what+`","addr":"`)
	addr, _, _ := strings.Cut(after, `"`)
	return addr
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	busy := httptest.NewServer(nil)
	defer busy.Close()
	h := newHarnessAlone(t)
	h.server.config.Addr = strings.TrimPrefix(busy.URL, "http://")
	require.ErrorContains(t, h.server.Run(t.Context()), "listening for the api")
}

func (anyKey) AuthenticateDock(context.Context, string) (account.Principal, error) {
	return account.Principal{}, nil
}
