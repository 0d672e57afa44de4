package models_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// history is the kinds of a conversation's timeline, oldest first.
func (b *slaBench) history(id uuid.UUID) (kinds []string) {
	b.t.Helper()
	entries, _, err := b.Lists.Timeline(b.t.Context(), b.tenant.ID, id, postgres.Page{Limit: 200})
	require.NoError(b.t, err)
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// pausing is a policy whose first reply waits while the conversation is snoozed, and one whose resolution does not.
func pausing(t *testing.T) *slaBench {
	t.Helper()
	b := slaSetup(t, firstReplyOnly)
	b.set(ten.Add(-time.Hour))
	yes := true
	_, err := b.Worktime.UpdateSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID, worktime.SLAPolicyUpdate{PauseWhileSnoozed: &yes})
	require.NoError(t, err)
	b.assignPolicy(b.newPolicy("Hurry", map[sla.Metric]sla.Targets{sla.Resolution: hours(0.75, 20, 30)}).ID, nil)
	b.set(ten)
	return b
}

// Snoozed from half past ten till eleven: a first reply is due half an hour later, and nothing else is.
func TestASnoozePausesTheClocksWhosePolicySaysSo(t *testing.T) {
	b := pausing(t)
	c := b.conversation("a")
	b.pass(30 * time.Minute)
	asleep := b.change(c.ID, conversation.Snooze{Until: ten.Add(time.Hour)})
	require.WithinDuration(t, ten.Add(45*time.Minute), *asleep.NextDueAt, 0)
	require.Equal(t, [3]string{"05-04 11:30Z", "05-04 14:30Z", "05-04 18:30Z"}, b.due(c.ID), "if it wakes at its time")
	require.True(t, b.metric(c.ID, sla.FirstReply).Paused)
	require.WithinDuration(t, ten.Add(time.Hour), b.metric(c.ID, sla.FirstReply).ResumesAt.Time, 0, "when it wakes")
	require.False(t, b.metric(c.ID, sla.Resolution).Paused)
	require.Nil(t, b.metric(c.ID, sla.Resolution).ResumesAt)

	b.change(c.ID, conversation.Snooze{Until: ten.Add(5 * time.Hour)})
	require.Equal(t, "05-04 15:30Z", b.due(c.ID)[0])
	b.pass(10 * time.Minute)
	b.change(c.ID, conversation.Unsnooze{})
	require.Equal(t, "05-04 11:10Z", b.due(c.ID)[0], "it slept for ten minutes")
	require.False(t, b.metric(c.ID, sla.FirstReply).Paused)
	b.set(ten.Add(69 * time.Minute))
	b.reply(c.ID)
	require.Equal(t, sla.OutcomeMet, *b.metric(c.ID, sla.FirstReply).Outcome)
	require.Equal(t, 59*60*1000, b.count(`SELECT elapsed_ms FROM sla_clocks WHERE metric = 'first_reply'`))
}

// No tick came from half past ten till noon: what was due before the snooze ended comes before its end, what was due
// after it comes after it. In the second case the policy was loosened a quarter before noon, which undoes nothing.
func TestAnOverdueWakeStandsWhereItBelongs(t *testing.T) {
	for name, edit := range map[string]func(b *slaBench){
		"punctual policy": func(*slaBench) {},
		"edited policy": func(b *slaBench) {
			b.set(ten.Add(105 * time.Minute))
			_, err := b.Worktime.UpdateSLAPolicy(b.t.Context(), b.tenant.ID, b.policy.ID, worktime.SLAPolicyUpdate{
				Targets: &map[sla.Metric]sla.Targets{sla.FirstReply: hours(5, 6, 8)},
			})
			require.NoError(b.t, err)
		},
	} {
		for _, l := range lookers {
			if l.who == "the walk" && name == "punctual policy" {
				continue // it has no reason to come
			}
			t.Run(name+", "+l.who, func(t *testing.T) {
				b := pausing(t)
				c := b.conversation("a")
				b.pass(30 * time.Minute)
				b.change(c.ID, conversation.Snooze{Until: ten.Add(time.Hour)})
				edit(b)
				b.set(ten.Add(2 * time.Hour))
				before := len(b.events())
				l.look(b, c.ID)
				require.Equal(t, []string{
					"created", "message_received", "snoozed", "sla_warning", "woken", "sla_warning",
				}, b.history(c.ID))
				require.Equal(t, []string{
					"at_risk 05-04 10:45:00 05-04 10:45:00", "at_risk 05-04 11:30:00 05-04 11:30:00",
				}, b.told(time.UTC))
				require.Equal(t, []lifecycle.EventType{
					lifecycle.ConversationUpdated, lifecycle.SLAWarning, lifecycle.SLAWarning,
				}, kinds(b.events()[before:]))
			})
		}
	}
}

// Closed for good: the clock runs, stands still, and nothing is ever due.
func TestAScheduleThatNeverOpensAgainIsShownAsPaused(t *testing.T) {
	b := slaSetup(t, nil)
	b.set(ten.Add(-time.Hour))
	b.opening(calendar.Rule{Zone: "UTC", Weekly: map[string][]calendar.Slot{}})
	b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
	b.autoArchive(&wire.AutoArchive{Minutes: 1})
	b.set(ten)
	c := b.conversation("a")
	m := b.metric(c.ID, sla.FirstReply)
	require.True(t, m.Paused)
	require.Nil(t, m.ResumesAt)
	require.Equal(t, wire.SLADue{}, m.DueAt)
	require.Nil(t, c.SLADueAt)
	b.pass(10000 * time.Hour)
	require.Nil(t, b.tick(c.ID).NextDue)
	require.Equal(t, sla.OK, b.metric(c.ID, sla.FirstReply).State)
	require.Nil(t, b.change(c.ID, conversation.Resolve{}).AutoArchiveAt)
}

func TestWakingKeepsTheAssignee(t *testing.T) {
	b := slaSetup(t, nil)
	agent, err := b.Accounts.CreateAgent(t.Context(), b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "grace@example.com", Role: account.RoleAgent})
	require.NoError(t, err)
	for name, wake := range map[string]func(id uuid.UUID){
		"time":     func(id uuid.UUID) { b.pass(time.Hour); b.tick(id) },
		"an agent": func(id uuid.UUID) { b.change(id, conversation.Unsnooze{}) },
		"a customer": func(id uuid.UUID) {
			b.post(id, conversation.NewMessage{Direction: conversation.Inbound, Text: text("Well?")})
		},
	} {
		c := b.conversation(name)
		b.change(c.ID, conversation.Assign{AssigneeID: wire.Some(agent.ID)}, conversation.Snooze{Until: b.now().Add(time.Hour)})
		wake(c.ID)
		c = b.read(c.ID)
		require.Equal(t, lifecycle.Active, c.Status, name)
		require.Equal(t, agent.ID, *c.AssigneeID, name)
	}
}

func TestWhatWeDoWakesNobody(t *testing.T) {
	b := slaSetup(t, nil)
	agent, err := b.Accounts.CreateAgent(t.Context(), b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "grace@example.com", Role: account.RoleAgent})
	require.NoError(t, err)
	c := b.conversation("a")
	until := ten.Add(time.Hour)
	b.change(c.ID, conversation.Snooze{Until: until})
	b.reply(c.ID)
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("We are closed."), Automated: true})
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Note, Text: text("Waits for the warehouse.")})
	b.change(c.ID, conversation.AddTag{Name: "vip"}, conversation.AddTag{Name: "late"})
	b.change(c.ID, conversation.RemoveTag{Name: "vip"})
	b.change(c.ID, conversation.Assign{AssigneeID: wire.Some(agent.ID)})
	b.change(c.ID, conversation.Edit{Subject: text("Warehouse")})
	c = b.read(c.ID)
	require.Equal(t, lifecycle.Snoozed, c.Status)
	require.WithinDuration(t, until, *c.SnoozedUntil, 0)
	b.set(until)
	require.Len(t, b.tick(c.ID).Fired, 1)
}

// An out-of-office note is no reply: the clocks go on.
func TestAutomatedMessagesStopNoClock(t *testing.T) {
	all := hours(1, 4, 8)
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: all, sla.AllMessages: all})
	c := b.conversation("a")
	b.pass(30 * time.Minute)
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("We are closed."), Automated: true})
	for _, m := range []sla.Metric{sla.FirstReply, sla.AllMessages} {
		require.Nil(t, b.metric(c.ID, m).StoppedAt, m)
	}
	b.pass(30 * time.Minute)
	require.Len(t, b.tick(c.ID).Fired, 2)
	b.reply(c.ID)
	require.NotNil(t, b.metric(c.ID, sla.FirstReply).StoppedAt)
}

// A wake races all that can end or replace a snooze, around the moment at which it is due. Whichever wins, a snooze
// ends once, in one way, with one event: the timeline is a path through the transitions, and each version has one
// update.
func TestASnoozeEndsOnceWhoeverRaces(t *testing.T) {
	b := slaSetup(t, nil)
	b.step = time.Millisecond // time goes on while they race, past the wake
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable
	for round := range 12 {
		c := b.conversation(fmt.Sprint("c", round))
		b.change(c.ID, conversation.Snooze{Until: b.now().Add(time.Duration(3+rng.IntN(20)) * time.Millisecond)})
		attempts := []func() error{
			func() error { _, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, ""); return err },
			func() error { _, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, ""); return err },
			func() error { _, err := b.Clocks.TickOverdue(t.Context(), b.tenant.ID, c.ID); return err },
			func() error {
				_, err := b.Conversations.Change(
					t.Context(),
					b.tenant.ID,
					c.ID,
					b.actor,
					conversation.Snooze{Until: ten.Add(time.Hour)},
				)
				return err
			},
			func() error {
				_, err := b.Conversations.PostMessage(t.Context(), b.tenant.ID, c.ID, b.actor,
					conversation.NewMessage{Direction: conversation.Inbound, Text: text("Well?")})
				return err
			},
			func() error {
				_, err := b.Conversations.Change(t.Context(), b.tenant.ID, c.ID, b.actor, conversation.Resolve{})
				return err
			},
		}
		var racers sync.WaitGroup
		for _, i := range rng.Perm(len(attempts)) {
			racers.Go(func() {
				if err := attempts[i](); err != nil && !strings.Contains(err.Error(), "INVALID_TRANSITION") {
					t.Error(err)
				}
			})
		}
		racers.Wait()
		b.requireOneEndOfEachSnooze(c.ID)
	}
}

// requireOneEndOfEachSnooze walks through a conversation's timeline.
func (b *slaBench) requireOneEndOfEachSnooze(id uuid.UUID) {
	b.t.Helper()
	entries, _, err := b.Lists.Timeline(b.t.Context(), b.tenant.ID, id, postgres.Page{Limit: 200})
	require.NoError(b.t, err)
	status, until := lifecycle.Active, time.Time{}
	told := map[int64]bool{} // versions in which status or time changed
	for _, e := range entries {
		at, is := e.CreatedAt.Time, lifecycle.Kind(e.Kind)
		if status == lifecycle.Snoozed && !at.Before(until) {
			require.Equal(b.t, lifecycle.Woken, is, "the time had come before")
		}
		switch is {
		case lifecycle.SnoozeSet:
			require.Contains(b.t, []lifecycle.Status{lifecycle.Active, lifecycle.Snoozed}, status)
			until, err = time.Parse(time.RFC3339, e.Data["until"].(string))
			require.NoError(b.t, err)
			status = lifecycle.Snoozed
		case lifecycle.Woken, lifecycle.Unsnoozed:
			require.Equal(b.t, lifecycle.Snoozed, status, "nothing to wake from")
			require.Equal(b.t, is == lifecycle.Woken, !at.Before(until))
			status = lifecycle.Active
		case lifecycle.Resolved:
			status = lifecycle.Done
		case lifecycle.Reopened:
			status = lifecycle.Active
		default:
			continue
		}
		told[e.Version] = true
	}
	require.Equal(b.t, status, b.read(id).Status)
	updates := b.count(`SELECT count(*) FROM events WHERE conversation_id = $1 AND type = 'conversation.updated'`, id)
	require.Len(b.t, told, updates)
	require.Equal(b.t, updates, b.count(`SELECT count(DISTINCT version) FROM events
		WHERE conversation_id = $1 AND type = 'conversation.updated'`, id))
}
