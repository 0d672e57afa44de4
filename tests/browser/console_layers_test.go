package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// pressAt presses the page where a script says, as [x, y], whatever is there.
func (c *console) pressAt(point string) {
	c.t.Helper()
	at := browser.Get[[]float64](c.tab, point)
	c.tab.ClickAt(at[0], at[1])
}

// Dialogs and sheets keep what was typed, and what is below them out of reach; what they say is seen and read out.
func TestWhatLiesOverThePage(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		for i := range 20 {
			c.agent("Agent "+string(rune('A'+i)), strings.Repeat("a", i+1)+"@shop.example", account.RoleAgent)
		}
		c.dock("Orders", puppet(c.docksSite(), ""), nil)
		three = c.three()
	})
	const below = `[innerWidth - 40, innerHeight - 20]` // in a side sheet, under what it says

	// A menu is whole, wherever its button is, and what one chooses is in sight.
	c.tab.Size(1280, 400)
	c.open(three[0].ID)
	c.tab.Press("a")
	c.tab.Until(`document.activeElement.matches(".popover-search")`)
	for range 15 {
		c.tab.Press(kb.ArrowDown)
	}
	require.Equal(t, "O", browser.Get[string](c.tab, `(() => {
		const at = document.querySelector(".option.at"), box = at.getBoundingClientRect();
		const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
		return at.contains(seen) ? "O" : "covered by " + seen?.outerHTML;
	})()`))
	c.tab.Press(kb.Escape)
	c.tab.Size(1280, 720)

	// The blank part of a sheet is the sheet, and what is beside it is not.
	c.tab.Press("i")
	c.tab.Until(`document.querySelector("dialog.side[open]")`)
	c.pressAt(below)
	require.Equal(t, 1, c.count("dialog[open]"))
	c.pressAt(`[100, 100]`)
	c.tab.Until(`!document.querySelector("dialog")`)

	// What was typed is lost on purpose only.
	c.visit("/settings/tags")
	c.press("Add tag")
	c.tab.Until(`document.activeElement.matches("dialog input")`)
	c.tab.Press("damage")
	c.pressAt(`[2, 2]`)
	c.tab.Press(kb.Escape)
	c.shows(c.tab, "Discard what you typed?")
	c.tab.Press(kb.Escape)
	c.tab.Until(`document.activeElement.matches("dialog input") && document.activeElement.value === "damage"`)
	c.tab.Press(kb.Enter) // there is one of that name
	c.tab.Until(`document.querySelector("dialog [role=alert]")`)
	c.tab.Do(`document.querySelector("dialog .dialog-head button").click()`)
	c.press("Discard")
	c.tab.Until(`!document.querySelector("dialog")`)

	// What is wrong is said of the field, and not with its name; the field has the focus.
	c.visit("/settings/webhooks")
	c.press("Add webhook")
	c.write("URL", "ftp://shop.example")
	c.write("Name", "Shop"+kb.Enter)
	c.tab.Until(`document.activeElement.ariaInvalid === "true"
		&& document.getElementById(document.activeElement.getAttribute("aria-describedby"))?.matches(".field-error")
		&& document.activeElement.labels[0].textContent === "URL"`)

	// Docks that are a sheet: nothing below is reached, Escape closes them and nothing else, and so does the next conversation.
	c.tab.Size(1000, 720)
	c.open(three[0].ID)
	c.tab.Until(`document.querySelector(".docks [role=tab]")`) // the docks are there, to be focused when they are shown
	for _, leave := range []func(){
		func() { c.tab.Press(kb.Escape) },
		func() { c.pressAt(`[100, 300]`) },
		func() { c.tab.Press("d") },
	} {
		c.tab.Click(".docks-toggle")
		c.tab.Until(`document.activeElement.matches(".docks [role=tab]")`)
		require.True(t, browser.Get[bool](c.tab, `document.querySelector("main").inert && document.querySelector(".rail").inert`))
		leave()
		c.tab.Until(`document.querySelector(".docks.closed") && document.activeElement.matches(".docks-toggle")`)
		require.Equal(t, "/console/inbox/"+three[0].ID.String(), browser.Get[string](c.tab, "location.pathname"))
	}
	c.tab.Click(".docks-toggle")
	c.tab.Until(`document.activeElement.matches(".docks [role=tab]")`)
	c.tab.Do(`document.querySelector("a[href*='%s']").click()`, three[1].ID)
	c.tab.Until(`document.querySelector(".docks.closed")
		&& document.querySelector(".head h1")?.textContent === "Invoice for March"`)
}

// Names and texts are written as they are read, and leave what is around them in its place.
func TestWritingFromRightToLeft(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	made := c.incoming(incoming{name: "ليلى منصور", subject: "طلبي لم يصل بعد", text: "קיבלתי את 4540 פעמיים (2). להחזיר אחת?",
		tags: []string{"החזרה 1"}})
	c.open(made.ID)
	direction := func(of string) string {
		return browser.Get[string](c.tab, `getComputedStyle(document.querySelector(%q)).direction`, of)
	}
	c.tab.Press("r")
	c.tab.Until(`document.activeElement.matches("textarea")`)
	require.Equal(t, "ltr", direction("textarea"))
	c.tab.Press("כן")
	for _, of := range []string{
		"textarea", ".message .text", ".head h1", ".row-name", ".row-subject", ".message-head bdi", ".tag bdi",
	} {
		require.Equal(t, "rtl", direction(of), of)
	}
	c.tab.Until(`document.querySelectorAll(".entry bdi").length > 1`)
	require.Equal(t, "ltr", direction(".entry"))
	require.Equal(t, "added tag החזרה 1", browser.Get[string](c.tab, `[...document.querySelectorAll(".entry > span")].at(-1)
		.textContent.replace(/^.*?(?=added)/, "").trim()`))
	c.customerWrites(made.ID, map[string]any{"html": "<p>שלום</p>"})
	c.tab.Until(formattedFrame)
	require.Contains(t, browser.Get[string](c.tab,
		`fetch(`+formattedFrame+`.src).then((r) => r.text())`), `<body dir="auto">`)
}
