package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

func TestReplyEngagesAndResolves(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1") + "/messages"
	a := h.call("POST", path, object{"text": "On its way.", "metadata": object{"k": "v"}}).want(201)
	require.Equal(t, "outbound", a.body["direction"])
	require.Equal(t, object{"k": "v"}, a.body["metadata"])
	require.Equal(t, "api_key", a.body["author"].(object)["type"])
	require.Equal(t, "engaged", a.body["conversation"].(object)["engagement"])

	automated := h.call("POST", path, object{"text": "We are closed.", "automated": true}).want(201)
	require.Equal(t, true, automated.body["automated"])

	a = h.call("POST", path, object{"html": "<p>Done.</p>", "resolve": true}).want(201)
	require.Equal(t, "done", a.body["conversation"].(object)["status"])
	require.Nil(t, a.body["text"])

	a = h.call("POST", path, object{"direction": "inbound", "text": "Not yet!"}).want(201)
	require.Equal(t, "active", a.body["conversation"].(object)["status"])
	require.Equal(t, "pending", a.body["conversation"].(object)["engagement"])
	require.Equal(t, "customer", a.body["author"].(object)["type"])

	a = h.call("POST", path, object{"direction": "note", "text": "Call the warehouse."}).want(201)
	require.Equal(t, "pending", a.body["conversation"].(object)["engagement"])

	var texts []any
	for _, m := range h.call("GET", path+"?limit=200", nil).want(200).list() {
		texts = append(texts, m["text"])
	}
	require.Equal(t, []any{"On its way.", "We are closed.", nil, "Not yet!", "Call the warehouse."}, texts)
}

func TestAgentsAreNamedByKeys(t *testing.T) {
	h := newHarness(t)
	agent, err := h.store.Accounts.CreateAgent(
		t.Context(),
		h.live.ID,
		account.NewAgent{Name: "Bo", Email: "bo@example.com", Role: "agent"},
	)
	require.NoError(t, err)
	path := "/v1/conversations/" + h.newConversation("1") + "/messages"
	a := h.call("POST", path, object{"text": "Hello", "agentId": agent.ID}).want(201)
	require.Equal(t, object{"type": "agent", "id": agent.ID.String(), "name": "Bo"}, a.body["author"])
	unknown := "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	require.Equal(t, []string{"agentId:unknown"}, h.call("POST", path, object{"text": "Hello", "agentId": unknown}).wrong())
	for _, role := range []string{"reader", "analytics"} { // who could not write it is not who wrote it
		agent := object{"name": "Ro", "email": role + "@example.com", "role": role}
		id := h.call("POST", "/v1/agents", agent).want(201).string("id")
		for _, direction := range []string{"outbound", "note"} {
			require.Equal(t, []string{"agentId:cannot_work"},
				h.call("POST", path, object{"direction": direction, "text": "Hello", "agentId": id}).wrong())
		}
	}
}

func TestRepeatedMessagesAreReplayedAlongTheChain(t *testing.T) {
	h := newHarness(t)
	id := h.newConversation("1")
	path := "/v1/conversations/" + id + "/messages"
	body := object{"direction": "inbound", "text": "Hello?", "externalId": "mail-1"}
	first := h.call("POST", path, body).want(201)
	again := h.call("POST", path, body).want(200)
	require.Equal(t, first.body, again.body)

	h.call("POST", "/v1/conversations/"+id+"/archive", nil).want(200)
	h.call("POST", path, object{"text": "Too late."}).refused(409, "INVALID_TRANSITION")
	late := h.call("POST", path, object{"direction": "inbound", "text": "Still there?", "externalId": "mail-2"}).want(201)
	successor := late.body["conversation"].(object)
	require.NotEqual(t, id, late.string("conversationId"))
	require.Equal(t, late.string("conversationId"), successor["id"])
	require.Equal(t, id, successor["previousConversationId"])
	again = h.call("POST", path, object{"direction": "inbound", "text": "Still there?", "externalId": "mail-2"}).want(200)
	require.Equal(t, late.body, again.body)
	h.call("POST", path, body).want(200)
}

func TestMessagesThatMakeNoSense(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1") + "/messages"
	deep := `{"text":"x","metadata":{"d":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`
	for body, want := range map[string]string{
		deep:                                  "metadata.d" + strings.Repeat("[0]", 30) + ":too_deep",
		`{}`:                                  "text:required",
		`{"text":"","html":""}`:               "text:required",
		`{"text":null,"html":"x"}`:            "text:invalid_type",
		`{"text":"x","txt":"y"}`:              "txt:unknown_field",
		`{"text":"x","Text":"y"}`:             "Text:unknown_field",
		`{"text":"x","direction":"sideways"}`: "direction:invalid_value",
		`{"text":"x","direction":"inbound","resolve":true}`:                             "resolve:not_applicable",
		`{"text":"x","direction":"note","automated":true}`:                              "automated:not_applicable",
		`{"text":"x","externalId":""}`:                                                  "externalId:too_short",
		`{"text":"x","agentId":"42"}`:                                                   "agentId:invalid_format",
		`{"text":"x","agentId":"{019a9f0e6c1e7a3b9c543f0f5b1f2a10}"}`:                   "agentId:invalid_format",
		`{"text":"x","sentAt":1700000000}`:                                              "sentAt:invalid_type",
		`{"text":"x","metadata":[]}`:                                                    "metadata:invalid_type",
		`{"text":"x","metadata":{"a":{"b":[100000000000000000000000000000000000000]}}}`: "metadata.a.b[0]:out_of_range",
		`{"text":"x","metadata":{"n":1e999}}`:                                           "metadata.n:out_of_range",
		`{"text":"x","metadata":{"s":"a\u0000b"}}`:                                      "metadata.s:invalid_text",
		`{"text":"x","metadata":{"a\u0000b":1}}`:                                        `metadata.a\u0000b:invalid_text`,
		`{"text":"x","metadata":{"s":"` + strings.Repeat("x", 16<<10) + `"}}`:           "metadata:too_long",
		`{"text":"` + strings.Repeat("x", 256<<10+1) + `"}`:                             "text:too_long",
		`{"html":"` + strings.Repeat("é", 128<<10+1) + `"}`:                             "html:too_long",
	} {
		require.Equal(t, []string{want}, h.call("POST", path, body).wrong(), body[:min(len(body), 200)])
	}
	good := `{"text":"` + strings.Repeat("é", 128<<10) + `","metadata":{"id":9007199254740991,"e":"\\u0000"}}`
	h.call("POST", path, good).want(201)
}
