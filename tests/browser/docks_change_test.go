package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	front "github.com/atender/atender/api/console"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// documents is how often the page of a conversation was loaded as a document.
func (c *console) documents(id uuid.UUID) int {
	return len(c.door.Asked("GET /console/inbox/" + id.String()))
}

// asksForDocks waits until the page has asked so often what docks are beside a conversation, and knows.
func (c *console) asksForDocks(id uuid.UUID, times int) {
	c.t.Helper()
	path := part(id, "/docks")
	require.Eventually(c.t, func() bool {
		return len(c.door.Asked("GET "+path)) >= times && c.door.Inside(path) == 0
	}, soon, often)
}

// keepPolicy lets every document have the same Content-Security-Policy.
type keepPolicy struct {
	http.Handler
	policy string
}

func (k keepPolicy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	k.Handler.ServeHTTP(keptPolicy{rw, k.policy}, r)
}

type keptPolicy struct {
	http.ResponseWriter
	policy string
}

func (k keptPolicy) WriteHeader(status int) {
	if strings.Contains(k.Header().Get("Content-Security-Policy"), "frame-src") {
		k.Header().Set("Content-Security-Policy", k.policy)
	}
	k.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (k keptPolicy) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// goOn clicks on a conversation in the list, and waits for its thread.
func (c *console) goOn(to wire.Conversation) {
	c.t.Helper()
	c.tab.Do(`document.querySelector("a[href*='%s']").click()`, to.ID)
	c.tab.Until(`document.querySelector(".head h1")?.textContent === %q`, to.Subject)
}

// The agent goes from an e-mail to a chat, which the dock is not for, and back: it stays where it was.
func TestADockStaysWhereItIsShown(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var mail wire.Conversation
	var chat wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Orders", site.Origin+"/app-button.html", map[string]any{"channels": []string{"email"}})
		mail = c.incoming(incoming{name: "Noor Haddad", subject: "The lid is broken", text: "It came with a broken lid."})
		chat = c.incoming(incoming{name: "Mateo Silva", subject: "Invoice for March", text: "Again.", channel: "whatsapp"})
	})
	c.open(mail.ID)
	site.Await("heard Noor Haddad")
	letGo := c.door.Hold("GET " + part(chat.ID, "/docks"))
	c.goOn(chat)
	c.door.AwaitHeld()
	require.Empty(t, c.door.Asked("PUT /v1/dock-sessions/"), "nobody knows yet whether it is beside this one")
	letGo()
	c.shows(c.tab, "There is none for this one.")
	c.goOn(mail)
	c.tab.Until(`document.querySelector(".dock:not([hidden]) .atender-dock-page") &&
		document.querySelector(".atender-dock-problem").hidden`)
	require.Empty(t, c.door.Asked("PUT /v1/dock-sessions/"))
	require.Len(t, c.door.Asked("POST /v1/dock-sessions"), 1)
	site.Count("load", 1)
	require.Empty(t, c.tab.Complaints())
}

// A dock that goes where its frame may not loses its page. It does not take the agent's page along.
func TestADockThatGoesAstrayDoesNotReloadTheConsole(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Astray", puppet(site, `location.href = "http://" + Math.random().toString(36).slice(2) + ".localhost/"`), nil)
		three = c.three()
	})
	c.open(three[0].ID)
	site.Await("context ")
	c.asksForDocks(three[0].ID, 2) // for the panel, and whether one of them may be where that one is now
	site.Count("load", 1)
	require.Equal(t, 1, c.documents(three[0].ID))
	c.tab.Until(`document.querySelector(".thread .message")`)
}

// A dock has a new origin to send agents to, and the page has not heard of it: it is loaded anew, which brings the policy
// of today. Where that does not help it is not tried again.
func TestAPageWhosePolicyIsOldIsLoadedAnewOnce(t *testing.T) {
	t.Parallel()
	for name, helps := range map[string]bool{"the policy of today": true, "always the old one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var site, login *browser.Site
			var three [3]wire.Conversation
			var dock wire.Dock
			c := openConsole(t, account.RoleAgent, func(c *console) {
				site, login = c.docksSite(), c.docksSite()
				if !helps {
					c.door.next = keepPolicy{c.door.next, front.Policy([]string{site.Origin})}
				}
				script := `if (m.data.contact.name === "Mateo Silva") location.href = "` + login.Origin + `/silent.html"`
				c.must(http.MethodPost, "/v1/docks", map[string]any{"name": "Orders", "url": puppet(site, script)}, &dock)
				three = c.three()
			})
			c.open(three[0].ID)
			site.Await("context ")
			c.door.Hold("GET /console/events") // what changes now the page is not told of
			c.door.Shut()
			c.door.Open()
			c.must(http.MethodPatch, "/v1/docks/"+dock.ID.String(), map[string]any{"frameOrigins": []string{login.Origin}}, nil)
			c.goOn(three[1])
			if helps {
				login.Await("load")
			} else {
				c.asksForDocks(three[1].ID, 4) // twice by the panel, twice because of a frame
				site.Count("load", 2)
				require.Empty(t, login.Reports())
			}
			require.Equal(t, 1, c.documents(three[1].ID))
		})
	}
}

// Docks are changed in another browser: the page closes what is gone at once, and is loaded anew with the next step.
func TestDocksThatOthersChange(t *testing.T) {
	t.Parallel()
	var site, elsewhere *browser.Site
	var three [3]wire.Conversation
	var gone, moved wire.Dock
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site, elsewhere = c.docksSite(), c.docksSite()
		c.must(http.MethodPost, "/v1/docks", map[string]any{"name": "Gone", "url": site.Origin + "/app-button.html"}, &gone)
		c.must(http.MethodPost, "/v1/docks", map[string]any{"name": "Moved", "url": site.Origin + "/silent.html"}, &moved)
		three = c.three()
	})
	c.open(three[0].ID)
	c.awake()
	site.Await("heard Noor Haddad")
	c.tab.Do(`window.same = true`)
	c.must(http.MethodDelete, "/v1/docks/"+gone.ID.String(), nil, nil)
	c.tab.Until(`!` + frameCalled("Gone") + ` && document.querySelectorAll("[role=tab]").length === 1`)
	c.tab.Until(frameCalled("Moved")) // it takes the place
	c.must(http.MethodPatch, "/v1/docks/"+moved.ID.String(), map[string]any{"name": "Orders", "actions": []string{}}, nil)
	c.tab.Until(`document.querySelector("[role=tab]").textContent.trim() === "Orders"`)
	require.True(t, browser.Get[bool](c.tab, "window.same"), "nobody loses what he was about to do")

	streams := len(c.door.Asked("GET /console/events"))
	c.goOn(three[1])
	c.tab.Until(`!window.same && ` + frameCalled("Orders"))
	require.Equal(t, 1, c.documents(three[1].ID))

	// The only one moves to another origin: it is there at once, if it is being looked at.
	require.Eventually(t, func() bool {
		return len(c.door.Asked("GET /console/events")) > streams && c.door.Inside("/console/events") == 1
	}, soon, often)
	c.must(http.MethodPatch, "/v1/docks/"+moved.ID.String(), map[string]any{"url": elsewhere.Origin + "/silent.html"}, nil)
	elsewhere.Await("load")
}

// The page is not loaded anew over what the agent has just sent.
func TestAPageIsNotLoadedAnewWhileItWrites(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) { three = c.three() })
	c.open(three[0].ID)
	c.awake()
	c.dock("New", "http://localhost:9/", map[string]any{"channels": []string{"sms"}})
	c.asksForDocks(three[0].ID, 2) // it has heard of it
	letGo := c.door.Hold("POST " + part(three[0].ID, "/messages"))
	c.tab.Do(`document.querySelector("textarea").focus()`)
	c.tab.Press("On its way")
	c.press("Send")
	c.door.AwaitHeld()
	c.goOn(three[1])
	require.Zero(t, c.documents(three[1].ID))
	letGo()
	require.Eventually(t, func() bool { return c.door.Inside(part(three[0].ID, "/messages")) == 0 }, soon, often)
	c.tab.Do(`fetch("/v1/me").then(() => {})`) // it has heard, too
	require.Len(t, c.messages(three[0]), 2)
	c.goOn(three[2])
	require.Equal(t, 1, c.documents(three[2].ID))
}

// A page on a sibling host cannot use up the streams that an agent has, nor the browser's connections to the console, by
// any request whose answer it need not see.
func TestASiblingHoldsNoStreamsOpen(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	c.visit("/inbox")
	c.awake()
	sibling := browser.Serve(t, "127.0.0.1", http.NotFoundHandler()) // the same site, another origin: cookies go along
	other := c.tab.Beside()
	other.Goto(sibling.Origin + "/")
	before := len(c.door.Asked("GET /console/events"))
	const tries = 30
	other.Do(`(() => {
		for (let i = 0; i < %d; i++) {
			fetch(%[2]q, { mode: "no-cors", credentials: "include" }).catch(() => {});
			document.body.append(Object.assign(document.createElement("iframe"), { src: %[2]q }));
		}
	})()`, tries, c.site.Origin+"/console/events")
	require.Eventually(t, func() bool { // a browser has six connections: each of them is free again
		return len(c.door.Asked("GET /console/events")) == before+2*tries && c.door.Inside("/console/events") == 1
	}, soon, often, "all but the agent's own are over")
}
