package browser_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

func TestWhatHappensElsewhereAppearsWithoutAReload(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.awake()
	c.tab.Do(`window.same = true`)
	c.customerWrites(three[0].ID, map[string]any{"text": "And the box, too."})
	c.tab.Until(`[...document.querySelectorAll(".message.customer .text")].at(-1).textContent === "And the box, too."`)
	c.tab.Until(`document.querySelector(".row-name").textContent === "Noor Haddad"`) // at the top now
	c.must("POST", part(three[1].ID, "/resolve"), nil, nil)
	c.tab.Until(`document.querySelectorAll(".list li").length === 2`) // of those that are open
	c.incoming(incoming{name: "Ida Holm", subject: "New here", text: "Hello"})
	c.tab.Until(`document.querySelector(".list").textContent.includes("Ida Holm")`)
	require.True(t, browser.Get[bool](c.tab, "window.same"))
	require.Empty(t, c.tab.Complaints())
}

// A contact that changes elsewhere changes wherever it is shown, and docks are told; one whose address has a placeholder is
// loaded from its new one.
func TestAContactsChangeIsShownEverywhere(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		const script = `report("at " + m.data.contact.name + " " + location.search)`
		c.dock("Orders", strings.Replace(puppet(site, script), "#", "?for={{contact.email}}#", 1), nil)
		c.dock("Notes", puppet(site, strings.ReplaceAll(script, "at ", "beside ")), nil)
		three = c.three()
	})
	c.open(three[0].ID)
	c.awake()
	site.Await("at Noor Haddad ?for=" + url.QueryEscape(*three[0].Contact.Email))
	c.press("Notes")
	site.Await("beside Noor Haddad")
	c.tab.Do(`window.same = true`)
	c.tab.Press("i")
	c.tab.Until(`document.querySelector("dialog[open]")`)
	c.must(http.MethodPatch, "/v1/contacts/"+three[0].Contact.ID.String(),
		map[string]any{"name": "Noor Lund", "email": "lund@customers.example", "phone": "+4520123456"}, nil)
	c.shows(c.tab, "+4520123456")
	c.tab.Until(`document.querySelector(".head-contact").textContent.includes("Noor Lundlund@customers.example")`)
	c.tab.Until(`[...document.querySelectorAll(".row-name")].some((e) => e.textContent === "Noor Lund")`)
	site.Await("beside Noor Lund")
	c.tab.Press(kb.Escape)
	c.press("Orders") // which was not shown meanwhile
	site.Await("at Noor Lund ?for=" + url.QueryEscape("lund@customers.example"))
	require.True(t, browser.Get[bool](c.tab, "window.same"))
	require.Empty(t, c.tab.Complaints())
}

// What the pointer is over does not move: changes wait until it has left, or the agent asks.
func TestTheListKeepsStillUnderThePointer(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.visit("/inbox")
	c.awake()
	c.tab.Click(".list li:last-child a")
	c.tab.Until(`document.querySelector(".thread .message")`)
	c.customerWrites(three[1].ID, map[string]any{"text": "Please."})
	c.tab.Until(`document.querySelector(".list-news")?.textContent.trim() === "1 update"`)
	require.Equal(t, []string{"Wen Li", "Mateo Silva", "Noor Haddad"}, c.rows())
	c.press("1 update")
	c.tab.Until(`!document.querySelector(".list-news")`)
	require.Equal(t, []string{"Mateo Silva", "Wen Li", "Noor Haddad"}, c.rows())
}

// However many tabs are open there is one stream; when its tab closes another takes over, and has missed nothing.
func TestTwoTabsHaveOneStream(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.awake()
	streams := len(c.door.Asked("GET /console/events"))
	second := c.tab.Beside()
	second.Goto(c.site.Origin + "/console/inbox/" + three[0].ID.String())
	second.Until(`document.querySelector(".thread .message")`)
	c.customerWrites(three[0].ID, map[string]any{"text": "To both."})
	for _, tab := range []*browser.Tab{c.tab, second} {
		c.shows(tab, "To both.")
	}
	c.tab.Do(`document.querySelector("textarea").focus()`)
	c.tab.Press("Half a thou")
	second.Until(`document.querySelector("textarea").value === "Half a thou"`)
	require.Len(t, c.door.Asked("GET /console/events"), streams)

	// A reload hands the stream to the other tab; when that is closed it comes back. While no tab listens something
	// happens.
	c.open(three[0].ID)
	require.Len(t, c.door.Asked("GET /console/events"), streams+1)
	c.awake()
	letGo := c.door.Hold("GET /console/events")
	second.Close()
	c.door.AwaitHeld()
	c.customerWrites(three[0].ID, map[string]any{"text": "Between two streams."})
	c.told("Between two streams.")
	letGo()
	c.shows(c.tab, "Between two streams.")
	c.customerWrites(three[0].ID, map[string]any{"text": "To the one that is left."})
	c.shows(c.tab, "To the one that is left.")
	require.Len(t, c.door.Asked("GET /console/events"), streams+2)
}

func TestDraftsSurviveAReload(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.tab.Press("n")
	c.tab.Until(`document.activeElement.getAttribute("aria-label") === "Internal note"`)
	c.tab.Press("Ask Ben first")
	c.open(three[1].ID)
	require.Empty(t, browser.Get[string](c.tab, `document.querySelector("textarea").value`), "drafts are each conversation's own")
	c.open(three[0].ID)
	c.tab.Until(`document.querySelector("textarea[aria-label='Internal note']")?.value === "Ask Ben first"`)

	// Signing out takes it along: the next person at this browser does not see it.
	c.tab.Do(`document.querySelector(".rail .picker button").click()`)
	c.press("Sign out")
	c.tab.Until(`document.querySelector(".sign-in")`)
	c.signIn(c.tab, c.ben)
	c.open(three[0].ID)
	require.Empty(t, browser.Get[string](c.tab, `document.querySelector("textarea").value`))
}

// told waits until a listener would have been told of something.
func (c *console) told(text string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		_, feed := call(c.t, c.Stack, "GET", "/v1/events?limit=200", nil)
		return strings.Contains(string(feed), text)
	}, soon, often)
}

// A page reads first and hears afterwards. What happens in between it is told, too.
func TestWhatHappensBeforeThePageHearsIsNotMissed(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	letGo := c.door.Hold("GET /console/events")
	c.visit("/inbox/" + three[0].ID.String())
	c.door.AwaitHeld()
	c.tab.Until(`document.querySelector(".message .text")`)
	c.customerWrites(three[0].ID, map[string]any{"text": "Am I early?"})
	c.told("Am I early?")
	letGo()
	c.shows(c.tab, "Am I early?")
}

func TestWithoutAServerNothingIsLost(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.awake()
	c.tab.Press("r")
	c.tab.Until(`document.activeElement.matches("textarea")`)
	c.door.Shut()
	c.tab.Press("Written in a tunnel")
	c.press("Send")
	c.shows(c.tab, "Not sent")
	c.tab.Until(`document.querySelector(".offline")?.textContent.includes("The server is out of reach.")`)
	c.customerWrites(three[0].ID, map[string]any{"text": "Are you there?"})

	c.door.Open()
	c.tab.Until(`!document.querySelector(".offline")`)
	c.shows(c.tab, "Are you there?")
	c.press("Try again")
	c.tab.Until(`document.querySelector(".message.ours:not(.outgoing) .text")?.textContent === "Written in a tunnel"`)
	require.Len(t, c.messages(three[0]), 3, "sent once")
}

// An answer that got lost does not send a message twice.
func TestALostAnswerSendsNothingTwice(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.door.LoseAnswer("POST " + part(three[0].ID, "/messages"))
	c.tab.Do(`document.querySelector("textarea").focus()`)
	c.tab.Press("Only once")
	c.press("Send")
	c.tab.Until(`document.querySelector(".message.ours:not(.outgoing) .text")?.textContent === "Only once"`)
	require.Len(t, c.door.Asked("POST "+part(three[0].ID, "/messages")), 2)
	require.Len(t, c.messages(three[0]), 2)

	// Nor is it offered again if its answer comes while another conversation is open.
	letGo := c.door.Hold("POST " + part(three[0].ID, "/messages"))
	c.tab.Do(`document.querySelector("textarea").focus()`)
	c.tab.Press("On its way")
	c.press("Send")
	c.door.AwaitHeld()
	c.goOn(three[1])
	c.goOn(three[0])
	c.tab.Until(`document.querySelector(".outgoing")?.textContent.includes("Sending…")`)
	c.goOn(three[1])
	letGo()
	require.Eventually(t, func() bool { return len(c.messages(three[0])) == 3 }, soon, often)
	c.tab.Until(`!localStorage.getItem(%q)`, "atender.unsent."+three[0].ID.String())
	c.goOn(three[0])
	c.tab.Until(`[...document.querySelectorAll(".message.ours:not(.outgoing) .text")].at(-1)?.textContent === "On its way"`)
	require.Zero(t, c.count(".outgoing"))
}
