package browser_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/inbox"
)

// tabUntil presses Tab until what has the focus, as at, is as it should be.
func (c *console) tabUntil(is string) {
	c.t.Helper()
	for range 60 {
		c.tab.Press(kb.Tab)
		if browser.Get[bool](c.tab, `((at) => Boolean(%s))(document.activeElement)`, is) {
			return
		}
	}
	require.FailNow(c.t, "never has the focus", is)
}

// A day's work and its settings, with nothing but Tab, arrows, Enter and Escape.
func TestAllThatAPointerDoesKeysDo(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		site := c.docksSite()
		c.dock("Orders", puppet(site, ""), nil)
		c.dock("Refunds", puppet(site, ""), nil)
		c.Subscribe(inbox.Open(t))
		three = c.three()
	})
	c.findsByKeys()
	c.turnsByKeys(three[0])

	var webhooks struct{ Data []struct{ ID string } }
	c.must(http.MethodGet, "/v1/webhooks", nil, &webhooks)
	require.Eventually(t, func() bool {
		var owed struct{ Data []any }
		c.must(http.MethodGet, "/v1/webhooks/"+webhooks.Data[0].ID+"/deliveries?status=pending", nil, &owed)
		return len(owed.Data) == 0
	}, soon, often)
	c.visit("/settings/webhooks/" + webhooks.Data[0].ID)
	c.tabUntil(`at.matches(".row-open")`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.querySelector("dialog .attempt")`)
	c.tabUntil(`at.textContent === "Redeliver"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.querySelector("dialog [role=status] .notice")?.textContent.includes("On its way again.")`)
	c.tab.Press(kb.Escape)
	c.tab.Until(`!document.querySelector("dialog") && document.activeElement.matches(".row-open")`)
	c.tabTo("Replay…")
	c.tab.Press(kb.Enter)
	c.tabTo("Start")
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.querySelector("table[aria-label=Replays]")`)

	c.visit("/settings/keys")
	c.tabTo("Create key")
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("dialog input")`)
	c.tab.Press("Shop" + kb.Enter)
	c.tab.Until(`document.querySelector("dialog .secret")`)
	c.tab.Press(kb.Escape) // by a slip
	c.shows(c.tab, "Have you kept it?")
	c.tab.Press(kb.Escape)
	c.tab.Until(`document.querySelectorAll("dialog").length === 1`)
	c.tabTo("I have kept it")
	c.tab.Press(kb.Enter)
	c.tab.Until(`!document.querySelector("dialog")`)
	require.Empty(t, c.tab.Complaints())
}

// findsByKeys goes past the menu, narrows and sorts the list, and opens the one conversation that has a tag.
func (c *console) findsByKeys() {
	c.t.Helper()
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	c.tab.Press(kb.Tab + kb.Enter)
	c.tab.Until(`document.activeElement.matches("main")`)
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	c.tabUntil(`at.title === "Sort"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches(".popover *")`)
	c.tab.Press(kb.ArrowDown + kb.ArrowDown + kb.Enter)
	c.tab.Until(`location.search === "?sort=createdAt" && document.activeElement.title === "Sort"`)
	c.tab.Until(`document.querySelector(".row-name").textContent === "Noor Haddad"`)
	c.tabUntil(`at.title === "Tag"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches(".popover *")`)
	c.tab.Press(kb.End + kb.Enter)
	c.tab.Until(`document.querySelectorAll(".list li").length === 1`)
	c.tabUntil(`at.matches(".row")`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("h1") && document.activeElement.textContent === "The lid is broken"`)
	c.tab.Press(kb.Escape)
	c.tab.Until(`document.activeElement.matches(".row")`) // back where it was
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	require.Equal(c.t, 1, c.count(`.row:not([tabindex])`), "Tab goes to one row, and arrows to the others")
	c.tab.Press("jj")
	c.tab.Until(`document.activeElement.matches(".row.at") && document.activeElement.textContent.includes("Mateo")`)
	c.tab.Press(kb.ArrowDown + kb.Enter)
	c.tab.Until(`document.activeElement.matches("h1") && document.activeElement.textContent === "The lid is broken"`)
}

// turnsByKeys snoozes the conversation that is open until a time of its own, looks at its docks and details, and archives it.
func (c *console) turnsByKeys(of wire.Conversation) {
	c.t.Helper()
	c.tabUntil(`at.title === "Snooze (z)"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("[role=listbox]")`)
	c.tabUntil(`at.matches(".popover-foot input")`)
	c.tabUntil(`at.matches(".popover-foot button")`)
	c.tab.Press(kb.Enter)
	c.becomes(of.ID, func(now wire.Conversation) bool { return now.Status == "snoozed" })
	require.WithinDuration(c.t, time.Now().Add(24*time.Hour), c.conversation(of.ID).SnoozedUntil.Time, 2*time.Minute)

	c.tabUntil(`at.matches("[role=separator]")`)
	before := browser.Get[int](c.tab, `Number(document.activeElement.ariaValueNow)`)
	c.tab.Press(kb.ArrowLeft)
	c.tab.Until(`Number(document.activeElement.ariaValueNow) > %d`, before)
	c.tabUntil(`at.matches("[role=tab]") && at.textContent === "Orders"`)
	c.tab.Press(kb.ArrowRight)
	c.tab.Until(`document.activeElement.textContent === "Refunds" && document.activeElement.ariaSelected === "true"`)

	c.tab.Do(`document.querySelector(".head [title=More]").focus()`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("[role=listbox]")`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("dialog[aria-label=Details] *")`)
	c.tab.Press(kb.Escape)
	c.tab.Until(`document.activeElement.title === "More"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.activeElement.matches("[role=listbox]")`)
	c.tab.Press(kb.End + kb.Enter)
	c.tab.Until(`document.activeElement.textContent.trim() === "Archive"`)
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.querySelector(".head .badge.status-archived")`)
	require.Equal(c.t, "More", browser.Get[string](c.tab, "document.activeElement.title"))
}

// What has the focus can go away with what it does. Who goes by keyboard is not at the top of the page then.
func TestTheFocusGoesOnFromWhatHasGone(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		c.dock("Orders", puppet(c.docksSite(), ""), nil)
		three = c.three()
		c.customerWrites(three[0].ID, map[string]any{
			"text": "See", "html": `<p>See <img src="https://shop.example/lid.png"></p>`,
		})
	})
	type step struct{ press, then, at string }
	for _, page := range []struct {
		path  string
		steps []step
	}{
		{"/inbox/" + three[0].ID.String(), []step{
			{"[title='Resolve (e)']", ".head .status-done", "[title='Reopen (e)']"},
			{"[title='Reopen (e)']", ".head .status-active", "[title='Resolve (e)']"},
			{"[aria-label='Remove tag damage']", ".tags:not(:has(.tag))", ".tags button"},
			{"[aria-label='More filters']", ".filters [title=Turn]", ".filters [title=Channel]"},
			{".bubble > .link", ".formatted", ".bubble > .link"},
			{".formatted .link", ".formatted-foot:not(:has(button + button))", ".formatted-foot button"},
			{"[aria-label='Close docks']", ".docks.closed", ".docks-toggle"},
		}},
		{"/settings/docks", []step{
			{".row-open", "dialog[open] .field", "dialog input"}, {"dialog .form > .link", "dialog fieldset", "dialog input"},
		}},
		{"/settings/hours", []step{
			{".section-action button", "dialog[open] .slot", "dialog input"},
			{
				"dialog [aria-label='Remove hours on friday']", "dialog .day:nth-child(6) .slots:not(:has(.slot))",
				"[aria-label='Add hours on friday']",
			},
		}},
		{"/settings/general", []step{
			{".check input", ".form-triple", ".check input"}, {"[type=submit]", ".notice", "[type=submit]"},
		}},
	} {
		c.visit(page.path)
		for _, s := range page.steps {
			c.tab.Until(`document.querySelector(%q)`, s.press)
			c.tab.Do(`document.querySelector(%q).focus()`, s.press)
			if s.press == ".check input" {
				c.tab.Press(" ")
			} else {
				c.tab.Press(kb.Enter)
			}
			c.tab.Until(`document.querySelector(%q)`, s.then)
			c.tab.Until(`document.activeElement.matches(%q) /* after %s */`, s.at, s.press)
		}
	}
}
