package api

import (
	"database/sql"
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
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/conformance"
)

func TestTheDocumentKnowsAndDocumentsEveryEventType(t *testing.T) {
	doc := document()
	var listed, all []string
	for _, e := range doc.Spec.Components.Schemas["EventType"].Value.Enum {
		listed = append(listed, e.(string))
	}
	for _, e := range lifecycle.EventTypes {
		all = append(all, string(e))
	}
	require.Equal(t, all, listed)
	require.Equal(t, append([]any{"*"}, doc.Spec.Components.Schemas["EventType"].Value.Enum...),
		doc.Spec.Components.Schemas["SubscribedEvents"].Value.Items.Value.Enum)
	require.ElementsMatch(t, append(all, string(webhook.TestEvent)), slices.Collect(maps.Keys(doc.Spec.Webhooks)),
		"what is posted to receivers is documented")
	for event, item := range doc.Spec.Webhooks {
		body := item.Post.RequestBody.Value.Content["application/json"].Schema.Value
		require.Error(t, body.VisitJSON(map[string]any{"event": event}, openapi3.EnableJSONSchema2020()), event)
		header := item.Post.Parameters.GetByInAndName("header", conformance.EventHeader).Schema.Value
		require.ElementsMatch(t, slices.Sorted(maps.Keys(doc.Spec.Webhooks)), header.Enum, "what the header may say")
	}
}

func TestEveryErrorCodeIsExplained(t *testing.T) {
	about := document().Spec.Info.Description
	_, table, found := strings.Cut(about, "## Errors")
	require.True(t, found)
	for _, code := range problem.Codes {
		require.Contains(t, table, "`"+code+"`")
	}
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

	happened := map[string]bool{}
	check := func(event, payload string) bool {
		require.NoError(t, served().Event(event, []byte(payload)))
		happened[event] = true
		return true
	}
	check(string(webhook.TestEvent), test.Payload)
	h.events()(check)
	require.Equal(t, served().Events(), slices.Sorted(maps.Keys(happened)))
}

// anHourLater has time go on in a conversation, as its workflow does.
func (h *harness) anHourLater(conversation string) {
	h.t.Helper()
	later, err := models.Open(h.t.Context(), models.Options{
		URL: h.url, Logger: slog.New(slog.DiscardHandler), Clock: func(now time.Time) time.Time { return now.Add(time.Hour) },
	})
	require.NoError(h.t, err)
	h.t.Cleanup(later.Close)
	_, err = later.Clocks.Tick(h.t.Context(), h.live.ID, uuid.MustParse(conversation), "")
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
