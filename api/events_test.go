package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/feed"
)

// feed reads on until there are as many events.
func (h *harness) feed(after, query string, want int) (events []map[string]any, next string) {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	next = after
	for len(events) < want && time.Now().Before(deadline) {
		path := "/v1/events?" + query
		if next != "" {
			path += "&after=" + next
		}
		page := h.call("GET", path, nil).want(200)
		events = append(events, page.list()...)
		next = page.string("nextCursor")
	}
	require.Len(h.t, events, want)
	return events, next
}

func TestTheFeed(t *testing.T) {
	h := newHarnessAlone(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go h.store.Feed.RunSequencer(ctx, feed.Sequencer{})

	empty := h.call("GET", "/v1/events", nil).want(200)
	require.Equal(t, []any{}, empty.body["data"])
	require.Equal(t, false, empty.body["hasMore"])
	begin := empty.string("nextCursor")
	require.Equal(t, begin, h.call("GET", "/v1/events?after="+begin, nil).want(200).string("nextCursor"))

	id := h.newConversation("1")
	h.call("POST", "/v1/conversations/"+id+"/messages", object{"text": "<b>Dvořák & Söhne</b> \u2028"}).want(201)
	other := h.newConversation("2")
	all, _ := h.feed(begin, "limit=2", 4)
	var types []string
	for _, e := range all {
		types = append(types, e["type"].(string))
		require.Equal(t, e["type"], e["payload"].(object)["event"])
		require.NotContains(t, e, "position", "it would tell how much happens at other tenants")
	}
	require.Equal(t, []string{"contact.created", "conversation.created", "message.sent", "conversation.created"}, types)
	require.Nil(t, all[0]["conversationId"])
	require.NotNil(t, all[0]["contactId"])
	require.Equal(t, id, all[1]["conversationId"])

	mine, _ := h.feed("", "conversationId="+other, 1)
	require.Equal(t, other, mine[0]["conversationId"])
	sent, next := h.feed("", "types=message.sent,tag.added", 1)
	require.Equal(t, "message.sent", sent[0]["type"])
	rest := h.call("GET", "/v1/events?after="+next, nil).want(200)
	require.Equal(t, []any{}, rest.body["data"], "what was looked through is behind")

	// The bytes are those that webhooks carry.
	stored := h.payload(sent[0]["id"].(string))
	require.Contains(t, stored, "<b>Dvořák & Söhne</b>")
	require.Contains(t, h.call("GET", "/v1/events?types=message.sent", nil).want(200).text, `"payload":`+stored+"}")
	require.True(t, json.Valid([]byte(stored)))

	sandbox := h.newKey(h.sandbox, "full_access")
	require.Equal(t, []any{}, h.call("GET", "/v1/events", nil, "Authorization", "Bearer "+sandbox).want(200).body["data"])
	for query, wrong := range map[string]string{
		"after=x": "after:invalid", "types=message": "types:invalid_format", "types=message.lost": "types:unknown",
		"limit=201": "limit:out_of_range", "conversationId=1": "conversationId:invalid_format",
		"after=" + strings.Repeat("A", 501): "after:too_long", "cursor=x": "cursor:unknown_parameter",
	} {
		require.Equal(t, []string{wrong}, h.call("GET", "/v1/events?"+query, nil).wrong(), query)
	}
	// A cursor that was made up, and another tenant's, are none. The first is what cursors were before they had a key.
	others := h.call("GET", "/v1/events", nil, "Authorization", "Bearer "+sandbox).want(200).string("nextCursor")
	list := h.call("GET", "/v1/conversations?limit=1", nil).want(200)
	for _, after := range []string{
		base64.RawURLEncoding.EncodeToString([]byte("p0")), base64.RawURLEncoding.EncodeToString([]byte("\x00")), others,
		base64.RawURLEncoding.EncodeToString(append(make([]byte, 16), '0')),
	} {
		require.Equal(t, []string{"after:invalid"}, h.call("GET", "/v1/events?after="+after, nil).wrong(), after)
	}
	if next, _ := list.body["nextCursor"].(string); next != "" {
		require.Equal(t, []string{"after:invalid"}, h.call("GET", "/v1/events?after="+next, nil).wrong(), "of another list")
	}
	one := h.newKey(h.live, "conversations:read")
	details := h.call("GET", "/v1/events", nil, "Authorization", "Bearer "+one).refused(403, "SCOPE_MISSING")
	require.Equal(t, "contacts:read", details["requiredScope"])
}

func TestACursorBeforeWhatIsGone(t *testing.T) {
	h := newHarnessAlone(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go h.store.Feed.RunSequencer(ctx, feed.Sequencer{})
	begin := h.call("GET", "/v1/events", nil).want(200).string("nextCursor")
	h.newConversation("1")
	_, next := h.feed(begin, "limit=1", 2)
	h.exec(`INSERT INTO feed_floors SELECT tenant_id, 1 FROM conversations`)
	details := h.call("GET", "/v1/events?after="+begin, nil).refused(410, "CURSOR_EXPIRED")
	rest, end := h.feed(details["oldest"].(string), "", 1)
	require.Equal(t, next, end)
	fromTheBeginning, _ := h.feed("", "", 1)
	require.Equal(t, rest, fromTheBeginning)
}
