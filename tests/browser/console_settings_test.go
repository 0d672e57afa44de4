package browser_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// fieldOf finds the control that is labelled so in the open dialog.
const fieldOf = `[...document.querySelectorAll("dialog[open] .field")]
	.find((f) => f.querySelector(".field-label").textContent === %q)?.querySelector("input, select, textarea")`

// write types into a field of the open dialog, over what is in it.
func (c *console) write(label, text string) {
	c.t.Helper()
	c.tab.Until(fieldOf, label)
	c.tab.Do(`{ const field = `+fieldOf+`; field.focus(); field.select(); }`, label)
	c.tab.Press(text)
}

// tick presses the box that is labelled so in the open dialog.
func (c *console) tick(label string) {
	c.t.Helper()
	const box = `[...document.querySelectorAll("dialog[open] .check")].find((f) => f.textContent.trim().startsWith(%q))`
	c.tab.Until(box, label)
	c.tab.Do(box+`.querySelector("input").click()`, label)
}

// submit presses the button that ends the form of the open dialog, and waits until it has gone.
func (c *console) submit() {
	c.t.Helper()
	c.tab.Click("dialog[open] button[type=submit]")
	c.tab.Until(`!document.querySelector("dialog")`)
}

// The order of the docks is set where they are.
func TestDocksAreInTheOrderOfTheirPositions(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		site := c.docksSite()
		c.dock("Orders", puppet(site, ""), nil)
		c.dock("Refunds", puppet(site, ""), nil)
		three = c.three()
	})
	c.visit("/settings/docks")
	c.press("Orders")
	c.press("More settings")
	c.write("Position", "7")
	c.submit()
	c.press("Refunds")
	c.press("More settings")
	c.write("Position", "2.5")
	c.tab.Click("dialog[open] button[type=submit]")
	c.tab.Until(`document.querySelector("dialog :invalid")`) // the browser says it
	c.write("Position", "3")
	c.write("Further origins it may navigate to", "https://login.example\r\rhttps://pay.example")
	c.submit()
	var list struct {
		Data []struct {
			Name         string
			Position     int
			FrameOrigins []string
		}
	}
	c.must(http.MethodGet, "/v1/docks", nil, &list)
	for _, d := range list.Data {
		require.Equal(t, map[string]int{"Orders": 7, "Refunds": 3}[d.Name], d.Position)
		if d.Name == "Refunds" {
			require.Equal(t, []string{"https://login.example", "https://pay.example"}, d.FrameOrigins)
		}
	}
	c.open(three[0].ID)
	c.tab.Until(`document.querySelectorAll("[role=tab]").length === 2`)
	require.Equal(t, []string{"Refunds", "Orders"}, browser.Get[[]string](c.tab,
		`[...document.querySelectorAll("[role=tab]")].map((e) => e.textContent)`))
}
