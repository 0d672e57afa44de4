package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

const (
	passphrase = "correct horse battery"
	ownOrigin  = "http://example.com" // of httptest's requests
)

// person makes an agent of the live tenant who can sign in.
func (h *harness) person(email string, role account.Role) account.Agent {
	h.t.Helper()
	a, err := h.store.Accounts.CreateAgent(h.t.Context(), h.live.ID, account.NewAgent{Name: "Ada", Email: email, Role: role})
	require.NoError(h.t, err)
	require.NoError(h.t, h.store.SignIns.SetPassword(h.t.Context(), h.live.ID, a.ID, passphrase))
	return a
}

// browser is a browser on the console's pages.
type browser struct {
	*harness
	cookie string // name=value
}

// newBrowser signs an agent of the role in.
func (h *harness) newBrowser(role account.Role) *browser {
	h.t.Helper()
	email := string(role) + "@example.com"
	h.person(email, role)
	b := &browser{harness: h}
	b.signIn(email)
	return b
}

func (b *browser) signIn(email string) {
	b.t.Helper()
	in := b.call("POST", "/console/session", object{"email": email, "password": passphrase}).want(201)
	b.cookie, _, _ = strings.Cut(in.header.Get("Set-Cookie"), ";")
}

// call makes a request as the console's pages do; headers can change what they send.
func (b *browser) call(method, path string, body any, headers ...string) answer {
	b.t.Helper()
	all := []string{"Cookie", b.cookie}
	if method != "GET" {
		all = append(all, "Origin", ownOrigin, "Content-Type", "application/json")
	}
	return send(b.t, b.server.Handler(), method, path, body, append(all, headers...)...)
}

func TestTheConsoleUsesTheSameAPI(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleAgent)
	session := b.call("GET", "/console/session", nil).want(200)
	require.Equal(t, "agent", session.string("role"))
	require.Equal(t, h.live.ID.String(), session.body["tenant"].(map[string]any)["id"])
	require.Nil(t, session.body["temporalUiUrl"], "which is for owners")

	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", least("1")).want(201).string("id")
	b.call("POST", path+"/messages", object{"text": "Hi"}, "Idempotency-Key", "once").want(201)
	again := b.call("POST", path+"/messages", object{"text": "Hi"}, "Idempotency-Key", "once").want(201)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	b.call("POST", path+"/resolve", nil).want(200)
	b.call("DELETE", path+"/tags/none", nil).want(200)
	entries := b.call("GET", path+"/timeline", nil).want(200).list()
	actor := entries[len(entries)-1]["actor"].(map[string]any)
	require.Equal(t, "agent", actor["type"])
	require.Equal(t, session.body["agent"].(map[string]any)["id"], actor["id"])
	me := b.call("GET", "/v1/me", nil).want(200)
	require.Equal(t, "agent", me.string("type"))
	require.Equal(t, "agent", me.string("role"))

	require.Contains(t, b.call("DELETE", "/console/session", nil).want(204).header.Get("Set-Cookie"), "Max-Age=0")
	b.call("GET", "/console/session", nil).refused(401, "UNAUTHORIZED")
	b.call("GET", "/v1/conversations", nil).refused(401, "UNAUTHORIZED")
}

func TestTheCookieIsForTheConsoleAlone(t *testing.T) {
	h := newHarness(t)
	h.person("ada@example.com", account.RoleAgent)
	credentials := object{"email": "ada@example.com", "password": passphrase}
	plain := send(t, h.server.Handler(), "POST", "/console/session", credentials, "Origin", ownOrigin).want(201)
	require.Regexp(t, `^atender=[\w-]{43}; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax$`, plain.header.Get("Set-Cookie"))

	tls, err := New(Config{PublicURL: "https://Support.example.com:443"}, Deps{Store: h.store, Logger: h.server.log})
	require.NoError(t, err)
	safe := send(t, tls.Handler(), "POST", "/console/session", credentials, "Origin", "https://support.example.com").want(201)
	cookie := safe.header.Get("Set-Cookie")
	require.Regexp(t, `^__Host-atender=[\w-]{43}; Path=/; Max-Age=1209600; HttpOnly; Secure; SameSite=Lax$`, cookie)
	pair, _, _ := strings.Cut(cookie, ";")
	send(t, tls.Handler(), "GET", "/console/session", nil, "Cookie", pair).want(200)
	send(t, tls.Handler(), "GET", "/console/session", nil, "Cookie", strings.TrimPrefix(pair, "__Host-")).want(401)
	send(t, tls.Handler(), "GET", "/console/session", nil, "Cookie", pair+"; "+pair).want(401)
	send(t, tls.Handler(), "POST", "/console/session", credentials, "Origin", "http://support.example.com").
		refused(403, "ORIGIN_REFUSED")
}

// Docks on sibling hosts are of the same site: the browser sends them the cookie along, whatever SameSite says.
func TestWritesByCookieAreTheConsolesOwn(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleOwner)
	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", least("1")).want(201).string("id")
	for name, headers := range map[string][]string{
		"no origin":       {"Origin", ""},
		"sandboxed":       {"Origin", "null"},
		"another site":    {"Origin", "https://evil.example"},
		"a sibling":       {"Origin", "http://docks.example.com"},
		"without TLS":     {"Origin", "https://example.com"},
		"another port":    {"Origin", "http://example.com:8080"},
		"a longer name":   {"Origin", "http://example.com.evil.example"},
		"a form":          {"Content-Type", "application/x-www-form-urlencoded"},
		"a file form":     {"Content-Type", "multipart/form-data; boundary=x"},
		"plain text":      {"Content-Type", "text/plain"},
		"no type":         {"Content-Type", ""},
		"JSON, but not":   {"Content-Type", "text/plain; application/json"},
		"of another form": {"Content-Type", "application/xjson"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, write := range []struct {
				method, path string
				body         any
			}{
				{"POST", path + "/resolve", nil},
				{"PUT", path + "/tags/x", nil},
				{"DELETE", "/console/session", nil},
				{"PUT", "/console/password", object{"newPassword": "another passphrase"}},
				{"POST", "/v1/api-keys", object{"name": "x", "scopes": []any{"basic"}}},
			} {
				b.call(write.method, write.path, write.body, headers...).refused(403, "ORIGIN_REFUSED")
			}
		})
	}
	require.Equal(t, "active", b.call("GET", path, nil).want(200).string("status"))

	// With a key it is the key that counts, and the cookie means nothing.
	b.call("POST", path+"/resolve", nil, "Origin", "https://evil.example", "Authorization", "Bearer "+h.key).want(200)
	b.call("POST", path+"/reopen", nil, "Authorization", "Bearer sa_live_wrong").refused(401, "UNAUTHORIZED")
}

// No other page signs a browser in to an account that is not its user's.
func TestSigningInIsTheConsolesOwn(t *testing.T) {
	h := newHarness(t)
	h.person("ada@example.com", account.RoleAgent)
	credentials := object{"email": "ada@example.com", "password": passphrase}
	for _, headers := range [][]string{
		{}, {"Origin", "https://evil.example"}, {"Origin", ownOrigin, "Content-Type", "text/plain"},
	} {
		a := send(t, h.server.Handler(), "POST", "/console/session", credentials, headers...)
		a.refused(403, "ORIGIN_REFUSED")
		require.Empty(t, a.header.Get("Set-Cookie"))
	}
}

func TestASessionIsNeverOneThatTheBrowserCameWith(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleAgent)
	h.person("eve@example.com", account.RoleAgent)
	planted := b.cookie // by an attacker who has a session of her own, say
	b.signIn("eve@example.com")
	require.NotEqual(t, planted, b.cookie)
	send(t, h.server.Handler(), "GET", "/console/session", nil, "Cookie", planted).want(401)
	b.call("GET", "/console/session", nil).want(200)

	b.cookie = "atender=" + strings.Repeat("A", 43)
	b.signIn("eve@example.com")
	require.NotContains(t, b.cookie, "AAAAAA")
}

func TestGuessingIsSlowedDown(t *testing.T) {
	h := newHarness(t)
	h.person("ada@example.com", account.RoleAgent)
	wrong := object{"email": "ada@example.com", "password": "wrong wrong wrong"}
	for i := range 10 { // the address that a client makes up does not help it
		forwarded := "203.0.113." + string(rune('0'+i))
		send(t, h.server.Handler(), "POST", "/console/session", wrong, "Origin", ownOrigin, "X-Forwarded-For", forwarded).
			refused(401, "SIGN_IN_FAILED")
	}
	a := send(t, h.server.Handler(), "POST", "/console/session", wrong, "Origin", ownOrigin)
	a.refused(429, "SIGN_IN_THROTTLED")
	require.Regexp(t, `^[0-9]+$`, a.header.Get("Retry-After"))
	require.NotContains(t, h.log.String(), "ada@example.com")
	require.NotContains(t, h.log.String(), "wrong wrong")
}

func TestEachRoleMayDoWhatItMay(t *testing.T) {
	h := newHarness(t)
	id := h.call("POST", "/v1/conversations/outbound", least("1")).want(201).string("id")
	browsers := map[account.Role]*browser{}
	for _, role := range []account.Role{"owner", "lead", "agent", "reader", "analytics"} {
		browsers[role] = h.newBrowser(role)
	}
	note, key := object{"direction": "note", "text": "x"}, object{"name": "x", "scopes": []any{"basic"}}
	webhook := object{"name": "x", "url": "https://127.0.0.1/x", "events": []any{"*"}}
	for _, op := range []struct {
		method, path string
		body         any
		status       int
		may          []account.Role
	}{
		{"GET", "/v1/me", nil, 200, []account.Role{"owner", "lead", "agent", "reader", "analytics"}},
		{"GET", "/v1/conversations", nil, 200, []account.Role{"owner", "lead", "agent", "reader"}},
		{"POST", "/v1/conversations/" + id + "/messages", note, 201, []account.Role{"owner", "lead", "agent"}},
		{"PUT", "/v1/conversations/" + id + "/tags/x", nil, 200, []account.Role{"owner", "lead", "agent"}},
		{"GET", "/v1/webhooks", nil, 200, []account.Role{"owner", "lead"}},
		{"POST", "/v1/webhooks", webhook, 201, []account.Role{"owner"}},
		{"GET", "/v1/api-keys", nil, 200, []account.Role{"owner"}},
		{"POST", "/v1/api-keys", key, 201, []account.Role{"owner"}},
	} {
		for role, b := range browsers {
			got := b.call(op.method, op.path, op.body)
			if slices.Contains(op.may, role) {
				got.want(op.status)
			} else {
				got.refused(403, "SCOPE_MISSING")
			}
		}
	}
}

func TestADeactivatedAgentIsOut(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleAgent)
	b.call("GET", "/v1/me", nil).want(200)
	h.exec(`UPDATE agents SET is_active = false`)
	require.Eventually(t, func() bool { return b.call("GET", "/v1/me", nil).status == 401 }, 10*time.Second, 100*time.Millisecond)
}

func TestChangingThePasswordGivesThisBrowserANewSession(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleAgent)
	other := &browser{harness: h}
	other.signIn("agent@example.com")
	require.Equal(t, []string{"currentPassword:wrong"},
		b.call("PUT", "/console/password", object{"currentPassword": "x", "newPassword": "another passphrase"}).wrong())
	require.Equal(t, []string{"newPassword:too_short"},
		b.call("PUT", "/console/password", object{"currentPassword": passphrase, "newPassword": "short"}).wrong())
	changed := b.call("PUT", "/console/password",
		object{"currentPassword": passphrase, "newPassword": "another passphrase"}).want(204)
	b.call("GET", "/console/session", nil).want(401)
	other.call("GET", "/console/session", nil).want(401)
	b.cookie, _, _ = strings.Cut(changed.header.Get("Set-Cookie"), ";")
	b.call("GET", "/console/session", nil).want(200)
}

func TestKeysAreNoAgents(t *testing.T) {
	h := newHarness(t)
	own := []string{"Origin", ownOrigin, "Content-Type", "application/json"}
	h.call("GET", "/console/session", nil).refused(403, "AGENT_REQUIRED")
	h.call("DELETE", "/console/session", nil, own...).refused(403, "AGENT_REQUIRED")
	h.call("PUT", "/console/password", object{"newPassword": "another passphrase"}, own...).refused(403, "AGENT_REQUIRED")
	h.call("GET", "/console/events", nil).refused(403, "AGENT_REQUIRED")
}

// A page on a sibling host gets the cookie sent along: the agent's few streams are not for it to use up.
func TestStreamsAreTheConsolesOwn(t *testing.T) {
	h := newHarness(t)
	b := h.newBrowser(account.RoleReader)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "none"},
		{"Origin", "https://docks.example.com"}, {"Origin", "null"},
		{"Sec-Fetch-Site", "same-origin", "Origin", "https://docks.example.com"},
	} {
		send(t, h.server.Handler(), "GET", "/console/events", nil, append(headers, "Cookie", b.cookie)...).
			refused(403, "ORIGIN_REFUSED")
	}
	server := httptest.NewServer(h.server.Handler())
	t.Cleanup(server.Close)
	b.openStream(t, server, "", "Sec-Fetch-Site", "same-origin").next("ready")
	b.openStream(t, server, "").next("ready") // without TLS browsers do not say
}

func TestASignInLinkIsUsedByItsButton(t *testing.T) {
	h := newHarness(t)
	ada := h.person("ada@example.com", account.RoleAgent)
	token, err := h.store.SignIns.CreateLink(t.Context(), h.live.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	press := func(token string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/console/sign-in", strings.NewReader(url.Values{"token": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.server.Handler().ServeHTTP(w, r)
		return w
	}
	for range 3 { // mail programs and chats look at what a link shows
		page := get(h.server.Handler(), "/console/sign-in?token="+token)
		require.Equal(t, 200, page.Code)
		require.Contains(t, page.Body.String(), `value="`+token+`"`)
		require.Equal(t, "no-store", page.Header().Get("Cache-Control"))
		require.Equal(t, "same-origin", page.Header().Get("Referrer-Policy"))
		require.Contains(t, page.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	}
	require.Equal(t, http.StatusForbidden, press(token).Code)
	require.Equal(t, http.StatusForbidden, press(token, "Origin", "https://evil.example").Code)

	in := press(token, "Origin", ownOrigin)
	require.Equal(t, http.StatusSeeOther, in.Code)
	require.Equal(t, "/console", in.Header().Get("Location"))
	cookie, _, _ := strings.Cut(in.Header().Get("Set-Cookie"), ";")
	send(t, h.server.Handler(), "GET", "/console/session", nil, "Cookie", cookie).want(200)
	again := press(token, "Origin", ownOrigin)
	require.Equal(t, http.StatusUnauthorized, again.Code)
	require.Contains(t, again.Body.String(), "does not work")
	require.Empty(t, again.Header().Get("Set-Cookie"))
	require.NotContains(t, h.log.String(), token)

	page := get(h.server.Handler(), "/console/sign-in?token="+url.QueryEscape(`"><script>alert(1)</script>`))
	require.NotContains(t, page.Body.String(), "<script")
}
