package models_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// requireProblem asserts that err is the problem with the code, and returns its details.
func requireProblem(t *testing.T, err error, code string) map[string]any {
	t.Helper()
	p, ok := problem.As(err)
	require.True(t, ok, "%v is a problem", err)
	require.Equal(t, code, p.Code)
	return p.Details
}

func requireField(t *testing.T, err error, field string) {
	t.Helper()
	fields := requireProblem(t, err, problem.CodeValidation)["fields"].([]problem.Field)
	require.True(
		t,
		slices.ContainsFunc(fields, func(f problem.Field) bool { return f.Field == field }),
		"%v names %s",
		fields,
		field,
	)
}

func TestCreationFiresItsEventsInOrderWithOneVersion(t *testing.T) {
	b := setup(t)
	b.subscribe()
	in := b.newConversation("order-1")
	in.Tags = []string{"vip", "refund"}
	c, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	require.NoError(t, err)
	require.Equal(t, lifecycle.Active, c.Status)
	require.Equal(t, lifecycle.Pending, c.Engagement)
	require.Equal(t, "order-1", *c.Contact.Name, "the name falls back to the local part of the e-mail")

	events := b.events()
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ContactCreated, lifecycle.ConversationCreated, lifecycle.MessageReceivedEvent,
		lifecycle.TagAddedEvent, lifecycle.TagAddedEvent,
	}, kinds(events))
	for i, e := range events {
		p := b.decode(e)
		require.Equal(t, string(e.kind), p.Event)
		require.Equal(t, b.tenant.ID, p.TenantID)
		var raw map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(e.payload), &raw))
		require.Equal(t, []string{"data", "event", "tenantId", "timestamp"}, slices.Sorted(maps.Keys(raw)), "exactly four keys")
		require.Contains(t, p.Data, "actor")
		if i > 0 {
			require.EqualValues(t, 1, *e.version)
			require.Negative(t, bytes.Compare(events[i-1].id[:], e.id[:]), "ids rise (P1.5)")
			var snapshot wire.Conversation
			require.NoError(t, json.Unmarshal(p.Data["conversation"], &snapshot))
			require.Equal(t, []string{"refund", "vip"}, snapshot.Tags, "every event has the final snapshot")
		}
	}
	require.Equal(t, len(events), b.count(`SELECT count(*) FROM deliveries WHERE state = 'pending'`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID), "its workflow is to start")
}

func TestHundredIdenticalCreationsMakeOneConversation(t *testing.T) {
	b := setup(t)
	var wg sync.WaitGroup
	ids, conflicts := make(chan uuid.UUID, 100), make(chan any, 100)
	for range 100 {
		wg.Go(func() {
			c, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, b.newConversation("same"))
			if err == nil {
				ids <- c.ID
				return
			}
			if p, ok := problem.As(err); ok && p.Code == "EXTERNAL_REFERENCE_EXISTS" {
				conflicts <- p.Details["conversationId"]
			} else {
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	close(ids)
	close(conflicts)
	require.Len(t, ids, 1)
	require.Len(t, conflicts, 99)
	first := <-ids
	for id := range conflicts {
		require.Equal(t, first, id)
	}
	require.Equal(t, 1, b.count(`SELECT count(*) FROM conversations`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM contacts`))
	require.Equal(
		t,
		[]lifecycle.EventType{lifecycle.ContactCreated, lifecycle.ConversationCreated, lifecycle.MessageReceivedEvent},
		kinds(b.events()),
	)
}

func TestRepeatedReferenceChangesNothingElse(t *testing.T) {
	b := setup(t)
	b.conversation("order-1")
	before := len(b.events())
	in := b.newConversation("order-1")
	in.Contact.Email, in.Tags = "somebody-else@example.com", []string{"new"}
	_, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	requireProblem(t, err, "EXTERNAL_REFERENCE_EXISTS")
	require.Len(t, b.events(), before)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM contacts`))
	require.Zero(t, b.count(`SELECT count(*) FROM tags`))
}

func TestContactIsMatchedByEmailAndOnlyBlanksAreFilled(t *testing.T) {
	b := setup(t)
	first := b.newConversation("a")
	first.Contact = contact.Identity{Email: "ada@example.com", Name: "Ada"}
	c1, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, first)
	require.NoError(t, err)
	second := b.newConversation("b")
	second.Contact = contact.Identity{Email: "ADA@Example.com", Name: "Somebody", Phone: "+4512345678"}
	c2, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, second)
	require.NoError(t, err)
	require.Equal(t, c1.ContactID, c2.ContactID)
	require.Equal(t, "Ada", *c2.Contact.Name)
	require.Equal(t, "+4512345678", *c2.Contact.Phone)

	updated := b.events()[3]
	require.Equal(t, lifecycle.ContactUpdated, updated.kind)
	require.JSONEq(t, `{"phone": {"from": null, "to": "+4512345678"}}`, string(b.decode(updated).Data["changes"]))
}

func TestUnknownTagsFollowTheTenantsRule(t *testing.T) {
	b := setup(t)
	in := b.newConversation("a")
	in.Tags = []string{"known"}
	_, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	require.NoError(t, err)

	b.exec(`UPDATE tenants SET unknown_tags = 'drop'`)
	in = b.newConversation("b")
	in.Tags = []string{"known", "unknown"}
	c, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	require.NoError(t, err)
	require.Equal(t, []string{"known"}, c.Tags)

	b.exec(`UPDATE tenants SET unknown_tags = 'reject'`)
	in = b.newConversation("c")
	in.Tags = []string{"known", "unknown"}
	_, err = b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
	requireField(t, err, "tags")
	require.Equal(t, 2, b.count(`SELECT count(*) FROM conversations`))
}

func TestSeveralCommandsAreOneTransactionAndOneUpdate(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	before := len(b.events())
	got := b.change(c.ID, conversation.AddTag{Name: "refunded"}, conversation.Resolve{})
	require.Equal(t, c.Version+1, got.Version)
	events := b.events()[before:]
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ConversationUpdated, lifecycle.TagAddedEvent, lifecycle.ConversationResolved,
	}, kinds(events))
	require.JSONEq(t, `{"status": {"from": "active", "to": "done"}, "tags": {"from": [], "to": ["refunded"]}}`,
		string(b.decode(events[0]).Data["changes"]))
}

func TestRefusedCommandTurnsTheWholeChangeBack(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	before := len(b.events())
	_, err := b.Conversations.Change(
		t.Context(),
		b.tenant.ID,
		c.ID,
		b.actor,
		conversation.AddTag{Name: "x"},
		conversation.Reopen{},
	)
	details := requireProblem(t, err, "INVALID_TRANSITION")
	require.Equal(t, map[string]any{"from": lifecycle.Active, "to": lifecycle.Active}, details)
	require.Len(t, b.events(), before)
	got, err := b.Conversations.Get(t.Context(), b.tenant.ID, c.ID)
	require.NoError(t, err)
	require.Equal(t, c.Version, got.Version)
	require.Empty(t, got.Tags)
}

func TestChangeThatChangesNothingCommitsNothing(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	c = b.change(c.ID, conversation.AddTag{Name: "vip"})
	before := len(b.events())
	got := b.change(c.ID, conversation.AddTag{Name: "vip"}, conversation.RemoveTag{Name: "never there"})
	require.Equal(t, c.Version, got.Version)
	require.Len(t, b.events(), before)
}

// P1.2: writers of one conversation wait for each other; nothing is lost, no version is skipped.
func TestConcurrentWritersLeaveVersionsWithoutGap(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	const writers = 30
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if _, err := b.Conversations.Change(
				t.Context(),
				b.tenant.ID,
				c.ID,
				b.actor,
				conversation.AddTag{Name: fmt.Sprintf("tag-%02d", i)},
			); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := b.Conversations.Get(t.Context(), b.tenant.ID, c.ID)
	require.NoError(t, err)
	require.Len(t, got.Tags, writers, "nobody overwrote another's tag")
	require.Equal(t, c.Version+writers, got.Version)
	versions := map[int64]int{}
	for _, e := range b.events() {
		if e.kind == lifecycle.TagAddedEvent {
			versions[*e.version]++
		}
	}
	require.Len(t, versions, writers)
}

func TestSnoozeMustBeAheadAndWithinAYear(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	for _, until := range []time.Time{time.Now().Add(-time.Second), time.Now().AddDate(0, 0, 367), {}} {
		_, err := b.Conversations.Change(t.Context(), b.tenant.ID, c.ID, b.actor, conversation.Snooze{Until: until})
		requireField(t, err, "until")
	}
	b.change(c.ID, conversation.Snooze{Until: time.Now().Add(366*24*time.Hour - time.Minute)}) // a leap year
}

func TestAssigningSomebodyUnknownIsRefused(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	agent, err := b.Accounts.CreateAgent(
		t.Context(),
		b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "grace@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)
	got := b.change(c.ID, conversation.Assign{AssigneeID: wire.Some(agent.ID)})
	require.Equal(t, agent.ID, *got.AssigneeID)
	_, err = b.Conversations.Change(
		t.Context(),
		b.tenant.ID,
		c.ID,
		b.actor,
		conversation.Assign{AssigneeID: wire.Some(uuid.New()), TeamID: wire.Some(uuid.New())},
	)
	requireField(t, err, "assigneeId")
	requireField(t, err, "teamId")
	got = b.change(c.ID, conversation.Assign{AssigneeID: wire.Null[uuid.UUID]()})
	require.Nil(t, got.AssigneeID, "null clears")
}

// Another tenant's ids do not exist, and its agents cannot be named.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	stranger, err := b.Accounts.CreateAgent(
		t.Context(),
		other.ID,
		account.NewAgent{Name: "Eve", Email: "eve@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)

	_, err = b.Conversations.Get(t.Context(), other.ID, c.ID)
	requireProblem(t, err, "NOT_FOUND")
	_, err = b.Conversations.Change(t.Context(), other.ID, c.ID, b.actor, conversation.Resolve{})
	requireProblem(t, err, "NOT_FOUND")
	_, err = b.Conversations.PostMessage(
		t.Context(),
		other.ID,
		c.ID,
		b.actor,
		conversation.NewMessage{Direction: conversation.Inbound, Text: text("hello")},
	)
	requireProblem(t, err, "NOT_FOUND")
	_, err = b.Conversations.Change(
		t.Context(),
		b.tenant.ID,
		c.ID,
		b.actor,
		conversation.Assign{AssigneeID: wire.Some(stranger.ID)},
	)
	requireField(t, err, "assigneeId")
	_, _, err = b.Lists.Messages(t.Context(), other.ID, c.ID, postgres.Page{})
	requireProblem(t, err, "NOT_FOUND")
	list, _, err := b.Lists.Conversations(t.Context(), other.ID, listing.Filter{}, postgres.Page{})
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = b.Conversations.Create(t.Context(), other.ID, b.actor, b.newConversation("a"))
	require.NoError(t, err, "references are unique per tenant")
	_, err = b.db.ExecContext(t.Context(), `UPDATE conversations SET assignee_id = $1 WHERE id = $2`, stranger.ID, c.ID)
	require.ErrorContains(t, err, "foreign key", "a reference across tenants cannot exist")
}

func TestListsWalkOverEverythingOnce(t *testing.T) {
	b := setup(t)
	var want []uuid.UUID
	for i := range 7 {
		want = append(want, b.conversation(fmt.Sprintf("c%d", i)).ID)
	}
	for sort, expected := range map[string][]uuid.UUID{listing.SortCreated: want, listing.SortUpdated: reversed(want)} {
		var got []uuid.UUID
		page := postgres.Page{Limit: 3}
		for {
			list, next, err := b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{Sort: sort}, page)
			require.NoError(t, err)
			for _, c := range list {
				got = append(got, c.ID)
			}
			if next == "" {
				break
			}
			page.Cursor = next
		}
		require.Equal(t, expected, got)
	}
	_, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{}, postgres.Page{Cursor: "nonsense"})
	requireField(t, err, "cursor")
}

func reversed(ids []uuid.UUID) []uuid.UUID {
	r := slices.Clone(ids)
	slices.Reverse(r)
	return r
}

func TestFiltersNarrowTheList(t *testing.T) {
	b := setup(t)
	a, c := b.conversation("alpha"), b.conversation("beta_100%")
	b.change(a.ID, conversation.AddTag{Name: "vip"})
	b.change(c.ID, conversation.Resolve{})
	for name, x := range map[string]struct {
		filter listing.Filter
		want   uuid.UUID
	}{
		"status":    {listing.Filter{Status: "done"}, c.ID},
		"tag":       {listing.Filter{Tag: "vip"}, a.ID},
		"reference": {listing.Filter{ExternalReference: "alpha"}, a.ID},
		"contact":   {listing.Filter{ContactID: &c.ContactID}, c.ID},
		"query":     {listing.Filter{Query: "ALPHA@"}, a.ID},
		"literal %": {listing.Filter{Query: "100%"}, c.ID},
		"number":    {listing.Filter{Query: fmt.Sprintf("#%d", a.Number)}, a.ID},
	} {
		list, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID, x.filter, postgres.Page{})
		require.NoError(t, err, name)
		require.Len(t, list, 1, name)
		require.Equal(t, x.want, list[0].ID, name)
	}
}
