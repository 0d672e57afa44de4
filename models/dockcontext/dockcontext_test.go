package dockcontext_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/dockcontext"
	"github.com/atender/atender/models/wire"
)

var (
	noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ada  = wire.Agent{ID: uuid.New(), Number: 3, Name: "Ada", Email: "ada@example.com", Role: "agent", IsActive: true}
	bob  = wire.Agent{ID: uuid.New(), Number: 4, Name: "Bob", Email: "bob@example.com", Role: "owner", IsActive: true}
)

func ptr[T any](v T) *T { return &v }

func input() dockcontext.Input {
	conversation := uuid.New()
	message := func(n int64, direction, text string, author wire.Author, after time.Duration) wire.Message {
		return wire.Message{
			ID: uuid.New(), Number: n, ConversationID: conversation, Direction: direction, Text: &text, Author: author,
			SentAt: wire.At(noon), CreatedAt: wire.At(noon.Add(after)),
		}
	}
	team := dockcontext.Team{ID: 9, Name: "Refunds"}
	return dockcontext.Input{
		AccountNumber: 2, InboxNumber: 1,
		Conversation: wire.Conversation{
			ID: conversation, Number: 1017, Subject: "Where is my order?", Channel: "email", Status: "active",
			Contact: wire.Contact{
				ID: uuid.New(), Number: 7, ExternalID: ptr("crm-7"), Name: ptr("Grace"),
				Email: ptr("grace@example.com"), Phone: ptr("+4512345678"),
				CustomFields: map[string]any{"tier": "gold"}, CreatedAt: wire.At(noon.Add(-time.Hour)),
			},
			AssigneeID: &bob.ID, TeamID: ptr(uuid.New()), Tags: []string{"delivery"},
			CustomFields: map[string]any{"order": "4521"},
			CreatedAt:    wire.At(noon), UpdatedAt: wire.At(noon.Add(3 * time.Minute)),
			LastMessageAt: ptr(wire.At(noon.Add(2 * time.Minute))),
		},
		Messages: []wire.Message{
			message(31, "inbound", "It has not come.", wire.Author{Type: wire.ActorCustomer}, 0),
			message(32, "outbound", "We are looking.", wire.Author{Type: wire.ActorAgent, ID: &ada.ID, Name: "Ada"}, time.Minute),
			message(33, "outbound", "Tracked.",
				wire.Author{Type: wire.ActorAPIKey, ID: ptr(uuid.New()), Name: "Shop"}, 2*time.Minute),
		},
		AllLoaded: true, Agent: ada, Assignee: &bob, Team: &team,
		Authors:   map[uuid.UUID]wire.Agent{ada.ID: ada},
		IsOnline:  func(id uuid.UUID) bool { return id == bob.ID },
		AgentSeen: noon.Add(-time.Second),
	}
}

func decode(t *testing.T, in dockcontext.Input) map[string]any {
	t.Helper()
	raw, err := json.Marshal(dockcontext.Build(in))
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

// beyond are the keys that dashboard apps read and the documented sample leaves out.
var beyond = map[string]bool{"conversation.meta.team": true}

// conforms holds a value against the documented sample, in which every leaf is the name of its type.
func conforms(t *testing.T, path string, sample, value any) {
	t.Helper()
	switch sample := sample.(type) {
	case map[string]any:
		object, ok := value.(map[string]any)
		require.True(t, ok, "%s is an object, not %v", path, value)
		for key, inner := range sample {
			require.Contains(t, object, key, path)
			conforms(t, strings.TrimPrefix(path+"."+key, "."), inner, object[key])
		}
		for key := range object {
			_, known := sample[key]
			own := strings.HasSuffix(path, "custom_attributes")
			require.True(t, known || own || beyond[path+"."+key], "%s.%s is in no documentation", path, key)
		}
	case []any:
		items, ok := value.([]any)
		require.True(t, ok, "%s is a list, not %v", path, value)
		for i, item := range items {
			conforms(t, fmt.Sprintf("%s[%d]", path, i), sample[0], item)
		}
	case string:
		if value == nil && strings.HasSuffix(path, ".identifier") {
			return // of a contact that the tenant's systems do not know
		}
		switch sample {
		case "integer":
			require.IsType(t, 0.0, value, path)
			require.InDelta(t, float64(int64(value.(float64))), value, 0, path) //nolint:forcetypeassert // checked above
		case "boolean":
			require.IsType(t, true, value, path)
		case "object":
			require.IsType(t, map[string]any{}, value, path)
		case "array":
			require.IsType(t, []any{}, value, path)
		default:
			require.IsType(t, "", value, path)
		}
	}
}

func TestEveryDocumentedKeyIsThereWithItsType(t *testing.T) {
	raw, err := os.ReadFile("testdata/appcontext.json")
	require.NoError(t, err)
	var sample map[string]any
	require.NoError(t, json.Unmarshal(raw, &sample))
	conforms(t, "", sample, decode(t, input()))

	bare := input() // nothing that can be missing is there
	bare.Conversation.Contact = wire.Contact{ID: uuid.New(), Number: 7}
	bare.Conversation.CustomFields, bare.Conversation.Tags, bare.Conversation.LastMessageAt = nil, nil, nil
	bare.Messages, bare.Authors, bare.IsOnline = nil, nil, nil
	conforms(t, "", sample, decode(t, bare))
}

func TestContextTellsOfTheConversation(t *testing.T) {
	out := dockcontext.Build(input())
	c := out.Conversation
	require.Equal(t, int64(1017), c.ID)
	require.Equal(t, "open", c.Status)
	require.Equal(t, "Channel::Email", c.Meta.Channel)
	require.Equal(t, []string{"delivery"}, c.Labels)
	require.Equal(t, map[string]any{"order": "4521"}, c.CustomAttributes)
	require.Equal(t, "Refunds", c.Meta.Team.Name)
	require.Equal(t, "online", c.Meta.Assignee.AvailabilityStatus)
	require.Equal(t, "administrator", c.Meta.Assignee.Role)
	require.Equal(t, noon.Add(2*time.Minute).Unix(), c.Timestamp)
	require.Equal(t, 1, c.UnreadCount)
	require.Equal(t, dockcontext.CurrentAgent{Email: "ada@example.com", ID: 3, Name: "Ada"}, out.CurrentAgent)
	require.Equal(t, int64(7), out.Contact.ID)
	require.Equal(t, noon.Unix(), out.Contact.LastActivityAt)

	require.Equal(t, []int{0, 1, 1}, []int{c.Messages[0].MessageType, c.Messages[1].MessageType, c.Messages[2].MessageType})
	require.Equal(t, "contact", c.Messages[0].Sender.Type)
	require.Equal(t, "Grace", c.Messages[0].Sender.Name)
	require.Equal(t, int64(3), c.Messages[1].Sender.ID)
	require.Equal(t, "agent_bot", c.Messages[2].Sender.Type)
}

func TestStatusAndChannelHaveTheirNames(t *testing.T) {
	for status, want := range map[string]string{
		"active": "open", "snoozed": "snoozed", "done": "resolved", "archived": "resolved",
	} {
		in := input()
		in.Conversation.Status = status
		require.Equal(t, want, dockcontext.Build(in).Conversation.Status)
		require.Equal(t, status != "archived", dockcontext.Build(in).Conversation.CanReply)
	}
	for channel, want := range map[string]string{
		"email": "Channel::Email", "whatsapp": "Channel::Whatsapp", "sms": "Channel::Sms", "webchat": "Channel::WebWidget",
		"messenger": "Channel::FacebookPage", "phone": "Channel::Voice", "voice": "Channel::Voice", "amazon": "Channel::Api",
	} {
		in := input()
		in.Conversation.Channel = channel
		require.Equal(t, want, dockcontext.Build(in).Conversation.Meta.Channel)
	}
}

func TestWhatThereIsNotIsNullOrEmpty(t *testing.T) {
	in := input()
	in.Assignee, in.Team, in.Conversation.AssigneeID = nil, nil, nil
	out := dockcontext.Build(in).Conversation
	require.Nil(t, out.Meta.Assignee)
	require.Nil(t, out.Meta.Team)
	require.Nil(t, out.SnoozedUntil)
	require.Zero(t, out.ContactLastSeenAt)
	in.Conversation.SnoozedUntil = ptr(wire.At(noon.Add(time.Hour)))
	require.Equal(t, noon.Add(time.Hour).Unix(), *dockcontext.Build(in).Conversation.SnoozedUntil)
}
