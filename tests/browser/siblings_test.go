package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// A bad dock looks for the dock beside it in every way from one window to another: the items, the length and the names of
// the windows around it, windows, links and forms that go to a name; itself, from a frame within it, and from a pop-up,
// which is not sandboxed. It finds nothing, and the other dock, which believes every context, hears none but the host's.
func TestADockDoesNotFindItsSiblings(t *testing.T) {
	t.Parallel()
	var victim, bad *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		victim, bad = c.docksSite(), c.docksSite()
		c.dock("Orders", victim.Origin+"/victim.html", nil)
		c.dock("Zebra", bad.Origin+"/sibling.html", nil)
		three = c.three()
		c.customerWrites(three[0].ID, map[string]any{"html": "<p>Hello</p>"}) // a message is a frame, too
	})
	c.open(three[0].ID)
	victim.Await("heard Noor Haddad")
	c.tab.Until(formattedFrame)

	c.tab.Do(`[...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.includes("Zebra")).click()`)
	for _, how := range []string{"dock", "nested", "popup"} {
		require.Equal(t, "[]", bad.Await(how+" found "), how)
	}
	require.Equal(t, 2, c.count(".dock .atender-dock-page"), "both are there")
	require.Zero(t, browser.Get[int](c.tab, "window.length"))
	require.True(t, browser.Get[bool](c.tab, `[...document.querySelectorAll(".atender-dock-page")]
		.every((p) => !p.shadowRoot.querySelector("iframe").name)`))
	victim.Count("load", 1) // it was not sent elsewhere
	for _, report := range victim.Reports() {
		require.NotContains(t, report, "Mallory")
	}
}

// The same in another agent UI, which has a host for each dock: neither the host's frames nor the UI's name a way.
func TestDocksInAnotherAgentUIDoNotFindEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := browser.Serve(t, "localhost", w.pages(""))
	w.open("victim.html", nil)
	w.docks.Await("heard ")
	w.tab.Do(`document.body.append(Object.assign(document.createElement("div"), { id: "second" }));
		import("/sdk/dock-host.js").then(({ DockHost }) => {
			transport.dock = { ...dock, url: %q };
			window.other = new DockHost(document.querySelector("#second"), { dock: transport.dock, transport });
			return other.setConversation(ids[0]);
		}).then(() => {})`, bad.Origin+"/sibling.html")
	for _, how := range []string{"dock", "nested", "popup"} {
		require.Equal(t, "[]", bad.Await(how+" found "), how)
	}
	w.docks.Count("load", 1)
	for _, report := range w.docks.Reports() {
		require.NotContains(t, report, "Mallory")
	}
}
