package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

// kinds are the types of the events so far.
func (h *harness) kinds() (all []string) {
	h.t.Helper()
	for kind := range h.events() {
		all = append(all, kind)
	}
	return all
}

func TestSeveralFieldsAreOneChange(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	team, err := h.store.Accounts.CreateTeam(t.Context(), h.live.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	before := len(h.kinds())
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)

	a := h.call("PATCH", path, object{
		"subject": "Refund", "teamId": team.ID, "tags": []any{"vip", "refund", "vip"}, "customFields": object{"order_id": "7"},
		"status": "snoozed", "snoozedUntil": until,
	}).want(200)
	require.Equal(t, h.call("GET", path, nil).want(200).header.Get("ETag"), a.header.Get("ETag"))
	require.Equal(t, "Refund", a.string("subject"))
	require.Equal(t, "snoozed", a.string("status"))
	require.Equal(t, until.Format("2006-01-02T15:04:05.000Z"), a.string("snoozedUntil"))
	require.Equal(t, team.ID.String(), a.string("teamId"))
	require.Equal(t, []any{"refund", "vip"}, a.body["tags"])
	require.Equal(t, object{"order_id": "7"}, a.body["customFields"])
	require.Equal(t, []string{"conversation.updated", "assignment.changed", "tag.added", "tag.added"}, h.kinds()[before:])

	same := h.call("PATCH", path, object{
		"subject": "Refund", "teamId": team.ID, "tags": []any{"refund", "vip"}, "status": "snoozed", "snoozedUntil": until,
	}).want(200)
	require.Equal(t, a.body, same.body, "what changes nothing is answered, and is no event")
	require.Len(t, h.kinds(), before+4)

	a = h.call("PATCH", path, object{"tags": []any{}, "teamId": nil, "status": "archived"}).want(200)
	require.Equal(t, []any{}, a.body["tags"])
	require.Nil(t, a.body["teamId"])
	require.Equal(t, "archived", a.string("status"))
	h.call("PATCH", path, object{"subject": "Too late"}).refused(409, "INVALID_TRANSITION")
}

func TestStatusThroughPatch(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	soon, past := time.Now().Add(time.Hour).UTC(), time.Now().Add(-time.Hour).UTC()
	for _, step := range []struct {
		body object
		want string // the status afterwards, or field:code, or from>to
	}{
		{object{"status": "active"}, "active"},
		{object{"status": "snoozed"}, "snoozedUntil:required"},
		{object{"snoozedUntil": nil}, "active"},
		{object{"snoozedUntil": past}, "snoozedUntil:not_ahead"},
		{object{"snoozedUntil": soon.AddDate(2, 0, 0)}, "snoozedUntil:too_far"},
		{object{"status": "done", "snoozedUntil": soon}, "snoozedUntil:not_applicable"},
		{object{"snoozedUntil": soon}, "snoozed"},
		{object{"status": "snoozed"}, "snoozed"},
		{object{"status": "snoozed", "snoozedUntil": nil}, "snoozedUntil:required"},
		{object{"snoozedUntil": nil}, "active"},
		{object{"snoozedUntil": soon}, "snoozed"},
		{object{"status": "active", "snoozedUntil": nil}, "active"},
		{object{"status": "done"}, "done"},
		{object{"status": "done"}, "done"},
		{object{"snoozedUntil": soon}, "done>snoozed"},
		{object{"status": "active"}, "active"},
		{object{"status": "archived"}, "archived"},
		{object{"status": "archived"}, "archived"},
		{object{"status": "active"}, "archived>active"},
	} {
		a := h.call("PATCH", path, step.body)
		got := ""
		switch a.status {
		case 200:
			got = a.string("status")
		case 409:
			details := a.refused(409, "INVALID_TRANSITION")
			got = fmt.Sprintf("%v>%v", details["from"], details["to"])
		default:
			got = a.wrong()[0]
		}
		require.Equal(t, step.want, got, "%v", step.body)
	}
}

func TestIfMatchKeepsOneFromOverwritingTheOther(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	read := h.call("GET", path, nil).want(200).header.Get("ETag")
	h.call("PATCH", path, object{"subject": "Mine"}, "If-Match", read).want(200)
	details := h.call("PATCH", path, object{"subject": "Theirs"}, "If-Match", read).refused(412, "PRECONDITION_FAILED")
	require.InDelta(t, 2, details["version"], 0)
	for _, tag := range []string{`W/"1"`, `W/2`, `w/"2"`, `2`, `"2`, `"-2"`, `"2a"`, `""`, `"` + strings.Repeat("9", 40) + `"`} {
		h.call("PATCH", path, object{"subject": "Theirs"}, "If-Match", tag).refused(412, "PRECONDITION_FAILED")
	}
	require.Equal(t, "Mine", h.call("GET", path, nil).want(200).string("subject"))
	h.call("PATCH", path, object{"subject": "Theirs"}, "If-Match", `"7", "2"`).want(200)
	h.call("PATCH", path, object{"subject": "Ours"}, "If-Match", `"3-of another time"`).want(200)
	h.call("PATCH", path, object{"subject": "Anybody's"}, "If-Match", "*").want(200)
}

func TestPatchRefusesAllOrNothing(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	unknown := uuid.NewString()
	require.Equal(t, []string{"assigneeId:unknown", "teamId:unknown"},
		h.call("PATCH", path, object{"subject": "New", "assigneeId": unknown, "teamId": unknown}).wrong())
	require.Equal(t, []string{"customFields.A:invalid_key"},
		h.call("PATCH", path, object{"customFields": object{"A": 1}}).wrong())
	require.Equal(t, []string{"body:too_few"}, h.call("PATCH", path, object{}).wrong())
	h.exec(`UPDATE tenants SET unknown_tags = 'reject'`)
	require.Equal(t, []string{"tags:unknown"}, h.call("PATCH", path, object{"subject": "New", "tags": []any{"typo"}}).wrong())
	require.Equal(t, "Where is my order?", h.call("GET", path, nil).want(200).string("subject"))
	h.call("PATCH", "/v1/conversations/"+unknown, object{"subject": "New"}).refused(404, "NOT_FOUND")
	sandbox := h.newKey(h.sandbox, "full_access")
	h.call("PATCH", path, object{"subject": "New"}, "Authorization", "Bearer "+sandbox).refused(404, "NOT_FOUND")
}

func TestMessagesCanBeReadWithTheirConversation(t *testing.T) {
	h := newHarness(t)
	path := "/v1/conversations/" + h.newConversation("1")
	require.NotContains(t, h.call("GET", path, nil).want(200).body, "messages")
	require.Equal(t, []any{}, h.call("GET", path+"?include=messages", nil).want(200).body["messages"])
	for i := range 52 {
		h.call("POST", path+"/messages", object{"direction": "note", "text": fmt.Sprint(i)}).want(201)
	}
	messages := h.call("GET", path+"?include=contact,messages", nil).want(200).body["messages"].([]any)
	require.Len(t, messages, 50)
	require.Equal(t, "2", messages[0].(object)["text"])
	require.Equal(t, "51", messages[49].(object)["text"])
}

func TestBulkChangesEachOnItsOwn(t *testing.T) {
	h := newHarness(t)
	a, b, done := h.newConversation("1"), h.newConversation("2"), h.newConversation("3")
	h.call("POST", "/v1/conversations/"+done+"/resolve", nil).want(200)
	unknown := uuid.NewString()
	body := object{"ids": []any{b, done, unknown, a, b}, "action": "resolve"}
	answer := h.call("POST", "/v1/conversations/bulk", body, "Idempotency-Key", "once").want(200)
	results := answer.list()
	require.Len(t, results, 4)
	for i, want := range []struct{ id, code string }{{b, ""}, {done, "INVALID_TRANSITION"}, {unknown, "NOT_FOUND"}, {a, ""}} {
		require.Equal(t, want.id, results[i]["id"])
		if want.code == "" {
			require.InDelta(t, 2, results[i]["version"], 0)
			require.Nil(t, results[i]["error"])
			require.Equal(t, "done", h.call("GET", "/v1/conversations/"+want.id, nil).want(200).string("status"))
		} else {
			require.Equal(t, want.code, results[i]["error"].(object)["code"])
		}
	}
	again := h.call("POST", "/v1/conversations/bulk", body, "Idempotency-Key", "once").want(200)
	require.Equal(t, answer.body, again.body)

	for _, ok := range []object{
		{"action": "reopen"}, {"action": "snooze", "until": time.Now().Add(time.Hour)}, {"action": "unsnooze"},
		{"action": "addTag", "tag": "vip"}, {"action": "removeTag", "tag": "vip"}, {"action": "assign", "teamId": nil},
		{"action": "archive"},
	} {
		ok["ids"] = []any{a}
		require.Nil(t, h.call("POST", "/v1/conversations/bulk", ok).want(200).list()[0]["error"], "%v", ok)
	}
	for want, body := range map[string]object{
		"tag:required":       {"ids": []any{a}, "action": "addTag"},
		"until:required":     {"ids": []any{a}, "action": "snooze"},
		"tag:not_applicable": {"ids": []any{a}, "action": "resolve", "tag": "vip"},
		"ids:too_few":        {"ids": []any{}, "action": "resolve"},
		"ids:too_many":       {"ids": make([]uuid.UUID, 201), "action": "resolve"},
	} {
		require.Contains(t, h.call("POST", "/v1/conversations/bulk", body).wrong(), want)
	}
}

func TestInboundFindsWhatIsThere(t *testing.T) {
	h := newHarness(t)
	first := h.call("POST", "/v1/conversations/inbound", least("1")).want(201)
	require.Equal(t, "/v1/conversations/"+first.string("id"), first.header.Get("Location"))
	h.call("PATCH", "/v1/conversations/"+first.string("id"), object{"subject": "Changed since"}).want(200)
	events := len(h.kinds())
	again := h.call("POST", "/v1/conversations/inbound", least("1")).want(200)
	require.Equal(t, first.string("id"), again.string("id"))
	require.Equal(t, "Changed since", again.string("subject"))
	require.Equal(t, `"2"`, again.header.Get("ETag"))
	require.Len(t, h.kinds(), events)
}
