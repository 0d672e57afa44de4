package lifecycle_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/lifecycle"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func stateIn(status lifecycle.Status) lifecycle.State {
	s := lifecycle.State{Status: status, Engagement: lifecycle.Pending, Subject: "Refund"}
	at := noon.Add(time.Hour)
	switch status {
	case lifecycle.Snoozed:
		s.SnoozedUntil = &at
	case lifecycle.Done:
		s.ResolvedAt = &noon
	case lifecycle.Archived:
		s.ArchivedAt = &noon
	}
	return s
}

// The transition table, whole: what is not listed is refused and changes nothing.
func TestTransitions(t *testing.T) {
	commands := map[string]func(*lifecycle.Change) error{
		"snooze":   func(c *lifecycle.Change) error { return c.Snooze(noon.Add(2 * time.Hour)) },
		"unsnooze": (*lifecycle.Change).Unsnooze,
		"resolve":  (*lifecycle.Change).Resolve,
		"reopen":   (*lifecycle.Change).Reopen,
		"archive":  (*lifecycle.Change).Archive,
		"receive":  func(c *lifecycle.Change) error { return c.Receive(0) },
		"send":     func(c *lifecycle.Change) error { return c.Send(0, false) },
		"note":     func(c *lifecycle.Change) error { c.Note(0); return nil },
		"tag":      func(c *lifecycle.Change) error { return c.AddTag("vip") },
		"assign":   func(c *lifecycle.Change) error { return c.Assign(lifecycle.Assignment{TeamID: new(uuid.New())}) },
	}
	type key struct {
		from    lifecycle.Status
		command string
	}
	allowed := map[key]lifecycle.Status{
		{lifecycle.Active, "snooze"}:    lifecycle.Snoozed,
		{lifecycle.Snoozed, "snooze"}:   lifecycle.Snoozed,
		{lifecycle.Snoozed, "unsnooze"}: lifecycle.Active,
		{lifecycle.Active, "resolve"}:   lifecycle.Done,
		{lifecycle.Snoozed, "resolve"}:  lifecycle.Done,
		{lifecycle.Done, "reopen"}:      lifecycle.Active,
		{lifecycle.Active, "archive"}:   lifecycle.Archived,
		{lifecycle.Snoozed, "archive"}:  lifecycle.Archived,
		{lifecycle.Done, "archive"}:     lifecycle.Archived,
		{lifecycle.Active, "receive"}:   lifecycle.Active,
		{lifecycle.Snoozed, "receive"}:  lifecycle.Active,
		{lifecycle.Done, "receive"}:     lifecycle.Active,
		{lifecycle.Active, "send"}:      lifecycle.Active,
		{lifecycle.Snoozed, "send"}:     lifecycle.Snoozed,
		{lifecycle.Done, "send"}:        lifecycle.Done,
		{lifecycle.Active, "note"}:      lifecycle.Active,
		{lifecycle.Snoozed, "note"}:     lifecycle.Snoozed,
		{lifecycle.Done, "note"}:        lifecycle.Done,
		{lifecycle.Archived, "note"}:    lifecycle.Archived,
		{lifecycle.Active, "tag"}:       lifecycle.Active,
		{lifecycle.Snoozed, "tag"}:      lifecycle.Snoozed,
		{lifecycle.Done, "tag"}:         lifecycle.Done,
		{lifecycle.Active, "assign"}:    lifecycle.Active,
		{lifecycle.Snoozed, "assign"}:   lifecycle.Snoozed,
		{lifecycle.Done, "assign"}:      lifecycle.Done,
	}
	for _, from := range []lifecycle.Status{lifecycle.Active, lifecycle.Snoozed, lifecycle.Done, lifecycle.Archived} {
		for name, command := range commands {
			t.Run(string(from)+"/"+name, func(t *testing.T) {
				c := lifecycle.Begin(stateIn(from), noon)
				err := command(c)
				to, ok := allowed[key{from, name}]
				if !ok {
					transition, is := errors.AsType[*lifecycle.TransitionError](err)
					require.True(t, is, "refused with %v", err)
					require.Equal(t, from, transition.From)
					require.Equal(t, stateIn(from), c.After)
					require.Empty(t, c.Facts)
					return
				}
				require.NoError(t, err)
				require.Equal(t, to, c.After.Status)
			})
		}
	}
}

// P1.4: a command that comes after the time has come finds the conversation awake.
func TestDueSnoozeEndsBeforeTheCommandIsApplied(t *testing.T) {
	s := stateIn(lifecycle.Snoozed)
	require.Empty(t, lifecycle.Begin(s, s.SnoozedUntil.Add(-time.Millisecond)).Facts)

	c := lifecycle.Begin(s, *s.SnoozedUntil)
	require.Equal(t, lifecycle.Active, c.After.Status)
	require.Error(t, c.Unsnooze(), "it is awake already")
	require.NoError(t, c.Resolve())
	require.Equal(t, []lifecycle.EventType{lifecycle.ConversationUpdated, lifecycle.ConversationResolved}, types(c))
	require.Equal(
		t,
		lifecycle.FieldChange{From: lifecycle.Snoozed, To: lifecycle.Done},
		lifecycle.Diff(c.Before, c.After)["status"],
	)
}

func TestWakingIsAnUpdateAndNotAReopening(t *testing.T) {
	s := stateIn(lifecycle.Snoozed)
	require.Equal(t, []lifecycle.EventType{lifecycle.ConversationUpdated}, types(lifecycle.Begin(s, *s.SnoozedUntil)))
}

func TestCustomerMessageReopensAndTheGeneralEventComesFirst(t *testing.T) {
	c := lifecycle.Begin(stateIn(lifecycle.Done), noon)
	require.NoError(t, c.Receive(0))
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ConversationUpdated, lifecycle.MessageReceivedEvent, lifecycle.ConversationReopened,
	}, types(c))
}

func TestCreationFiresInTheDocumentedOrder(t *testing.T) {
	c := lifecycle.Create(lifecycle.State{Tags: []string{"vip", "refund", "vip"}}, noon)
	require.NoError(t, c.Receive(0))
	c.AnnounceTags()
	require.Equal(t, []string{"refund", "vip"}, c.After.Tags)
	require.Equal(t, []lifecycle.EventType{
		lifecycle.ConversationCreated, lifecycle.MessageReceivedEvent, lifecycle.TagAddedEvent, lifecycle.TagAddedEvent,
	}, types(c))
}

func TestWhatChangesNothingFiresNothing(t *testing.T) {
	s := stateIn(lifecycle.Snoozed)
	s.Tags = []string{"vip"}
	c := lifecycle.Begin(s, noon)
	require.NoError(t, c.AddTag("vip"))
	require.NoError(t, c.RemoveTag("refund"))
	require.NoError(t, c.Snooze(*s.SnoozedUntil))
	require.NoError(t, c.Assign(lifecycle.Assignment{}))
	require.NoError(t, c.Edit(&s.Subject, nil))
	require.Empty(t, c.Facts)
	require.Empty(t, c.Events())
}

func TestFiftyTagsAreTheMost(t *testing.T) {
	c := lifecycle.Begin(stateIn(lifecycle.Active), noon)
	for i := range lifecycle.MaxTags {
		require.NoError(t, c.AddTag(string(rune('a'+i))))
	}
	require.ErrorIs(t, c.AddTag("one more"), lifecycle.ErrTooManyTags)
}

// P3.1, as a table: what signals the workflow.
func TestNeedsSignal(t *testing.T) {
	early, late := noon, noon.Add(time.Hour)
	for name, x := range map[string]struct {
		before, after lifecycle.Status
		due, armed    *time.Time
		want          bool
	}{
		"the status changed":               {lifecycle.Active, lifecycle.Done, nil, nil, true},
		"nothing due, nothing armed":       {lifecycle.Active, lifecycle.Active, nil, nil, false},
		"due and not armed":                {lifecycle.Snoozed, lifecycle.Snoozed, &early, nil, true},
		"due earlier than armed":           {lifecycle.Snoozed, lifecycle.Snoozed, &early, &late, true},
		"due when armed":                   {lifecycle.Snoozed, lifecycle.Snoozed, &early, &early, false},
		"due later than armed: free":       {lifecycle.Snoozed, lifecycle.Snoozed, &late, &early, false},
		"no longer due, still armed: free": {lifecycle.Active, lifecycle.Active, nil, &early, false},
	} {
		require.Equal(t, x.want, lifecycle.NeedsSignal(x.before, x.after, x.due, x.armed), name)
	}
}

func types(c *lifecycle.Change) []lifecycle.EventType {
	var ts []lifecycle.EventType
	for _, e := range c.Events() {
		ts = append(ts, e.Type)
	}
	return ts
}

// Any sequence of commands, with time passing, keeps the invariants of a conversation.
func TestLifeOfAConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon
		state := lifecycle.Create(lifecycle.State{Subject: "Refund"}, now).After
		owed := lifecycle.Pending // whose turn it is, derived from what happened
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { checkInvariants(t, state, owed) },
			"change": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "passed")))
				c := lifecycle.Begin(state, now)
				for range rapid.IntRange(1, 3).Draw(t, "commands") {
					before := c.After
					if err := command(t, c); err != nil {
						require.Equal(t, before, c.After, "a refusal changes nothing")
						c = nil // the transaction is turned back
						break
					}
				}
				if c == nil {
					return
				}
				checkEvents(t, c)
				for _, f := range c.Facts {
					switch f.Kind {
					case lifecycle.MessageReceived, lifecycle.Reopened:
						owed = lifecycle.Pending
					case lifecycle.MessageSent:
						if f.Index == byHand {
							owed = lifecycle.Engaged
						}
					}
				}
				state = c.After
			},
		})
	})
}

// The index of a message tells, in this test, whether it was automated.
const byHand, automated = 0, 1

func command(t *rapid.T, c *lifecycle.Change) error {
	tag := rapid.SampledFrom([]string{"a", "b", "c"})
	switch rapid.IntRange(0, 10).Draw(t, "command") {
	case 0:
		return c.Snooze(c.Now.Add(time.Duration(rapid.Int64Range(1, int64(5*time.Hour)).Draw(t, "for"))))
	case 1:
		return c.Unsnooze()
	case 2:
		return c.Resolve()
	case 3:
		return c.Reopen()
	case 4:
		if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
			return c.Archive()
		}
		return nil
	case 5:
		return c.Receive(byHand)
	case 6:
		by := rapid.SampledFrom([]int{byHand, automated}).Draw(t, "by")
		return c.Send(by, by == automated)
	case 7:
		c.Note(byHand)
		return nil
	case 8:
		return c.AddTag(tag.Draw(t, "tag"))
	case 9:
		return c.SetTags(rapid.SliceOf(tag).Draw(t, "tags"))
	default:
		id := uuid.New()
		return c.Assign(rapid.SampledFrom([]lifecycle.Assignment{{}, {AssigneeID: &id}, {TeamID: &id}}).Draw(t, "to"))
	}
}

func checkInvariants(t *rapid.T, s lifecycle.State, owed lifecycle.Engagement) {
	require.Equal(t, s.Status == lifecycle.Snoozed, s.SnoozedUntil != nil)
	require.Equal(t, s.Status == lifecycle.Archived, s.ArchivedAt != nil)
	if s.Status == lifecycle.Done {
		require.NotNil(t, s.ResolvedAt)
	}
	require.True(t, slices.IsSorted(s.Tags))
	require.Equal(t, s.Tags, slices.Compact(slices.Clone(s.Tags)))
	require.Equal(t, owed, s.Engagement, "engagement is derived from what happened")
	if s.MayEnd() {
		require.Nil(t, s.NextDue(), "a workflow that may end misses nothing")
	}
}

func checkEvents(t *rapid.T, c *lifecycle.Change) {
	events := types(c)
	if len(c.Facts) == 0 {
		require.Empty(t, events)
		require.Empty(t, lifecycle.Diff(c.Before, c.After))
	}
	changed := len(lifecycle.Diff(c.Before, c.After)) > 0
	require.Equal(t, changed, slices.Contains(events, lifecycle.ConversationUpdated))
	once := map[string]bool{}
	for i, e := range c.Events() {
		if e.Type == lifecycle.ConversationUpdated {
			require.Zero(t, i, "the general event comes first, and once")
		}
		switch e.Type {
		case lifecycle.ConversationResolved, lifecycle.ConversationReopened, lifecycle.TagAddedEvent, lifecycle.TagRemovedEvent:
			require.False(t, once[string(e.Type)+e.Fact.Tag], "%s fires once for what the change did in the end", e.Type)
			once[string(e.Type)+e.Fact.Tag] = true
		}
	}
	resolved := c.Before.Status != lifecycle.Done && c.After.Status == lifecycle.Done
	require.Equal(t, resolved, slices.Contains(events, lifecycle.ConversationResolved))
	reopened := c.Before.Status == lifecycle.Done && c.After.Status == lifecycle.Active
	require.Equal(t, reopened, slices.Contains(events, lifecycle.ConversationReopened))
	for _, e := range c.Events() {
		switch e.Type {
		case lifecycle.TagAddedEvent:
			require.Contains(t, c.After.Tags, e.Fact.Tag)
			require.NotContains(t, c.Before.Tags, e.Fact.Tag)
		case lifecycle.TagRemovedEvent:
			require.NotContains(t, c.After.Tags, e.Fact.Tag)
			require.Contains(t, c.Before.Tags, e.Fact.Tag)
		}
	}
}
