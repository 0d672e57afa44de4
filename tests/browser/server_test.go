package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"text/template"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/stack"
)

// desk is a tenant of the whole product with another product's agent UI on another origin, and docks on a third.
type desk struct {
	*world
	*stack.Stack
	ava           account.Agent
	conversations []wire.Conversation
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{world: &world{t: t, tab: browser.Open(t)}, Stack: stack.Shared(t)}
	var err error
	d.ava, err = d.Store.Accounts.CreateAgent(t.Context(), d.Tenant.ID,
		account.NewAgent{Name: "Ava Agent", Email: "ava@shop.example", Role: account.RoleAgent})
	require.NoError(t, err)
	ben, err := d.Store.Accounts.CreateAgent(t.Context(), d.Tenant.ID,
		account.NewAgent{Name: "Ben", Email: "ben@shop.example", Role: account.RoleLead})
	require.NoError(t, err)
	_, err = d.Store.Accounts.CreateTeam(
		t.Context(),
		d.Tenant.ID,
		account.NewTeam{Name: "Billing", MemberIDs: []uuid.UUID{ben.ID}},
	)
	require.NoError(t, err)
	for _, name := range []string{first, second} {
		d.conversations = append(d.conversations, d.conversation(name))
	}
	ui := http.NewServeMux()
	ui.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		page := template.Must(template.ParseFiles("testdata/agent-ui.html"))
		_ = page.Execute(rw, map[string]string{"API": d.URL}) // the reader may be gone
	})
	ui.HandleFunc("POST /open", d.openSession)
	d.agent = browser.Serve(t, "localhost", ui)
	d.docks = browser.Serve(t, "localhost", d.pagesOf(d.agent.Origin, d.URL, ""))
	d.tab.Goto(d.agent.Origin + "/")
	d.tab.Until("window.ready")
	return d
}

func (d *desk) conversation(name string) wire.Conversation {
	d.t.Helper()
	text := "Hello"
	in := apiclient.CreateOutboundConversationJSONRequestBody{
		ExternalReference: name, Subject: "Where is my order?", Tags: []string{"delivery"},
		Contact:         apiclient.NewContact{Email: url.QueryEscape(name) + "@customers.example", Name: &name},
		OutboundContext: &apiclient.OutboundContext{OriginalMessage: &text},
	}
	answer, err := d.API.CreateOutboundConversationWithResponse(d.t.Context(), in)
	require.NoError(d.t, err)
	require.NotNil(d.t, answer.JSON201, "%s", answer.Body)
	return *answer.JSON201
}

// call makes a request with the tenant's key.
func (d *desk) call(method, path string, body any) (int, []byte) {
	d.t.Helper()
	return call(d.t, d.Stack, method, path, body)
}

// openSession is the agent UI's own back end.
func (d *desk) openSession(rw http.ResponseWriter, r *http.Request) {
	var want map[string]any
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	want["agentId"] = d.ava.ID
	status, answer := d.call(http.MethodPost, "/v1/dock-sessions", want)
	rw.WriteHeader(status)
	_, _ = rw.Write(answer) // the reader may be gone
}

// dock makes one whose page is on the docks' site, and opens it beside the first conversation.
func (d *desk) dock(page string, more map[string]any) {
	d.t.Helper()
	body := map[string]any{"name": "Refunds", "url": d.docks.Origin + "/" + page}
	for key, value := range more {
		body[key] = value
	}
	status, answer := d.call(http.MethodPost, "/v1/docks", body)
	require.Equal(d.t, http.StatusCreated, status, "%s", answer)
	var made struct{ ID string }
	require.NoError(d.t, json.Unmarshal(answer, &made))
	d.tab.Do("start(%q, %q, { confirm: %q })", made.ID, d.conversations[0].ID, "yes")
}

func TestADockOnTheServerUsesAllFiveActionsAsItsAgent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.dock("native.html?mail={{contact.email}}", map[string]any{"confirm": []string{"resolve"}})
	d.docks.Await("token 3 true")
	require.Equal(t, []string{
		"done active delivery,refunded", "done active delivery,refunded", "done active delivery,refunded",
		"done snoozed delivery,refunded", "done done delivery,refunded", "refused INVALID_TRANSITION true",
		"refused INVALID_PARAMS true", "refused INVALID_PARAMS true",
	}, outcomes(d.world))
	require.Equal(t, "Ava Agent", browser.Get[string](d.tab, `notices.find((n) => n.type === "action").agent.name`))
	_, timeline := d.call(http.MethodGet, "/v1/conversations/"+d.conversations[0].ID.String()+"/timeline", nil)
	require.Contains(t, string(timeline), `"via":{"type":"dock"`)
	require.Empty(t, d.tab.Complaints())
}

func TestADockOnTheServerIsHeldToTheConversationThatTheAgentLooksAt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.dock("puppet.html#"+url.PathEscape(`if (contexts.length === 1) {
		act("one", "addTag", { tag: "first" }); act("one", "addTag", { tag: "first" }); act("no", "resolve", {});
	} else if (m.contextId !== contexts[0].contextId) {
		act("late", "addTag", { tag: "stale" }, contexts[0].contextId); act("next", "addTag", { tag: "second" });
	}`), map[string]any{"actions": []string{"addTag"}})
	d.docks.Count("result one ok", 2)
	d.docks.Await("result no NOT_ALLOWED")
	d.tab.Do("host.setConversation(%q)", d.conversations[1].ID)
	d.docks.Await("result late STALE_CONTEXT")
	d.docks.Await("result next ok")
	for i, tags := range []string{`["delivery","first"]`, `["delivery","second"]`} {
		_, conversation := d.call(http.MethodGet, "/v1/conversations/"+d.conversations[i].ID.String(), nil)
		require.Contains(t, string(conversation), `"tags":`+tags)
	}
	d.docks.Count("load", 1)
}

func TestADashboardAppOnTheServerFindsEveryDocumentedKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := "/v1/conversations/" + d.conversations[0].ID.String() + "/assign"
	status, answer := d.call(http.MethodPost, path, map[string]any{"assigneeId": d.ava.ID})
	require.Equal(t, http.StatusOK, status, "%s", answer)
	d.dock("app-strict.html", nil)
	require.Equal(t, "[]", d.docks.Await("wrong "))
	d.docks.Await("status open delivery Channel::Email")
}
