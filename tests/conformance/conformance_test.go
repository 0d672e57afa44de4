package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/conformance"
)

const when = `"2026-11-21T09:30:00.000Z"`

var (
	contact = `{"id":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","number":1,"name":"Ada","email":"ada@example.com","phone":null,` +
		`"externalId":null,"customFields":{"a":null},"createdAt":` + when + `,"updatedAt":` + when + `}`
	conversation = `{"id":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","number":1,"externalReference":null,"subject":"S",` +
		`"channel":"email","status":"active","engagement":"pending","contact":` + contact + `,"assigneeId":null,"teamId":null,` +
		`"tags":[],"customFields":{},"metadata":{"any":{"thing":1}},"snoozedUntil":null,"sla":null,"version":1,` +
		`"previousConversationId":null,"createdAt":` + when + `,"updatedAt":` + when + `,"firstReplyAt":null,` +
		`"lastMessageAt":null,"resolvedAt":null,"archivedAt":null}`
	actor   = `{"type":"system","id":null,"name":"Atender","via":null}`
	message = `{"id":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","number":1,` +
		`"conversationId":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","direction":"note","text":"T","html":null,` +
		`"author":{"type":"system","id":null,"name":"Atender"},"automated":false,"externalId":null,` +
		`"sentAt":` + when + `,"createdAt":` + when + `,"metadata":{}`
	payload = `{"event":"message.sent","tenantId":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","timestamp":` + when + `,` +
		`"data":{"conversation":` + conversation + `,"actor":` + actor + `,"message":` + message + `}}}`
	feed = `{"data":[{"id":"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10","type":"message.sent","conversationId":null,` +
		`"contactId":null,"createdAt":` + when + `,"payload":` + payload + `}],"nextCursor":"x","hasMore":false}`
	refusal = `{"error":{"code":"NOT_FOUND","message":"there is no such thing"},"requestId":"1"}`
)

const ofOne = "/v1/conversations/019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"

func json(more ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

func TestAnAnswerIsHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	posted := message + `,"conversation":` + conversation + `}`
	with := func(text, before string) string { return strings.Replace(text, before, `"x":1,`+before, 1) }
	const extra = "[/']x'" // as it is called in what is said
	for name, c := range map[string]struct {
		method, path string
		status       int
		header       http.Header
		body         string
		wrong        string // what is said of it; empty for right
	}{
		"as described":           {"GET", ofOne, 200, json("ETag", `"1"`), conversation, ""},
		"under the other prefix": {"GET", "/api" + ofOne, 200, json(), conversation, ""},
		"a refusal":              {"GET", ofOne, 404, json(), refusal, ""},
		"parts of one object":    {"POST", ofOne + "/messages", 201, json(), posted, ""},
		"a payload in the feed":  {"GET", "/v1/events", 200, json(), feed, ""},
		"without a body":         {"DELETE", "/v1/webhooks/019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10", 204, nil, "", ""},
		"a page":                 {"GET", "/docs", 200, http.Header{"Content-Type": {"text/html"}}, "<p>", ""},
		"a refusal of no route":  {"DELETE", "/v1/conversations/outbound", 405, json(), refusal, ""},
		"500":                    {"GET", "/docs", 500, json(), refusal, "500"},
		"another status":         {"GET", ofOne, 201, json(), conversation, "does not answer 201"},
		"another type":           {"GET", ofOne, 200, http.Header{"Content-Type": {"text/html"}}, "<p>", "text/html"},
		"a header that is no count": {
			"GET", ofOne, 200, json("X-RateLimit-Limit", "many"), conversation, "X-RateLimit-Limit",
		},
		"a header too few": {"GET", ofOne, 401, json(), refusal, "WWW-Authenticate"},
		"a body where there is none": {
			"DELETE", "/v1/webhooks/019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10", 204, nil, "{}", "a body that is not described",
		},
		"no JSON":             {"GET", ofOne, 200, json(), conversation + "]", "invalid"},
		"a field too few":     {"GET", ofOne, 200, json(), strings.Replace(conversation, `"tags":[],`, "", 1), "tags"},
		"a field too many":    {"GET", ofOne, 200, json(), with(conversation, `"id"`), extra},
		"one further inside":  {"GET", ofOne, 200, json(), with(conversation, `"name"`), extra},
		"one beside parts":    {"POST", ofOne + "/messages", 201, json(), with(posted, `"id"`), extra},
		"no date":             {"GET", ofOne, 200, json(), strings.Replace(conversation, "T09", " at 9", 1), "date-time"},
		"one in the feed":     {"GET", "/v1/events", 200, json(), with(feed, `"actor"`), extra},
		"an unknown code":     {"GET", ofOne, 404, json(), strings.Replace(refusal, "NOT_FOUND", "LOST", 1), "code"},
		"no refusal":          {"GET", "/nowhere", 404, json(), `{"message":"?"}`, "error"},
		"a refusal with more": {"GET", ofOne, 404, json(), with(refusal, `"error"`), extra},
	} {
		err := conformance.Served().Answer(c.method, c.path, c.status, c.header, []byte(c.body))
		if c.wrong == "" {
			require.NoError(t, err, name)
		} else {
			require.Error(t, err, name)
			require.Regexp(t, c.wrong, err.Error(), name)
		}
	}
}

func TestADeliveryIsHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	sent := http.Header{}
	for name, value := range map[string]string{
		"Webhook-Id": "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10", "Webhook-Timestamp": "1795253400", "Webhook-Signature": "v1,x",
		"X-Atender-Event": "message.sent", "X-Atender-Delivery": "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10",
		"X-Atender-Attempt": "1",
	} {
		sent.Set(name, value)
	}
	doc := conformance.Served()
	require.NoError(t, doc.Delivery(sent, []byte(payload)))
	for what, body := range map[string]string{
		"[/']x'":    strings.Replace(payload, `"data":{`, `"data":{"x":1,`, 1),
		"[/']y'":    strings.Replace(payload, `{"event"`, `{"y":1,"event"`, 1),
		"[/']z'":    strings.Replace(payload, `"author":{`, `"author":{"z":1,`, 1),
		"'message'": strings.Replace(payload, `"message":{`, `"another":{`, 1),
		"is of":     strings.Replace(payload, "message.sent", "tag.added", 1),
		"message.s": "{",
	} {
		err := doc.Delivery(sent, []byte(body))
		require.Error(t, err, what)
		require.Regexp(t, what, err.Error())
	}
	for name, value := range map[string]string{
		"X-Atender-Event": "message.lost", "X-Atender-Attempt": "first", "Webhook-Id": "",
	} {
		other := sent.Clone()
		other.Set(name, value)
		if value == "" {
			other.Del(name)
		}
		require.Error(t, doc.Delivery(other, []byte(payload)), name)
	}
}

// failures is a test that only notes how it fails.
type failures struct {
	testing.TB
	n atomic.Int32
}

func (f *failures) Errorf(string, ...any) { f.n.Add(1) }

func TestAHandlersAnswersAreHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	for path, wrong := range map[string]int32{
		ofOne + "?more={": 0, ofOne + `?more={"x":1,`: 1, "/console/events": 0,
	} {
		seen := &failures{}
		t.Run(path, func(t *testing.T) { // at whose end all has been looked at
			seen.TB = t
			handler := conformance.Handler(seen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/console/events" {
					w.Header().Set("Content-Type", "text/event-stream")
					require.NoError(t, http.NewResponseController(w).Flush())
					return
				}
				w.Header().Set("Content-Type", "application/json")
				said := strings.Replace(conversation, `{`, r.URL.Query().Get("more"), 1)
				_, _ = w.Write([]byte(said)) // the recorder takes all
			}))
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
			handler.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code)
		})
		require.Equal(t, wrong, seen.n.Load(), path)
	}
}

// A page of fifty conversations is the most that tests read often.
func BenchmarkAPageOfConversations(b *testing.B) {
	page := []byte(`{"data":[` + strings.Repeat(conversation+",", 49) + conversation + `],"nextCursor":null}`)
	for b.Loop() {
		require.NoError(b, conformance.Served().Answer(http.MethodGet, "/v1/conversations", http.StatusOK, json(), page))
	}
}
