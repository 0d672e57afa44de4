package models_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

func TestReplyEngagesAndIsRecordedAsTheAgents(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	agent, err := b.Accounts.CreateAgent(
		t.Context(),
		b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "grace@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)
	p := b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("On its way."), AgentID: &agent.ID})
	require.Equal(t, lifecycle.Engaged, p.Conversation.Engagement)
	require.Equal(t, p.Conversation.UpdatedAt, *p.Conversation.FirstReplyAt)
	require.Equal(t, wire.Author{Type: wire.ActorAgent, ID: &agent.ID, Name: "Grace"}, p.Message.Wire().Author)

	timeline, _, err := b.Lists.Timeline(t.Context(), b.tenant.ID, c.ID, postgres.Page{})
	require.NoError(t, err)
	last := timeline[len(timeline)-1]
	require.Equal(t, "message_sent", last.Kind)
	require.Equal(t, "Grace", last.Actor.Name)
	require.Equal(t, wire.ActorAPIKey, last.Actor.Via.Type, "through the key")
}

func TestAutomatedMessageIsNoReply(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	p := b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("We got it."), Automated: true})
	require.Equal(t, lifecycle.Pending, p.Conversation.Engagement)
	require.Nil(t, p.Conversation.FirstReplyAt)
}

func TestNoteFiresNoEvent(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	before := len(b.events())
	p := b.post(c.ID, conversation.NewMessage{Direction: conversation.Note, Text: text("Careful with this one.")})
	require.Equal(t, c.Version, p.Conversation.Version)
	require.WithinDuration(t, c.UpdatedAt, p.Conversation.UpdatedAt, 0)
	require.Len(t, b.events(), before)
	entries, _, err := b.Lists.Timeline(t.Context(), b.tenant.ID, c.ID, postgres.Page{})
	require.NoError(t, err)
	last := entries[len(entries)-1]
	require.Equal(t, "note_added", last.Kind)
	require.Equal(t, c.Version, last.Version)
}

func TestSendAndResolveIsOneTransaction(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	before := len(b.events())
	p := b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("Refunded."), Resolve: true})
	require.Equal(t, lifecycle.Done, p.Conversation.Status)
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ConversationUpdated, lifecycle.MessageSentEvent, lifecycle.ConversationResolved,
	}, kinds(b.events()[before:]))
}

func TestRepeatedExternalIDReplaysTheFirstAnswer(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	in := conversation.NewMessage{Direction: conversation.Inbound, Text: text("Hello?"), ExternalID: text("m-1")}
	var wg sync.WaitGroup
	made, replayed := make(chan uuid.UUID, 20), make(chan uuid.UUID, 20)
	for range 20 {
		wg.Go(func() {
			p, err := b.Conversations.PostMessage(t.Context(), b.tenant.ID, c.ID, b.actor, in)
			switch {
			case err != nil:
				t.Error(err)
			case p.Replayed:
				replayed <- p.Message.ID
			default:
				made <- p.Message.ID
			}
		})
	}
	wg.Wait()
	close(made)
	close(replayed)
	require.Len(t, made, 1)
	id := <-made
	for r := range replayed {
		require.Equal(t, id, r)
	}
}

func TestCustomerMessageToAnArchivedConversationGoesToItsOneSuccessor(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	b.change(c.ID, conversation.Archive{})
	var wg sync.WaitGroup
	went := make(chan uuid.UUID, 20)
	for range 20 {
		wg.Go(func() {
			p, err := b.Conversations.PostMessage(
				t.Context(),
				b.tenant.ID,
				c.ID,
				b.actor,
				conversation.NewMessage{Direction: conversation.Inbound, Text: text("Again.")},
			)
			if err != nil {
				t.Error(err)
				return
			}
			went <- p.Conversation.ID
		})
	}
	wg.Wait()
	close(went)
	successor := <-went
	for id := range went {
		require.Equal(t, successor, id)
	}
	next, err := b.Conversations.Get(t.Context(), b.tenant.ID, successor)
	require.NoError(t, err)
	require.Equal(t, c.ID, *next.PreviousConversationID)
	require.Equal(t, c.ContactID, next.ContactID)
	require.Equal(t, lifecycle.Active, next.Status)
	require.EqualValues(t, 20, next.Version)

	_, err = b.Conversations.PostMessage(
		t.Context(),
		b.tenant.ID,
		c.ID,
		b.actor,
		conversation.NewMessage{Direction: conversation.Outbound, Text: text("Sorry.")},
	)
	requireProblem(t, err, "INVALID_TRANSITION")
}

func TestReplayLooksAlongTheLineOfSuccessors(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	first := b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("One"), ExternalID: text("m-1")})
	b.change(c.ID, conversation.Archive{})
	second := b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("Two"), ExternalID: text("m-2")})
	require.NotEqual(t, c.ID, second.Conversation.ID)
	b.change(second.Conversation.ID, conversation.Archive{})

	again := b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("Two"), ExternalID: text("m-2")})
	require.True(t, again.Replayed)
	require.Equal(t, second.Message.ID, again.Message.ID)
	again = b.post(
		second.Conversation.ID,
		conversation.NewMessage{Direction: conversation.Inbound, Text: text("One"), ExternalID: text("m-1")},
	)
	require.True(t, again.Replayed)
	require.Equal(t, first.Message.ID, again.Message.ID)

	third := b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("Three"), ExternalID: text("m-3")})
	require.Equal(t, second.Conversation.ID, *third.Conversation.PreviousConversationID)
}
