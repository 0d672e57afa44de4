package browser_test

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// hostile is text that runs as script wherever it is taken for HTML, in an attribute, or for an address.
const hostile = `"'><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>` +
	`<svg onload=window.pwned=1>${window.pwned=1}`

// everywhere goes through all that shows what people outside and colleagues have named.
var everywhere = []string{
	"/inbox", "/inbox?status=any&q=img", "/reports", "/settings", "/settings/keys", "/settings/docks", "/settings/webhooks",
	"/settings/sla", "/settings/hours", "/settings/tags", "/settings/teams", "/settings/agents", "/settings/channels",
}

// Every field that takes text takes a script; pages show it as the text it is.
func TestTextIsNeverMoreThanText(t *testing.T) {
	t.Parallel()
	var id uuid.UUID
	c := openConsole(t, account.RoleOwner, func(c *console) {
		id = c.hostileData()
	})
	c.open(id)
	c.tab.Do(`document.querySelector(".head-contact").click()`) // the details, with custom fields
	c.shows(c.tab, `"'><img src=x onerror=`)
	c.tab.Until(`document.querySelector("[role=tab]")?.textContent.includes("<script>")`)
	require.Contains(t, browser.Get[string](c.tab, `document.querySelector(".head h1").textContent`), "<svg onload")
	require.Contains(t, browser.Get[string](c.tab, `document.querySelector(".tag").textContent`), "<img")
	require.Contains(t, browser.Get[string](c.tab, `document.querySelector(".message .text").textContent`), hostile)
	c.harmless("the conversation")
	for _, page := range everywhere {
		c.turnTo(page)
		c.tab.Until(`document.querySelector(".page").innerText.length > 20 && !document.querySelector("[aria-busy=true]")`)
		c.harmless(page)
	}
}

// hostileData puts hostile text wherever text is taken, and returns a conversation that has all of it.
func (c *console) hostileData() uuid.UUID {
	c.t.Helper()
	tag := "<img src=x onerror=pwned=1>"
	made := c.incoming(incoming{
		name: hostile, subject: hostile, text: hostile, tags: []string{tag},
		email: "o'eve+onerror=pwned=1@customers.example", fields: map[string]any{"order_id": hostile},
	})
	c.customerWrites(made.ID, map[string]any{"text": "javascript:window.pwned=1 https://x.example/\"onmouseover=pwned=1"})
	c.must(http.MethodPost, part(made.ID, "/messages"), map[string]any{"direction": "note", "text": hostile}, nil)
	for path, body := range map[string]map[string]any{
		"/v1/teams":    {"name": hostile[:100], "description": hostile},
		"/v1/tags":     {"name": "<svg onload=pwned=1>"},
		"/v1/agents":   {"name": hostile[:100], "email": "eve@shop.example", "role": "agent"},
		"/v1/webhooks": {"name": hostile[:100], "url": "http://127.0.0.1:9/?a=<script>pwned=1</script>", "events": []string{"*"}},
		"/v1/docks":    {"name": hostile[:60], "url": "http://localhost:9/", "icon": "<b>"},
		"/v1/api-keys": {"name": hostile[:100], "scopes": []string{"conversations:read"}},
	} {
		if status, answer := call(c.t, c.Stack, http.MethodPost, path, body); status/100 != 2 {
			require.Equal(c.t, http.StatusBadRequest, status, "%s: %s", path, answer) // refused is as good, if it is said
			delete(body, "icon")
			delete(body, "email")
			c.t.Logf("%s refuses it: %s", path, answer)
		}
	}
	return made.ID
}

// harmless is that no script ran, and that the page's policy had nothing to refuse: nothing was taken for HTML.
func (c *console) harmless(where string) {
	c.t.Helper()
	require.False(c.t, browser.Get[bool](c.tab, `"pwned" in window`), where)
	require.Zero(c.t, c.count(`img[src="x"], [onerror], [onload], [onmouseover], [onclick], a[href^="javascript:"], #app script`), where)
	for _, complaint := range c.tab.Complaints() {
		require.NotContains(c.t, complaint, "Refused to", where)
		require.NotContains(c.t, complaint, "violates", where)
	}
}

// What a customer's HTML brings along does nothing, and no server hears that it was read until the agent asks for
// images.
func TestACustomersHTMLIsPicturesAndWords(t *testing.T) {
	t.Parallel()
	var id uuid.UUID
	plain, calls := listen(t)
	secure, secureCalls := listen(t)
	c := openConsole(t, account.RoleAgent, func(c *console) {
		made := c.incoming(incoming{name: "Eve", subject: "Newsletter", text: "Hello"})
		id = made.ID
		page := strings.ReplaceAll(`<h1 onclick="top.pwned=1">Great news</h1><script>top.pwned=1; fetch("SPY/script")</script>
			<img src="SPY/pixel.png" width="1" height="1" onerror="top.pwned=1"><img srcset="SPY/srcset.png 1x">
			<div style="background:url(SPY/style.png); position:fixed; inset:0">Big</div>
			<style>body { background: url(SPY/sheet.png) } @import "SPY/import.css";</style>
			<link rel="stylesheet" href="SPY/link.css"><link rel="prefetch" href="SPY/prefetch"><base href="SPY/">
			<meta http-equiv="refresh" content="0; url=SPY/refresh"><iframe src="SPY/frame"></iframe>
			<object data="SPY/object"></object>
			<svg onload="top.pwned=1"><image href="SPY/svg.png"/></svg>
			<video src="SPY/video" poster="SPY/poster" autoplay></video>
			<form action="SPY/form"><input autofocus onfocus="this.form.submit()"><button>Win</button></form>
			<a href="javascript:top.pwned=1">here</a> <a href="https://shop.example/">there</a>`, "SPY", "https://"+secure)
		page += strings.ReplaceAll(page, "https://"+secure, "http://"+plain)
		c.customerWrites(id, map[string]any{"html": page})
	})
	c.open(id)
	const frame = formattedFrame
	c.tab.Until(frame)
	require.Empty(t, browser.Get[[]string](c.tab, `[...`+frame+`.sandbox].filter((may) => !may.startsWith("allow-popups"))`),
		"no scripts, no origin")
	require.True(t, browser.Get[bool](c.tab, frame+`.hasAttribute("sandbox")`))
	c.tab.Until(`[...document.querySelectorAll("button")].some((b) => b.textContent.includes("Load remote images"))`)
	path := browser.Get[string](c.tab, frame+`.getAttribute("src")`)
	require.Eventually(t, func() bool { return len(c.door.Asked("GET "+path)) > 0 && c.door.Inside(path) == 0 }, soon, often)
	c.tab.Do(`new Promise((done) => setTimeout(done, 1000))`) // in which what it may not fetch would be fetched
	require.Zero(t, secureCalls.Load()+calls.Load(), "nobody outside hears of it")

	c.press("Load remote images")
	require.Eventually(t, func() bool { return secureCalls.Load() > 0 }, soon, often)
	require.Zero(t, calls.Load(), "nothing without TLS")
	require.False(t, browser.Get[bool](c.tab, `"pwned" in window`))
	require.Equal(t, "/console/inbox/"+id.String(), browser.Get[string](c.tab, "location.pathname"))
}

// listen counts who connects to an address, which never answers.
func listen(t testing.TB) (address string, calls *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	calls = &atomic.Int64{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = conn.Close()
		}
	}()
	return l.Addr().String(), calls
}

// What a role may not do is not offered, and refused when it is tried all the same.
func TestRolesSeeWhatTheyMayDo(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleReader, func(c *console) { three = c.three() })
	id := three[0].ID
	c.open(id)
	require.Zero(t, c.count(".composer, [title='Resolve (e)'], .tag button, .head-facts .picker"))
	c.tab.Press("rezat") // none of which is a reader's
	require.Zero(t, c.count(".popover, textarea"))
	c.tab.Press("i") // but this is
	c.tab.Until(`document.querySelector("dialog[open]")?.getAttribute("aria-label") === "Details"`)
	c.tab.Press(kb.Escape)
	for path, body := range map[string]map[string]any{
		"/messages": {"text": "Hi"}, "/resolve": {}, "/assign": {"assigneeId": c.me.ID}, "/archive": {},
	} {
		require.Equal(t, http.StatusForbidden, c.as("POST", part(id, path), body), path)
	}
	require.Equal(t, http.StatusForbidden, c.as("POST", "/v1/api-keys",
		map[string]any{"name": "mine", "scopes": []string{"full_access"}}))
	require.Equal(t, three[0].Version, c.conversation(id).Version)

	c.signIn(c.tab, c.agent("Rosa Report", "rosa@shop.example", account.RoleAnalytics))
	c.tab.Until(`location.pathname === "/console/reports"`)
	require.Equal(t, "Reports", browser.Get[string](c.tab,
		`[...document.querySelectorAll("a.rail-link")].map((a) => a.textContent).join()`))
	c.visit("/inbox/" + id.String())
	c.tab.Until(`location.pathname === "/console/reports"`)
	for _, path := range []string{"/v1/conversations", part(id, ""), part(id, "/messages"), "/v1/contacts", "/console/events"} {
		require.Equal(t, http.StatusForbidden, browser.Get[int](c.tab, `fetch(%q).then((r) => r.status)`, path), path)
	}
	c.tab.Do(`new Promise((done) => setTimeout(done, 5000))`)
	require.Zero(t, c.count(".offline"), "who hears nothing does not wait for it")
}

// A page of another site cannot use the agent's cookie, a dock's origin included.
func TestAnotherOriginCannotWriteAsTheAgent(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) { three = c.three() })
	sibling := browser.Serve(t, "127.0.0.1", http.NotFoundHandler()) // the same site, another origin: cookies go along
	c.tab.Goto(sibling.Origin + "/")
	body, err := json.Marshal(map[string]any{"text": "Not by Ada"})
	require.NoError(t, err)
	for _, contentType := range []string{"application/json", "text/plain"} {
		c.tab.Do(`fetch(%q, { method: "POST", mode: %q, credentials: "include", headers: { "Content-Type": %q }, body: %q })
			.catch(() => {})`, c.site.Origin+part(three[0].ID, "/messages"),
			map[string]string{"application/json": "cors", "text/plain": "no-cors"}[contentType], contentType, body)
	}
	require.Len(t, c.messages(three[0]), 1)
	require.NotEmpty(t, c.door.Asked("POST "+part(three[0].ID, "/messages")), "one of them came as far as the server")
}
