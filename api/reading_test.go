package api

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

// Of two objects under one key validation saw the last, and the decoder merged both.
func TestAKeyThatIsGivenTwiceIsRefused(t *testing.T) {
	h := newHarnessAlone(t)
	const path = "/v1/conversations/outbound"
	long := strings.Repeat("n", 5000)
	for body, wrong := range map[string]string{
		`{"contact":{"email":"a@example.com","name":"` + long + `"},"contact":{"email":"a@example.com"}`: "contact:duplicate_key",
		`{"contact":{"email":"a@example.com"},"customFields":{"A":1},"customFields":{}`:                  "customFields:duplicate_key",
		`{"contact":{"email":"a@example.com","name":"\u0000","n\u0061me":"b"}`:                           "contact.name:invalid_text",
		`{"contact":{"email":"a@example.com","name":"a","n\u0061me":"b"}`:                                "contact.name:duplicate_key",
		`{"contact":{"email":"a@example.com"},"Contact":{"name":"` + long + `"}`:                         "Contact:unknown_field",
	} {
		require.Equal(t, []string{wrong}, h.call("POST", path, body+`,"externalReference":"r","subject":"s"}`).wrong(), body)
	}
}

// encoding/json takes Contact for contact: what is checked is what is bound only where a key that is not known is refused.
func TestEveryObjectOfABodyIsClosed(t *testing.T) {
	doc, err := readDocument()
	require.NoError(t, err)
	var visit func(name string, s *openapi3.Schema)
	visit = func(name string, s *openapi3.Schema) {
		if len(s.Properties) > 0 {
			has := s.AdditionalProperties.Has
			require.True(t, has != nil && !*has, name)
		}
		for key, p := range s.Properties {
			visit(name+"."+key, p.Value)
		}
		if s.Items != nil {
			visit(name+"[]", s.Items.Value)
		}
	}
	for path, item := range doc.Spec.Paths.Map() {
		for method, o := range item.Operations() {
			if o.RequestBody != nil {
				visit(method+" "+path, o.RequestBody.Value.Content["application/json"].Schema.Value)
			}
		}
	}
}

func TestNumbersComeBackAsTheyWereSent(t *testing.T) {
	h := newHarnessAlone(t)
	const sent = `{"id":12345678901234567890123456789012345678,"minus":-9007199254740993,"price":49.90,"big":1e30,"huge":1e308,` +
		`"tiny":1e-300,"zero":-0,"none":0.0,"five":5.0,"text":"\u0001n1e9","more":[1,{"deep":9007199254740993}]}`
	const kept = `"big":1e+30,"five":5,"huge":1e+308,"id":12345678901234567890123456789012345678,"minus":-9007199254740993,` +
		`"more":[1,{"deep":9007199254740993}],"none":0,"price":49.9,"text":"\u0001n1e9","tiny":1e-300,"zero":0`
	made := h.call("POST", "/v1/conversations/outbound", `{"externalReference":"n","subject":"s","contact":{"email":"a@example.com"},
		"customFields":{"id":12345678901234567890123456789012345678,"rate":1e-7},
		"outboundContext":{"metadata":`+sent+`}}`).want(201)
	path := "/v1/conversations/" + made.string("id")
	posted := h.call("POST", path+"/messages", `{"text":"x","metadata":`+sent+`}`).want(201)
	for _, text := range []string{
		made.text, h.call("GET", path, nil).text, posted.text, h.call("GET", path+"/messages", nil).text,
	} {
		require.Contains(t, text, `{`+kept+`}`)
	}
	fields := `"customFields":{"id":12345678901234567890123456789012345678,"rate":1e-7}` // encoding/json's, and JavaScript's
	require.Contains(t, strings.ReplaceAll(h.call("GET", path, nil).text, "1e-07", "1e-7"), fields)
	version := h.call("GET", path, nil).body["version"]
	same := h.call("PATCH", path, `{`+strings.Replace(fields, "1e-7", "0.0000001", 1)+`}`).want(200)
	require.Equal(t, version, same.body["version"], "the same values are no change")
	require.Contains(t, h.call("PATCH", path, `{"customFields":{"id":12345678901234567890123456789012345679}}`).want(200).text,
		`"id":12345678901234567890123456789012345679`)

	for _, number := range []string{"1e400", "-1e400", strings.Repeat("9", 39), "1e99999999999999999999"} {
		for body, field := range map[string]string{
			`{"text":"x","metadata":{"a":[` + number + `]}}`: "metadata.a[0]:out_of_range",
		} {
			require.Equal(t, []string{field}, h.call("POST", path+"/messages", body).wrong(), number)
		}
		require.Equal(t, []string{"customFields.a:out_of_range"},
			h.call("PATCH", path, `{"customFields":{"a":`+number+`}}`).wrong(), number)
	}
	require.NotEmpty(t, h.call("POST", "/v1/webhooks", `{"name":"w","url":"https://example.com","events":["*"],"maxInFlight":1e400}`).wrong())
}

// A cursor that says what another list, or PostgreSQL, does not take was answered with 500.
func TestCursorsAreTheTenantsAndTheLists(t *testing.T) {
	h := newHarnessAlone(t)
	for i := range 3 {
		h.call("POST", "/v1/tags", object{"name": fmt.Sprint("tag", i)}).want(201)
		h.call("POST", "/v1/contacts", object{"email": fmt.Sprintf("%d@example.com", i)}).want(201)
	}
	first := h.call("GET", "/v1/tags?limit=1", nil).want(200)
	cursor := first.string("nextCursor")
	require.Len(t, h.call("GET", "/v1/tags?limit=1&cursor="+cursor, nil).want(200).list(), 1)

	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	forged := func(text string) string {
		return base64.RawURLEncoding.EncodeToString(append(append([]byte{}, raw[:16]...), text...))
	}
	bad := []string{
		base64.RawURLEncoding.EncodeToString([]byte(`{"n":"a\u0000b","s":"name"}`)), // as cursors were
		forged(`{"n":"a\u0000b","s":"name"}`), forged(`{"n":"z","s":"name"}`), forged("\x00"), cursor[:20], "a", "\u00e4",
		url.QueryEscape("a\x00b"), cursor + "AA",
	}
	for _, list := range []string{
		"/v1/tags", "/v1/contacts", "/v1/contacts?q=a", "/v1/conversations", "/v1/conversations?sort=createdAt", "/v1/agents",
		"/v1/teams", "/v1/webhooks", "/v1/docks", "/v1/api-keys", "/v1/sla-policies", "/v1/sla-assignments",
		"/v1/opening-hours", "/v1/opening-hours-assignments",
	} {
		join := "?"
		if strings.Contains(list, "?") {
			join = "&"
		}
		for _, c := range bad {
			h.call("GET", list+join+"cursor="+c, nil).want(400)
		}
		if list != "/v1/tags" { // a cursor of another list
			require.Equal(t, []string{"cursor:invalid"}, h.call("GET", list+join+"cursor="+cursor, nil).wrong(), list)
		}
	}
	stranger := h.newKey(h.sandbox, "full_access")
	h.call("GET", "/v1/tags?cursor="+cursor, nil, "Authorization", "Bearer "+stranger).want(400)

	_, err = h.store.Reseal(t.Context())
	require.NoError(t, err)
	h.call("GET", "/v1/tags?cursor="+cursor, nil).want(200)
	h.call("GET", "/api/v1/tags?cursor="+cursor, nil).want(200)
}

// Three previews with n=1, 2 and 3 under one key all got the answer of the first.
func TestAnIdempotencyKeyIsForOneQuery(t *testing.T) {
	h := newHarnessAlone(t)
	const preview = "/v1/opening-hours/preview"
	body := object{"timeZone": "UTC", "weekly": object{"monday": []object{{"from": "09:00", "to": "17:00"}}}}
	one := h.call("POST", preview+"?n=1", body, "Idempotency-Key", "k").want(200)
	again := h.call("POST", preview+"?n=1", body, "Idempotency-Key", "k").want(200)
	require.Equal(t, one.text, again.text)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	for _, query := range []string{"?n=2", "?n=3", ""} {
		h.call("POST", preview+query, body, "Idempotency-Key", "k").refused(409, "IDEMPOTENCY_KEY_REUSED")
	}
}

func TestNamesAreTrimmedAndNotBlank(t *testing.T) {
	h := newHarnessAlone(t)
	blank := []string{" ", "\t\n", "\u00a0\u2003", "\u200b", "\u3164"}
	made := h.call("POST", "/v1/conversations/outbound", object{
		"externalReference": "b", "subject": "  Where is it?\n", "contact": object{"email": "a@example.com", "name": "\tAda "},
		"tags": []string{" vip", "vip "},
	}).want(201)
	require.Equal(t, "Where is it?", made.string("subject"))
	require.Equal(t, []any{"vip"}, made.body["tags"])
	require.Equal(t, "Ada", made.body["contact"].(map[string]any)["name"])
	path := "/v1/conversations/" + made.string("id")
	require.Equal(t, []any{"a b", "vip"}, h.call("PUT", path+"/tags/%20a%20b%20", nil).want(200).body["tags"])
	h.call("POST", "/v1/tags", object{"name": " vip "}).refused(409, "TAG_EXISTS")
	require.Equal(t, "<Ada> & Co", h.call("POST", "/v1/teams", object{"name": " <Ada> & Co "}).want(201).string("name"))

	policy := object{"targets": object{"first_reply": targets(3, 2, 1)}}
	hours := object{"timeZone": "UTC", "weekly": object{}}
	from := object{"email": "a@example.com"}
	agent := h.agent("a", account.Role("agent")).ID.String()
	for _, one := range []struct {
		method, path string
		body         object
		field        string
	}{
		{"POST", "/v1/conversations/outbound", object{"externalReference": "c", "contact": from}, "subject"},
		{"POST", "/v1/conversations/inbound", object{"externalReference": "c", "contact": from}, "subject"},
		{"PATCH", path, object{}, "subject"},
		{"POST", "/v1/conversations/bulk", object{"ids": []string{made.string("id")}, "action": "addTag"}, "tag"},
		{"POST", "/v1/contacts", object{"email": "b@example.com"}, "name"},
		{"PATCH", "/v1/contacts/" + made.body["contact"].(map[string]any)["id"].(string), object{}, "name"},
		{"POST", "/v1/tags", object{}, "name"},
		{"POST", "/v1/teams", object{}, "name"},
		{"POST", "/v1/agents", object{"email": "c@example.com", "role": "agent"}, "name"},
		{"PATCH", "/v1/agents/" + agent, object{}, "name"},
		{"PATCH", "/v1/channels/email", object{}, "displayName"},
		{"POST", "/v1/webhooks", object{"url": "https://example.com/", "events": []string{"*"}}, "name"},
		{"POST", "/v1/docks", object{"url": "https://example.com/"}, "name"},
		{"POST", "/v1/api-keys", object{"scopes": []string{"read_all"}}, "name"},
		{"POST", "/v1/sla-policies", policy, "name"},
		{"POST", "/v1/opening-hours", hours, "name"},
	} {
		for _, text := range blank {
			one.body[one.field] = text
			require.Equal(t, []string{one.field + ":too_short"}, h.call(one.method, one.path, one.body).wrong(),
				"%s %q", one.path, text)
		}
	}
	h.call("PATCH", path, object{"tags": []string{"a", " "}}).want(400)
	h.call("PUT", path+"/tags/%20", nil).want(400)
	// With an Idempotency-Key the handler runs on what was trimmed, too.
	kept := h.call("POST", "/v1/tags", object{"name": " kept "}, "Idempotency-Key", "t").want(201)
	require.Equal(t, "kept", kept.string("name"))
}

func TestAnExternalIDIsOneMessages(t *testing.T) {
	h := newHarnessAlone(t)
	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", least("x")).want(201).string("id")
	message := func(change object) object {
		body := object{"direction": "inbound", "text": "Thanks", "html": "<p>Thanks</p>", "externalId": "m1"}
		for field, v := range change {
			body[field] = v
		}
		return body
	}
	first := h.call("POST", path+"/messages", message(nil)).want(201).string("id")
	require.Equal(t, first, h.call("POST", path+"/messages", message(nil)).want(200).string("id"))
	for _, change := range []object{
		{"direction": "outbound"}, {"text": "Other"}, {"html": "<p>Other</p>"}, {"html": ""}, {"direction": "note"},
	} {
		details := h.call("POST", path+"/messages", message(change)).refused(409, "EXTERNAL_ID_REUSED")
		require.Equal(t, first, details["messageId"], change)
	}
	require.Len(t, h.call("GET", path+"/messages", nil).want(200).list(), 1)
}

func TestARequestIDIsOneActions(t *testing.T) {
	h := newHarnessAlone(t)
	dock := h.newDock(nil).string("id")
	s := h.openDock(h.agent("ada", account.Role("agent")), dock)
	ask := func(action string, params any) answer {
		return s.call("POST", s.path+"/actions", object{
			"requestId": "r", "contextId": s.context, "action": action, "params": params,
		})
	}
	first := ask("nothing", object{"tag": "a", "n": 1}) // rejected, and its params are not kept
	require.Equal(t, "rejected", first.want(200).string("status"))
	require.Equal(t, first.string("id"), ask("nothing", object{"n": 1, "tag": "a"}).want(200).string("id"))
	for _, other := range []answer{
		ask("nothing", object{"tag": "b", "n": 1}), ask("nothing", nil), ask("resolve", object{"tag": "a", "n": 1}),
	} {
		require.Equal(t, first.string("id"), other.refused(409, "REQUEST_ID_REUSED")["actionId"])
	}
}

func TestRefusalsSayWhatIsSo(t *testing.T) {
	h := newHarnessAlone(t)
	details := func(a answer) string {
		t.Helper()
		a.want(400)
		return a.text
	}
	require.Contains(t, details(h.call("POST", "/v1/webhooks", object{
		"name": "w", "url": "https://example.com/", "events": []string{"*", "tag.added"},
	})), `must be the only item`)
	h.call("POST", "/v1/webhooks", object{"name": "w", "url": "https://example.com/", "events": []string{"*"}}).want(201)

	for _, body := range []object{
		{"actions": []string{"addTag"}, "confirm": []string{"resolve"}}, {"actions": []string{}, "confirm": []string{"addTag"}},
	} {
		body["name"], body["url"] = "d", "https://example.com/"
		require.Equal(t, []string{"confirm:not_applicable"}, h.call("POST", "/v1/docks", body).wrong())
	}
	made := h.newDock(object{"actions": []string{"addTag", "resolve"}, "confirm": []string{"resolve"}})
	dock := "/v1/docks/" + made.string("id")
	require.Equal(t, []string{"confirm:not_applicable"}, h.call("PATCH", dock, object{"confirm": []string{"snooze"}}).wrong())
	require.Equal(t, []string{"confirm:not_applicable"}, h.call("PATCH", dock, object{"actions": []string{"addTag"}}).wrong())
	h.call("PATCH", dock, object{"actions": []string{"addTag"}, "confirm": []string{}}).want(200)

	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", least("x")).want(201).string("id")
	h.call("POST", path+"/archive", nil).want(200)
	refused := h.call("POST", path+"/messages", object{"text": "Hello?"})
	require.Nil(t, refused.refused(409, "INVALID_TRANSITION")["nextConversationId"])
	require.Contains(t, refused.text, "begin a new one with POST /v1/conversations/outbound")
	posted := h.call("POST", path+"/messages", object{"direction": "inbound", "text": "Hello"}).want(201)
	next := posted.body["conversation"].(map[string]any)["id"]
	told := h.call("POST", path+"/messages", object{"text": "Hello?"}).refused(409, "INVALID_TRANSITION")
	require.Equal(t, next, told["nextConversationId"])
}

func TestAPathOfItsOwnHasItsOwnMethods(t *testing.T) {
	h := newHarnessAlone(t)
	for path, allow := range map[string]string{
		"/v1/conversations/outbound": "POST", "/v1/conversations/inbound": "POST", "/v1/conversations/bulk": "POST",
		"/v1/opening-hours/preview": "POST", "/api/v1/conversations/outbound": "POST",
	} {
		for _, method := range []string{"DELETE", "GET", "PATCH", "PUT"} {
			a := h.call(method, path, nil)
			a.refused(405, "METHOD_NOT_ALLOWED")
			require.Equal(t, allow, a.header.Get("Allow"), "%s %s", method, path)
		}
	}
	a := h.call("DELETE", "/v1/tags", nil)
	a.refused(405, "METHOD_NOT_ALLOWED")
	require.Equal(t, "GET, POST", a.header.Get("Allow"))
}

// A proxy that compresses an answer weakens its tag (RFC 9110, section 8.8.1).
func TestATagThatAProxyWeakenedMatches(t *testing.T) {
	h := newHarnessAlone(t)
	made := h.call("POST", "/v1/conversations/outbound", least("x")).want(201)
	path, tag := "/v1/conversations/"+made.string("id"), made.header.Get("ETag")
	h.call("PATCH", path, object{"subject": "one"}, "If-Match", "W/"+tag).want(200)
	h.call("PATCH", path, object{"subject": "two"}, "If-Match", "W/"+tag).refused(412, "PRECONDITION_FAILED")
	h.call("PATCH", path, object{"subject": "two"}, "If-Match", `w/"2"`).refused(412, "PRECONDITION_FAILED")
}

func TestCharsetUTF8IsTakenByEitherName(t *testing.T) {
	h := newHarnessAlone(t)
	for i, charset := range []string{"utf8", "UTF8", "utf-8", `"utf8"`} {
		h.call("POST", "/v1/tags", object{"name": fmt.Sprint("t", i)},
			"Content-Type", "application/json; charset="+charset).want(201)
	}
	h.call("POST", "/v1/tags", object{"name": "x"}, "Content-Type", "application/json; charset=latin1").want(415)
}
