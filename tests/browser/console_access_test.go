package browser_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local/sampledock"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/inbox"
)

// No page, dialog or menu, in light or dark, on a desk or a phone, has what axe-core calls a serious or critical barrier, or
// has to be scrolled sideways.
func TestNoPageKeepsAnybodyOut(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	var site *browser.Site
	c := openConsole(t, account.RoleOwner, func(c *console) {
		c.Subscribe(inbox.Open(t))
		var policy struct{ ID string }
		targets := map[string]int{"normalTargetSeconds": 600, "highTargetSeconds": 1200, "urgentTargetSeconds": 1800}
		c.must(http.MethodPost, "/v1/sla-policies",
			map[string]any{"name": "Soon", "targets": map[string]any{"first_reply": targets}}, &policy)
		c.must(http.MethodPost, "/v1/sla-assignments", map[string]any{"policyId": policy.ID}, nil)
		c.must(http.MethodPost, "/v1/docks", map[string]any{"name": "Refunds", "url": "https://tools.shop.example/"}, nil)
		three = c.three()
		for direction, text := range map[string]string{"note": "Ask Ben", "outbound": "A new one comes."} {
			c.must(http.MethodPost, part(three[0].ID, "/messages"), map[string]any{"direction": direction, "text": text}, nil)
		}
		handler, err := sampledock.Handler(c.site.Origin)
		require.NoError(t, err)
		site = browser.Serve(t, "localhost", handler)
	})
	var webhooks struct{ Data []struct{ ID string } }
	c.must(http.MethodGet, "/v1/webhooks", nil, &webhooks)
	a := newAudit(c)

	c.visit("/inbox")
	for _, page := range everywhere {
		a.page(page)
	}
	for _, page := range []string{"keys", "webhooks", "docks", "sla", "hours", "tags", "teams", "agents"} {
		a.page("/settings/"+page, ".section-action button")
	}
	a.page("/settings/general")
	a.page("/settings/channels", ".row-open")
	a.page("/settings/keys", ".row-open")
	a.page("/settings/webhooks/"+webhooks.Data[0].ID, ".row-open")
	a.page("/inbox", ".chip")
	a.page("/inbox/"+three[0].ID.String(), "")
	for _, key := range []string{"?", "t", "z", "a", "i"} {
		require.Eventually(t, func() bool { // the one before may give the keys back a moment after it has gone
			if c.count(openedHere) == 0 {
				c.tab.Press(key)
			}
			return c.count(openedHere) == 1
		}, soon, often, key)
		a.opened(key)
	}
	c.door.Shut()
	a.page("/settings/sla")
	require.Equal(t, 1, c.count(".failed"))
	c.door.Open()

	c.signOut()
	c.tab.Until(`document.querySelector(".sign-in")`)
	a.look("the sign-in page")
	for _, url := range []string{"/console/sign-in?token=x", "/docks", "/docks/playground"} {
		c.tab.Goto(c.site.Origin + url)
		a.look(url)
	}
	c.tab.Goto(site.Origin)
	a.look("the sample dock")
	require.Empty(t, a.found, strings.Join(a.found, "\n"))
}

// openedHere is what lies over the page.
const openedHere = "dialog[open], .popover"

// audit looks for barriers.
type audit struct {
	*console
	axe   string
	found []string
}

func newAudit(c *console) *audit {
	c.t.Helper()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	require.NoError(c.t, err)
	return &audit{console: c, axe: string(axe)}
}

// page goes to a page of the console, in the document that is there, and looks at it; then presses what a selector finds
// there, if one is given, and looks at what that opens.
func (a *audit) page(path string, press ...string) {
	a.t.Helper()
	a.turnTo(path)
	a.tab.Until(`document.querySelector(".page").innerText.length > 20 && !document.querySelector("[aria-busy=true], .popover")
		&& document.querySelector("h1, .list li, .list-box .empty")`)
	if len(press) == 0 || press[0] == "" {
		a.look(path)
		return
	}
	a.tab.Until(`document.querySelector(%q)`, press[0])
	if strings.Contains(path, "/webhooks/") {
		a.look(path)
	}
	a.tab.Do(`document.querySelector(%q).click()`, press[0])
	a.opened(path + " " + press[0])
}

// opened looks at the dialog or menu that has just been opened, and closes it.
func (a *audit) opened(what string) {
	a.t.Helper()
	const opened = `document.querySelector("` + openedHere + `")`
	a.tab.Until(opened + ` && !document.querySelector("[aria-busy=true]")`)
	a.look(what)
	a.tab.Press(kb.Escape)
	a.tab.Until("!"+opened+" /* %s */", what)
}

// look finds what axe-core finds: everything once, and on a phone what is too small or too wide; colours in the dark there,
// and of pages on a desk, too. Frames are others' to check; what moves is let come to rest.
func (a *audit) look(what string) {
	a.t.Helper()
	if !browser.Get[bool](a.tab, `"axe" in window`) {
		a.tab.Do("%s; undefined", a.axe)
	}
	for _, as := range []struct {
		name, scheme  string
		width, height int64
		options       string
	}{
		{"desk", "light", 1280, 720, `rules: { "target-size": { enabled: true } }`},
		{"desk, dark", "dark", 1280, 720, `runOnly: ["color-contrast"]`},
		{"phone", "dark", 390, 844, `runOnly: ["color-contrast", "target-size", "scrollable-region-focusable"]`},
	} {
		if as.name == "desk, dark" && a.count(openedHere) > 0 {
			continue // it looks the same on a phone
		}
		a.tab.Scheme(as.scheme)
		a.tab.Size(as.width, as.height)
		a.found = append(a.found, browser.Get[[]string](a.tab, `Promise
			.all(document.getAnimations().map((a) => a.finished.catch(() => {})))
			.then(() => axe.run(document, { iframes: false, resultTypes: ["violations"], %s })).then((r) => r.violations
				.filter((v) => v.impact === "serious" || v.impact === "critical")
				.flatMap((v) => v.nodes.map((n) => [%q, v.id, n.html.slice(0, 200), n.any[0]?.message ?? ""].join(": ")))
				.concat(document.documentElement.scrollWidth > innerWidth ? %q : []))`,
			as.options, what+", "+as.name, what+" scrolls sideways, "+as.name)...)
	}
	a.tab.Scheme("light")
	a.tab.Size(1280, 720)
}

// From the inbox to a new team, and back, without a pointer.
func TestSettingsByKeyboard(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleOwner)
	c.visit("/inbox")
	c.goBy("gs", "/console/settings")
	c.tabTo("Teams")
	c.tab.Press(kb.Enter)
	c.tab.Until(`location.pathname === "/console/settings/teams" &&
		document.querySelector(".settings-page")?.textContent.includes("Billing")`)
	c.tabTo("Add team")
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.closest("dialog")?.querySelector("input") === document.activeElement`)
	c.tab.Press("Returns")
	seen := map[string]bool{}
	for range 20 { // round and round, and never out of the dialog
		c.tab.Press(kb.Tab)
		at := browser.Get[string](c.tab, `document.activeElement === document.body ? "body"
			: document.activeElement.closest("dialog") ? "dialog" : document.activeElement.outerHTML`)
		seen[at] = true
	}
	delete(seen, "body") // the browser's own bar lies on the way
	require.Equal(t, map[string]bool{"dialog": true}, seen)
	c.tabTo("Save", "Add", "Add team", "Create")
	c.tab.Press(kb.Enter)
	c.tab.Until(`!document.querySelector("dialog") && document.querySelector(".settings-page").textContent.includes("Returns")`)
	c.tab.Until(`document.activeElement.textContent.trim() === "Add team"`) // focus is back
	require.NotEqual(t, "none", browser.Get[string](c.tab, `(() => { const s = getComputedStyle(document.activeElement);
		return s.outlineStyle === "none" && s.boxShadow === "none" ? "none" : "seen" })()`))
	c.goBy("gi", "/console/inbox")
}

// goBy presses a pair of keys, again if the machine was too slow for them to be one, until the page is there.
func (c *console) goBy(pair, path string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		c.tab.Press(pair)
		return browser.Get[string](c.tab, "location.pathname") == path
	}, soon, often)
}

// tabTo presses Tab until what reads like one of these has the focus.
func (c *console) tabTo(texts ...string) {
	c.t.Helper()
	var passed []string
	for range 60 {
		c.tab.Press(kb.Tab)
		at := browser.Get[string](c.tab, `document.activeElement.matches("a, button")
			? document.activeElement.textContent.trim() : ""`)
		for _, text := range texts {
			if at == text {
				return
			}
		}
		passed = append(passed, at)
	}
	require.FailNow(c.t, "never has the focus", "%q, but %q", texts, passed)
}
