package browser_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// What a dock is called, and what it asks for and says, is text: in its tab, in the question to the agent, in notices and in
// the timeline. So is what a system has stored as the customer's phone number.
func TestADocksWordsAreNeverMoreThanText(t *testing.T) {
	t.Parallel()
	const name = `<img src=x onerror=pwned=1>${window.pwned=1}`
	const tag = `"><svg onload=window.pwned=1><b>vip</b>`
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		said, err := json.Marshal([]string{hostile, tag})
		require.NoError(t, err)
		c.dock(name, puppet(site, `if (contexts.length === 1) {
			const [text, tag] = `+string(said)+`;
			send("notify", { text });
			act("tag", "addTag", { tag });
			act("team", "assign", { teamName: tag });
			act("write", "sendMessage", { text });
		}`), map[string]any{"confirm": []string{"addTag", "assign", "sendMessage"}})
		three = c.three()
		c.Exec(`UPDATE contacts SET phone = $1 WHERE tenant_id = $2`, hostile[:32], c.Tenant.ID)
	})
	c.open(three[0].ID)
	asked := func(words string) {
		t.Helper()
		c.tab.Until(`document.querySelector("dialog[open] h2")?.textContent === %q &&
			document.querySelector("dialog[open] .dialog-body").textContent.includes(%q)`, name+" asks you", words)
		c.harmless(words)
		c.press("Allow")
	}
	c.tab.Until(`[...document.querySelectorAll(".notice-text")].some((n) => n.textContent.includes(%q))`, hostile)
	asked("add the tag “" + tag + "”")
	site.Await("result tag ok")
	asked("assign the conversation to " + tag)
	site.Await("result team INVALID_PARAMS")
	asked(hostile) // the message
	site.Await("result write ok")
	c.tab.Until(`[...document.querySelectorAll(".notice")].some((n) =>
		n.querySelector("strong").textContent === %q && n.textContent.includes("sent a message"))`, name)
	c.tab.Until(`[...document.querySelectorAll(".entry")].some((e) => e.textContent.includes(%q))`,
		"You, via "+name+": added tag "+tag)
	require.Equal(t, name, browser.Get[string](c.tab, `document.querySelector("[role=tab]").textContent.trim()`))
	require.Equal(t, name, browser.Get[string](c.tab, dockFrame+`.title`))
	c.harmless("notices and the timeline")

	c.tab.Press("i")
	c.tab.Until(`[...document.querySelectorAll("dialog[open] dd")].some((d) => d.textContent === %q)`, hostile[:32])
	c.harmless("the contact's phone")
	require.ElementsMatch(t, []string{"damage", tag}, c.conversation(three[0].ID).Tags)
}

// A reader may look, at docks as well; what they ask for on a reader's behalf is refused by the server.
func TestADockDoesNothingForAReader(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleReader, func(c *console) {
		site = c.docksSite()
		c.dock("Eager", puppet(site, `if (contexts.length === 1) {
			act("1", "addTag", { tag: "x" }); act("2", "assign", { agentEmail: "`+c.me.Email+`" });
			act("3", "resolve", {}); act("4", "snooze", { until: new Date(Date.now() + 3600_000).toISOString() });
			act("5", "sendMessage", { text: "Hello" });
		}`), nil)
		three = c.three()
	})
	c.open(three[0].ID)
	for _, request := range []string{"1", "2", "3", "4", "5"} {
		site.Await("result " + request + " NOT_ALLOWED")
	}
	require.Len(t, c.door.Asked("POST /v1/dock-sessions/"), 5, "it is the server that refuses")
	require.Equal(t, three[0].Version, c.conversation(three[0].ID).Version)
	require.Len(t, c.messages(three[0]), 1)
	require.Zero(t, c.count(".notice"))
	_, timeline := call(t, c.Stack, http.MethodGet, part(three[0].ID, "/timeline"), nil)
	require.NotContains(t, string(timeline), `"type":"dock"`)
}
