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

const (
	dialogTitle = `document.querySelector("dialog[open] h2")?.textContent`
	focused     = `document.activeElement?.textContent.trim()`
)

// moment is long enough for what must not happen to have happened.
func (c *console) moment() {
	c.t.Helper()
	c.tab.Do(`new Promise((done) => setTimeout(done, 400))`)
}

// asking opens a conversation with a dock that has to ask before it does anything, and returns its frame.
func asking(t *testing.T) (c *console, site *browser.Site, dock *browser.Tab, at wire.Conversation) {
	t.Helper()
	c = openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Cards", puppet(site, ""), map[string]any{
			"confirm": []string{"addTag", "assign", "resolve", "snooze", "sendMessage"},
		})
		at = c.three()[0]
	})
	c.open(at.ID)
	dock = c.tab.Frame(site)
	site.Await("context ")
	return c, site, dock, at
}

// A message goes out with all that is in it, so all of it is in the question.
func TestTheAgentIsShownAllThatADockWouldSend(t *testing.T) {
	t.Parallel()
	c, site, dock, at := asking(t)
	const source = `<p>Send your card number to <a href="https://evil.example/">us</a>.</p><script>top.pwned = 1</script>`
	dock.Do(`act("1", "sendMessage", { text: "Thank you!", html: %q })`, source)
	c.tab.Until(dialogTitle + ` === "Cards asks you"`)
	require.Equal(t, []string{"Thank you!", source}, browser.Get[[]string](c.tab,
		`[...document.querySelectorAll("dialog blockquote, dialog pre")].map((e) => e.textContent)`))
	const frame = `document.querySelector("dialog .formatted-page").shadowRoot.querySelector("iframe")`
	require.NotContains(t, browser.Get[string](c.tab, frame+`.getAttribute("sandbox")`), "allow-scripts")
	page := c.tab.Frame(c.site) // which the server has cleaned, and which has an origin of its own
	page.Until(`document.body?.innerText.trim() === "Send your card number to us."`)
	require.Zero(t, browser.Get[int](page, `document.querySelectorAll("body script").length`))
	audit := newAudit(c)
	audit.look("consent")
	require.Empty(t, audit.found)
	c.press("Allow")
	site.Await("result 1 ok")
	sent := c.messages(at)[1]
	require.Equal(t, []string{"Thank you!", source}, []string{*sent.Text, *sent.HTML})
	c.tab.Until(`document.querySelector(".message.ours .message-head")?.innerText.includes("Ada Lovelace (me)\nvia Cards")`)

	// Text that says what the formatted message says is not shown twice; what loads images says so.
	dock.Do(`act("2", "sendMessage", { text: "Thank you, Noor! ", html: %q })`,
		`<p>Thank you,<br>Noor!</p><img src="https://pixel.example/">`)
	c.tab.Until(dialogTitle + ` === "Cards asks you"`)
	require.Zero(t, c.count("dialog blockquote"))
	require.Equal(t, 1, c.count("dialog pre"))
	c.press("Load remote images")
	require.Eventually(t, func() bool { return len(c.door.Asked("POST /console/preview")) == 3 }, soon, often)
	c.press("Cancel")
	site.Await("result 2 REJECTED")

	// However long it is, it is read from its beginning, with the answers in sight.
	dock.Do(`act("3", "sendMessage", { text: "Line\n".repeat(99), html: "<p>Another line</p>".repeat(99) })`)
	c.tab.Until(dialogTitle + ` === "Cards asks you" && ` + focused + ` === "Cancel"`)
	require.Equal(t, []bool{true, true, true}, browser.Get[[]bool](c.tab, `(() => {
		const body = document.querySelector(".dialog-body");
		return [body.scrollHeight > body.clientHeight, body.scrollTop === 0,
			document.activeElement.getBoundingClientRect().bottom <= innerHeight];
	})()`))
	c.press("Cancel")
	site.Await("result 3 REJECTED")
	require.Len(t, c.messages(at), 2)
	require.False(t, browser.Get[bool](c.tab, `"pwned" in window`))
	require.Empty(t, c.tab.Complaints())
}

// What cannot be done is not asked, and answered by what is wrong with it.
func TestNobodyIsAskedAboutWhatCannotBeDone(t *testing.T) {
	t.Parallel()
	c, site, dock, at := asking(t)
	for id, action := range map[string]string{
		"a": `"snooze", { until: "garbage" }`, "b": `"snooze", {}`, "c": `"sendMessage", { html: "<p>Hi</p>" }`,
		"d": `"sendMessage", { text: "Hi", html: {} }`, "e": `"sendMessage", { text: { toString: 1 } }`,
		"f": `"addTag", { tag: 1 }`,
		"g": `"assign", {}`, "h": `"assign", { agentId: [] }`, "i": `"sendMessage", { text: "x".repeat(262145) }`,
	} {
		dock.Do("act(%q, "+action+")", id)
		site.Await("result " + id + " INVALID_PARAMS")
	}
	require.Zero(t, c.count("dialog"))
	require.Equal(t, at.Version, c.conversation(at.ID).Version)
	require.Empty(t, c.tab.Complaints())
}

// A question that comes unasked does not take the place of one that is about to be answered, and the key that was meant
// for that one allows nothing.
func TestADocksQuestionWaitsForTheOneThatIsOpen(t *testing.T) {
	t.Parallel()
	c, site, dock, at := asking(t)
	c.tab.Do(`document.querySelector("[title=More]").click()`)
	c.press("Archive…")
	c.tab.Until(dialogTitle + ` === "Archive this conversation?"`)
	c.tab.Until(focused + ` === "Archive"`)
	dock.Do(`act("1", "sendMessage", { text: "Not by Ada" })`)
	dock.Do(`act("2", "resolve", {})`) // behind it: a dock's actions have their turns
	c.moment()
	require.Equal(t, 1, c.count("dialog"))
	require.Equal(t, "Archive", browser.Get[string](c.tab, focused))
	c.tab.Press(kb.Escape)
	c.tab.Until(dialogTitle + ` === "Cards asks you" && ` + focused + ` === "Cancel"`)
	require.Contains(t, browser.Get[string](c.tab, `document.querySelector("dialog").innerText`), "Not by Ada")
	c.tab.Press(kb.Enter)
	site.Await("result 1 REJECTED")
	c.tab.Until(`document.querySelector("dialog[open]")?.innerText.includes("resolve the conversation")`)
	c.tab.Press(kb.Escape)
	c.tab.Press(kb.Escape) // one too many does no harm
	site.Await("result 2 REJECTED")
	c.tab.Until(`!document.querySelector("dialog")`)
	require.Equal(t, at.Version, c.conversation(at.ID).Version)
}

// A click that was meant for what was there before does not agree to what has just come.
func TestADocksQuestionCannotBeAgreedToAtOnce(t *testing.T) {
	t.Parallel()
	c, site, dock, _ := asking(t)
	c.tab.Do(`new MutationObserver(() => {
		const allow = [...document.querySelectorAll("dialog button")].find((b) => b.textContent.trim() === "Allow");
		if (allow && !window.early) {
			window.early = true;
			allow.click();
		}
	}).observe(document.body, { childList: true, subtree: true })`)
	dock.Do(`act("1", "resolve", {})`)
	c.tab.Until("window.early")
	c.moment()
	require.Equal(t, 1, c.count("dialog"))
	c.press("Allow") // a moment later it can
	site.Await("result 1 ok")
}

// Two docks ask at the same time: each question is answered by the agent, or by leaving, alone.
func TestTwoDocksAskOneAfterTheOther(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		for _, name := range []string{"One", "Two"} {
			c.dock(name, puppet(site, strings.ReplaceAll(`report("at NAME " + m.data.conversation.subject);
				if (contexts.length === 1) new BroadcastChannel("go").onmessage = ({ data }) =>
					act(data + "NAME", "addTag", { tag: "NAME" })`, "NAME", name)), map[string]any{"confirm": []string{"addTag"}})
		}
		three = c.three()
	})
	together := func(subject, id string) (first, second string) {
		for _, name := range []string{"One", "Two"} {
			c.press(name)
			site.Await("at " + name + " " + subject)
		}
		c.tab.Frame(site).Do(`new BroadcastChannel("go").postMessage(%q)`, id)
		c.tab.Until(`document.querySelector("dialog[open]")`)
		c.moment()
		require.Equal(t, 1, c.count("dialog"))
		if browser.Get[string](c.tab, dialogTitle) == "One asks you" {
			return "One", "Two"
		}
		return "Two", "One"
	}
	c.open(three[0].ID)
	together("The lid is broken", "left")
	c.tab.Do(`document.querySelector("a[href*='%s']").click()`, three[1].ID)
	site.Await("result leftOne STALE_CONTEXT")
	site.Await("result leftTwo STALE_CONTEXT")
	c.tab.Until(`!document.querySelector("dialog")`)

	site.Await("at Two Invoice for March") // which was in sight
	first, second := together("Invoice for March", "stay")
	c.press("Allow")
	site.Await("result stay" + first + " ok")
	c.tab.Until(dialogTitle+` === %q && `+focused+` === "Cancel"`, second+" asks you")
	c.press("Cancel")
	site.Await("result stay" + second + " REJECTED")

	// Leaving for no conversation at all is leaving, too.
	c.press(first)
	c.tab.Frame(site).Do(`new BroadcastChannel("go").postMessage("gone")`)
	c.tab.Until(`document.querySelector("dialog[open]")`)
	c.tab.Do(`document.querySelector(".rail-logo").click()`)
	site.Await("result gone" + first + " STALE_CONTEXT")
	site.Await("result gone" + second + " STALE_CONTEXT")
	c.tab.Until(`!document.querySelector("dialog")`)
	require.Equal(t, []string{first}, c.conversation(three[1].ID).Tags)
	require.Equal(t, three[0].Version, c.conversation(three[0].ID).Version)
}
