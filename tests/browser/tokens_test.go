package browser_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/chromedp/chromedp/kb"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/stack"
)

// session is a dock session as the agent's browser has it.
type session struct {
	ID, ContextID uuid.UUID
	SessionToken  string
}

// sessionOf opens one beside a conversation.
func (d *desk) sessionOf(dock uuid.UUID, conversation wire.Conversation) (s session) {
	d.t.Helper()
	status, answer := d.call(http.MethodPost, "/v1/dock-sessions",
		map[string]any{"dockId": dock, "conversationId": conversation.ID, "agentId": d.ava.ID})
	require.Equal(d.t, http.StatusCreated, status, "%s", answer)
	require.NoError(d.t, json.Unmarshal(answer, &s))
	return s
}

// ask asks for an action from the page, past the host and what it would refuse. It returns the status, and what became
// of the action, or the error's code.
func (d *desk) ask(s session, token string, request string, context uuid.UUID, action string, params any) string {
	d.t.Helper()
	body, err := json.Marshal(map[string]any{"requestId": request, "contextId": context, "action": action, "params": params})
	require.NoError(d.t, err)
	return browser.Get[string](d.tab, `(async () => {
		const answer = await fetch(%q, { method: "POST", body: %q,
			headers: { "Authorization": "Bearer " + %q, "Content-Type": "application/json" } });
		const told = await answer.json();
		return answer.status + " " + (told.error?.code ?? told.status);
	})()`, d.URL+"/v1/dock-sessions/"+s.ID.String()+"/actions", body, token)
}

// What the host refuses in the page, the server refuses from a dock that gets past the host.
func TestATokenIsGoodForItsOwnSessionContextAndActions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	status, answer := d.call(http.MethodPost, "/v1/docks",
		map[string]any{"name": "Refunds", "url": d.docks.Origin + "/", "actions": []string{"addTag"}})
	require.Equal(t, http.StatusCreated, status, "%s", answer)
	var dock struct{ ID uuid.UUID }
	require.NoError(t, json.Unmarshal(answer, &dock))
	one, two := d.sessionOf(dock.ID, d.conversations[0]), d.sessionOf(dock.ID, d.conversations[1])
	tag := map[string]any{"tag": "asked"}

	require.Equal(t, "200 applied", d.ask(one, one.SessionToken, "1", one.ContextID, "addTag", tag))
	require.Equal(t, "200 applied", d.ask(one, one.SessionToken, "1", one.ContextID, "addTag", tag), "again")
	require.Equal(t, "409 REQUEST_ID_REUSED",
		d.ask(one, one.SessionToken, "1", one.ContextID, "addTag", map[string]any{"tag": "replayed"}))
	require.Equal(t, "200 NOT_ALLOWED", d.ask(one, one.SessionToken, "2", one.ContextID, "resolve", nil))

	altered := one.SessionToken[:len(one.SessionToken)-4] + "AAAA"
	cut := one.SessionToken[:len(one.SessionToken)/2]
	for _, token := range []string{"", altered, cut, two.SessionToken, d.Key + "x"} {
		told := d.ask(one, token, "3", one.ContextID, "addTag", tag)
		require.Contains(t, []string{"401 UNAUTHORIZED", "404 NOT_FOUND"}, told, token)
	}
	require.Equal(t, "409 STALE_CONTEXT", d.ask(one, one.SessionToken, "4", two.ContextID, "addTag", tag), "of another session")
	d.Exec(`UPDATE dock_sessions SET expires_at = now() - interval '1 second' WHERE id = $1`, two.ID)
	require.NotContains(t, d.ask(two, two.SessionToken, "5", two.ContextID, "addTag", tag), "applied", "after its end")

	_, conversation := d.call(http.MethodGet, "/v1/conversations/"+d.conversations[0].ID.String(), nil)
	require.Contains(t, string(conversation), `"tags":["asked","delivery"]`)
	_, conversation = d.call(http.MethodGet, "/v1/conversations/"+d.conversations[1].ID.String(), nil)
	require.Contains(t, string(conversation), `"tags":["delivery"]`)
}

// Guessing a password in the form is slowed down, and so is the right one from there, for a while.
func TestGuessingInTheFormIsSlowedDown(t *testing.T) {
	t.Parallel()
	c := openConsoleOf(t, stack.Start(t), account.RoleAgent) // guesses count against the place they come from
	c.visit("/inbox")
	c.signOut()
	c.tab.Until(`document.querySelector(".sign-in input[name=password]")`)
	for i := 0; !browser.Get[bool](c.tab, `document.body.innerText.includes("Too many")`); i++ {
		require.Less(t, i, 12, "it is never refused")
		c.tab.Do(`document.querySelector(".sign-in input[name=email]").select()`)
		c.tab.Press(c.me.Email)
		c.tab.Do(`document.querySelector(".sign-in input[name=password]").select()`)
		c.tab.Press("wrong wrong wrong" + kb.Enter)
		c.tab.Until(`document.querySelector(".sign-in [role=alert]")
			&& !document.querySelector(".sign-in button[type=submit]:disabled")`)
	}
}

// The three apps in the style found in the wild, beside a conversation in the console.
func TestDashboardAppsInTheConsole(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		w := &world{t: c.t}
		site = browser.Serve(c.t, "localhost", w.pagesOf(c.site.Origin, c.site.Origin, `"chatwoot-dashboard-app:fetch-info"`))
		for _, app := range []string{"Early", "Late", "Strict"} {
			c.dock(app, site.Origin+"/app-"+strings.ToLower(app)+".html", nil)
		}
		three = c.three()
	})
	c.visit("/inbox")
	require.Equal(t, http.StatusOK, c.as(http.MethodPost, "/v1/conversations/"+three[0].ID.String()+"/assign",
		map[string]any{"assigneeId": c.me.ID}))
	c.open(three[0].ID)
	for app, report := range map[string]string{"Early": "appContext Noor Haddad ", "Late": "late ", "Strict": "wrong "} {
		c.press(app)
		rest := site.Await(report)
		require.True(t, app != "Strict" || rest == "[]", rest)
	}
	c.goOn(three[1])
	c.press("Early")
	site.Await("appContext Mateo Silva ")
}
