package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// inView are the tabs that can be seen in whole, by name, the chosen one in brackets.
const inView = `(() => {
	const strip = document.querySelector(".docks-tabs").getBoundingClientRect();
	return [...document.querySelectorAll("[role=tab]")].filter((t) => {
		const { left, right, width } = t.getBoundingClientRect();
		return width > 30 && left >= strip.left - 1 && right <= strip.right + 1;
	}).map((t) => t.ariaSelected === "true" ? "[" + t.textContent.trim() + "]" : t.textContent.trim()).join(" ");
})()`

// More docks than there is room for: three have tabs, all are in a menu, and the chosen one is always to be seen.
func TestManyDocksAreInAMenu(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site := c.docksSite()
		for i := range 9 {
			name := fmt.Sprintf("Dock %d", i+1)
			if i == 7 {
				name = "Dock 8 of the people who look after returns, complaints and everything else that comes back to us"
			}
			c.dock(name, site.Origin+"/silent.html", map[string]any{"position": i})
		}
		three = c.three()
	})
	c.open(three[0].ID)
	is := func(want string) {
		t.Helper()
		c.tab.Until(inView+` === %q`, want)
	}
	is("[Dock 1] Dock 2 Dock 3")
	pick := func(name string) {
		t.Helper()
		c.tab.Click(".docks-head .picker button")
		c.tab.Until(`document.querySelectorAll(".docks-head [role=option]").length === 9`)
		c.tab.Press(name)
		c.tab.Until(`document.querySelectorAll(".docks-head [role=option]").length === 1`)
		picture(t, c.tab, "docks-menu")
		c.tab.Press(kb.Enter)
	}
	pick("Dock 6")
	is("Dock 1 Dock 2 [Dock 6]")
	c.tab.Until(frameCalled("Dock 6"))
	c.press("Dock 1")
	is("[Dock 1] Dock 2 Dock 6")
	c.tab.Do(`document.querySelector("[role=tab][aria-selected=true]").focus()`)
	c.tab.Press(kb.ArrowLeft) // round to the last
	is("Dock 1 Dock 2 [Dock 6]")
	pick("Dock 2")
	is("Dock 1 [Dock 2] Dock 6")
	pick("Dock 8")
	c.tab.Until(inView + `.startsWith("Dock 1 Dock 2 [Dock 8 of the people")`)
	picture(t, c.tab, "docks-tabs")
	audit := newAudit(c)
	audit.look("tabs")
	require.Empty(t, audit.found)

	c.visit("/inbox/" + three[0].ID.String()) // it is remembered, and in view
	c.tab.Until(inView + `.startsWith("Dock 1 Dock 2 [Dock 8 of the people")`)
}

// An app that is installed in the console may use dialogs of the browser, one that came over the API only if that says so.
func TestTheFormOfADockLetsItUseDialogs(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		site = c.docksSite()
		c.dock("Old", site.Origin+"/silent.html", nil)
		three = c.three()
	})
	c.visit("/settings/docks")
	c.tab.Until(`document.querySelector(".page tbody tr")`)
	boxes := func() []bool {
		t.Helper()
		c.press("More settings")
		c.tab.Until(`document.querySelector("dialog[open] fieldset")`)
		return browser.Get[[]bool](c.tab, `[...document.querySelectorAll("dialog[open] label")]
			.filter((l) => l.querySelector("code")?.textContent === "modals").map((l) => l.querySelector("input").checked)`)
	}
	c.press("Add app")
	c.tab.Until(`document.querySelector("dialog[open] input")`)
	require.Equal(t, []bool{true}, boxes())
	fill := func(label, value string) {
		c.tab.Do(`[...document.querySelectorAll("dialog[open] .field")].find((f) => f.innerText.startsWith(%q))
			.querySelector("input").focus()`, label)
		c.tab.Press(value)
	}
	fill("Name", "New")
	fill("URL", site.Origin+"/puppet.html#0")
	c.press("Add")
	c.shows(c.tab, "I have kept it")
	c.press("I have kept it")
	var page struct{ Data []wire.Dock }
	c.must(http.MethodGet, "/v1/docks", nil, &page)
	require.Len(t, page.Data, 2)
	require.Equal(t, []string{}, page.Data[0].Permissions)
	require.Equal(t, []string{"modals"}, page.Data[1].Permissions)

	c.open(three[0].ID)
	c.tab.Until(frameCalled("Old"))
	c.press("New")
	c.tab.Until(frameCalled("New"))
	sandbox := func(name string) string {
		return browser.Get[string](c.tab, frameCalled(name)+`.getAttribute("sandbox")`)
	}
	require.Contains(t, sandbox("New"), " allow-modals")
	require.Empty(t, browser.Get[string](c.tab, frameCalled("New")+`.allow`))
	require.NotContains(t, sandbox("Old"), "allow-modals")
}

// Tags and names that turn around what follows them change nothing of what the console says.
func TestDirectionsOfTextStayWithinIt(t *testing.T) {
	t.Parallel()
	c, site, dock, at := asking(t)
	const tag, shown = "refunded\u202e .oot ecilop eht llac", "refunded⟨U+202E⟩ .oot ecilop eht llac"
	dock.Do(`act("1", "addTag", { tag: %q })`, tag)
	c.tab.Until(dialogTitle + ` === "Cards asks you"`)
	require.Equal(t, "It wants to add the tag “"+shown+"”.", browser.Get[string](c.tab,
		`document.querySelector("dialog[open] .dialog-body p").textContent`))
	picture(t, c.tab, "consent-direction")
	c.tab.Until(`[...document.querySelectorAll("dialog[open] button")].some((b) =>
		b.textContent.trim() === "Allow" && !b.disabled)`)
	c.press("Allow")
	site.Await("result 1 ok")
	c.shows(c.tab, "You added tag "+shown+".")
	c.shows(c.tab, "You, via Cards: added tag "+shown)
	c.tab.Until(`[...document.querySelectorAll(".head .tag, .row-rest")]
		.filter((e) => e.innerText.includes(%q)).length === 2`, shown)

	// Letters of the other direction are set apart: the words around them keep their places.
	dock.Do(`act("2", "addTag", { tag: "מסמך 7" })`)
	c.tab.Until(`document.querySelector("dialog[open] .dialog-body p")?.textContent.includes("מסמך 7")`)
	require.Equal(t, "It wants to add the tag “\u2068מסמך 7\u2069”.", browser.Get[string](c.tab,
		`document.querySelector("dialog[open] .dialog-body p").textContent`))
	c.press("Cancel")
	site.Await("result 2 REJECTED")
	dock.Do(`act("3", "sendMessage", { text: %q })`, "Pay \u202e100 now")
	c.tab.Until(`document.querySelector("dialog[open] blockquote")?.textContent === "Pay ⟨U+202E⟩100 now"`)
	c.press("Cancel")
	site.Await("result 3 REJECTED")
	require.Len(t, c.messages(at), 1)
	require.False(t, browser.Get[bool](c.tab, `document.body.innerText.includes("\u202e")`))
	require.Empty(t, c.tab.Complaints())
}
