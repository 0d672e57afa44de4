package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/validation"
)

// The values that go where something else is expected.
var oddValues = []string{
	`null`, `true`, `0`, `-1`, `1.5`, `1e400`, `-1e400`, `1e-400`, `123456789012345678901234567890`, `""`, `" "`,
	`"\u0000"`, `"\ud800"`,
	`"a\nb"`, `"` + strings.Repeat("x", 70000) + `"`, `"مرحبا 🙂"`, `[]`, `[null]`, `[[[]]]`, `[1,"a",{}]`, `{}`,
	`{"a":{"a":{}}}`,
	`{"":""}`, `{"\u0000":1}`, `{"$ref":"#"}`, `{"__proto__":{}}`, `"2026-11-21T09:30:00Z"`,
	`"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"`,
	strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
}

// requests are one good body for each operation that takes one, with a %s for its fields' place.
var requests = []struct {
	method, path string
	fields       map[string]string // a good body
}{
	{"POST", "/v1/conversations/outbound", map[string]string{
		"externalReference": `"odd"`, "subject": `"s"`, "channel": `"sms"`, "contact": `{"email":"a@example.com"}`,
		"outboundContext": `{"originalMessage":"x"}`, "tags": `["a"]`, "customFields": `{"a":1}`,
	}},
	{"POST", "/v1/conversations/ID/messages", map[string]string{
		"direction": `"inbound"`, "text": `"t"`, "html": `"h"`, "externalId": `"e"`, "sentAt": `"2026-11-21T09:30:00Z"`,
		"agentId": `"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"`, "metadata": `{}`, "automated": `false`, "resolve": `false`,
	}},
	{"POST", "/v1/conversations/ID/snooze", map[string]string{"until": `"2027-01-01T00:00:00Z"`}},
	{"POST", "/v1/conversations/ID/assign", map[string]string{"assigneeId": `null`, "teamId": `null`}},
	{"POST", "/v1/conversations/ID/unsnooze", map[string]string{}},
	{"POST", "/v1/webhooks", map[string]string{
		"name": `"n"`, "url": `"https://example.com"`, "events": `["*"]`, "description": `""`, "isActive": `true`,
		"headers":      `{}`,
		"maxPerSecond": `1`, "maxInFlight": `1`, "retry": `[1]`, "filter": `{}`, "signing": `"hmac"`,
	}},
	{"PATCH", "/v1/webhooks/HOOK", map[string]string{
		"name": `"n"`, "url": `"https://example.com"`, "events": `["*"]`, "description": `""`, "isActive": `true`,
		"headers":      `{}`,
		"maxPerSecond": `1`, "maxInFlight": `1`, "retry": `[1]`, "filter": `{}`,
	}},
	{"POST", "/v1/webhooks/HOOK/replay", map[string]string{
		"since": `"2026-01-01T00:00:00Z"`, "until": `"2026-11-21T09:30:00Z"`, "events": `["tag.added"]`, "onlyFailed": `true`,
	}},
	{"POST", "/v1/webhooks/HOOK/rotate-secret", map[string]string{"graceHours": `1`}},
	{"POST", "/v1/sla-policies", map[string]string{
		"name": `"n"`, "description": `""`, "ignoreOfficeHours": `true`, "pauseWhileSnoozed": `true`,
		"targets": `{"resolution":{"normalTargetSeconds":1,"highTargetSeconds":2,"urgentTargetSeconds":3}}`,
	}},
	{"POST", "/v1/sla-assignments", map[string]string{
		"policyId": `"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"`, "teamId": `null`, "channel": `null`,
	}},
	{"POST", "/v1/opening-hours", map[string]string{
		"name": `"n"`, "timeZone": `"UTC"`, "weekly": `{"monday":[{"from":"09:00","to":"17:00"}]}`, "holidays": `null`,
		"overrides": `[{"date":"2026-05-05","slots":[]}]`, "isDefault": `true`,
	}},
	{"POST", "/v1/opening-hours/preview", map[string]string{
		"timeZone": `"UTC"`, "weekly": `{}`, "holidays": `""`, "overrides": `[]`,
	}},
	{"POST", "/v1/opening-hours-assignments", map[string]string{
		"openingHoursId": `"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"`, "teamId": `null`, "channel": `"sms"`,
	}},
	{"PATCH", "/v1/settings", map[string]string{"autoArchive": `{"days":1}`, "unknownTags": `"drop"`}},
}

// TestNoBodyIsOurFault puts every odd value into every place of every body. checkAnswer refuses answers of 500 and
// answers that the document does not describe.
func TestNoBodyIsOurFault(t *testing.T) {
	h := newHarness(t)
	names := strings.NewReplacer("ID", h.newConversation("1"), "HOOK", h.call("POST", "/v1/webhooks",
		object{"name": "x", "url": "https://example.com", "events": []any{"*"}}).want(201).string("id"))
	for _, r := range requests {
		path := names.Replace(r.path)
		for _, odd := range oddValues {
			h.fine(r.method, path, odd)
			for field := range r.fields {
				h.fine(r.method, path, bodyWith(r.fields, field, odd))
			}
			h.fine(r.method, path, bodyWith(r.fields, "unheard", odd))
		}
	}
	for _, field := range []string{"email", "name", "phone"} {
		for _, odd := range oddValues {
			contact := bodyWith(map[string]string{"email": `"a@example.com"`}, field, odd)
			h.fine("POST", "/v1/conversations/outbound", bodyWith(requests[0].fields, "contact", contact))
		}
	}
	for _, field := range []string{"originalMessage", "originalHtml", "sentAt", "metadata"} {
		for _, odd := range oddValues {
			h.fine("POST", "/v1/conversations/outbound", bodyWith(requests[0].fields, "outboundContext", `{"`+field+`":`+odd+`}`))
		}
	}
	for _, odd := range oddValues {
		context := `{"metadata":{"x":` + odd + `}}`
		h.fine("POST", "/v1/conversations/outbound", bodyWith(requests[0].fields, "outboundContext", context))
		h.fine("POST", "/v1/conversations/outbound", bodyWith(requests[0].fields, "customFields", `{"x":`+odd+`}`))
		h.fine("POST", "/v1/conversations/outbound", bodyWith(requests[0].fields, "tags", `["x",`+odd+`]`))
	}
}

func bodyWith(fields map[string]string, field, value string) string {
	parts := []string{fmt.Sprintf("%q:%s", field, value)}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != field {
			parts = append(parts, fmt.Sprintf("%q:%s", name, fields[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// fine makes a request that may go well or be refused, and nothing else.
func (h *harness) fine(method, path, body string) {
	h.t.Helper()
	a := h.call(method, path, body)
	require.Contains(h.t, []int{200, 201, 202, 400, 409, 413, 429}, a.status, "%s %s %.300s: %s", method, path, body, a.text)
}

func TestBodiesThatAreNotJSON(t *testing.T) {
	h := newHarness(t)
	const path = "/v1/conversations/outbound"
	for body, want := range map[string]string{
		"":                                      "body:required",
		" ":                                     "body:malformed_json",
		"{":                                     "body:malformed_json",
		"}":                                     "body:malformed_json",
		`{"a":1,}`:                              "body:malformed_json",
		"{} {}":                                 "body:malformed_json",
		"{}x":                                   "body:malformed_json",
		"nul":                                   "body:malformed_json",
		"\xef\xbb\xbf{}":                        "body:malformed_json",
		`{"subject":"` + "\xff" + `"}`:          "body:malformed_json",
		`{"subject":"` + "\x00" + `"}`:          "body:malformed_json",
		"<xml/>":                                "body:malformed_json",
		"null":                                  "body:invalid_type",
		"[]":                                    "body:invalid_type",
		`"x"`:                                   "body:invalid_type",
		"1e999":                                 "body:out_of_range",
		strings.Repeat("[", 20000):              strings.Repeat("[0]", 32) + ":too_deep",
		`{"subject":"a","subject":"b"}`:         "subject:duplicate_key",
		`{"subject":"a","\u0073ubject":"b"}`:    "subject:duplicate_key",
		`{"contact":{"email":"a","email":"b"}}`: "contact.email:duplicate_key",
		`{"customFields":{"x":{"y":[{"z":1,"z":2}]}}}`:    "customFields.x.y[0].z:duplicate_key",
		`{"outboundContext":{"metadata":{"x":1,"x":1}}}`:  "outboundContext.metadata.x:duplicate_key",
		`{"tags":[` + strings.Repeat("0,", 20000) + `0]}`: "body:too_many_values",
	} {
		require.Equal(t, []string{want}, h.call("POST", path, body).wrong(), body[:min(len(body), 50)])
	}
	for _, contentType := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "json", "application/json; charset=latin1", ";",
	} {
		h.call("POST", path, least("1"), "Content-Type", contentType).refused(415, "UNSUPPORTED_MEDIA_TYPE")
	}
	h.call("POST", path, least("1"), "Content-Encoding", "gzip").refused(415, "UNSUPPORTED_MEDIA_TYPE")
	for i, contentType := range []string{"application/json; charset=UTF-8", "Application/JSON", "application/merge-patch+json"} {
		h.call("POST", path, least(fmt.Sprint("type", i)), "Content-Type", contentType).want(201)
	}
	h.call("POST", path, `{"subject":"`+strings.Repeat("x", 1<<20)+`"}`).refused(413, "BODY_TOO_LARGE")
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	h := newHarness(t)
	a := h.call("POST", "/v1/conversations/outbound", `{
		"sbject": "x", "externalReference": "", "channel": "pigeon", "tags": ["ok", "", 5],
		"customFields": {"A": 1, "b": [], "c": 100000000000000000000000000000000000000},
		"contact": {"email": "ada", "phone": "020 7946 0958", "nick": "x"},
		"outboundContext": {"sentAt": "yesterday", "metadata": {"n": -1e400}}}`)
	require.ElementsMatch(t, []string{
		"sbject:unknown_field", "subject:required", "externalReference:too_short", "channel:invalid_value", "tags[1]:too_short",
		"tags[2]:invalid_type", "customFields.A:invalid_key", "customFields.b:invalid_type", "customFields.c:out_of_range",
		"contact.email:invalid_format", "contact.phone:invalid_format", "contact.nick:unknown_field",
		"outboundContext.sentAt:invalid_format", "outboundContext.metadata.n:out_of_range",
	}, a.wrong())
	require.NotContains(t, a.text, "yesterday", "values are not repeated")

	many := `{"` + strings.Repeat("k", 5000) + `":1`
	for i := range 900 {
		many += fmt.Sprintf(`,"k%d":1`, i)
	}
	a = h.call("POST", "/v1/conversations/outbound", many+"}")
	require.Len(t, a.wrong(), validation.MaxFields)
	require.Less(t, len(a.text), 20000)
}

func TestOddPathsAndQueries(t *testing.T) {
	h := newHarness(t)
	id := h.newConversation("1")
	for path, want := range map[string]string{
		"/v1/conversations/42":                                     "id:invalid_format",
		"/v1/conversations/" + strings.ToUpper(id) + "x":           "id:invalid_format",
		"/v1/conversations/%00":                                    "id:invalid_text",
		"/v1/conversations/%ff":                                    "id:invalid_text",
		"/v1/conversations/..%2F..":                                "id:invalid_format",
		"/v1/conversations/urn:uuid:" + id:                         "id:invalid_format",
		"/v1/conversations?limit=0":                                "limit:out_of_range",
		"/v1/conversations?limit=-1":                               "limit:out_of_range",
		"/v1/conversations?limit=201":                              "limit:out_of_range",
		"/v1/conversations?limit=":                                 "limit:invalid_type",
		"/v1/conversations?limit=1.0":                              "limit:invalid_type",
		"/v1/conversations?limit=99999999999999999999":             "limit:invalid_type",
		"/v1/conversations?limit=1&limit=2":                        "limit:repeated",
		"/v1/conversations?status=open":                            "status:invalid_value",
		"/v1/conversations?status=":                                "status:invalid_value",
		"/v1/conversations?stauts=done":                            "stauts:unknown_parameter",
		"/v1/conversations?sort=createdat":                         "sort:invalid_value",
		"/v1/conversations?assigneeId=me":                          "assigneeId:invalid_format",
		"/v1/conversations?updatedSince=yesterday":                 "updatedSince:invalid_format",
		"/v1/conversations?updatedSince=2026-11-21T09:30:00+01:00": "updatedSince:invalid_format", // '+' is a space
		"/v1/conversations?q=%00":                                  "q:invalid_text",
		"/v1/conversations?q=%ff":                                  "q:invalid_text",
		"/v1/conversations?q=" + strings.Repeat("x", 201):          "q:too_long",
		"/v1/conversations?cursor=%F0%9F%99%82":                    "cursor:invalid",
		"/v1/conversations?cursor=e30":                             "cursor:invalid",
		"/v1/conversations?q=%zz":                                  "query:malformed",
		"/v1/conversations?q=a;b":                                  "query:malformed",
		"/v1/conversations/" + id + "?include=messages,all":        "include:invalid_value",
		"/v1/conversations/" + id + "/timeline?limit=x":            "limit:invalid_type",
	} {
		a := h.call("GET", path, nil)
		require.Equal(t, []string{want}, a.wrong(), path)
	}
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v1/nothing", "/v2/conversations", "/v1/conversations/", "/api/v1", "/api/healthz", "/api/api/v1/me",
		"/v1/conversations/" + id + "/", "/v1//conversations", "/v1/conversations/" + id + "/tags",
		"/docs/", "/docs/../server.go",
	} {
		h.call("GET", path, nil).refused(404, "NOT_FOUND")
	}
	for _, name := range []string{"", "%00", "%ff", "%C0%80", strings.Repeat("x", 101)} {
		require.Contains(t, []int{400, 404}, h.call("PUT", "/v1/conversations/"+id+"/tags/"+name, nil).status, name)
	}
	a := h.call("DELETE", "/v1/conversations/"+id, nil)
	a.refused(405, "METHOD_NOT_ALLOWED")
	require.Equal(t, "GET, PATCH", a.header.Get("Allow"))
	h.call("BREW", "/v1/conversations", nil).refused(405, "METHOD_NOT_ALLOWED")
	h.call("POST", "/v1/conversations/"+id+"/resolve", object{"status": "done"}).wrong()
	h.call("POST", "/v1/conversations/"+id+"/resolve", "not json").wrong()
	h.call("GET", "/v1/conversations/"+id, "a body means nothing to GET").want(http.StatusOK)
}
