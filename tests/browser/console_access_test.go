package browser_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// No page of the console, in light or dark, has what axe-core calls a serious or critical barrier.
func TestNoPageKeepsAnybodyOut(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	require.NoError(t, err)
	var three [3]wire.Conversation
	var webhook struct{ ID string }
	c := openConsole(t, models.RoleOwner, func(c *console) {
		three = c.three()
		c.must(http.MethodPost, part(three[0].ID, "/messages"), map[string]any{"direction": "note", "text": "Ask Ben"}, nil)
		c.must(http.MethodPost, "/v1/webhooks",
			map[string]any{"name": "CRM", "url": "http://127.0.0.1:9/", "events": []string{"*"}, "isActive": false}, &webhook)
		c.must(http.MethodPost, "/v1/docks", map[string]any{"name": "Refunds", "url": "https://tools.shop.example/"}, nil)
	})
	pages := append([]string{
		"/inbox/" + three[0].ID.String(), "/settings/general", "/settings/webhooks/" + webhook.ID,
	}, everywhere...)
	var found []string
	for _, scheme := range []string{"light", "dark"} {
		c.tab.Scheme(scheme)
		for _, page := range pages {
			c.visit(page)
			c.tab.Until(`document.querySelector(".page").innerText.length > 20 && !document.querySelector("[aria-busy=true]")`)
			found = append(found, c.barriers(axe, scheme+" "+page)...)
		}
		c.open(three[0].ID)
		for _, key := range []string{"?", "t", "z", "a", "i"} {
			const opened = "dialog[open], .popover"
			require.Eventually(t, func() bool { // the one before may give the keys back a moment after it has gone
				if c.count(opened) == 0 {
					c.tab.Press(key)
				}
				return c.count(opened) == 1
			}, soon, often, key)
			found = append(found, c.barriers(axe, scheme+" "+key)...)
			c.tab.Press(kb.Escape)
			c.tab.Until(`!document.querySelector(%q) /* after %s */`, opened, key)
		}
	}
	c.tab.Goto(c.site.Origin + "/console/sign-in?token=x")
	found = append(found, c.barriers(axe, "a sign-in link")...)
	require.Empty(t, found, strings.Join(found, "\n"))
}

// barriers are what axe-core finds on the page. Frames are others' to check; what moves is let come to rest.
func (c *console) barriers(axe []byte, where string) []string {
	c.t.Helper()
	c.tab.Do("%s; undefined", axe)
	return browser.Get[[]string](c.tab, `Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})))
		.then(() => axe.run(document, { iframes: false, resultTypes: ["violations"] })).then((r) => r.violations
			.filter((v) => v.impact === "serious" || v.impact === "critical")
			.flatMap((v) => v.nodes.map((n) => [%q, v.id, n.html.slice(0, 200), n.any[0]?.message ?? ""].join(": "))))`, where)
}

// From the inbox to a new team, and back, without a pointer.
func TestSettingsByKeyboard(t *testing.T) {
	t.Parallel()
	c := openConsole(t, models.RoleOwner)
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
