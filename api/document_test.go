package api

import (
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	_ "github.com/jackc/pgx/v5/stdlib" // reads the events that the API caused
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/lifecycle"
)

func TestTheDocumentKnowsEveryEventTypeAndDocumentsThoseThatHappen(t *testing.T) {
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
	for event, item := range doc.spec.Webhooks {
		require.Contains(t, all, event)
		require.NotNil(t, item.Post.RequestBody)
	}
}

func TestEveryErrorCodeIsListed(t *testing.T) {
	var listed []string
	for _, code := range strictDocument().spec.Components.Schemas["ErrorCode"].Value.Enum {
		listed = append(listed, code.(string))
	}
	require.Subset(t, listed, []string{
		codeScopeMissing, codeNotFound, codeMethodNotAllowed, codeBodyTooLarge, codeUnsupportedMedia, codeInternal,
		codeUnavailable,
	})
}

func TestEveryRequestBodyIsClosed(t *testing.T) {
	doc, err := openDocument("")
	require.NoError(t, err)
	for key, op := range doc.operations {
		if op.takes != nil {
			require.False(t, *op.takes.AdditionalProperties.Has, key)
		}
	}
}

func TestThePublicURLIsTheDocumentsServer(t *testing.T) {
	doc, err := openDocument(`https://support.example.com`)
	require.NoError(t, err)
	require.Equal(t, "https://support.example.com", doc.spec.Servers[0].URL)
	require.Contains(t, string(doc.json), `"url":"https://support.example.com"`)
}

// TestEventsAreAsTheDocumentSays makes every kind of event happen and holds what was rendered against the document.
func TestEventsAreAsTheDocumentSays(t *testing.T) {
	h := newHarness(t)
	team, err := h.store.CreateTeam(t.Context(), h.live.ID, models.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	body := least("1")
	body["tags"] = []any{"vip"}
	body["outboundContext"] = object{"originalMessage": "Hello"}
	path := "/v1/conversations/" + h.call("POST", "/v1/conversations/outbound", body).want(201).string("id")
	body["externalReference"] = "2"
	body["contact"] = object{"email": "ada@example.com", "phone": "+442079460958"}
	h.call("POST", "/v1/conversations/outbound", body).want(201)
	h.call("DELETE", path+"/tags/vip", nil).want(200)
	h.call("POST", path+"/assign", object{"teamId": team.ID}).want(200)
	h.call("POST", path+"/messages", object{"text": "Hi", "resolve": true}).want(201)
	h.call("POST", path+"/reopen", nil).want(200)

	spec := strictDocument().spec
	happened := map[string]bool{}
	for event, payload := range h.events() {
		item := spec.Webhooks[event]
		require.NotNil(t, item, "%s is not documented", event)
		schema := item.Post.RequestBody.Value.Content["application/json"].Schema.Value
		var value any
		require.NoError(t, json.Unmarshal([]byte(payload), &value))
		require.NoError(t, schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()), payload)
		happened[event] = true
	}
	documented := slices.Sorted(maps.Keys(spec.Webhooks))
	require.Equal(t, documented, slices.Sorted(maps.Keys(happened)))
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
