package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/webhook"
)

func TestWebhookFromCradleToGrave(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/webhooks", object{
		"name": "Shop", "url": "https://shop.example.com/hooks", "events": []any{"message.sent", "tag.added"},
		"description": "d", "headers": object{"X-Token": "s3cr3t"}, "maxPerSecond": 20, "maxInFlight": 4,
		"retry": []any{1, 60}, "filter": object{"channels": []any{"sms"}, "tags": []any{"vip"}},
	}).want(201)
	require.True(t, strings.HasPrefix(made.string("secret"), "whsec_"))
	require.Equal(t, []any{"X-Token"}, made.body["headers"])
	require.NotContains(t, made.text, "s3cr3t")
	path := "/v1/webhooks/" + made.string("id")
	require.Equal(t, path, made.header.Get("Location"))

	secret := made.string("secret")
	delete(made.body, "secret")
	read := h.call("GET", path, nil).want(200)
	require.Equal(t, made.body, read.body)
	require.Equal(t, read.body, h.call("GET", "/v1/webhooks", nil).want(200).list()[0])

	now := h.call("PATCH", path, object{
		"maxPerSecond": nil, "retry": nil, "filter": nil, "isActive": false, "events": []any{"*"}, "headers": object{},
	}).want(200)
	for field, want := range map[string]any{
		"maxPerSecond": nil, "retry": nil, "filter": nil, "isActive": false, "events": []any{"*"}, "headers": []any{},
		"name": "Shop", "maxInFlight": 4.0,
	} {
		require.Equal(t, want, now.body[field], field)
	}

	for _, body := range []any{nil, object{}, object{"graceHours": 0}, object{"graceHours": 168}} {
		rotated := h.call("POST", path+"/rotate-secret", body).want(200)
		require.NotEqual(t, secret, rotated.string("secret"))
		secret = rotated.string("secret")
	}
	tooLong := h.call("POST", path+"/rotate-secret", object{"graceHours": 169})
	require.Equal(t, []string{"graceHours:out_of_range"}, tooLong.wrong())

	require.Empty(t, h.call("DELETE", path, nil).want(204).text)
	h.call("DELETE", path, nil).refused(404, "NOT_FOUND")
	h.call("GET", path, nil).refused(404, "NOT_FOUND")
}

// Of a pair of keys the receiver needs the public one: with the private one a signature is as good as ours.
func TestEd25519ShowsPublicKeysOnly(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/webhooks", object{
		"name": "x", "url": "https://example.com", "events": []any{"*"}, "signing": "ed25519",
	}, "Idempotency-Key", "k").want(201)
	path := made.header.Get("Location")
	first := made.string("publicKey")
	_, err := signature.ParsePublicKey(first)
	require.NoError(t, err)
	keys := func() []map[string]any { return h.call("GET", path+"/public-keys", nil).want(200).list() }
	require.Equal(t, []map[string]any{{"publicKey": first, "signsUntil": nil}}, keys())
	require.Equal(t, first, h.call("GET", path, nil).want(200).string("publicKey"))

	rotated := h.call("POST", path+"/rotate-secret", object{"graceHours": 1}).want(200)
	second := rotated.string("publicKey")
	require.NotEqual(t, first, second)
	both := keys()
	require.Len(t, both, 2)
	require.Equal(t, map[string]any{"publicKey": second, "signsUntil": nil}, both[0])
	require.Equal(t, first, both[1]["publicKey"])
	require.NotNil(t, both[1]["signsUntil"])
	last := h.call("POST", path+"/rotate-secret", object{"graceHours": 0}).want(200)
	require.Equal(t, []map[string]any{{"publicKey": last.string("publicKey"), "signsUntil": nil}}, keys())

	replayed := h.call("POST", "/v1/webhooks", object{
		"name": "x", "url": "https://example.com", "events": []any{"*"}, "signing": "ed25519",
	}, "Idempotency-Key", "k").want(201)
	for _, a := range []answer{made, rotated, last, replayed, h.call("GET", "/v1/webhooks", nil)} {
		require.NotContains(t, a.body, "secret")
		require.NotContains(t, a.text, "whsk_")
	}
	require.NotContains(t, h.log.String(), "whsk_")

	shared := h.subscribe()
	require.Empty(t, h.call("GET", shared+"/public-keys", nil).want(200).list(), "a secret has no public key")
	h.call("GET", path+"/public-keys", nil, h.elsewhere()...).refused(404, "NOT_FOUND")
	small := h.newKey(h.live, "webhooks:redeliver")
	h.call("GET", path+"/public-keys", nil, "Authorization", "Bearer "+small).refused(403, "SCOPE_MISSING")
}

// A filter by a team that is not there would never be sent anything.
func TestTeamsOfAFilterExist(t *testing.T) {
	h := newHarness(t)
	mine := h.team("Billing")
	theirs := h.call("POST", "/v1/teams", object{"name": "Theirs", "memberIds": []any{}}, h.elsewhere()...).want(201).string("id")
	body := func(teams ...any) object {
		return object{"name": "x", "url": "https://example.com", "events": []any{"message.sent"},
			"filter": object{"teamIds": teams}}
	}
	require.Equal(t, []string{"filter.teamIds[1]:unknown"}, h.call("POST", "/v1/webhooks", body(mine, theirs)).wrong())
	never := h.call("POST", "/v1/webhooks", body(uuid.NewString(), mine, uuid.NewString())).wrong()
	require.Equal(t, []string{"filter.teamIds[0]:unknown", "filter.teamIds[2]:unknown"}, never)
	path := h.call("POST", "/v1/webhooks", body(mine, mine)).want(201).header.Get("Location")
	for _, id := range []string{theirs, uuid.NewString()} {
		change := object{"filter": object{"teamIds": []any{id}}}
		require.Equal(t, []string{"filter.teamIds[0]:unknown"}, h.call("PATCH", path, change).wrong())
	}
	h.call("PATCH", path, object{"filter": nil}).want(200)
	h.call("PATCH", path, object{"filter": object{"teamIds": []any{mine}}}).want(200)
}

// The same of every other place that names a team.
func TestTeamsThatAreNamedExist(t *testing.T) {
	h := newHarness(t)
	theirs := h.call("POST", "/v1/teams", object{"name": "Theirs", "memberIds": []any{}}, h.elsewhere()...).want(201).string("id")
	conversation := "/v1/conversations/" + h.newConversation("1")
	policy, hours := h.policy("Standard"), h.openingHours("Office").string("id")
	for _, id := range []string{theirs, uuid.NewString()} {
		for _, c := range []struct {
			method, path string
			body         object
			field        string
		}{
			{"PATCH", "/v1/channels/email", object{"defaultTeamId": id}, "defaultTeamId"},
			{"PATCH", conversation, object{"teamId": id}, "teamId"},
			{"POST", conversation + "/assign", object{"teamId": id}, "teamId"},
			{"POST", "/v1/sla-assignments", object{"policyId": policy, "teamId": id}, "teamId"},
			{"POST", "/v1/opening-hours-assignments", object{"openingHoursId": hours, "teamId": id}, "teamId"},
			{"POST", "/v1/docks", object{"name": "x", "url": "https://example.com", "teamIds": []any{id}}, "teamIds"},
		} {
			require.Equal(t, []string{c.field + ":unknown"}, h.call(c.method, c.path, c.body).wrong(), c.path)
		}
	}
}

func TestWebhooksThatAreRefused(t *testing.T) {
	h := newHarness(t)
	change := func(field string, v any) object {
		o := object{"name": "x", "url": "https://example.com/", "events": []any{"*"}}
		o[field] = v
		return o
	}
	for _, c := range []struct {
		field string
		value any
		want  string
	}{
		{"name", "", "name:too_short"},
		{"url", "http://example.com", "url:"},
		{"url", "https://user:pw@example.com", "url:"},
		{"url", "https://10.0.0.1/", "url:"},
		{"url", "not a url", "url:"},
		{"url", "https://example.com/#x", "url:"},
		{"events", []any{}, "events:too_few"},
		{"events", []any{"conversation.exploded"}, "events[0]:invalid_value"},
		{"events", []any{"*", "tag.added"}, "events:"},
		{"headers", object{"webhook-id": "x"}, "headers"},
		{"headers", object{"X-A": "a\r\nb"}, "headers"},
		{"retry", []any{0}, "retry[0]:out_of_range"},
		{"retry", []any{1.5}, "retry[0]:invalid_type"},
		{"retry", []any{604800, 604800}, "retry"},
		{"maxInFlight", 0, "maxInFlight:out_of_range"},
		{"maxPerSecond", 1e300, "maxPerSecond:out_of_range"},
		{"filter", object{"channels": []any{"pigeon"}}, "filter.channels[0]:invalid_value"},
		{"filter", object{"teamIds": []any{"x"}}, "filter.teamIds[0]:invalid_format"},
		{"signing", "rot13", "signing:invalid_value"},
		{"secret", "whsec_x", "secret:unknown_field"},
	} {
		wrong := h.call("POST", "/v1/webhooks", change(c.field, c.value)).wrong()
		require.Contains(t, strings.Join(wrong, " "), c.want, "%s %v", c.field, c.value)
	}
	require.Equal(t, []string{"maxInFlight:invalid_type"},
		h.call("POST", "/v1/webhooks", `{"name":"x","url":"https://example.com","events":["*"],"maxInFlight":1e1}`).wrong())
}

func TestWebhookLimitsOfTheTenant(t *testing.T) {
	h := newHarness(t)
	body := object{"name": "x", "url": "https://example.com", "events": []any{"*"}, "isActive": false}
	for range 10 {
		h.call("POST", "/v1/webhooks", body).want(201)
	}
	a := h.call("POST", "/v1/webhooks", body)
	a.refused(429, "WEBHOOK_LIMIT_REACHED")
	require.Empty(t, a.header.Get("Retry-After"), "waiting does not help")

	off := false
	_, err := h.store.Webhooks.SetLimits(t.Context(), h.live.ID, webhook.TenantLimits{WebhooksEnabled: &off})
	require.NoError(t, err)
	id := "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/webhooks", nil}, {"POST", "/v1/webhooks", body}, {"GET", "/v1/webhooks/" + id, nil},
		{"PATCH", "/v1/webhooks/" + id, object{"name": "y"}}, {"DELETE", "/v1/webhooks/" + id, nil},
		{"POST", "/v1/webhooks/" + id + "/rotate-secret", nil},
		{"POST", "/v1/webhooks", object{"nothing": "right"}}, {"GET", "/v1/webhooks/42", nil},
	} {
		h.call(c.method, c.path, c.body).refused(403, "WEBHOOKS_DISABLED")
	}
}

// fillIn gives a route's parameters values of their kind that nothing has.
func fillIn(path string) string {
	const id = "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	return strings.NewReplacer(":id", id, ":deliveryId", id, ":replayId", id, ":agentId", id, ":channel", "email",
		":name", "x").Replace(path)
}

func TestScopes(t *testing.T) {
	h := newHarness(t)
	doc := document()
	without := h.newKey(h.live, "contacts:write")
	others := h.newKey(h.live, "tags:write") // for what asks for contacts alone
	for key, op := range doc.Operations {
		if len(op.Scopes) == 0 {
			continue
		}
		poor, missing := others, op.Scopes[0]
		if i := slices.IndexFunc(op.Scopes, func(s string) bool { return !strings.HasPrefix(s, "contacts:") }); i >= 0 {
			poor, missing = without, op.Scopes[i]
		}
		method, path, _ := strings.Cut(key, " ")
		path = fillIn(path)
		details := h.call(method, path, nil, "Authorization", "Bearer "+poor).refused(403, "SCOPE_MISSING")
		require.Equal(t, missing, details["requiredScope"])
		surface, access, _ := strings.Cut(missing, ":")
		with := h.newKey(h.live, slices.Concat(op.Scopes, op.KeyScopes, []string{surface + ":write"})...)
		require.NotEqual(t, 403, h.call(method, path, nil, "Authorization", "Bearer "+with).status, key)
		if access == "write" {
			reader := h.newKey(h.live, surface+":read")
			h.call(method, path, nil, "Authorization", "Bearer "+reader).refused(403, "SCOPE_MISSING")
		}
	}
	me := h.call("GET", "/v1/me", nil, "Authorization", "Bearer "+without).want(200)
	require.Equal(t, []any{"contacts:write"}, me.body["scopes"])
	require.Equal(t, "production", me.body["environment"])
	require.Equal(t, h.live.ID.String(), me.string("tenantId"))
}

func TestKeysThatAreNotValid(t *testing.T) {
	h := newHarness(t)
	for _, header := range []string{
		"", "Bearer", "Bearer ", h.key, "Basic " + h.key, "Bearer x", "Bearer sa_live_",
		"Bearer sa_live_" + strings.Repeat("0", 43),
		"Bearer " + h.key + "x", "Bearer " + strings.Repeat("sa_live_", 5000), "Bearer sa_live_\xff\xfe",
	} {
		a := h.call("GET", "/v1/me", nil, "Authorization", header)
		a.refused(401, "UNAUTHORIZED")
		require.Equal(t, `Bearer realm="atender"`, a.header.Get("WWW-Authenticate"), fmt.Sprintf("%q", header))
	}
	h.call("GET", "/v1/me", nil, "Authorization", "bearer  "+h.key).want(200)
	keys, err := h.store.Keys.List(t.Context(), h.live.ID)
	require.NoError(t, err)
	require.NoError(t, h.store.Keys.Revoke(t.Context(), h.live.ID, keys[0].ID))
	require.Eventually(t, func() bool { return h.call("GET", "/v1/me", nil).status == 401 }, 10*time.Second, 50*time.Millisecond)
}
