package models_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/migrations"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// walked is a whole list, read so many rows at a time.
func (b *bench) walked(f listing.Filter, limit int) (ids []uuid.UUID) {
	b.t.Helper()
	for page := (postgres.Page{Limit: limit}); ; {
		part, next, err := b.Lists.Conversations(b.t.Context(), b.tenant.ID, f, page)
		require.NoError(b.t, err)
		for _, c := range part {
			ids = append(ids, c.ID)
		}
		if page.Cursor = next; next == "" {
			return ids
		}
	}
}

// What an agent does to a conversation does not move it in the order of the latest message; notes do not either.
func TestTheOrderOfTheLatestMessage(t *testing.T) {
	b := slaSetup(t, nil)
	var ids []uuid.UUID
	for _, name := range []string{"a", "b", "c", "d"} {
		ids = append(ids, b.conversation(name).ID)
		b.pass(time.Minute)
	}
	silent := b.newConversation("silent")
	silent.Message = nil
	quiet, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, silent)
	require.NoError(t, err)
	b.pass(time.Minute)
	b.change(ids[0], conversation.AddTag{Name: "vip"})
	b.post(ids[1], conversation.NewMessage{Direction: conversation.Note, Text: text("Internal.")})
	b.pass(time.Minute)
	b.post(ids[2], conversation.NewMessage{Direction: conversation.Inbound, Text: text("Well?")})
	want := []uuid.UUID{ids[2], quiet.ID, ids[3], ids[1], ids[0]}
	f := listing.Filter{Sort: listing.SortLastMessage}
	for _, limit := range []int{1, 2, 200} {
		require.Equal(t, want, b.walked(f, limit))
	}
	f.Tag = "vip"
	require.Equal(t, ids[:1], b.walked(f, 1))
	f.Tag, f.Query = "", "order"
	require.Equal(t, want, b.walked(f, 2), "also of a search")
	b.change(ids[3], conversation.Resolve{})
	f.Query, f.Status = "", string(lifecycle.Active)
	require.Equal(t, []uuid.UUID{ids[2], quiet.ID, ids[1], ids[0]}, b.walked(f, 2))
}

// What is overdue is due next: the longest overdue first, then the next tripwire. A conversation whose clocks have all
// breached is in the list as long as one runs.
func TestWhatIsOverdueIsDueNext(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: hours(1, 2, 3)})
	var ids []uuid.UUID
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, b.conversation(name).ID)
		b.pass(time.Hour)
	}
	for _, id := range ids {
		b.tick(id)
	}
	b.reply(ids[1])
	// It is 15:00: a is breached since 13:00 and c since 15:00; d is urgent and e at risk.
	f := listing.Filter{Sort: listing.SortSLADue}
	want := []uuid.UUID{ids[0], ids[2], ids[3], ids[4]}
	for _, limit := range []int{1, 3, 200} {
		require.Equal(t, want, b.walked(f, limit))
	}
	f.BreachedMetric = listing.AnyMetric
	require.Equal(t, want[:2], b.walked(f, 1))
	f.BreachedMetric = string(sla.Resolution)
	require.Empty(t, b.walked(f, 1))
	f = listing.Filter{SLAState: string(sla.Breached)}
	require.ElementsMatch(t, ids[:3], b.walked(f, 200), "also what was answered late")
}

// A wake, an archiving and an SLA state by time alone are versions like any other, and a sync by updatedAt meets each.
func TestWhatTimeChangesIsAVersion(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: hours(1, 2, 3)})
	c := b.conversation("a")
	b.change(c.ID, conversation.Snooze{Until: b.now().Add(30 * time.Minute)})
	for range 4 { // it wakes, and passes three tripwires
		before := b.read(c.ID)
		b.pass(time.Hour - time.Minute)
		b.tick(c.ID)
		after := b.read(c.ID)
		require.Equal(t, before.Version+1, after.Version)
		require.True(t, after.UpdatedAt.After(before.UpdatedAt))
		since := before.UpdatedAt.Add(time.Microsecond)
		require.Equal(t, []uuid.UUID{c.ID}, b.walked(listing.Filter{UpdatedSince: &since}, 1))
	}
}

// A contact is part of each conversation that shows it: its change is a version of each, whatever else is written at the
// same time, and no event shows an older contact under a newer version.
func TestAContactsChangeIsAVersionOfItsConversations(t *testing.T) {
	b := setupAlone(t)
	first := b.conversation("a")
	in := b.newConversation("b")
	in.Contact.Email = "a@example.com"
	second, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	require.NoError(t, err)
	other := b.conversation("c")
	const times = 20
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() {
			name := "Ada " + string(rune('A'+i))
			if _, err := b.Contacts.Update(t.Context(), b.tenant.ID, first.ContactID, b.actor,
				contact.Update{Name: wire.Some(name)}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := b.Conversations.Change(t.Context(), b.tenant.ID, first.ID, b.actor,
				conversation.AddTag{Name: string(rune('a' + i))}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	read := func(c conversation.Conversation) conversation.Conversation {
		now, err := b.Conversations.Get(t.Context(), b.tenant.ID, c.ID)
		require.NoError(t, err)
		return now
	}
	require.Equal(t, first.Version+2*times, read(first).Version)
	require.Equal(t, second.Version+times, read(second).Version)
	require.True(t, read(second).UpdatedAt.After(second.UpdatedAt))
	require.Equal(t, other.Version, read(other).Version)
	require.Equal(t, 3, b.count(`SELECT count(*) FROM conversations c JOIN conversation_recency r
		ON r.conversation_id = c.id WHERE r.updated_at = c.updated_at`))
	// In the order of the versions the contact's time never goes back.
	require.Zero(t, b.count(`SELECT count(*) FROM (SELECT payload::jsonb#>>'{data,conversation,contact,updatedAt}' AS at,
			lag(payload::jsonb#>>'{data,conversation,contact,updatedAt}') OVER (ORDER BY version, id) AS before
		FROM events WHERE conversation_id = $1) e WHERE at < before`, first.ID))
}

// What was there before the orders were has its place in them: the migration fills in what a list goes by.
func TestOlderConversationsHaveTheirPlace(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: hours(1, 2, 3)})
	var ids []uuid.UUID
	for _, name := range []string{"a", "b", "c", "d"} {
		ids = append(ids, b.conversation(name).ID)
		b.pass(time.Hour)
	}
	b.post(ids[0], conversation.NewMessage{Direction: conversation.Inbound, Text: text("Well?")})
	for _, id := range ids {
		b.tick(id)
	}
	filters := []listing.Filter{
		{Sort: listing.SortLastMessage}, {Sort: listing.SortSLADue}, {BreachedMetric: listing.AnyMetric},
	}
	var want [][]uuid.UUID
	for _, f := range filters {
		want = append(want, b.walked(f, 2))
	}
	require.ElementsMatch(t, ids[:2], want[2], "longer than three hours without a reply")
	b.exec(`ALTER TABLE conversations DROP COLUMN sla_breached_since`)
	b.exec(`ALTER TABLE conversation_recency DROP COLUMN last_message_at`)
	const listOrders = 23
	b.exec(`DELETE FROM goose_db_version WHERE version_id = $1`, listOrders)
	provider, err := goose.NewProvider(goose.DialectPostgres, b.db, migrations.FS)
	require.NoError(t, err)
	for range 2 { // also when it was broken off, and is made again
		_, err = provider.ApplyVersion(t.Context(), listOrders, true)
		require.NoError(t, err)
		b.exec(`DELETE FROM goose_db_version WHERE version_id = $1`, listOrders)
	}
	b.Store = b.open(b.option)
	for i, f := range filters {
		require.Equal(t, want[i], b.walked(f, 2))
	}
}
