package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/pages"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/feed"
)

// liveStream is an open connection to /console/events.
type liveStream struct {
	t      *testing.T
	events chan map[string]any // with the id as "cursor"; closed at the end
}

// openStream connects as the browser does, over a real connection.
func (b *browser) openStream(t *testing.T, server *httptest.Server, cursor string, headers ...string) liveStream {
	return b.openStreamAfter(t, server, "", cursor, headers...)
}

// openStreamAfter does so for the first time, when the address says what the page has read already.
func (b *browser) openStreamAfter(
	t *testing.T, server *httptest.Server, after, cursor string, headers ...string,
) liveStream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/console/events?after="+url.QueryEscape(after), nil)
	require.NoError(t, err)
	r.Header.Set("Cookie", b.cookie)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if cursor != "" {
		r.Header.Set("Last-Event-ID", cursor)
	}
	res, err := server.Client().Do(r) //nolint:bodyclose // the goroutine below closes it
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	s := liveStream{t: t, events: make(chan map[string]any, 100)}
	go func() {
		defer close(s.events)
		defer func() { _ = res.Body.Close() }()
		id := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e map[string]any
				if json.Unmarshal([]byte(text), &e) != nil {
					return
				}
				e["cursor"] = id
				s.events <- e
			}
		}
	}()
	return s
}

// next waits for an event of the type.
func (s liveStream) next(kind string) map[string]any {
	s.t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		select {
		case e, ok := <-s.events:
			require.True(s.t, ok, "the stream has ended")
			if e["type"] == kind {
				return e
			}
		case <-deadline:
			require.Fail(s.t, "nothing of type "+kind)
		}
	}
}

func (s liveStream) ends() {
	s.t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		select {
		case _, ok := <-s.events:
			if !ok {
				return
			}
		case <-deadline:
			require.Fail(s.t, "the stream goes on")
		}
	}
}

// watched tells whether a console has said of late that it is open.
func (h *harness) watched() (is bool) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.url)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	const query = `SELECT EXISTS (SELECT FROM sessions WHERE watching_at > now() - interval '1 minute')`
	require.NoError(h.t, conn.QueryRow(h.t.Context(), query).Scan(&is))
	return is
}

func TestAConsoleIsToldWhatHappensUntilItsSessionEnds(t *testing.T) {
	h := newHarness(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go h.store.Feed.RunSequencer(ctx, feed.Sequencer{})
	server := httptest.NewServer(h.server.Handler())
	defer server.Close()
	b := h.newBrowser(account.RoleReader)

	h.exec(`UPDATE sessions SET watching_at = NULL`)
	s := b.openStream(t, server, "")
	s.next("ready")
	require.True(t, h.watched(), "its agent is online")
	id := h.call("POST", "/v1/conversations/outbound", least("1")).want(201).string("id")
	told := s.next("conversation")
	require.Equal(t, id, told["id"])
	require.Equal(t, []any{"conversation.created"}, told["events"])
	require.NotEmpty(t, told["cursor"])

	again := b.openStream(t, server, told["cursor"].(string))
	again.next("ready")
	h.call("POST", "/v1/conversations/"+id+"/resolve", nil).want(200)
	require.Contains(t, again.next("conversation")["events"], "conversation.resolved")

	since := b.call("GET", "/console/session", nil).want(200).string("eventsAfter")
	h.call("POST", "/v1/conversations/"+id+"/reopen", nil).want(200)
	again.next("conversation")
	first := b.openStreamAfter(t, server, since, "")
	require.Equal(t, id, first.next("conversation")["id"], "which was between the two")

	b.call("DELETE", "/console/session", nil).want(204)
	s.ends()
	again.ends()
	first.ends()
	b.call("GET", "/console/events", nil).refused(401, "UNAUTHORIZED")
	analyst := h.newBrowser(account.RoleAnalytics)
	analyst.call("GET", "/console/events", nil).refused(403, "SCOPE_MISSING")
}

func TestAServerThatStopsDoesNotWaitForConsoles(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleReader)
	server := httptest.NewUnstartedServer(h.server.Handler())
	server.Config.RegisterOnShutdown(h.server.close)
	server.Start()
	s := b.openStream(t, server, "")
	s.next("ready")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, server.Config.Shutdown(ctx))
	s.ends()
}

func TestOwnersManageKeysAndSeeTheirUse(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleOwner)
	made := b.call("POST", "/v1/api-keys", object{"name": "Shop", "scopes": []any{"basic"}}, "Idempotency-Key", "k").want(201)
	require.Regexp(t, `^sa_live_`, made.string("key"))
	require.Equal(t, made.string("key"), b.call("POST", "/v1/api-keys",
		object{"name": "Shop", "scopes": []any{"basic"}}, "Idempotency-Key", "k").want(201).string("key"))
	path := "/v1/api-keys/" + made.string("id")
	require.Equal(t, path, made.header.Get("Location"))
	require.NotContains(t, b.call("GET", path, nil).want(200).text, made.string("key"))
	require.NotContains(t, b.call("GET", "/v1/api-keys", nil).want(200).text, made.string("key"))
	require.Len(t, b.call("GET", "/v1/api-keys?limit=1", nil).want(200).list(), 1)
	require.NotNil(t, b.call("GET", "/v1/api-keys?limit=1", nil).body["nextCursor"])
	unknown := b.call("POST", "/v1/api-keys", object{"name": "x", "scopes": []any{"all"}})
	require.Equal(t, []string{"scopes:invalid"}, unknown.wrong())

	use := []string{"Authorization", "Bearer " + made.string("key")}
	for range 3 {
		h.call("GET", "/v1/conversations", nil, use...).want(200)
	}
	h.call("GET", "/v1/webhooks", nil, use...).refused(403, "SCOPE_MISSING")
	require.Eventually(t, func() bool {
		rows := b.call("GET", path+"/usage?days=2", nil).want(200).list()
		if len(rows) < 2 {
			return false
		}
		require.Equal(t, "GET /v1/conversations", rows[0]["endpoint"])
		require.Equal(t, "2xx", rows[0]["status"])
		require.EqualValues(t, 3, rows[0]["requests"])
		require.Equal(t, "GET /v1/webhooks", rows[1]["endpoint"])
		require.Equal(t, "4xx", rows[1]["status"])
		return true
	}, 15*time.Second, 200*time.Millisecond)

	b.call("DELETE", path, nil).want(204)
	h.call("GET", "/v1/me", nil, use...).refused(401, "UNAUTHORIZED")
	require.Equal(t, false, b.call("GET", path, nil).want(200).body["isActive"])
	b.call("GET", "/v1/api-keys/"+uuid.NewString(), nil).refused(404, "NOT_FOUND")
	b.call("GET", "/v1/api-keys/"+uuid.NewString()+"/usage", nil).refused(404, "NOT_FOUND")

	// An agent who may make keys makes none that may do more than the agent.
	limited := h.newKey(h.live, "settings:write", "conversations:read")
	all := object{"name": "x", "scopes": []any{"full_access"}}
	more := h.call("POST", "/v1/api-keys", all, "Authorization", "Bearer "+limited)
	require.NotEmpty(t, more.refused(403, "SCOPE_MISSING")["requiredScope"])
	sandbox := h.newKey(h.sandbox, "full_access")
	h.call("GET", path, nil, "Authorization", "Bearer "+sandbox).refused(404, "NOT_FOUND")
	h.call("DELETE", path, nil, "Authorization", "Bearer "+sandbox).refused(404, "NOT_FOUND")
}

func TestAMessagesHTMLIsShownHarmless(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleReader)
	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", least("1")).want(201).string("id")
	hostile := `<p>Hello</p><script>alert(1)</script><img src="https://evil.example/p.gif" alt="pixel">`
	message := h.call("POST", path+"/messages", object{"direction": "inbound", "html": hostile}).want(201).string("id")
	page := b.call("GET", path+"/messages/"+message+"/html", nil).want(200)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, page.text, "<p>Hello</p>")
	require.NotContains(t, page.text, "alert")
	require.NotContains(t, page.text, "evil.example")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "sandbox")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "img-src data:;")
	shown := b.call("GET", path+"/messages/"+message+"/html?images=1", nil).want(200)
	require.Contains(t, shown.text, `src="https://evil.example/p.gif"`)
	require.Contains(t, shown.header.Get("Content-Security-Policy"), "img-src data: https:;")

	plain := h.call("POST", path+"/messages", object{"direction": "inbound", "text": "x"}).want(201).string("id")
	b.call("GET", path+"/messages/"+plain+"/html", nil).refused(404, "NOT_FOUND")
	b.call("GET", "/v1/conversations/"+uuid.NewString()+"/messages/"+message+"/html", nil).refused(404, "NOT_FOUND")
	sandbox := h.newKey(h.sandbox, "full_access")
	h.call("GET", path+"/messages/"+message+"/html", nil, "Authorization", "Bearer "+sandbox).refused(404, "NOT_FOUND")
}

func TestThePageMayFrameTheTenantsDocks(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleReader)
	doc, err := openDocument("")
	require.NoError(t, err)
	files, err := console.Open()
	require.NoError(t, err)
	handler := newRouter(routing{
		doc: doc, handlers: &handlers{}, metrics: metrics.New(nil), who: middleware.Credentials{Store: h.store},
		console: pages.Console{
			Store: h.store, Files: files, Errors: respond.Errors{Log: h.server.log},
			Frames: func(_ context.Context, tenantID uuid.UUID) ([]string, error) {
				require.Equal(t, h.live.ID, tenantID)
				return []string{"https://docks.example.com"}, nil
			},
		},
	})
	policy := func(cookie string) string {
		return get(handler, "/console", "Cookie", cookie).Header().Get("Content-Security-Policy")
	}
	require.Equal(t, console.Policy([]string{"https://docks.example.com"}), policy(b.cookie))
	require.Equal(t, console.Policy(nil), policy("atender=none"))
	h.call("GET", "/console/none.js", nil).refused(404, "NOT_FOUND")
	h.call("POST", "/console", nil).refused(404, "NOT_FOUND")
}

// HTML that a dock would send is shown to who is asked as it would be shown afterwards: harmless, and to no other origin's page.
func TestWhatADockWouldSendIsShownHarmless(t *testing.T) {
	h := newHarness(t)
	post := func(cookie, origin string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/console/preview", strings.NewReader(form.Encode()))
		for name, value := range map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Origin": origin,
		} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		h.server.Handler().ServeHTTP(w, r)
		return w
	}
	form := url.Values{"html": {`<p onclick="x()">Hi</p><script>x()</script><img src="https://pixel.example/a.png">`}}
	b := h.newBrowser(account.RoleAgent)
	page := post(b.cookie, ownOrigin, form)
	require.Equal(t, 200, page.Code)
	require.Contains(t, page.Body.String(), "<p>Hi</p>\n</body>")
	require.Contains(t, page.Header().Get("Content-Security-Policy"), "sandbox allow-popups allow-popups-to-escape-sandbox;")
	require.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	form.Set("images", "1")
	require.Contains(t, post(b.cookie, ownOrigin, form).Body.String(), "pixel.example")

	require.Equal(t, 403, post(b.cookie, "https://evil.example", form).Code)
	require.Equal(t, 403, post(b.cookie, "", form).Code)
	require.Equal(t, 401, post("", ownOrigin, form).Code)
	require.Equal(t, 403, post(h.newBrowser(account.RoleAnalytics).cookie, ownOrigin, form).Code)
	form.Set("html", strings.Repeat("x", 1<<20))
	require.Equal(t, 413, post(b.cookie, ownOrigin, form).Code)
}
