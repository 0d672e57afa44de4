package api

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

// elsewhere is the key of another tenant: to it nothing here exists.
func (h *harness) elsewhere() []string {
	h.t.Helper()
	return []string{"Authorization", "Bearer " + h.newKey(h.sandbox, "full_access")}
}

func TestContactsAreMadeFoundAndChanged(t *testing.T) {
	h := newHarness(t)
	ada := h.call("POST", "/v1/contacts", object{
		"email": "Ada@Example.com", "phone": "+44 20 7946 0958", "customFields": object{"tier": "gold"},
	}).want(201)
	path := ada.header.Get("Location")
	require.Equal(t, "/v1/contacts/"+ada.string("id"), path)
	require.Equal(t, "Ada", ada.string("name"), "the local part")
	require.Equal(t, ada.body, h.call("GET", path, nil).want(200).body)
	h.call("POST", "/v1/contacts", object{"phone": "+14155550100", "name": "Noble"}).want(201)
	require.Equal(t, ada.string("id"),
		h.call("POST", "/v1/contacts", object{"email": "ada@EXAMPLE.com"}).refused(409, "CONTACT_EXISTS")["contactId"])
	require.Equal(t, []string{"email:required"}, h.call("POST", "/v1/contacts", object{"name": "Ghost"}).wrong())

	for query, found := range map[string]int{
		"": 2, "?email=ada%40example.COM": 1, "?email=b%40example.com": 0, "?phone=%2B44+(20)+7946-0958": 1, "?q=exam": 1,
		"?q=nob": 1, "?q=ada+gold": 0, "?q=%25": 0, "?email=ada%40example.com&phone=%2B14155550100": 0,
	} {
		require.Len(t, h.call("GET", "/v1/contacts"+query, nil).want(200).list(), found, query)
	}

	changed := h.call("PATCH", path, object{"name": nil, "email": "ada@example.org"}).want(200)
	require.Nil(t, changed.body["name"])
	require.Equal(t, "+442079460958", changed.string("phone"))
	require.Equal(t, changed.body, h.call("PATCH", path, object{"email": "ada@example.org"}).want(200).body)
	require.Equal(t, []string{"email:required"}, h.call("PATCH", path, object{"email": nil, "phone": nil}).wrong())
	require.Equal(t, []string{"contact.created", "contact.created", "contact.updated"}, h.kinds(),
		"and none for what changed nothing")

	h.call("POST", "/v1/conversations/outbound", object{
		"externalReference": "1", "subject": "Hello", "contact": object{"email": "ADA@example.org", "name": "Ada"},
	}).want(201)
	require.Equal(t, "Ada", h.call("GET", path, nil).want(200).string("name"), "a blank is filled, as ever")
	h.call("GET", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	h.call("PATCH", path, object{"name": "x"}, h.elsewhere()...).refused(404, "NOT_FOUND")
}

func TestTeamsAndTheirMembers(t *testing.T) {
	h := newHarness(t)
	body := object{"name": "Grace", "email": "grace@example.com", "role": "agent"}
	grace := h.call("POST", "/v1/agents", body).want(201).string("id")
	team := h.call("POST", "/v1/teams", object{"name": "Returns", "memberIds": []any{grace, grace}}).want(201)
	path := team.header.Get("Location")
	require.Equal(t, []any{grace}, team.body["memberIds"])
	require.Equal(t, []any{team.string("id")}, h.call("GET", "/v1/agents/"+grace, nil).want(200).body["teamIds"])
	require.Equal(t, []any{}, h.call("DELETE", path+"/members/"+grace, nil).want(200).body["memberIds"])
	require.Equal(t, []any{grace}, h.call("PUT", path+"/members/"+grace, nil).want(200).body["memberIds"])
	require.Equal(t, []any{grace}, h.call("PUT", path+"/members/"+grace, nil).want(200).body["memberIds"])
	h.call("PUT", path+"/members/"+uuid.NewString(), nil).refused(404, "NOT_FOUND")
	changed := h.call("PATCH", path, object{"name": "Repairs", "memberIds": []any{}}).want(200)
	require.Equal(t, object{
		"id": team.string("id"), "number": team.body["number"], "name": "Repairs", "description": "", "memberIds": []any{},
	}, changed.body)
	require.Equal(t, []string{"memberIds:unknown"}, h.call("PATCH", path, object{"memberIds": []any{uuid.NewString()}}).wrong())

	h.call("POST", "/v1/teams", object{"name": "Repairs"}).refused(409, "TEAM_EXISTS")
	other := h.call("POST", "/v1/teams", object{"name": "Sales"}).want(201).header.Get("Location")
	h.call("PATCH", other, object{"name": "Repairs"}).refused(409, "TEAM_EXISTS")
	conversation := "/v1/conversations/" + h.newConversation("1")
	h.call("PATCH", conversation, object{"teamId": team.string("id")}).want(200)
	h.call("DELETE", path, nil).refused(409, "TEAM_IN_USE")
	h.call("DELETE", other, nil).want(204)
	h.call("DELETE", other, nil).refused(404, "NOT_FOUND")
	require.Len(t, h.call("GET", "/v1/teams", nil).want(200).list(), 1)
	h.call("GET", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	h.call("DELETE", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
}

func TestAgents(t *testing.T) {
	h := newHarness(t)
	owner := h.call("POST", "/v1/agents", object{"name": "Olga", "email": "olga@example.com", "role": "owner"}).want(201)
	path := owner.header.Get("Location")
	same := object{"name": "Olga", "email": "OLGA@example.com", "role": "reader"}
	h.call("POST", "/v1/agents", same).refused(409, "AGENT_EXISTS")
	require.Len(t, h.call("GET", "/v1/agents?email=OLGA%40example.com", nil).want(200).list(), 1)

	h.call("PATCH", path, object{"role": "agent"}).refused(409, "LAST_OWNER")
	h.call("PATCH", path, object{"isActive": false}).refused(409, "LAST_OWNER")
	require.Equal(t, "Olga O.", h.call("PATCH", path, object{"name": "Olga O.", "role": "owner"}).want(200).string("name"))
	h.call("POST", "/v1/agents", object{"name": "Otto", "email": "otto@example.com", "role": "owner"}).want(201)
	gone := h.call("PATCH", path, object{"role": "agent", "isActive": false}).want(200)
	require.Equal(t, "agent", gone.string("role"))
	require.Equal(t, false, gone.body["isActive"])
	h.call("GET", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	h.call("PATCH", path, object{"name": "x"}, h.elsewhere()...).refused(404, "NOT_FOUND")

	conversation := "/v1/conversations/" + h.newConversation("1")
	require.Equal(t, []string{"assigneeId:unknown"},
		h.call("PATCH", conversation, object{"assigneeId": gone.string("id")}).wrong())
}

// An agent who may only write users gets no role with more than that.
func TestNobodyGrantsARoleBeyondTheirOwn(t *testing.T) {
	h := newHarness(t)
	owner := h.call("POST", "/v1/agents", object{"name": "Olga", "email": "olga@example.com", "role": "owner"}).want(201)
	h.call("POST", "/v1/agents", object{"name": "Otto", "email": "otto@example.com", "role": "owner"}).want(201)
	small := []string{"Authorization", "Bearer " + h.newKey(h.live, "users:write", "analytics:read")}
	for _, role := range []string{"owner", "lead", "agent", "reader"} {
		details := h.call("POST", "/v1/agents", object{"name": "x", "email": role + "@example.com", "role": role}, small...).
			refused(403, "SCOPE_MISSING")
		require.NotEmpty(t, details["requiredScope"])
	}
	made := h.call("POST", "/v1/agents", object{"name": "x", "email": "a@example.com", "role": "analytics"}, small...).want(201)
	path := made.header.Get("Location")
	h.call("PATCH", path, object{"role": "agent"}, small...).refused(403, "SCOPE_MISSING")
	h.call("PATCH", path, object{"isActive": false}, small...).want(200)
	h.call("PATCH", owner.header.Get("Location"), object{"isActive": false}, small...).refused(403, "SCOPE_MISSING")
	h.call("PATCH", owner.header.Get("Location"), object{"role": "analytics"}, small...).refused(403, "SCOPE_MISSING")
}

func TestChannels(t *testing.T) {
	h := newHarness(t)
	var names []string
	for i, c := range h.call("GET", "/v1/channels", nil).want(200).list() {
		require.InDelta(t, i+1, c["number"], 0)
		require.Equal(t, true, c["enabled"])
		names = append(names, c["channel"].(string))
	}
	require.Equal(t, account.Channels, names)

	team := h.call("POST", "/v1/teams", object{"name": "Mail"}).want(201).string("id")
	email := h.call("PATCH", "/v1/channels/email", object{"displayName": "Support", "defaultTeamId": team}).want(200)
	require.Equal(t, object{
		"channel": "email", "number": 1.0, "displayName": "Support", "enabled": true, "defaultTeamId": team,
	}, email.body)
	made := h.call("POST", "/v1/conversations/outbound", least("1")).want(201)
	require.Equal(t, team, made.string("teamId"))
	archived := "/v1/conversations/" + made.string("id")
	h.call("PATCH", archived, object{"status": "archived", "teamId": nil}).want(200)
	h.call("DELETE", "/v1/teams/"+team, nil).refused(409, "TEAM_IN_USE")

	h.call("PATCH", "/v1/channels/email", object{"enabled": false}).want(200)
	details := h.call("POST", "/v1/conversations/outbound", least("2")).refused(409, "CHANNEL_DISABLED")
	require.Equal(t, "email", details["channel"])
	require.Equal(t, made.string("id"),
		h.call("POST", "/v1/conversations/outbound", least("1")).refused(409, "EXTERNAL_REFERENCE_EXISTS")["conversationId"],
		"what is there is there")
	next := h.call("POST", archived+"/messages", object{"direction": "inbound", "text": "And now?"}).want(201)
	require.Equal(t, team, next.body["conversation"].(object)["teamId"], "a customer's message is never refused")

	require.Equal(t, []string{"defaultTeamId:unknown"},
		h.call("PATCH", "/v1/channels/sms", object{"defaultTeamId": uuid.NewString()}).wrong())
	h.call("GET", "/v1/channels/fax", nil).refused(404, "NOT_FOUND")
	h.call("PATCH", "/v1/channels/fax", object{"enabled": true}).refused(404, "NOT_FOUND")
	require.Equal(t, "E-mail", h.call("GET", "/v1/channels/email", nil, h.elsewhere()...).want(200).string("displayName"))
}

func TestTags(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"vip", "refund", "a/b"} {
		h.call("POST", "/v1/tags", object{"name": name}).want(201)
	}
	page := h.call("GET", "/v1/tags?limit=2", nil).want(200)
	rest := h.call("GET", "/v1/tags?limit=2&cursor="+page.string("nextCursor"), nil).want(200)
	var names []any
	for _, tag := range append(page.list(), rest.list()...) {
		names = append(names, tag["name"])
	}
	require.Equal(t, []any{"a/b", "refund", "vip"}, names)
	vip := rest.list()[0]["id"]
	path := fmt.Sprint("/v1/tags/", vip)
	require.Equal(t, vip, h.call("POST", "/v1/tags", object{"name": "vip"}).refused(409, "TAG_EXISTS")["tagId"])
	require.NotEmpty(t, h.call("PATCH", path, object{"name": "refund"}).refused(409, "TAG_EXISTS")["tagId"])
	require.Equal(t, "VIP", h.call("PATCH", path, object{"name": "VIP"}).want(200).string("name"))
	h.call("POST", "/v1/tags", object{"name": "vip"}).refused(409, "TAG_BUSY")
	require.Equal(t, "VIP", h.call("GET", path, nil).want(200).string("name"))
	h.call("GET", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	h.call("DELETE", path, nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	h.call("DELETE", path, nil).want(204)
	h.call("DELETE", path, nil).refused(404, "NOT_FOUND")
	require.Len(t, h.call("GET", "/v1/tags", nil).want(200).list(), 2)
}

// A refusal is the operation's own also when its transaction is part of the call's (P7.1).
func TestRefusalsOfCallsWithAKeyAreRefusals(t *testing.T) {
	h := newHarness(t)
	for path, c := range map[string]struct {
		body object
		code string
	}{
		"/v1/contacts": {object{"email": "ada@example.com"}, "CONTACT_EXISTS"},
		"/v1/tags":     {object{"name": "vip"}, "TAG_EXISTS"},
		"/v1/teams":    {object{"name": "Returns"}, "TEAM_EXISTS"},
		"/v1/agents":   {object{"name": "Ada", "email": "ada@example.com", "role": "agent"}, "AGENT_EXISTS"},
	} {
		made := h.call("POST", path, c.body, "Idempotency-Key", "first").want(201)
		require.Equal(t, made.body, h.call("POST", path, c.body, "Idempotency-Key", "first").want(201).body)
		h.call("POST", path, c.body, "Idempotency-Key", "second").refused(409, c.code)
		again := h.call("POST", path, c.body, "Idempotency-Key", "second").want(409)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	}
	h.call("POST", "/v1/teams", object{"name": "x", "memberIds": []any{uuid.NewString()}}, "Idempotency-Key", "third").wrong()
}
