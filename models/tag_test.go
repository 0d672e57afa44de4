package models_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/tag"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// propagateAll calls Propagate until there is nothing left to do, as the workers do.
func (b *bench) propagateAll() (changed int) {
	b.t.Helper()
	for {
		n, more, err := b.Conversations.PropagateTags(b.t.Context())
		require.NoError(b.t, err)
		changed += n
		if !more {
			return changed
		}
	}
}

func (b *bench) tagged(reference string, tags ...string) conversation.Conversation {
	b.t.Helper()
	in := b.newConversation(reference)
	in.Tags = tags
	c, err := b.Conversations.Create(b.t.Context(), b.tenant.ID, b.actor, in)
	require.NoError(b.t, err)
	return c
}

func (b *bench) tag(name string) tag.Tag {
	b.t.Helper()
	tags, _, err := b.Tags.List(b.t.Context(), b.tenant.ID, postgres.Page{})
	require.NoError(b.t, err)
	for _, t := range tags {
		if t.Name == name {
			return t
		}
	}
	require.Fail(b.t, "there is no tag "+name)
	return tag.Tag{}
}

func (b *bench) tagsOf(c conversation.Conversation) []string {
	b.t.Helper()
	now, err := b.Conversations.Get(b.t.Context(), b.tenant.ID, c.ID)
	require.NoError(b.t, err)
	return now.Tags
}

func TestConversationsFollowARenamedTag(t *testing.T) {
	b := setup(t)
	plain, both, archived := b.tagged("1", "refund", "vip"), b.tagged("2", "refund", "returns"), b.tagged("3", "refund")
	b.tagged("4", "vip")
	b.change(archived.ID, conversation.Archive{})
	tag := b.tag("refund")
	other := b.tag("returns")
	_, err := b.Tags.Rename(t.Context(), b.tenant.ID, tag.ID, b.actor, "returns")
	requireProblem(t, err, "TAG_EXISTS")
	require.NoError(t, b.Tags.Delete(t.Context(), b.tenant.ID, other.ID, b.actor))
	_, err = b.Tags.Rename(t.Context(), b.tenant.ID, tag.ID, b.actor, "returns")
	requireProblem(t, err, "TAG_BUSY")
	require.Equal(t, 1, b.propagateAll())

	before := len(b.events())
	_, err = b.Tags.Rename(t.Context(), b.tenant.ID, tag.ID, b.actor, "returns")
	require.NoError(t, err)
	b.change(both.ID, conversation.AddTag{Name: "returns"}) // meanwhile
	require.Equal(t, 3, b.propagateAll())
	require.Equal(t, []string{"returns", "vip"}, b.tagsOf(plain))
	require.Equal(t, []string{"returns"}, b.tagsOf(both))
	require.Equal(t, []string{"returns"}, b.tagsOf(archived))
	require.Equal(t, tag.ID, b.tag("returns").ID, "it is the same tag")
	require.Zero(t, b.count(`SELECT count(*) FROM tags WHERE leaving_at IS NOT NULL`))

	events := b.events()[before:]
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ConversationUpdated, lifecycle.TagAddedEvent, // a command of its own
		lifecycle.ConversationUpdated, lifecycle.TagRemovedEvent, lifecycle.TagAddedEvent,
		lifecycle.ConversationUpdated, lifecycle.TagRemovedEvent,
		lifecycle.ConversationUpdated, lifecycle.TagRemovedEvent, lifecycle.TagAddedEvent,
	}, kinds(events))
	for _, e := range events[3:5] {
		var got wire.Tag
		var actor wire.Actor
		data := b.decode(e).Data
		require.NoError(t, json.Unmarshal(data["tag"], &got))
		require.NoError(t, json.Unmarshal(data["actor"], &actor))
		require.Equal(t, tag.ID, got.ID)
		require.Equal(t, b.actor.ID, actor.ID, "in the name of who renamed it")
	}
}

func TestADeletedTagLeavesAllConversations(t *testing.T) {
	b := setup(t)
	var carriers []conversation.Conversation
	for i := range 120 { // more than one batch
		carriers = append(carriers, b.tagged(fmt.Sprint(i), "old", "vip"))
	}
	tag := b.tag("old")
	require.NoError(t, b.Tags.Delete(t.Context(), b.tenant.ID, tag.ID, b.actor))
	_, err := b.Tags.Create(t.Context(), b.tenant.ID, "old")
	requireProblem(t, err, "TAG_BUSY")

	// ✗: a worker takes a batch and is gone; until its lease runs out no other worker gets the name.
	changed, more, err := b.Conversations.PropagateTags(t.Context())
	require.NoError(t, err)
	require.Equal(t, 100, changed)
	require.True(t, more)
	b.exec(`UPDATE tags SET leaving_at = clock_timestamp() + interval '30 seconds' WHERE leaving_at IS NOT NULL`)
	require.Zero(t, b.propagateAll())
	b.exec(`UPDATE tags SET leaving_at = clock_timestamp() WHERE leaving_at IS NOT NULL`)

	require.Equal(t, 20, b.propagateAll())
	for _, c := range carriers {
		require.Equal(t, []string{"vip"}, b.tagsOf(c))
	}
	again, err := b.Tags.Create(t.Context(), b.tenant.ID, "old")
	require.NoError(t, err)
	require.NotEqual(t, tag.ID, again.ID)
}

// A filter by the tag misses nothing, whichever name a conversation has at the moment.
func TestFiltersFollowARenamedTag(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(in *webhook.NewSubscription) { in.Filter = &wire.Filter{Tags: []string{"refund"}} })
	b.tagged("1", "refund")
	filter := func() []string {
		now, err := b.Webhooks.Get(t.Context(), b.tenant.ID, sub.ID)
		require.NoError(t, err)
		return now.Filter.Tags
	}
	_, err := b.Tags.Rename(t.Context(), b.tenant.ID, b.tag("refund").ID, b.actor, "returns")
	require.NoError(t, err)
	require.Equal(t, []string{"refund", "returns"}, filter())
	b.propagateAll()
	require.Equal(t, []string{"returns"}, filter())
	require.NoError(t, b.Tags.Delete(t.Context(), b.tenant.ID, b.tag("returns").ID, b.actor))
	b.propagateAll()
	require.Equal(t, []string{"returns"}, filter(), "without it the filter would match everything")
}

// A tag that is renamed twice before any propagation ends with its last name; one that is deleted after that, with
// none.
func TestRenamedTwiceThenDeleted(t *testing.T) {
	b := setup(t)
	c := b.tagged("1", "a")
	tag := b.tag("a")
	for _, name := range []string{"b", "c"} {
		_, err := b.Tags.Rename(t.Context(), b.tenant.ID, tag.ID, b.actor, name)
		require.NoError(t, err)
	}
	b.propagateAll()
	require.Equal(t, []string{"c"}, b.tagsOf(c))
	_, err := b.Tags.Rename(t.Context(), b.tenant.ID, tag.ID, b.actor, "d")
	require.NoError(t, err)
	require.NoError(t, b.Tags.Delete(t.Context(), b.tenant.ID, tag.ID, b.actor))
	b.propagateAll()
	require.Empty(t, b.tagsOf(c))
	require.Zero(t, b.count(`SELECT count(*) FROM tags`))
}
