package api

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/docktoken"
	"github.com/atender/atender/models/outbox"
)

func (h *harness) agent(name string, role account.Role) account.Agent {
	h.t.Helper()
	a, err := h.store.Accounts.CreateAgent(
		h.t.Context(),
		h.live.ID,
		account.NewAgent{Name: name, Email: name + "@example.com", Role: role},
	)
	require.NoError(h.t, err)
	return a
}

func (h *harness) newDock(change object) answer {
	h.t.Helper()
	body := object{"name": "Refunds", "url": "https://tools.example.com/refunds?email={{contact.email}}"}
	for field, v := range change {
		body[field] = v
	}
	return h.call("POST", "/v1/docks", body).want(201)
}

// dockSession is a session that another agent UI has opened, with what its browser sends.
type dockSession struct {
	*harness
	path, id, context string
	token             string
	conversation      string
}

func (h *harness) openDock(agent account.Agent, dock string) dockSession {
	h.t.Helper()
	c := h.call("POST", "/v1/conversations/outbound", least(uuid.NewString())).want(201).string("id")
	opened := h.call("POST", "/v1/dock-sessions", object{"dockId": dock, "conversationId": c, "agentId": agent.ID}).want(201)
	id := opened.string("id")
	require.Equal(h.t, "/v1/dock-sessions/"+id+"/context", opened.header.Get("Location"))
	return dockSession{
		harness: h, id: id, path: "/v1/dock-sessions/" + id, context: opened.string("contextId"),
		token: opened.string("sessionToken"), conversation: c,
	}
}

// call makes a request as the browser does, from a page of another origin.
func (s dockSession) call(method, path string, body any) answer {
	s.t.Helper()
	return s.harness.call(method, path, body, "Authorization", "Bearer "+s.token, "Origin", "https://crm.example.com")
}

func (s dockSession) ask(request, action string, params object) answer {
	s.t.Helper()
	return s.call("POST", s.path+"/actions", object{
		"requestId": request, "contextId": s.context, "action": action, "params": params,
	})
}

// work carries actions out as a worker would, until the test ends.
func (h *harness) work() {
	h.t.Helper()
	woken, stop := h.store.Wakeups().Listen(outbox.Topic)
	ctx, done := h.t.Context(), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-woken:
			}
			rows, err := h.store.Outbox.Claim(ctx, outbox.Urgent, 100)
			for _, row := range rows {
				if row.DockActionID != nil && err == nil {
					_, _, err = h.store.Docks.ApplyAction(ctx, row.TenantID, *row.DockActionID)
				}
			}
			if err != nil && ctx.Err() == nil {
				h.t.Errorf("work: %v", err)
			}
		}
	}()
	h.t.Cleanup(func() { <-done; stop() })
}

func TestDockFromCradleToGrave(t *testing.T) {
	h := newHarness(t)
	made := h.newDock(object{"actions": []any{"addTag", "resolve"}, "confirm": []any{"resolve"}, "roles": []any{"lead"}})
	require.True(t, strings.HasPrefix(made.string("secret"), "dksec_"))
	path := "/v1/docks/" + made.string("id")
	require.Equal(t, path, made.header.Get("Location"))
	secret := made.string("secret")
	delete(made.body, "secret")
	read := h.call("GET", path, nil).want(200)
	require.Equal(t, made.body, read.body)
	require.Equal(t, read.body, h.call("GET", "/v1/docks", nil).want(200).list()[0])

	now := h.call("PATCH", path, object{"name": "Money back", "roles": []any{}, "isActive": false}).want(200)
	require.Equal(t, []any{"Money back", []any{}, false, []any{"resolve"}},
		[]any{now.body["name"], now.body["roles"], now.body["isActive"], now.body["confirm"]})
	for _, body := range []any{nil, object{}, object{"graceHours": 0}} {
		rotated := h.call("POST", path+"/rotate-secret", body).want(200)
		require.NotEqual(t, secret, rotated.string("secret"))
		secret = rotated.string("secret")
	}
	h.call("DELETE", path, nil).want(204)
	h.call("GET", path, nil).refused(404, "NOT_FOUND")
	h.call("PATCH", path, object{"name": "x"}).refused(404, "NOT_FOUND")
}

func TestDockSaysWhatIsWrong(t *testing.T) {
	h := newHarness(t)
	wrong := func(change object) []string {
		body := object{"name": "Refunds", "url": "https://tools.example.com"}
		for field, v := range change {
			body[field] = v
		}
		return h.call("POST", "/v1/docks", body).wrong()
	}
	require.Equal(t, []string{"url:scheme"}, wrong(object{"url": "http://tools.example.com"}))
	require.Equal(t, []string{"url:unknown_placeholder"}, wrong(object{"url": "https://tools.example.com/{{contact.iban}}"}))
	require.Equal(t, []string{"frameOrigins[0]:invalid"}, wrong(object{"frameOrigins": []any{"https://a.example.com/login"}}))
	require.Equal(t, []string{"teamIds:unknown"}, wrong(object{"teamIds": []any{uuid.NewString()}}))
	require.Equal(t, []string{"actions[0]:invalid_value"}, wrong(object{"actions": []any{"reopen"}}))
	require.Equal(t, []string{"secret:unknown_field"}, wrong(object{"secret": "mine"}))
}

func TestDocksNeedTheirScopes(t *testing.T) {
	h := newHarness(t)
	d := h.newDock(nil).string("id")
	ada := h.agent("ada", account.RoleAgent)
	reader := []string{"Authorization", "Bearer " + h.newKey(h.live, "docks:read")}
	h.call("GET", "/v1/docks/"+d, nil, reader...).want(200)
	h.call("DELETE", "/v1/docks/"+d, nil, reader...).refused(403, "SCOPE_MISSING")
	details := h.call("POST", "/v1/dock-sessions", object{
		"dockId": d, "conversationId": uuid.NewString(), "agentId": ada.ID,
	}, reader...).refused(403, "SCOPE_MISSING")
	require.Equal(t, "docks:write", details["requiredScope"])
	none := []string{"Authorization", "Bearer " + h.newKey(h.live, "conversations:write")}
	h.call("GET", "/v1/docks", nil, none...).refused(403, "SCOPE_MISSING")

	other := []string{"Authorization", "Bearer " + h.newKey(h.sandbox, "full_access")}
	h.call("GET", "/v1/docks/"+d, nil, other...).refused(404, "NOT_FOUND")
	require.Empty(t, h.call("GET", "/v1/docks", nil, other...).want(200).list())
}

func TestDocksBesideAConversation(t *testing.T) {
	h := newHarness(t)
	ada := h.agent("ada", account.RoleAgent)
	h.newDock(nil)
	h.newDock(object{"roles": []any{"owner"}})
	s := h.openDock(ada, h.newDock(object{"name": "First", "position": 0}).string("id"))
	path := "/v1/conversations/" + s.conversation + "/docks"
	docks := h.call("GET", path+"?agentId="+ada.ID.String(), nil).want(200).list()
	require.Len(t, docks, 2)
	require.Contains(t, docks[0]["url"], "email=ada%40example.com")
	require.Equal(t, []string{"agentId:required"}, h.call("GET", path, nil).wrong())
	h.call("GET", "/v1/conversations/"+uuid.NewString()+"/docks?agentId="+ada.ID.String(), nil).refused(404, "NOT_FOUND")
}

func TestSessionOfAnotherAgentUI(t *testing.T) {
	h := newHarness(t)
	made := h.newDock(nil)
	ada := h.agent("ada", account.RoleAgent)
	s := h.openDock(ada, made.string("id"))
	dock, err := uuid.Parse(made.string("id"))
	require.NoError(t, err)

	fresh := s.call("GET", s.path+"/context", nil).want(200)
	require.Equal(t, s.context, fresh.string("contextId"))
	require.NotContains(t, fresh.body, "sessionToken", "it is shown once")
	claims, err := docktoken.Verify(fresh.string("token"), made.string("secret"), dock, time.Now())
	require.NoError(t, err)
	require.Greater(t, time.Until(claims.IssuedAt.Add(docktoken.Life)), 4*time.Minute)
	require.Equal(t, ada.ID, claims.AgentID)

	other := h.call("POST", "/v1/conversations/outbound", least("other")).want(201).string("id")
	moved := s.call("PUT", s.path+"/context", object{"conversationId": other}).want(200)
	require.NotEqual(t, s.context, moved.string("contextId"))
	s.call("PUT", s.path+"/context", object{"conversationId": uuid.NewString()}).refused(404, "NOT_FOUND")
	s.ask("1", "resolve", nil).refused(409, "STALE_CONTEXT")

	s.call("DELETE", s.path, nil).want(204)
	s.call("GET", s.path+"/context", nil).refused(404, "NOT_FOUND")
	s.ask("2", "resolve", nil).refused(404, "NOT_FOUND")
}

// The token of a session opens that session's routes, and only there other origins are let in.
func TestSessionTokenOpensItsSessionAndNothingElse(t *testing.T) {
	h := newHarness(t)
	ada, d := h.agent("ada", account.RoleOwner), h.newDock(nil).string("id")
	s, other := h.openDock(ada, d), h.openDock(ada, d)
	s.call("GET", other.path+"/context", nil).refused(404, "NOT_FOUND")
	other.call("DELETE", s.path, nil).refused(404, "NOT_FOUND")
	for _, path := range []string{
		"/v1/docks", "/v1/conversations", "/v1/conversations/" + s.conversation, "/v1/me", "/v1/events",
		"/v1/conversations/" + s.conversation + "/docks",
	} {
		answer := s.call("GET", path, nil)
		answer.refused(401, "UNAUTHORIZED")
		require.Empty(t, answer.header.Get("Access-Control-Allow-Origin"), path)
	}
	h.call("GET", s.path+"/context", nil).refused(404, "NOT_FOUND") // a key is no agent
	h.call("GET", s.path+"/context", nil, "Authorization", "").refused(401, "UNAUTHORIZED")

	mine := s.call("GET", s.path+"/context", nil).want(200)
	require.Equal(t, "*", mine.header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, mine.header.Get("Access-Control-Allow-Credentials"))
	refused := h.call("GET", s.path+"/context", nil, "Authorization", "Bearer sa_dock_x")
	refused.refused(401, "UNAUTHORIZED")
	require.Equal(t, "*", refused.header.Get("Access-Control-Allow-Origin"), "the page can read why")

	ask := h.call("OPTIONS", s.path+"/context", nil, "Authorization", "", "Origin", "https://crm.example.com",
		"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type").want(204)
	require.Equal(t, "GET, PUT", ask.header.Get("Access-Control-Allow-Methods"))
	require.Contains(t, ask.header.Get("Access-Control-Allow-Headers"), "Authorization, Content-Type")
	none := h.call("OPTIONS", "/v1/docks", nil, "Authorization", "", "Origin", "https://crm.example.com")
	require.Empty(t, none.header.Get("Access-Control-Allow-Origin"))
}

func TestActionIsAnsweredWithItsOutcome(t *testing.T) {
	h := newHarness(t)
	h.work()
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(object{"actions": []any{"addTag", "resolve"}}).string("id"))
	began := time.Now()
	done := s.ask("1", "addTag", object{"tag": "refunded"}).want(200)
	require.Less(t, time.Since(began), 4*time.Second, "as soon as it is decided")
	require.Equal(t, []any{"applied", nil, "1"}, []any{done.body["status"], done.body["error"], done.body["requestId"]})
	conversation, ok := done.body["conversation"].(object)
	require.True(t, ok)
	require.Equal(t, []any{"refunded"}, conversation["tags"])
	same := s.ask("1", "addTag", object{"tag": "refunded"}).want(200)
	require.Equal(t, done.string("id"), same.string("id"), "the same request is the same action")

	for action, want := range map[string]string{
		"addTag": "INVALID_PARAMS", "snooze": "INVALID_PARAMS", "assign": "INVALID_PARAMS", "reopen": "UNKNOWN_ACTION",
	} {
		refused := s.ask(action, action, nil).want(200)
		require.Equal(t, "rejected", refused.string("status"))
		reason, ok := refused.body["error"].(object)
		require.True(t, ok)
		require.Equal(t, want, reason["code"], action)
	}
	figures := httptest.NewRecorder()
	h.server.metrics.Handler().ServeHTTP(figures, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, figures.Body.String(), `atender_dock_actions_requested_total{action="unknown",outcome="rejected"} 1`)
	require.Contains(t, figures.Body.String(), `atender_dock_actions_requested_total{action="addTag",outcome="accepted"} 1`)
	require.Contains(t, figures.Body.String(), `route="/v1/dock-sessions/:id/actions",status="2xx",tier="dock"} `)

	s.ask("2", "resolve", object{}).want(200)
	again := s.ask("3", "resolve", nil).want(200)
	require.Equal(t, "INVALID_TRANSITION", again.body["error"].(object)["code"]) //nolint:forcetypeassert // seen above
}

// P8.4: until it is carried out, the answer says where to ask again.
func TestActionThatTakesLongIsAnsweredWithWhereToAsk(t *testing.T) {
	h := newHarness(t)
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(nil).string("id"))
	waiting := s.ask("1", "addTag", object{"tag": "refunded"}).want(202)
	require.Equal(t, "pending", waiting.string("status"))
	id, err := uuid.Parse(waiting.string("id"))
	require.NoError(t, err)
	require.Equal(t, "pending", s.call("GET", waiting.string("url"), nil).want(200).string("status"))

	_, _, err = h.store.Docks.ApplyAction(t.Context(), h.live.ID, id)
	require.NoError(t, err)
	require.Equal(t, "applied", s.call("GET", waiting.string("url"), nil).want(200).string("status"))
	h.call("GET", waiting.string("url"), nil).want(200) // the tenant's key may ask, too
	other := h.openDock(h.agent("bob", account.RoleAgent), h.newDock(nil).string("id"))
	other.call("GET", waiting.string("url"), nil).refused(404, "NOT_FOUND")
}

// An Idempotency-Key makes the call one transaction, before whose end no other connection sees the action: it does not wait.
func TestActionWithAnIdempotencyKeyIsAnsweredAtOnce(t *testing.T) {
	h := newHarness(t)
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(nil).string("id"))
	ask := func() answer {
		return h.call("POST", s.path+"/actions", object{"requestId": "1", "contextId": s.context, "action": "resolve"},
			"Authorization", "Bearer "+s.token, "Idempotency-Key", "k")
	}
	began := time.Now()
	first := ask().want(202)
	require.Less(t, time.Since(began), 4*time.Second)
	require.Equal(t, first.text, ask().want(202).text)
}

// A session is for half a day: what its agent is shown is looked at with each action.
func TestActionOfADockThatIsNotShownAnyMoreIsRejected(t *testing.T) {
	h := newHarness(t)
	dock := h.newDock(nil).string("id")
	s := h.openDock(h.agent("ada", account.RoleAgent), dock)
	h.call("PATCH", "/v1/docks/"+dock, object{"roles": []any{"owner"}}).want(200)
	refused := s.ask("1", "addTag", object{"tag": "refunded"}).want(200)
	require.Equal(t, "rejected", refused.string("status"))
	require.Equal(t, object{
		"code": "NOT_ALLOWED", "message": "the agent does not see this dock beside this conversation any more",
	}, refused.body["error"])
	s.call("GET", s.path+"/context", nil).refused(404, "NOT_FOUND")
	require.Empty(t, h.call("GET", "/v1/conversations/"+s.conversation, nil).want(200).body["tags"])
}

func TestTooManyActionsSayWhenToTryAgain(t *testing.T) {
	h := newHarness(t)
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(nil).string("id"))
	for i := range account.DockActionsPerMinute {
		s.ask(string(rune('a'+i)), "reopen", nil).want(200)
	}
	refused := s.ask("more", "resolve", nil)
	details := refused.refused(429, "RATE_LIMITED")
	require.Equal(t, "minute", details["window"])
	require.NotEmpty(t, refused.header.Get("Retry-After"))
}

func TestHostileActionsAreRefusedOrRejected(t *testing.T) {
	h := newHarness(t)
	s := h.openDock(h.agent("ada", account.RoleAgent), h.newDock(nil).string("id"))
	deep := any("x")
	for range 40 {
		deep = object{"a": deep}
	}
	for name, body := range map[string]any{
		"no body": "", "not JSON": "{", "a list": "[]", "no request": object{"contextId": s.context, "action": "resolve"},
		"a foreign key":    object{"requestId": "1", "contextId": s.context, "action": "resolve", "conversationId": "x"},
		"params as a list": object{"requestId": "1", "contextId": s.context, "action": "resolve", "params": []any{}},
		"deep params":      object{"requestId": "1", "contextId": s.context, "action": "addTag", "params": object{"tag": deep}},
		"NUL":              `{"requestId":"1","contextId":"` + s.context + `","action":"addTag","params":{"tag":"a\u0000b"}}`,
		"huge number":      `{"requestId":"1","contextId":"` + s.context + `","action":"addTag","params":{"tag":1e999}}`,
		"context no id":    object{"requestId": "1", "contextId": "current", "action": "resolve"},
	} {
		require.Equal(t, 400, s.call("POST", s.path+"/actions", body).status, name)
	}
	require.True(t, slices.Contains([]int{400, 404}, s.call("POST", "/v1/dock-sessions/x/actions", object{}).status))
}
