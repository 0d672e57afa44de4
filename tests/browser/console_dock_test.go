package browser_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local/sampledock"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// dock makes one; more is beside its name and address.
func (c *console) dock(name, url string, more map[string]any) {
	c.t.Helper()
	body := map[string]any{"name": name, "url": url}
	for key, value := range more {
		body[key] = value
	}
	c.must(http.MethodPost, "/v1/docks", body, nil)
}

// docksSite serves the docks of testdata for this console.
func (c *console) docksSite() *browser.Site {
	c.t.Helper()
	w := &world{t: c.t}
	return browser.Serve(c.t, "localhost", w.pagesOf(c.site.Origin, c.site.Origin, ""))
}

// puppet is the address of a dock that runs the script at every context.
func puppet(site *browser.Site, script string) string {
	return site.Origin + "/puppet.html#" + url.PathEscape(script)
}

// The sample dock's every button, in the console of an agent who is asked before a message goes out.
func TestTheSampleDockInTheConsole(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		handler, err := sampledock.Handler(c.site.Origin)
		require.NoError(t, err)
		site = browser.Serve(t, "localhost", handler)
		c.dock("Refunds", site.Origin+"/", map[string]any{"confirm": []string{"sendMessage"}})
		three = c.three()
	})
	in := inbox.Open(t)
	c.Subscribe(in)
	id := three[0].ID
	c.open(id)
	dock := c.tab.Frame(site)
	dock.Until(`document.querySelector("#who").textContent === "Noor Haddad"`)

	press := func(what string) {
		dock.Do(`document.querySelector("#said").textContent = "";
			document.querySelector("form[data-do=%s] button").click()`, what)
	}
	said := `document.querySelector("#said").textContent === %q`
	press("addTag")
	dock.Until(said, "Done.")
	require.Equal(t, []string{"damage", "refund-asked"}, c.conversation(id).Tags)
	c.shows(c.tab, "You added tag refund-asked.") // the notice
	require.Equal(t, "Refunds", browser.Get[string](c.tab, `document.querySelector(".notice strong").textContent`))
	c.shows(c.tab, "You, via Refunds: added tag refund-asked") // the line in the thread
	press("assign")
	dock.Until(said, "Done.")
	require.Equal(t, c.team.ID, *c.conversation(id).TeamID)
	press("snooze")
	dock.Until(said, "Done.")
	require.WithinDuration(t, time.Now().Add(time.Hour), c.conversation(id).SnoozedUntil.Time, time.Minute)

	// Refunding writes to the customer: the agent is asked, and declines; then agrees.
	const question = `document.querySelector("dialog[open] blockquote")?.textContent.includes("refunded 49.00 EUR")`
	press("refund")
	c.tab.Until(question)
	c.press("Cancel")
	dock.Until(said, "REJECTED: the agent has declined")
	require.Len(t, c.messages(three[0]), 1)
	press("refund")
	c.tab.Until(question)
	c.press("Allow")
	dock.Until(said, "Done.")
	now := c.conversation(id)
	require.Equal(t, []any{"done", []string{"damage", "refund-asked", "refunded"}}, []any{now.Status, now.Tags})
	require.Len(t, c.messages(three[0]), 2)
	c.shows(c.tab, "You, via Refunds: resolved the conversation")

	for _, event := range in.AwaitEvents(soon, "tag.added", "assignment.changed", "message.sent", "conversation.resolved") {
		if event.Event == "tag.added" || event.Event == "conversation.resolved" {
			require.Contains(t, event.Body, `"name":"Ada Lovelace","via":{"type":"dock"`)
		}
	}
	require.Empty(t, c.tab.Complaints())
}

// The agent goes on to the next conversation while an action for the last one is under way.
func TestAResultNeverLandsOnAnotherConversation(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Slow", puppet(site, `if (contexts.length === 1) { act("1", "addTag", { tag: "of-the-first" });
			act("2", "resolve", {}); }`), nil)
		three = c.three()
	})
	letGo := c.door.Hold("POST /v1/dock-sessions/")
	c.open(three[0].ID)
	c.door.AwaitHeld() // the first action; the second waits for its turn
	c.tab.Do(`document.querySelector("a[href*='%s']").click()`, three[1].ID)
	c.tab.Until(`document.querySelector(".head h1")?.textContent === "Invoice for March"`)
	require.Eventually(t, func() bool { return len(c.door.Asked("PUT /v1/dock-sessions/")) == 1 }, soon, often)
	letGo()
	site.Await("result 1 ") // whether it came in time or not: never for the second conversation
	site.Await("result 2 STALE_CONTEXT")
	second := c.conversation(three[1].ID)
	require.Equal(t, three[1].Version, second.Version, "untouched")
	require.Equal(t, "active", c.conversation(three[0].ID).Status)
	require.Equal(t, "Invoice for March", browser.Get[string](c.tab, `document.querySelector(".head h1").textContent`))
	require.Zero(t, c.count(".head .tag"))
}

func TestTwoDocksActAtOnce(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		for _, name := range []string{"One", "Two"} {
			script := `if (contexts.length === 1) for (let i = 0; i < 8; i++) act("NAME" + i, "addTag", { tag: "NAME-" + i })`
			c.dock(name, puppet(site, strings.ReplaceAll(script, "NAME", name)), nil)
		}
		three = c.three()
	})
	c.open(three[0].ID)
	c.tab.Until(`document.querySelectorAll("[role=tab]").length === 2`)
	c.press("One")
	site.Await("result One0 ok")
	c.press("Two") // One goes on behind it
	for _, name := range []string{"One", "Two"} {
		for i := range 8 {
			site.Await("result " + name + strconv.Itoa(i) + " ok")
		}
	}
	require.Len(t, c.conversation(three[0].ID).Tags, 1+16)
	c.tab.Until(`document.querySelectorAll(".head .tag").length === 17`)
	require.Equal(t, 2, c.count(".dock .atender-dock-page"), "each keeps its frame")
}

// Without a worker an action is taken in, the agent is told so, and it is carried out later, once; or it expires, of which
// dock and agent hear, too.
func TestAnActionWaitsForTheWorker(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsoleOf(t, stack.Start(t), account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Refunds", puppet(site, `const ids = contexts.map((c) => c.contextId);
			if (ids.indexOf(m.contextId) === ids.length - 1) act(String(new Set(ids).size), "addTag", { tag: "later" })`), nil)
		three = c.three()
	})
	c.StopWorker()
	c.open(three[0].ID)
	c.shows(c.tab, "waits for the server")
	require.Equal(t, []string{"damage"}, c.conversation(three[0].ID).Tags)
	stop := c.StartWorker()
	site.Await("result 1 ok")
	c.shows(c.tab, "You, via Refunds: added tag later")
	require.Equal(t, []string{"damage", "later"}, c.conversation(three[0].ID).Tags)

	stop()
	c.tab.Until(`!document.body.innerText.includes("waits for the server")`)
	c.goOn(three[1])
	c.shows(c.tab, "waits for the server")
	c.Exec(`UPDATE dock_actions SET created_at = created_at - interval '16 minutes' WHERE state = 'pending'`)
	c.StartWorker()
	site.Await("result 2 TIMEOUT")
	c.shows(c.tab, "What you asked for was not done")
	require.Equal(t, three[1].Version, c.conversation(three[1].ID).Version)
}

// From the dock's message to its result, in the browser. Times are for an idle machine: ATENDER_LATENCY=1 demands them.
func TestHowLongAnActionTakes(t *testing.T) {
	var site *browser.Site
	var three [3]wire.Conversation
	const actions = 25 // of the 30 that a session may do in a minute
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Timed", puppet(site, `if (contexts.length === 1) {
			let n = 0, began = 0;
			const next = () => { began = performance.now(); act("t" + n, "addTag", { tag: "t" + n }); };
			onNative("result", (r) => {
				report("took " + n + " " + (performance.now() - began));
				if (++n < `+strconv.Itoa(actions)+`) next();
			});
			next();
		}`), nil)
		three = c.three()
	})
	c.open(three[0].ID)
	site.Await("took " + strconv.Itoa(actions-1))
	var took []float64
	for _, report := range site.Reports() {
		if strings.HasPrefix(report, "took ") {
			ms, err := strconv.ParseFloat(strings.Fields(report)[2], 64)
			require.NoError(t, err)
			took = append(took, ms)
		}
	}
	require.Len(t, c.conversation(three[0].ID).Tags, 1+actions)
	slices.Sort(took)
	p50, p95 := took[len(took)/2], took[len(took)*95/100]
	t.Logf("a dock's action, from message to result: p50 %.0f ms, p95 %.0f ms", p50, p95)
	if os.Getenv("ATENDER_LATENCY") == "1" {
		require.LessOrEqual(t, p50, 150.0)
	}
}
