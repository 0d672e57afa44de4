package browser_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

func TestAnAgentFindsAndAnswersAConversationByKeyboard(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	require.Equal(t, []string{"Wen Li", "Mateo Silva", "Noor Haddad"}, c.rows(), "the latest change first")
	require.Equal(t, 3, c.count(".row.unread"))

	at := `document.querySelector(".row.at .row-name")?.textContent === %q`
	for _, step := range []struct{ key, at string }{
		{"j", "Wen Li"}, {"j", "Mateo Silva"}, {"j", "Noor Haddad"}, {"j", "Noor Haddad"}, {"k", "Mateo Silva"},
	} {
		c.tab.Press(step.key)
		c.tab.Until(at, step.at)
	}
	c.tab.Press(kb.Enter)
	c.tab.Until(`document.querySelector(".head h1")?.textContent === "Invoice for March"`)
	c.shows(c.tab, "I need the invoice again.")
	require.Equal(t, "/console/inbox/"+three[1].ID.String(), browser.Get[string](c.tab, "location.pathname"))
	c.tab.Until(`document.querySelectorAll(".row.unread").length === 2`)

	c.tab.Press("r")
	c.tab.Until(`document.activeElement.getAttribute("aria-label") === "Reply"`)
	c.tab.Press("Here it is, with j, k and e.") // keys of the field's now
	c.tab.PressWith(chromedp.ModifierCtrl, kb.Enter)
	c.tab.Until(`document.querySelector(".message.ours:not(.outgoing) .text")?.textContent === "Here it is, with j, k and e."`)
	require.Empty(t, browser.Get[string](c.tab, `document.querySelector("textarea").value`))
	messages := c.messages(three[1])
	require.Len(t, messages, 2)
	require.Equal(t, c.me.ID, *messages[1].Author.ID)
	require.Equal(t, "active", c.conversation(three[1].ID).Status)

	// Escape leaves the field; only the next one leaves the conversation.
	for _, into := range []string{"r", "/"} {
		c.tab.Press(into)
		c.tab.Until(`document.activeElement.matches("textarea, input")`)
		c.tab.Press(kb.Escape)
		require.True(t, browser.Get[bool](c.tab, `document.activeElement === document.body`))
		require.Equal(t, "/console/inbox/"+three[1].ID.String(), browser.Get[string](c.tab, "location.pathname"))
	}
	c.tab.Press(kb.Escape)
	c.tab.Until(`location.pathname === "/console/inbox"`)
	require.Empty(t, c.tab.Complaints())
}

func (c *console) messages(of wire.Conversation) []wire.Message {
	c.t.Helper()
	var list struct{ Data []wire.Message }
	c.must(http.MethodGet, part(of.ID, "/messages"), nil, &list)
	return list.Data
}

func TestKeysResolveReopenAssignAndTagWithAWayBack(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleLead)
	three := c.three()
	id := three[0].ID
	c.open(id)

	c.tab.Press("t")
	c.tab.Until(`document.activeElement.matches(".popover-search")`)
	c.tab.Press("urgent" + kb.Enter + kb.Escape)
	c.becomes(id, func(now wire.Conversation) bool { return slices.Equal(now.Tags, []string{"damage", "urgent"}) })
	c.shows(c.tab, "Tag “urgent” added.")
	c.press("Undo")
	c.becomes(id, func(now wire.Conversation) bool { return slices.Equal(now.Tags, []string{"damage"}) })
	c.tab.Until(`![...document.querySelectorAll(".tag")].some((e) => e.textContent.includes("urgent"))`)

	c.tab.Press("a")
	c.tab.Until(`document.activeElement.matches(".popover-search")`)
	c.tab.Press("bit" + kb.Enter)
	c.becomes(id, func(now wire.Conversation) bool { return now.AssigneeID != nil && *now.AssigneeID == c.ben.ID })
	c.shows(c.tab, "Assigned to Ben Bitdiddle.")
	c.press("Undo")
	c.becomes(id, func(now wire.Conversation) bool { return now.AssigneeID == nil })

	c.tab.Press("e")
	c.becomes(id, func(now wire.Conversation) bool { return now.Status == "done" })
	c.shows(c.tab, "resolved the conversation")
	c.tab.Until(`document.querySelector(".head .badge.status-done")`)
	c.tab.Press("e")
	c.becomes(id, func(now wire.Conversation) bool { return now.Status == "active" })
	c.shows(c.tab, "reopened the conversation")

	// The way back is to what the notice is about, wherever the agent is by then.
	c.tab.Press("e")
	c.tab.Until(`document.querySelector(".notice")?.textContent.includes("Resolved.")`)
	c.goOn(three[1])
	c.tab.Do(`document.querySelector(".notice .link").click()`)
	c.becomes(id, func(now wire.Conversation) bool { return now.Status == "active" })
	c.open(id)

	// Nothing leads back from the archive: the key says so, and asks the server for nothing.
	c.must(http.MethodPost, part(id, "/archive"), nil, nil)
	c.tab.Until(`document.querySelector(".head .badge.status-archived")`)
	resolved := len(c.door.Asked("POST " + part(id, "/resolve")))
	c.tab.Press("e")
	c.shows(c.tab, "It is archived, and nothing leads back.")
	require.Len(t, c.door.Asked("POST "+part(id, "/resolve")), resolved)
	require.Empty(t, c.tab.Complaints())
}

func TestSnoozingByKeyboard(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	c.tab.Zone("America/New_York")
	three := c.three()
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	for i, want := range []func(now time.Time) time.Time{
		func(now time.Time) time.Time { return now.Add(time.Hour) },
		func(now time.Time) time.Time { return nineOClock(now, 1) },
		func(now time.Time) time.Time { return nineOClock(now, untilMonday(now)) },
	} {
		id := three[i].ID
		c.open(id)
		c.tab.Press("z")
		c.tab.Until(`document.activeElement.matches("[role=listbox]")`)
		require.Equal(t, []string{"1 hour", "4 hours", "Tomorrow 09:00", "Next Monday 09:00"},
			browser.Get[[]string](c.tab, `[...document.querySelectorAll(".option-label")].map((e) => e.textContent)`))
		for range []int{0, 2, 3}[i] {
			c.tab.Press(kb.ArrowDown)
		}
		now := time.Now().In(newYork)
		c.tab.Press(kb.Enter)
		c.becomes(id, func(now wire.Conversation) bool { return now.Status == "snoozed" })
		require.WithinDuration(t, want(now), c.conversation(id).SnoozedUntil.Time, time.Minute)
		c.shows(c.tab, "Snoozed until")
	}
}

func TestSearchAndHelpByKeyboard(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleReader)
	c.three()
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	c.tab.Press("/")
	c.tab.Until(`document.activeElement.matches("[type=search]")`)
	c.tab.Press("wen ")
	c.tab.Until(`location.search === "?q=wen"`)
	c.tab.Press("li")
	c.tab.Until(`location.search === "?q=wen+li"`)
	require.Equal(t, "wen li", browser.Get[string](c.tab, "document.activeElement.value"))
	c.tab.Do(`document.activeElement.select()`)
	c.tab.Press("parc")
	c.tab.Until(`location.search === "?q=parc"`)
	c.tab.Until(`document.querySelectorAll(".list li").length === 1`)
	require.Equal(t, []string{"Wen Li"}, c.rows())
	c.tab.Press("xx")
	c.shows(c.tab, "No conversation matches.")
	c.tab.Press(kb.Escape)
	c.tab.Until(`document.querySelectorAll(".list li").length === 3 && !document.activeElement.matches("input")`)

	c.tab.Press("?")
	c.tab.Until(`document.querySelector("dialog[open]")?.getAttribute("aria-label") === "Keyboard shortcuts"`)
	c.tab.Press("jg") // which are the list's, and not the dialog's
	require.Zero(t, c.count(".row.at"))
	c.tab.Press(kb.Escape)
	c.tab.Until(`!document.querySelector("dialog")`)
}

// A key that does something in the list is the button's while a button has the focus.
func TestButtonsKeepTheirOwnKeys(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.tab.Do(`document.querySelector("[title='Resolve (e)']").focus()`)
	c.tab.Press(kb.Enter)
	c.becomes(three[0].ID, func(now wire.Conversation) bool { return now.Status == "done" })

	c.open(three[1].ID)
	at := `document.querySelector(".row.at .row-name")?.textContent === %q`
	c.tab.Until(at, "Mateo Silva")
	c.tab.Do(`document.querySelector(".thread").focus()`)
	c.tab.Press(kb.ArrowUp + kb.ArrowUp + kb.ArrowDown) // which scroll
	c.tab.Until(at, "Mateo Silva")

	c.tab.Click(".list li:first-child a") // has the focus then, and yet Enter is where j and k have gone
	c.tab.Press("j" + kb.Enter)
	c.tab.Until(`document.querySelector(".row.open") === document.querySelector(".row.at")`)
	c.tab.Until(`(() => {
		document.activeElement.blur();
		document.querySelector(".row:not(.open)").focus();
		return document.activeElement.matches(".row.at");
	})()`)
	focused := browser.Get[string](c.tab, "document.activeElement.href")
	c.tab.Press(kb.Enter)
	c.tab.Until("location.href === %q", focused)
}
