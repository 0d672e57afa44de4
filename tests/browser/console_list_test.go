package browser_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// late has the page get answers of a path no sooner than window.letGo is called: by then they are old. window.late counts them.
const late = `(() => {
	const real = window.fetch;
	const gate = new Promise((open) => { window.letGo = () => { window.fetch = real; open(); }; });
	window.late = 0;
	window.fetch = async (url, init) => {
		const answer = await real(url, init);
		if (String(url).startsWith(%q)) {
			window.late++;
			await gate;
		}
		return answer;
	};
})()`

// says has the console hear what another tab would pass on, such as {type: "resync"}.
func (c *console) says(event string) {
	c.t.Helper()
	c.tab.Do(`{
		const others = new BroadcastChannel("atender.console");
		others.postMessage(%s);
		others.close();
	}`, event)
}

// Who goes through the list by keys stays where they are when rows go, and finds what came while a page was read.
func TestTheListIsGoneThroughWhileItChanges(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	c.awake()
	at := `document.querySelector(".row.at .row-name")?.textContent === %q`
	c.tab.Press("jj")
	c.tab.Until(at, "Mateo Silva")
	c.must(http.MethodPost, part(three[1].ID, "/resolve"), nil, nil)
	c.tab.Until(`document.querySelectorAll(".list li").length === 2`)
	c.tab.Press("j")
	c.tab.Until(at, "Noor Haddad") // which is where Mateo's was, and not the first

	// While the list is read again a customer writes, and a new one.
	c.tab.Do(late, "/v1/conversations?")
	c.says(`{ type: "resync" }`)
	c.tab.Until(`window.late === 1`)
	c.customerWrites(three[0].ID, map[string]any{"text": "And the box, too."})
	c.incoming(incoming{name: "Ida Holm", subject: "New here", text: "Hello"})
	now := []string{"Ida Holm", "Noor Haddad", "Wen Li"}
	require.Eventually(t, func() bool { return slices.Equal(now, c.rows()) }, soon, often)
	c.tab.Do(`window.letGo(); new Promise((done) => setTimeout(done, 100))`)
	require.Equal(t, now, c.rows())

	// The whole list is there when it cannot be read again. Another try reads it from the beginning.
	c.tab.Do(`window.real = window.fetch;
		window.fetch = (url, init) => (url.startsWith("/v1/conversations?") ? Promise.reject(new TypeError()) : real(url, init));
		undefined`)
	c.says(`{ type: "resync" }`)
	c.shows(c.tab, "More could not be read.")
	c.tab.Do(`window.fetch = window.real; undefined`)
	c.press("More could not be read. Try again")
	c.tab.Until(`!document.querySelector(".list-more")`)
	require.Len(t, c.rows(), 3)

	// A list that is left with the pointer over it does not keep still for good. While it is not shown nothing is read for it.
	c.tab.Click(".list li:last-child a")
	c.tab.Until(`document.querySelector(".thread .message")`)
	c.goBy("gs", "/console/settings")
	c.tab.Do(`window.heard = new Promise((done) => {
		new BroadcastChannel("atender.console").onmessage = ({ data }) => data.type === "conversation" && setTimeout(done, 200);
	}); undefined`)
	quiet := c.incoming(incoming{name: "Otto Berg", subject: "Nobody looks", text: "Hello"})
	c.tab.Do(`window.heard`)
	c.tab.Click(".rail-link[href='/console/inbox']")
	c.tab.Until(`document.querySelector(".row-name")?.textContent === "Otto Berg"`)
	require.Zero(t, c.reads(quiet.ID))
	c.customerWrites(three[2].ID, map[string]any{"text": "Found it."})
	c.tab.Until(`document.querySelector(".row-name").textContent === "Wen Li"`)
	require.Empty(t, c.tab.Complaints())
}

// What is never due is in no list by the time it is due, not even when it changes.
func TestWhatIsNeverDueIsNotInTheListByDueTime(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.visit("/inbox?sort=slaDueAt")
	c.shows(c.tab, "Nothing is open. All answered.")
	c.awake()
	c.tab.Do(late, "/v1/conversations/"+three[0].ID.String())
	c.customerWrites(three[0].ID, map[string]any{"text": "Hello?"})
	c.tab.Until(`window.late === 1`)
	c.tab.Do(`window.letGo(); new Promise((done) => setTimeout(done, 100))`)
	require.Empty(t, c.rows())
}

// A message that comes while the tab is hidden is read when the agent looks at it.
func TestAMessageIsReadWhenTheTabIsLookedAt(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.open(three[0].ID)
	c.awake()
	c.tab.Until(`!document.querySelector(".row.open.unread")`)
	c.tab.Do(`Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true }); undefined`)
	c.customerWrites(three[0].ID, map[string]any{"text": "Are you there?"})
	c.shows(c.tab, "Are you there?")
	c.tab.Until(`document.querySelector(".row.open.unread")`)
	c.tab.Do(`delete document.visibilityState; document.dispatchEvent(new Event("visibilitychange")); undefined`)
	c.tab.Until(`!document.querySelector(".row.open.unread")`)
}

// Of two changes under way the one that is refused is taken back, and the other stays.
func TestARefusedChangeIsTakenBackFromUnderAnother(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	id := c.three()[0].ID
	c.open(id)
	tags := `[...document.querySelectorAll(".head .tag")].map((e) => e.firstChild.textContent.trim()).join() === %q`
	c.tab.Until(tags, "damage")
	c.tab.Do(`window.real = window.fetch;
		window.fetch = (url, init) => (url.endsWith("/tags/fragile")
			? new Promise((_, fail) => { window.refuse = () => fail(new TypeError()); }) : real(url, init));
		undefined`)
	letGo := c.door.Hold("PUT " + part(id, "/tags/urgent"))
	c.tab.Press("t")
	c.tab.Until(`document.activeElement.matches(".popover-search")`)
	c.tab.Press("fragile\r")
	c.tab.Until(tags, "damage,fragile")
	c.tab.Press("urgent\r")
	c.tab.Until(tags, "damage,fragile,urgent")
	c.door.AwaitHeld()
	c.tab.Do(`window.refuse()`)
	c.shows(c.tab, "The tag was not added.")
	c.tab.Until(tags, "damage,urgent")
	letGo()
	c.shows(c.tab, "Tag “urgent” added.")
	c.tab.Until(tags, "damage,urgent")
	require.Equal(t, []string{"damage", "urgent"}, c.conversation(id).Tags)
	require.Empty(t, c.tab.Complaints())
}

// Colleagues and tags that are new have names at once, and are there to choose.
func TestNewColleaguesAndTagsAreKnown(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleOwner)
	three := c.three()
	c.open(three[0].ID)
	c.awake()
	grace := c.agent("Grace Hopper", "grace@shop.example", account.RoleAgent)
	c.must(http.MethodPost, part(three[0].ID, "/assign"), map[string]any{"assigneeId": grace.ID}, nil)
	c.tab.Until(`document.querySelector(".head-facts").textContent.includes("Grace Hopper")`)
	c.agent("Alan Turing", "alan@shop.example", account.RoleAgent)
	c.tab.Press("a")
	c.shows(c.tab, "Alan Turing")
	c.tab.Press("\x1b")

	const offered = `[...document.querySelectorAll(".option-label")].some((e) => e.textContent === %q)`
	c.must(http.MethodPost, "/v1/tags", map[string]any{"name": "from-elsewhere"}, nil)
	c.tab.Press("t")
	c.tab.Until(offered, "from-elsewhere")
	c.tab.Press("made-here\r")
	c.becomes(three[0].ID, func(now wire.Conversation) bool { return len(now.Tags) == 2 })
	c.tab.Until(offered, "made-here")
	c.tab.Press("\x1b")

	// Lists that have not come are not empty, and what failed can be tried again.
	c.Exec(`DELETE FROM tags WHERE tenant_id = $1`, c.Tenant.ID)
	letGo := c.door.Hold("GET /v1/tags")
	c.visit("/settings/tags")
	c.tab.Until(`document.querySelector(".section .skeleton")`)
	require.NotContains(t, browser.Get[string](c.tab, `document.body.innerText`), "There are no tags yet.")
	c.door.Shut()
	c.shows(c.tab, "The tags could not be read.")
	letGo()
	c.door.Open()
	c.press("Try again")
	c.shows(c.tab, "There are no tags yet.")
}
