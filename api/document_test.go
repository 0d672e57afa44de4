package api

import (
	"database/sql"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // reads the events that the API caused
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/webhook"
)

func TestTheDocumentKnowsAndDocumentsEveryEventType(t *testing.T) {
	doc := strictDocument()
	var listed, all []string
	for _, e := range doc.spec.Components.Schemas["EventType"].Value.Enum {
		listed = append(listed, e.(string))
	}
	for _, e := range lifecycle.EventTypes {
		all = append(all, string(e))
	}
	require.Equal(t, all, listed)
	require.Equal(t, append([]any{"*"}, doc.spec.Components.Schemas["EventType"].Value.Enum...),
		doc.spec.Components.Schemas["SubscribedEvents"].Value.Items.Value.Enum)
	require.ElementsMatch(t, append(all, string(webhook.TestEvent)), slices.Collect(maps.Keys(doc.spec.Webhooks)),
		"what is posted to receivers is documented")
	for event, item := range doc.spec.Webhooks {
		body := item.Post.RequestBody.Value.Content["application/json"].Schema.Value
		require.Error(t, body.VisitJSON(map[string]any{"event": event}, openapi3.EnableJSONSchema2020()), event)
		header := item.Post.Parameters.GetByInAndName("header", "X-Atender-Event").Schema.Value
		require.NoError(t, header.VisitJSON(event, openapi3.EnableJSONSchema2020()))
	}
}

// The server trusts the document it is built with, so that it is checked here, examples and all.
func TestTheDocumentIsValid(t *testing.T) {
	doc, err := parseDocument()
	require.NoError(t, err)
	require.NoError(t, doc.spec.Validate(t.Context()))
}

func TestEveryErrorCodeIsExplained(t *testing.T) {
	about := strictDocument().spec.Info.Description
	_, table, found := strings.Cut(about, "## Errors")
	require.True(t, found)
	for _, code := range problem.Codes {
		require.Contains(t, table, "`"+code+"`")
	}
}

func TestEveryRequiredScopeIsListed(t *testing.T) {
	doc, err := openDocument("")
	require.NoError(t, err)
	for key, op := range doc.operations {
		require.Subset(t, scope.All, append(slices.Clone(op.scopes), op.keyScopes...), key)
	}
}

func TestEveryRequestBodyIsClosed(t *testing.T) {
	doc, err := openDocument("")
	require.NoError(t, err)
	for key, op := range doc.operations {
		if op.takes != nil {
			require.True(t, op.takes.closed, key)
		}
	}
}

func TestThePublicURLIsTheDocumentsServer(t *testing.T) {
	doc, err := openDocument(`https://support.example.com`)
	require.NoError(t, err)
	require.Equal(t, "https://support.example.com", doc.spec.Servers[0].URL)
	require.Contains(t, string(doc.json), `"url":"https://support.example.com"`)
	require.Contains(t, string(doc.yaml), "\n  - url: \"https://support.example.com\"\n")
	plain, err := openDocument("")
	require.NoError(t, err)
	require.Equal(t, "/", plain.spec.Servers[0].URL, "another server's document is its own")
}

// TestEventsAreAsTheDocumentSays makes every kind of event happen and holds what was rendered against the document.
func TestEventsAreAsTheDocumentSays(t *testing.T) {
	h := newHarness(t)
	team, err := h.store.Accounts.CreateTeam(t.Context(), h.live.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	h.call("POST", "/v1/sla-assignments", object{"policyId": h.policy("Standard")}).want(201)
	body := least("1")
	body["tags"] = []any{"vip"}
	body["outboundContext"] = object{"originalMessage": "Hello"}
	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", body).want(201).string("id")
	body["externalReference"] = "2"
	body["contact"] = object{"email": "ada@example.com", "phone": "+442079460958"}
	unanswered := h.call("POST", "/v1/conversations/outbound", body).want(201).string("id")
	h.call("DELETE", path+"/tags/vip", nil).want(200)
	h.call("POST", path+"/assign", object{"teamId": team.ID}).want(200)
	h.call("POST", path+"/messages", object{"text": "Hi", "resolve": true}).want(201)
	h.call("POST", path+"/reopen", nil).want(200)
	h.anHourLater(unanswered)
	hook, err := h.store.Webhooks.Create(t.Context(), h.live.ID, webhook.NewSubscription{
		Name: "CRM", URL: "https://crm.example.com", Events: []string{"*"},
	})
	require.NoError(t, err)
	test, err := h.store.Webhooks.PrepareTest(t.Context(), h.live.ID, hook.ID, nil)
	require.NoError(t, err)

	spec := strictDocument().spec
	happened := map[string]bool{}
	check := func(event, payload string) bool {
		item := spec.Webhooks[event]
		require.NotNil(t, item, "%s is not documented", event)
		schema := item.Post.RequestBody.Value.Content["application/json"].Schema.Value
		var value any
		require.NoError(t, json.Unmarshal([]byte(payload), &value))
		require.NoError(t, schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()), payload)
		happened[event] = true
		return true
	}
	check(string(webhook.TestEvent), test.Payload)
	h.events()(check)
	documented := slices.Sorted(maps.Keys(spec.Webhooks))
	require.Equal(t, documented, slices.Sorted(maps.Keys(happened)))
}

// anHourLater has time go on in a conversation, as its workflow does.
func (h *harness) anHourLater(conversation string) {
	h.t.Helper()
	later, err := models.Open(h.t.Context(), models.Options{
		URL: h.url, Logger: slog.New(slog.DiscardHandler), Clock: func(now time.Time) time.Time { return now.Add(time.Hour) },
	})
	require.NoError(h.t, err)
	h.t.Cleanup(later.Close)
	_, err = later.Clocks.Tick(h.t.Context(), h.live.ID, uuid.MustParse(conversation))
	require.NoError(h.t, err)
}

// events are the types and payloads of the tenant's events.
func (h *harness) events() func(yield func(event, payload string) bool) {
	db, err := sql.Open("pgx", h.url)
	require.NoError(h.t, err)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(h.t.Context(), `SELECT type, payload FROM events ORDER BY id`)
	require.NoError(h.t, err)
	defer func() { _ = rows.Close() }()
	var all [][2]string
	for rows.Next() {
		var e [2]string
		require.NoError(h.t, rows.Scan(&e[0], &e[1]))
		all = append(all, e)
	}
	require.NoError(h.t, rows.Err())
	return func(yield func(event, payload string) bool) {
		for _, e := range all {
			if !yield(e[0], e[1]) {
				return
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for format, values := range map[string]map[string]bool{
		"email": {
			"ada@example.com": true, "a+b@example.co.uk": true, "ada.o'neil@example.com": true, "jürgen@münchen.example": true,
			"a@b": true,
			"":    false, "ada": false, "@example.com": false, "ada@": false, "a b@example.com": false,
			"Ada <ada@example.com>": false,
			"<ada@example.com>":     false, `"a b"@example.com`: false, "ada@example..com": false, "ada@-example.com": false,
			"a@b@c":           false,
			"ada@[127.0.0.1]": false, "ada@example.com ": false, "ada@example.com\n": false, "(c)ada@example.com": false,
			strings.Repeat("a", 64) + "@example.com": true, strings.Repeat("a", 65) + "@example.com": false,
			"ada@exa_mple.com": false,
		},
		"phone": {
			"+442079460958": true, "+44 (20) 7946-0958": true, "+49.30/1234-567": true, "+1 555 0100": true,
			"": false, "+": false, "020 7946 0958": false, "0044 20 7946 0958": false, "+0123456789": false,
			"+44 20 7946 0958 ext 3": false,
			"+1234567890123456":      false, "+44207946095８": false, "++442079460958": false, "+12345": false,
		},
		"uuid": {
			"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10": true, "019A9F0E-6C1E-7A3B-9C54-3F0F5B1F2A10": true,
			"019a9f0e6c1e7a3b9c543f0f5b1f2a10": false, "{019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10}": false, "": false,
			"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a1g": false,
		},
		"date-time": {
			"2026-11-21T09:30:00Z": true, "2026-11-21T09:30:00.123456+05:30": true, "2028-02-29T00:00:00Z": true,
			"2026-02-29T00:00:00Z": false, "2026-11-21": false, "2026-11-21T09:30:00": false, "2026-11-21 09:30:00Z": false,
			"1969-12-31T23:59:59Z": false, "9999-12-31T23:59:59Z": false, "2026-11-21T24:00:00Z": false, "": false,
		},
	} {
		for value, good := range values {
			require.Equal(t, good, formats[format].Validate(value) == nil, "%s %q", format, value)
		}
	}
}
