package api

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

type object = map[string]any

func least(reference string) object {
	return object{"externalReference": reference, "subject": "Where is my order?", "contact": object{"email": "ada@example.com"}}
}

func (h *harness) newConversation(reference string) string {
	h.t.Helper()
	return h.call("POST", "/v1/conversations/outbound", least(reference)).want(201).string("id")
}

func TestCreateConversationWithEverything(t *testing.T) {
	h := newHarness(t)
	a := h.call("POST", "/v1/conversations/outbound", object{
		"externalReference": "order-4521",
		"subject":           "Where is my order?",
		"channel":           "whatsapp",
		"contact":           object{"email": "Ada@Example.com", "name": "Ada Example", "phone": "+44 (20) 7946-0958"},
		"outboundContext": object{
			"originalMessage": "Nothing yet.", "originalHtml": "<p>Nothing yet.</p>", "sentAt": "2026-11-21T09:30:00+01:00",
			"metadata": object{"source": "shopify", "n": []any{1.5, nil, true}},
		},
		"tags":         []any{"vip", "refund", "vip"},
		"customFields": object{"order_id": "4521", "amount": 49.9, "gift": false, "note": nil},
	}).want(201)
	require.Equal(t, "/v1/conversations/"+a.string("id"), a.header.Get("Location"))
	require.Equal(t, h.call("GET", a.header.Get("Location"), nil).want(200).header.Get("ETag"), a.header.Get("ETag"))
	require.Equal(t, "active", a.body["status"])
	require.Equal(t, "pending", a.body["engagement"])
	require.Equal(t, "whatsapp", a.body["channel"])
	require.Equal(t, []any{"refund", "vip"}, a.body["tags"])
	require.Equal(t, object{"order_id": "4521", "amount": 49.9, "gift": false, "note": nil}, a.body["customFields"])
	require.Equal(t, object{"source": "shopify", "n": []any{1.5, nil, true}}, a.body["metadata"])
	contact := a.body["contact"].(object)
	require.Equal(t, "+442079460958", contact["phone"])
	require.Equal(t, "Ada Example", contact["name"])

	again := h.call("GET", "/v1/conversations/"+a.string("id"), nil).want(200)
	require.Equal(t, a.body, again.body)

	messages := h.call("GET", "/v1/conversations/"+a.string("id")+"/messages", nil).want(200).list()
	require.Len(t, messages, 1)
	require.Equal(t, "inbound", messages[0]["direction"])
	require.Equal(t, "2026-11-21T08:30:00.000Z", messages[0]["sentAt"])
	require.Equal(t, "customer", messages[0]["author"].(object)["type"])
}

func TestCreateConversationWithTheLeast(t *testing.T) {
	h := newHarness(t)
	a := h.call("POST", "/api/v1/conversations/outbound", least("1")).want(201)
	require.Equal(t, "email", a.body["channel"])
	require.Equal(t, "ada", a.body["contact"].(object)["name"])
	require.Equal(t, []any{}, a.body["tags"])
	require.Equal(t, object{}, a.body["customFields"])
	require.Equal(t, object{}, a.body["metadata"])
	require.Empty(t, h.call("GET", "/api/v1/conversations/"+a.string("id")+"/messages", nil).want(200).list())
}

func TestTheSameReferenceAgain(t *testing.T) {
	h := newHarness(t)
	first := h.newConversation("same")
	body := least("same")
	body["contact"] = object{"email": "another@example.com"}
	details := h.call("POST", "/v1/conversations/outbound", body).refused(409, "EXTERNAL_REFERENCE_EXISTS")
	require.Equal(t, first, details["conversationId"])
	require.Len(t, h.call("GET", "/v1/conversations", nil).want(200).list(), 1)

	sandboxKey := h.newKey(h.sandbox, "integration")
	h.call("POST", "/v1/conversations/outbound", body, "Authorization", "Bearer "+sandboxKey).want(201)
}

func TestOneOfAHundredConcurrentCreationsWins(t *testing.T) {
	h := newHarness(t)
	answers := make([]answer, 100)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() { answers[i] = h.call("POST", "/v1/conversations/outbound", least("race")) })
	}
	wait.Wait()
	var created string
	ids := map[any]int{}
	for _, a := range answers {
		if a.status == 201 {
			require.Empty(t, created, "two were created")
			created = a.string("id")
		} else {
			ids[a.refused(409, "EXTERNAL_REFERENCE_EXISTS")["conversationId"]]++
		}
	}
	require.Equal(t, map[any]int{created: 99}, ids)
}

func TestTransitions(t *testing.T) {
	h := newHarness(t)
	id := h.newConversation("1")
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	steps := []struct {
		do     string
		body   any
		status int
		want   string // the status it has afterwards; from>to of a refusal
	}{
		{"unsnooze", nil, 409, "active>active"},
		{"reopen", nil, 409, "active>active"},
		{"snooze", object{"until": soon}, 200, "snoozed"},
		{"snooze", object{"until": soon}, 200, "snoozed"},
		{"unsnooze", "{}", 200, "active"},
		{"snooze", object{"until": soon}, 200, "snoozed"},
		{"resolve", nil, 200, "done"},
		{"resolve", nil, 409, "done>done"},
		{"snooze", object{"until": soon}, 409, "done>snoozed"},
		{"reopen", nil, 200, "active"},
		{"archive", nil, 200, "archived"},
		{"archive", nil, 409, "archived>archived"},
		{"reopen", nil, 409, "archived>active"},
	}
	for i, s := range steps {
		a := h.call("POST", "/v1/conversations/"+id+"/"+s.do, s.body)
		if s.status == 409 {
			details := a.refused(409, "INVALID_TRANSITION")
			require.Equal(t, s.want, fmt.Sprintf("%v>%v", details["from"], details["to"]), "step %d", i)
			continue
		}
		a.want(s.status)
		require.Equal(t, s.want, a.body["status"], "step %d", i)
		read := h.call("GET", "/v1/conversations/"+a.string("id"), nil).want(200)
		require.Equal(t, read.header.Get("ETag"), a.header.Get("ETag"))
	}
	kinds := []string{}
	for _, entry := range h.call("GET", "/v1/conversations/"+id+"/timeline", nil).want(200).list() {
		kinds = append(kinds, entry["kind"].(string))
		require.Equal(t, "test key", entry["actor"].(object)["name"])
	}
	require.Equal(t, "created snoozed unsnoozed snoozed resolved reopened archived", strings.Join(kinds, " "))
}

func TestSnoozeOnlyAheadAndWithinAYear(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1") + "/snooze"
	for until, want := range map[string]string{
		time.Now().Add(-time.Minute).Format(time.RFC3339):         "until:not_ahead",
		time.Now().Add(400 * 24 * time.Hour).Format(time.RFC3339): "until:too_far",
		"2026-02-31T00:00:00Z":                                    "until:invalid_format",
		"tomorrow":                                                "until:invalid_format",
		"9999-12-31T23:59:59-23:59":                               "until:invalid_format",
	} {
		require.Equal(t, []string{want}, h.call("POST", path, object{"until": until}).wrong(), until)
	}
}

func TestAssign(t *testing.T) {
	h := newHarness(t)
	agent, err := h.store.Accounts.CreateAgent(
		t.Context(),
		h.live.ID,
		account.NewAgent{Name: "Bo", Email: "bo@example.com", Role: "agent"},
	)
	require.NoError(t, err)
	team, err := h.store.Accounts.CreateTeam(t.Context(), h.live.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	path := "/v1/conversations/" + h.newConversation("1") + "/assign"

	a := h.call("POST", path, object{"assigneeId": agent.ID, "teamId": team.ID}).want(200)
	require.Equal(t, []any{agent.ID.String(), team.ID.String()}, []any{a.body["assigneeId"], a.body["teamId"]})
	a = h.call("POST", path, object{"assigneeId": nil}).want(200)
	require.Equal(t, []any{nil, team.ID.String()}, []any{a.body["assigneeId"], a.body["teamId"]})
	same := h.call("POST", path, object{"teamId": team.ID}).want(200)
	require.Equal(t, a.body, same.body, "nothing changed")

	unknown := "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	require.Equal(t, []string{"assigneeId:unknown", "teamId:unknown"},
		h.call("POST", path, object{"assigneeId": unknown, "teamId": unknown}).wrong())
	require.Equal(t, []string{"body:too_few"}, h.call("POST", path, object{}).wrong())
}

func TestTagsOfAllSorts(t *testing.T) {
	h := newHarness(t)
	id := h.newConversation("1")
	names := []string{
		"vip", "a/b", "100%", "c++", "a b", "größe", "🙂👍🏽", "مرحبا", ".", "a,b;c=d", "?#&", `"quoted"`, "%2F",
		strings.Repeat("x", 100), strings.Repeat("🙂", 100),
	}
	for _, name := range names {
		path := "/v1/conversations/" + id + "/tags/" + escape(name)
		a := h.call("PUT", path, nil).want(200)
		require.Contains(t, a.body["tags"], name)
		require.Equal(t, a.body, h.call("PUT", path, nil).want(200).body, "twice is once")
		found := h.call("GET", "/v1/conversations?tag="+url.QueryEscape(name), nil).want(200).list()
		require.Len(t, found, 1, name)
		gone := h.call("DELETE", "/api"+path, nil).want(200)
		require.NotContains(t, gone.body["tags"], name)
		require.Equal(t, gone.body, h.call("DELETE", path, nil).want(200).body)
	}
	h.call("PUT", "/v1/conversations/"+id+"/tags/"+strings.Repeat("x", 101), nil).wrong()
}

// escape percent-encodes every byte, which is always allowed.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func TestETag(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	tag := h.call("GET", path, nil).want(200).header.Get("ETag")
	require.Equal(t, `"1"`, tag)
	for header, status := range map[string]int{
		tag: 304, "W/" + tag: 304, `"0", ` + tag: 304, `*`: 304, `"1-9f0e6c1e7a3b"`: 200, `"2"`: 200, `1`: 200, `"`: 200,
	} {
		a := h.call("GET", path, nil, "If-None-Match", header).want(status)
		require.Equal(t, tag, a.header.Get("ETag"))
	}
	h.call("POST", path+"/resolve", nil).want(200)
	h.call("GET", path, nil, "If-None-Match", tag).want(200)
}

// One rule: version, ETag and updatedAt move together, exactly when what is shown of the conversation changes, whatever
// changes it; the list of what has changed since shows it then, and only then.
func TestVersionETagAndUpdatedAtMoveTogether(t *testing.T) {
	h := newHarness(t)
	policy := h.policy("Gold")
	h.call("POST", "/v1/sla-assignments", object{"policyId": policy}).want(201)
	id := h.newConversation("1")
	path := "/v1/conversations/" + id
	h.call("POST", path+"/messages", object{"direction": "inbound", "text": "Well?"}).want(201)
	contact := h.call("GET", path, nil).want(200).body["contact"].(map[string]any)["id"].(string)
	walk := func() {
		_, err := h.store.Clocks.Recompute(t.Context(), h.live.ID)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		name   string
		moves  bool
		change func()
	}{
		{"a note", false, func() {
			h.call("POST", path+"/messages", object{"direction": "note", "text": "Careful."}).want(201)
		}},
		{"what is so already", false, func() { h.call("PATCH", path, object{"subject": h.subject(path)}).want(200) }},
		{"a deadline that moves", true, func() {
			h.call("PATCH", "/v1/sla-policies/"+policy, object{"targets": object{
				"first_reply": targets(600, 1200, 1800), "resolution": targets(6000, 12000, 18000),
			}}).want(200)
			walk()
		}},
		{"a policy's new name", true, func() {
			h.call("PATCH", "/v1/sla-policies/"+policy, object{"name": "Platinum"}).want(200)
			walk()
		}},
		{"the contact's name", true, func() {
			h.call("PATCH", "/v1/contacts/"+contact, object{"name": "Ada Lovelace"}).want(200)
		}},
		{"a message", true, func() { h.call("POST", path+"/messages", object{"text": "On its way."}).want(201) }},
	} {
		name := c.name
		before := h.call("GET", path, nil).want(200)
		since := "/v1/conversations?updatedSince=" + escape(before.string("updatedAt"))
		c.change()
		after := h.call("GET", path, nil).want(200)
		status := 304
		if c.moves {
			status = 200
			require.NotEqual(t, before.body, after.body, name)
			require.Greater(t, after.string("updatedAt"), before.string("updatedAt"), name)
			require.Greater(t, after.body["version"], before.body["version"], name)
			listed := h.call("GET", since, nil).want(200).body["data"].([]any)
			require.Equal(t, after.body["version"], listed[0].(map[string]any)["version"], name)
		} else {
			require.Equal(t, before.body, after.body, name)
		}
		require.Equal(t, fmt.Sprintf(`"%v"`, after.body["version"]), after.header.Get("ETag"), name)
		h.call("GET", path, nil, "If-None-Match", before.header.Get("ETag")).want(status)
	}
	// Messages that are included are in the tag, too: a note among them is shown at once.
	with := path + "?include=messages"
	tag := h.call("GET", with, nil).want(200).header.Get("ETag")
	h.call("GET", with, nil, "If-None-Match", tag).want(304)
	h.call("POST", path+"/messages", object{"direction": "note", "text": "Look."}).want(201)
	h.call("GET", with, nil, "If-None-Match", tag).want(200)
	h.call("PATCH", path, object{"subject": "Mine"}, "If-Match", tag).want(200)
}

func (h *harness) subject(path string) string {
	return h.call("GET", path, nil).want(200).string("subject")
}

// Readers and analysts cannot do what they would be assigned. What was assigned before stays.
func TestWhoCannotWorkIsAssignedNothing(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	agent := func(role string) string {
		agent := object{"name": role, "email": role + "@example.com", "role": role}
		return h.call("POST", "/v1/agents", agent).want(201).string("id")
	}
	for _, role := range []string{"reader", "analytics"} {
		id := agent(role)
		for _, a := range []answer{
			h.call("POST", path+"/assign", object{"assigneeId": id}),
			h.call("PATCH", path, object{"assigneeId": id}),
		} {
			require.Equal(t, []string{"assigneeId:cannot_work"}, a.wrong())
			require.Contains(t, a.text, "role is one of owner, lead, agent")
		}
	}
	worker := agent("agent")
	h.call("POST", path+"/assign", object{"assigneeId": worker}).want(200)
	h.call("PATCH", "/v1/agents/"+worker, object{"role": "reader"}).want(200)
	require.Equal(t, worker, h.call("GET", path, nil).want(200).string("assigneeId"))
	h.call("PATCH", path, object{"subject": "Changed"}).want(200)
	h.call("POST", path+"/assign", object{"assigneeId": nil}).want(200)
	h.call("POST", path+"/assign", object{"assigneeId": worker}).wrong()
}

func TestListsFilterAndWalk(t *testing.T) {
	h := newHarness(t)
	ids := map[string]bool{}
	for i := range 7 {
		ids[h.newConversation(fmt.Sprint("ref-", i))] = true
	}
	for _, sort := range []string{"-updatedAt", "createdAt"} {
		seen, cursor := map[string]bool{}, ""
		for pages := 0; ; pages++ {
			require.Less(t, pages, 4)
			a := h.call("GET", "/v1/conversations?limit=3&sort="+sort+cursor, nil).want(200)
			for _, c := range a.list() {
				require.False(t, seen[c["id"].(string)])
				seen[c["id"].(string)] = true
			}
			if a.body["nextCursor"] == nil {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(a.string("nextCursor"))
		}
		require.Equal(t, ids, seen)
	}
	for query, want := range map[string]int{
		"status=active": 7, "status=done": 0, "channel=email": 7, "channel=sms": 0, "engagement=pending": 7,
		"externalReference=ref-3": 1, "q=WHERE": 7, "q=nothing": 0, "q=ada%40example.com": 7, "q=%25": 0, "tag=none": 0,
		"updatedSince=2020-01-01T00:00:00Z": 7, "createdSince=2199-01-01T00:00:00%2B01:00": 0,
		"assigneeId=019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10": 0,
	} {
		require.Len(t, h.call("GET", "/v1/conversations?"+query, nil).want(200).list(), want, query)
	}
	require.Equal(t, []string{"cursor:invalid"}, h.call("GET", "/v1/conversations?cursor=xyz", nil).wrong())
}

func TestAnotherTenantSeesNothing(t *testing.T) {
	h := newHarness(t)
	id := h.newConversation("1")
	webhook := h.call("POST", "/v1/webhooks", object{"name": "x", "url": "https://example.com", "events": []any{"*"}}).want(201)
	theirs := []string{"Authorization", "Bearer " + h.newKey(h.sandbox, "full_access")}
	unknown := "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/conversations/%s", ""},
		{"GET", "/v1/conversations/%s/messages", ""},
		{"POST", "/v1/conversations/%s/messages", `{"text":"hello"}`},
		{"GET", "/v1/conversations/%s/timeline", ""},
		{"POST", "/v1/conversations/%s/resolve", ""},
		{"POST", "/v1/conversations/%s/snooze", `{"until":"2027-01-01T00:00:00Z"}`},
		{"POST", "/v1/conversations/%s/assign", `{"teamId":null}`},
		{"PUT", "/v1/conversations/%s/tags/x", ""},
		{"GET", "/v1/webhooks/%s", ""},
		{"PATCH", "/v1/webhooks/%s", `{"name":"y"}`},
		{"DELETE", "/v1/webhooks/%s", ""},
		{"POST", "/v1/webhooks/%s/rotate-secret", ""},
	} {
		mine := id
		if strings.Contains(c.path, "webhooks") {
			mine = webhook.string("id")
		}
		var body any
		if c.body != "" {
			body = c.body
		}
		a := h.call(c.method, fmt.Sprintf(c.path, mine), body, theirs...)
		b := h.call(c.method, fmt.Sprintf(c.path, unknown), body, theirs...)
		a.refused(404, "NOT_FOUND")
		b.refused(404, "NOT_FOUND")
		require.Equal(t, strings.ReplaceAll(message(a), mine, "?"), strings.ReplaceAll(message(b), unknown, "?"))
	}
	require.Empty(t, h.call("GET", "/v1/conversations", nil, theirs...).want(200).list())
}

func message(a answer) string { return a.body["error"].(object)["message"].(string) }
