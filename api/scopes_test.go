package api

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/webhook"
)

// with makes requests with a key of these scopes.
func (h *harness) with(scopes ...string) func(method, path string, body any) answer {
	h.t.Helper()
	key := h.newKey(h.live, scopes...)
	return func(method, path string, body any) answer {
		h.t.Helper()
		return h.call(method, path, body, "Authorization", "Bearer "+key)
	}
}

func webhookFor(events ...any) object {
	return object{"name": "x", "url": "https://attacker.example.com/in", "events": events}
}

// What webhooks:write sends away is what the read scopes guard.
func TestSubscribingNeedsTheScopesOfTheEvents(t *testing.T) {
	h := newHarness(t)
	for _, c := range []struct {
		scopes  []string
		events  []any
		missing []any // empty: it may
	}{
		{nil, []any{"*"}, []any{"conversations:read", "contacts:read"}},
		{nil, []any{"message.received"}, []any{"conversations:read"}},
		{nil, []any{"contact.created"}, []any{"contacts:read"}},
		{[]string{"conversations:read"}, []any{"*"}, []any{"contacts:read"}},
		{[]string{"contacts:write"}, []any{"*"}, []any{"conversations:read"}},
		{[]string{"conversations:write"}, []any{"message.sent", "contact.updated"}, []any{"contacts:read"}},
		{[]string{"conversations:read"}, []any{"message.sent", "sla.breached", "tag.added"}, nil},
		{[]string{"contacts:write"}, []any{"contact.created", "contact.updated"}, nil},
		{[]string{"conversations:read", "contacts:read"}, []any{"*"}, nil},
	} {
		made := h.with(append(c.scopes, "webhooks:write")...)("POST", "/v1/webhooks", webhookFor(c.events...))
		if len(c.missing) == 0 {
			made.want(201)
			continue
		}
		details := made.refused(403, "SCOPE_MISSING")
		require.Equal(t, c.missing[0], details["requiredScope"], "%v %v", c.scopes, c.events)
		require.Equal(t, c.missing, details["missingScopes"], "%v %v", c.scopes, c.events)
	}
}

// The guide's quick start: conversations:write, webhooks:read and webhooks:write suffice for messages.
func TestTheQuickStartsKeySubscribesToMessages(t *testing.T) {
	h := newHarness(t)
	call := h.with("conversations:write", "webhooks:read", "webhooks:write")
	conversation := call("POST", "/v1/conversations/outbound", least("order-1")).want(201).string("id")
	path := call("POST", "/v1/webhooks", webhookFor("message.received")).want(201).header.Get("Location")
	call("POST", "/v1/conversations/"+conversation+"/messages", object{"direction": "inbound", "text": "Hello?"}).want(201)
	log := call("GET", path+"/deliveries", nil).want(200).list()
	require.NotEmpty(t, log)
	require.Contains(t, call("GET", path+"/deliveries/"+log[0]["id"].(string), nil).want(200).text, "message.received")
}

// Every call that has events sent, or shows what they say, asks for the same scopes; by the types that the webhook then has.
func TestEveryCallThatSendsOrShowsEventsNeedsTheirScopes(t *testing.T) {
	h := newHarness(t)
	hook := h.subscribe() // to everything
	h.call("POST", "/v1/conversations/outbound", h.creation("1")).want(201)
	h.attempt(webhook.DeliveryFailed)
	delivery := hook + "/deliveries/" + h.call("GET", hook+"/deliveries?event=contact.created", nil).list()[0]["id"].(string)
	away := "https://attacker.example.com/in"
	calls := []struct {
		name, method, path string
		body               any
		allowed            int
	}{
		{"url", "PATCH", hook, object{"url": away}, 200},
		{"events", "PATCH", hook, object{"events": []any{"*"}}, 200},
		{"switching on", "PATCH", hook, object{"isActive": true}, 200},
		{"headers", "PATCH", hook, object{"headers": object{"X-A": "b"}}, 200},
		{"filter", "PATCH", hook, object{"filter": nil}, 200},
		{"rotation", "POST", hook + "/rotate-secret", nil, 200},
		{"test", "POST", hook + "/test", nil, 503}, // nothing sends tests here
		{"replay", "POST", hook + "/replay", object{"since": "2026-01-01T00:00:00Z"}, 202},
		{"replay of some", "POST", hook + "/replay", object{"since": "2026-01-01T00:00:00Z", "events": []any{"tag.added"}}, 409},
		{"details", "GET", delivery, nil, 200},
		{"redelivery", "POST", delivery + "/redeliver", nil, 202},
	}
	for _, scopes := range [][]string{nil, {"conversations:write"}, {"contacts:write"}} {
		call := h.with(append(scopes, "webhooks:write")...)
		for _, c := range calls {
			details := call(c.method, c.path, c.body).refused(403, "SCOPE_MISSING")
			require.NotEmpty(t, details["requiredScope"], c.name)
		}
		// What sends nothing needs nothing but webhooks:write.
		call("PATCH", hook, object{"name": "y", "maxInFlight": 3, "retry": []any{1}, "description": "d"}).want(200)
		call("PATCH", hook, object{"isActive": false}).want(200)
		h.call("PATCH", hook, object{"isActive": true}).want(200)
	}
	require.Equal(t, "https://shop.example.com/hooks", h.call("GET", hook, nil).want(200).string("url"))
	call := h.with("webhooks:write", "conversations:read", "contacts:read")
	for _, c := range calls {
		require.Equal(t, c.allowed, call(c.method, c.path, c.body).status, c.name)
	}
}

// Who may receive less narrows a webhook to that, and is not shown what it got before.
func TestANarrowedWebhookKeepsItsPastToItself(t *testing.T) {
	h := newHarness(t)
	hook := h.subscribe()
	h.call("POST", "/v1/conversations/outbound", h.creation("1")).want(201)
	h.attempt(webhook.DeliveryFailed)
	h.exec(`UPDATE attempts SET excerpt = 'what was sent, once more'`)
	call := h.with("webhooks:write", "conversations:read")
	call("PATCH", hook, object{"events": []any{"message.received", "conversation.created"}}).want(200)
	call("PATCH", hook, object{"events": []any{"message.received", "contact.created"}}).refused(403, "SCOPE_MISSING")

	excerpts := map[any]any{}
	for _, d := range call("GET", hook+"/deliveries", nil).want(200).list() {
		excerpts[d["event"]] = d["lastAttempt"].(map[string]any)["excerpt"]
		path, of := hook+"/deliveries/"+d["id"].(string), d["event"]
		if of == "contact.created" {
			require.Equal(t, "contacts:read", call("GET", path, nil).refused(403, "SCOPE_MISSING")["requiredScope"])
			call("POST", path+"/redeliver", nil).refused(403, "SCOPE_MISSING")
			continue
		}
		call("GET", path, nil).want(200)
		call("POST", path+"/redeliver", nil).want(202)
	}
	require.Nil(t, excerpts["contact.created"], "an endpoint may repeat what it was sent")
	require.Contains(t, excerpts, "contact.created")
	require.Equal(t, "what was sent, once more", excerpts["conversation.created"])
}

// The token of a dock session acts as its agent: docks:write alone does not make an owner of a key.
func TestOpeningDocksByKeyNeedsWhatTheyDo(t *testing.T) {
	h := newHarness(t)
	dock := h.newDock(nil).string("id")
	owner := h.agent("olga", account.RoleOwner)
	body := object{"dockId": dock, "conversationId": h.newConversation("1"), "agentId": owner.ID}
	for missing := range scope.DockHost {
		scopes := append(append([]string{"docks:read"}, scope.DockHost[:missing]...), scope.DockHost[missing+1:]...)
		details := h.with(scopes...)("POST", "/v1/dock-sessions", body).refused(403, "SCOPE_MISSING")
		require.Equal(t, scope.DockHost[missing], details["requiredScope"])
	}
	details := h.with("docks:write")("POST", "/v1/dock-sessions", body).refused(403, "SCOPE_MISSING")
	require.Equal(t, []any{"conversations:write", "contacts:read"}, details["missingScopes"])
	opened := h.with(scope.DockHost...)("POST", "/v1/dock-sessions", body).want(201)
	doc, err := openDocument("")
	require.NoError(t, err)
	require.Equal(t, scope.DockHost, doc.Operations[validation.RouteKey("POST", "/v1/dock-sessions")].KeyScopes)

	// A session that such a key opened before is over, too.
	context := opened.header.Get("Location")
	token := []string{"Authorization", "Bearer " + opened.string("sessionToken")}
	h.exec(`UPDATE api_keys SET scopes = '{docks:write}' WHERE scopes @> '{docks:write,contacts:read,conversations:write}'
		AND cardinality(scopes) = 3`)
	h.call("GET", context, nil, token...).refused(401, "UNAUTHORIZED")

	// An agent opens his own with what his role may do.
	reader := h.newBrowser(account.RoleReader)
	delete(body, "agentId")
	reader.call("POST", "/v1/dock-sessions", body).want(201)
}

// What became of an action is told with the conversation.
func TestActionsOfDocksAreToldToKeysThatMayReadConversations(t *testing.T) {
	h := newHarness(t)
	path := "/v1/dock-actions/" + uuid.NewString()
	require.Equal(t, "conversations:read",
		h.with("docks:write")("GET", path, nil).refused(403, "SCOPE_MISSING")["requiredScope"])
	h.with("docks:read", "conversations:read")("GET", path, nil).refused(404, "NOT_FOUND")
}

// A dock's page is shown what agents see and acts in their names: docks:write alone lets no other page in.
func TestChangingADockNeedsWhatItIsShownAndDoes(t *testing.T) {
	h := newHarness(t)
	away := "https://attacker.example.com/{{contact.email}}"
	dock := "/v1/docks/" + h.newDock(nil).string("id")
	seen := "/v1/docks/" + h.newDock(object{"actions": []any{}}).string("id")
	small, reads, all := h.with("docks:write"), h.with("docks:write", "conversations:read", "contacts:read"),
		h.with("docks:write", "conversations:write", "contacts:read")
	for _, body := range []object{
		{"url": away}, {"isActive": true}, {"actions": []any{"resolve"}}, {"confirm": []any{}}, {"permissions": []any{}},
		{"frameOrigins": []any{"https://attacker.example.com"}}, {"teamIds": []any{}}, {"channels": []any{}}, {"roles": []any{}},
	} {
		small("PATCH", dock, body).refused(403, "SCOPE_MISSING")
		require.Equal(t, "conversations:write", reads("PATCH", dock, body).refused(403, "SCOPE_MISSING")["requiredScope"])
		all("PATCH", dock, body).want(200)
	}
	for _, path := range []string{dock, seen} {
		small("POST", path+"/rotate-secret", nil).refused(403, "SCOPE_MISSING")
		small("PATCH", path, object{"name": "y", "icon": "", "position": 1, "isActive": false}).want(200)
	}
	reads("PATCH", seen, object{"url": away}).want(200)
	reads("POST", seen+"/rotate-secret", nil).want(200)
	reads("PATCH", seen, object{"actions": []any{"resolve"}}).refused(403, "SCOPE_MISSING")
	reads("PATCH", dock, object{"actions": []any{}, "url": away}).want(200) // afterwards it is only shown

	body := object{"name": "x", "url": away}
	require.Equal(t, []any{"conversations:write", "contacts:read"},
		small("POST", "/v1/docks", body).refused(403, "SCOPE_MISSING")["missingScopes"])
	reads("POST", "/v1/docks", body).refused(403, "SCOPE_MISSING")
	all("POST", "/v1/docks", body).want(201)
	body["actions"] = []any{}
	reads("POST", "/v1/docks", body).want(201)
}

// A key that may more than the caller is not the caller's to end.
func TestRevokingAKeyNeedsItsScopes(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/api-keys", object{"name": "Shop",
		"scopes": []any{"settings:write", "conversations:write", "tags:read"}})
	strong := made.want(201).header.Get("Location")
	details := h.with("settings:write", "conversations:read")("DELETE", strong, nil).refused(403, "SCOPE_MISSING")
	require.Equal(t, "conversations:write", details["requiredScope"])
	require.Equal(t, []any{"conversations:write", "tags:read"}, details["missingScopes"])
	require.Equal(t, true, h.call("GET", strong, nil).want(200).body["isActive"])
	h.call("DELETE", strong, nil, "Authorization", "Bearer "+h.newKey(h.sandbox, "full_access")).refused(404, "NOT_FOUND")

	h.call("DELETE", strong, nil, "Authorization", "Bearer "+made.string("key")).want(204) // its own
	weak := h.call("POST", "/v1/api-keys", object{"name": "x", "scopes": []any{"tags:read"}}).want(201).header.Get("Location")
	h.with("settings:write", "tags:write")("DELETE", weak, nil).want(204)
}

// Neither role, activity nor name of an agent is for those who may do less.
func TestAgentsAreChangedByThoseWhoMayDoAsMuch(t *testing.T) {
	h := newHarness(t)
	owner := h.call("POST", "/v1/agents", object{"name": "Olga", "email": "olga@example.com", "role": "owner"}).want(201)
	reader := h.call("POST", "/v1/agents", object{"name": "Rita", "email": "rita@example.com", "role": "reader"}).want(201)
	call := h.with(append(scope.OfRole("reader"), "users:write")...)
	for _, body := range []object{{"name": "Mallory"}, {"role": "reader"}, {"isActive": false}, {"role": "owner"}} {
		call("PATCH", owner.header.Get("Location"), body).refused(403, "SCOPE_MISSING")
	}
	call("PATCH", reader.header.Get("Location"), object{"role": "owner"}).refused(403, "SCOPE_MISSING")
	call("PATCH", reader.header.Get("Location"), object{"name": "Rita R.", "isActive": false}).want(200)
	require.Equal(t, "Olga", h.call("GET", owner.header.Get("Location"), nil).want(200).string("name"))
}

// The feed shows the payloads of all types.
func TestTheFeedNeedsTheScopesOfAllEvents(t *testing.T) {
	h := newHarness(t)
	for _, scopes := range [][]string{{"webhooks:write"}, {"conversations:read"}, {"contacts:read"}} {
		h.with(scopes...)("GET", "/v1/events", nil).refused(403, "SCOPE_MISSING")
	}
	h.with("conversations:read", "contacts:read")("GET", "/v1/events", nil).want(200)
}
