package sla_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
)

func TestTripwiresOnASchedule(t *testing.T) {
	whole := []calendar.Slot{{From: "09:00", To: "17:00"}}
	lunch := []calendar.Slot{{From: "09:00", To: "12:00"}, {From: "13:00", To: "17:00"}}
	a, b := officeHours(t, whole), officeHours(t, lunch)
	closed := officeHours(t, whole, calendar.Override{Date: "2026-05-05"})
	for name, c := range map[string]struct {
		schedule                          *calendar.Schedule
		created, atRisk, urgent, breached string
	}{
		"always open":          {nil, "2026-05-04 10:00", "2026-05-04 11:00", "2026-05-04 14:00", "2026-05-04 18:00"},
		"clocks go forward":    {a, "2026-03-27 16:30", "2026-03-30 09:30", "2026-03-30 12:30", "2026-03-30 16:30"},
		"clocks go back":       {a, "2026-10-23 16:30", "2026-10-26 09:30", "2026-10-26 12:30", "2026-10-26 16:30"},
		"a lunch break":        {b, "2026-05-05 11:30", "2026-05-05 13:30", "2026-05-05 16:30", "2026-05-06 13:30"},
		"the last instant":     {closed, "2026-05-04 16:00", "2026-05-04 17:00", "2026-05-06 12:00", "2026-05-06 16:00"},
		"begun at the weekend": {a, "2026-05-09 12:00", "2026-05-11 10:00", "2026-05-11 13:00", "2026-05-11 17:00"},
	} {
		t.Run(name, func(t *testing.T) {
			terms := policy
			terms.Schedule = c.schedule
			v := created(only(terms, sla.FirstReply), copenhagen(t, c.created))
			want := []crossing{
				punctual(sla.FirstReply, sla.TripAtRisk, copenhagen(t, c.atRisk).UTC()),
				punctual(sla.FirstReply, sla.TripUrgent, copenhagen(t, c.urgent).UTC()),
				punctual(sla.FirstReply, sla.TripBreached, copenhagen(t, c.breached).UTC()),
			}
			for i, next := range want {
				b := v.change(next.when.Add(-time.Nanosecond))
				require.Len(t, v.crossed, i, "not before it is due")
				require.Equal(t, next.when, *b.NextDue())
				v.change(next.when)
			}
			require.Equal(t, want, crossings(v.crossed))
			require.Nil(t, v.change(at(10000, 0)).NextDue())
			require.Len(t, v.crossed, 3, "each once")
		})
	}
}

func TestRepliedInTime(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.change(at(0, 30), agentReply)
	c.requireOutcome(t, sla.FirstReply, sla.OK, sla.OutcomeMet)
	require.Empty(t, c.crossed)
	require.Equal(t, 30*time.Minute, c.clocks[sla.FirstReply].Elapsed)
	require.Equal(t, sla.OK, c.change(at(9, 0)).Worst())
}

func TestRepliedAfterAWarning(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.change(at(3, 0), agentReply)
	c.requireOutcome(t, sla.FirstReply, sla.AtRisk, sla.OutcomeMet)
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0))}, crossings(c.crossed))
	require.Equal(t, sla.AtRisk, c.change(at(9, 0)).Worst(), "the state stays at the worst reached")
}

// No tick came between half an hour and nine: the worker was down, and the reply was the first to come.
func TestReplyASecondLateIsABreachEvenIfNobodyLooked(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.change(at(0, 30))
	c.change(at(8, 0).Add(time.Second), agentReply)
	c.requireOutcome(t, sla.FirstReply, sla.Breached, sla.OutcomeBreached)
	want := []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0)),
		punctual(sla.FirstReply, sla.TripUrgent, at(4, 0)),
		punctual(sla.FirstReply, sla.TripBreached, at(8, 0)),
	}
	require.Equal(t, want, crossings(c.crossed))
	c.change(at(9, 0))
	require.Len(t, c.crossed, 3)

	exactly := created(only(policy, sla.FirstReply), start)
	exactly.change(at(8, 0), agentReply)
	exactly.requireOutcome(t, sla.FirstReply, sla.Breached, sla.OutcomeBreached)
	before := created(only(policy, sla.FirstReply), start)
	before.change(at(8, 0).Add(-1), agentReply)
	before.requireOutcome(t, sla.FirstReply, sla.Urgent, sla.OutcomeMet)
}

func TestReopenedByTheCustomerAfterAnAnswer(t *testing.T) {
	c := created(all(policy), start)
	c.change(start, customerMessage)
	c.change(at(0, 30), agentReply)
	c.change(at(0, 40), resolved)
	for _, m := range sla.Metrics {
		c.requireOutcome(t, m, sla.OK, sla.OutcomeMet)
	}
	b := c.change(at(24, 0), customerMessage, reopenedByCustomer)
	c.requireOutcome(t, sla.FirstReply, sla.OK, sla.OutcomeMet)
	for _, m := range []sla.Metric{sla.AllMessages, sla.Resolution} {
		clock := c.clocks[m]
		require.True(t, clock.Running())
		require.Equal(t, 2, clock.Cycle)
		require.Equal(t, at(24, 0), clock.StartedAt)
	}
	require.Equal(t, at(25, 0), *b.NextDue())
	require.Len(t, b.Changes(), 2)
	require.True(t, b.Changes()[0].IsNew)
}

func TestReopenedBySomebody(t *testing.T) {
	c := created(all(policy), start)
	c.change(start, customerMessage)
	c.change(at(2, 0), resolved)
	c.requireOutcome(t, sla.FirstReply, sla.AtRisk, sla.OutcomeNone)
	c.requireOutcome(t, sla.AllMessages, sla.AtRisk, sla.OutcomeNone)
	c.requireOutcome(t, sla.Resolution, sla.AtRisk, sla.OutcomeMet)
	require.Nil(t, c.change(at(20, 0)).NextDue(), "nothing runs while it is done")
	require.Len(t, c.crossed, 3)

	b := c.change(at(24, 0), reopened)
	require.Equal(t, 2, c.clocks[sla.FirstReply].Cycle, "nobody had answered")
	require.Equal(t, sla.OK, c.clocks[sla.FirstReply].State, "a new cycle starts afresh")
	require.Equal(t, 2, c.clocks[sla.Resolution].Cycle)
	require.Equal(t, 1, c.clocks[sla.AllMessages].Cycle, "waits for the customer's next message")
	require.Equal(t, sla.AtRisk, b.Worst(), "of all_messages, whose latest cycle that was")

	c.change(at(24, 10), customerMessage)
	require.Equal(t, 2, c.clocks[sla.AllMessages].Cycle)
	require.Equal(t, sla.OK, c.change(at(24, 20)).Worst())
}

func TestMessagesInARowAreOneWait(t *testing.T) {
	c := created(only(policy, sla.AllMessages), start)
	require.Empty(t, c.clocks, "a creation alone is no message")
	c.change(start, customerMessage)
	c.change(at(0, 50), customerMessage)
	c.change(at(1, 10), customerMessage)
	c.change(at(1, 20), agentReply)
	c.change(at(1, 30), agentReply)
	c.requireOutcome(t, sla.AllMessages, sla.AtRisk, sla.OutcomeMet)
	require.Equal(t, []crossing{punctual(sla.AllMessages, sla.TripAtRisk, at(1, 0))}, crossings(c.crossed))

	c.change(at(2, 0), customerMessage)
	require.Equal(t, at(2, 0), c.clocks[sla.AllMessages].StartedAt)
	require.Equal(t, 2, c.clocks[sla.AllMessages].Cycle)
}

func TestGivenUpAfterABreachIsABreach(t *testing.T) {
	for _, end := range []lifecycle.Fact{resolved, archived} {
		c := created(all(policy), start)
		c.change(at(9, 0), end)
		c.requireOutcome(t, sla.FirstReply, sla.Breached, sla.OutcomeBreached)
		c.requireOutcome(t, sla.Resolution, sla.Breached, sla.OutcomeBreached)
		require.Nil(t, c.change(at(100, 0)).NextDue())
	}
	c := created(only(policy, sla.Resolution), start)
	c.change(at(2, 0), archived)
	c.requireOutcome(t, sla.Resolution, sla.AtRisk, sla.OutcomeNone)
}

func TestMovedToAStricterTeam(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.changeBy(at(2, 0), func(b *sla.Board) {
		b.Move(only(strict, sla.FirstReply), at(2, 0))
	})
	require.Equal(t, []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0)),
		{sla.FirstReply, sla.TripUrgent, at(0, 20), at(2, 0)},
		{sla.FirstReply, sla.TripBreached, at(0, 30), at(2, 0)},
	}, crossings(c.crossed))
	require.Equal(t, "Standard", c.crossed[0].PolicyName)
	require.Equal(t, "Strict", c.crossed[1].PolicyName)
	require.Equal(t, start, c.clocks[sla.FirstReply].StartedAt)
}

func TestLoosenedPolicyDoesNotLowerTheState(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.change(at(4, 30))
	loose := policy
	loose.Targets, loose.Since = targets(10*time.Hour, 20*time.Hour, 30*time.Hour), at(5, 0)
	c.edit(only(loose, sla.FirstReply))
	b := c.change(at(29, 0))
	require.Equal(t, sla.Urgent, b.Worst())
	require.Equal(t, at(30, 0), *b.NextDue())
	require.Len(t, c.crossed, 2, "what it was warned of, it is not warned of again")
}

// An edit is heard of late: until it, the old targets counted; from it on, the new.
func TestEditHeardOfLate(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	edited := strict
	edited.Since = at(1, 30)
	c.edit(only(edited, sla.FirstReply))
	c.change(at(5, 0))
	require.Equal(t, []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0)),
		{sla.FirstReply, sla.TripUrgent, at(0, 20), at(1, 30)},
		{sla.FirstReply, sla.TripBreached, at(0, 30), at(1, 30)},
	}, crossings(c.crossed))

	loosened := created(only(strict, sla.FirstReply), start)
	edited = policy
	edited.Since = at(0, 15)
	loosened.edit(only(edited, sla.FirstReply))
	loosened.change(at(0, 40))
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(0, 10))}, crossings(loosened.crossed))
}

func TestPolicyThatIsDeletedStopsItsClocksWithoutAnOutcome(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	c.edit(only(sla.Terms{Since: at(2, 0)}))
	b := c.change(at(9, 0), agentReply)
	c.requireOutcome(t, sla.FirstReply, sla.AtRisk, sla.OutcomeNone)
	require.Equal(t, at(2, 0), *c.clocks[sla.FirstReply].StoppedAt)
	passed := []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0))}
	require.Equal(t, passed, crossings(c.crossed), "what passed before it went")
	require.Nil(t, b.NextDue())
}

func TestConversationThatFindsAPolicyLateIsMeasuredFromItsStart(t *testing.T) {
	c := created(only(policy), start)
	require.Empty(t, c.clocks)
	c.changeBy(at(2, 0), func(b *sla.Board) {
		b.Move(only(policy, sla.FirstReply), at(2, 0))
		require.Len(t, b.Changes(), 1)
	})
	require.Equal(t, start, c.clocks[sla.FirstReply].StartedAt)
	require.Equal(t, []crossing{{sla.FirstReply, sla.TripAtRisk, at(1, 0), at(2, 0)}}, crossings(c.crossed))
}

// Team with a policy, team without, team with: one wait is one cycle, with one set of events.
func TestCycleGoesOnWhenAPolicyIsFoundAgain(t *testing.T) {
	c := created(only(policy, sla.FirstReply), start)
	move := func(when time.Time, to sla.Resolver) {
		c.changeBy(when, func(b *sla.Board) { b.Move(to, when) })
	}
	move(at(2, 0), only(policy))
	require.NotNil(t, c.clocks[sla.FirstReply].StoppedAt)
	c.terms = only(policy)
	c.change(at(5, 0))
	move(at(6, 0), only(policy, sla.FirstReply))
	require.Equal(t, 1, c.clocks[sla.FirstReply].Cycle)
	require.Equal(t, []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0)),
		{sla.FirstReply, sla.TripUrgent, at(4, 0), at(6, 0)},
	}, crossings(c.crossed))
}

func TestSnoozePausesOnlyIfThePolicySaysSo(t *testing.T) {
	pausing := policy
	pausing.PauseWhileSnoozed = true

	c := created(only(pausing, sla.FirstReply), start)
	require.Equal(t, at(6, 30), *c.snooze(at(0, 30), at(6, 0)).NextDue(), "if nobody wakes it before")
	require.Equal(t, at(20, 30), *c.snooze(at(5, 0), at(20, 0)).NextDue(), "a new time goes on with the same snooze")
	require.Equal(t, at(10, 30), *c.change(at(10, 0), woken).NextDue())
	c.change(at(10, 45), agentReply)
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(10, 30))}, crossings(c.crossed))
	require.Equal(t, 75*time.Minute, c.clocks[sla.FirstReply].Elapsed)

	c = created(only(policy, sla.FirstReply), start)
	require.Equal(t, at(1, 0), *c.snooze(at(0, 30), at(12, 0)).NextDue())
	pausing.Since = at(3, 0)
	c.edit(only(pausing, sla.FirstReply))
	require.Equal(t, at(15, 30), *c.change(at(3, 30)).NextDue(), "the snooze counts as a pause, now that the policy says so")
	require.Equal(t, at(13, 30), *c.change(at(10, 0), woken).NextDue())
}

func TestRepliedWhileSnoozed(t *testing.T) {
	pausing := policy
	pausing.PauseWhileSnoozed = true
	c := created(all(pausing), start)
	c.snooze(at(0, 20), at(20, 0))
	c.change(at(9, 0), agentReply)
	c.requireOutcome(t, sla.FirstReply, sla.OK, sla.OutcomeMet)
	require.Equal(t, 20*time.Minute, c.clocks[sla.FirstReply].Elapsed)
	require.Equal(t, at(9, 0), *c.clocks[sla.FirstReply].Pauses[0].To)

	c.change(at(10, 0), customerMessage, woken)
	require.Empty(t, c.clocks[sla.AllMessages].Pauses, "the message that starts it ends the snooze")
	require.Equal(t, at(11, 0), *c.clocks[sla.AllMessages].Due[0])
	require.Equal(t, at(10, 40), *c.clocks[sla.Resolution].Due[0])
}

func TestSnoozedAtTheMomentATripwireWasDue(t *testing.T) {
	pausing := policy
	pausing.PauseWhileSnoozed = true
	c := created(only(pausing, sla.FirstReply), start)
	c.snooze(at(1, 0), at(5, 0))
	c.change(at(5, 0))
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0))}, crossings(c.crossed))
	require.Equal(t, at(1, 0), *c.clocks[sla.FirstReply].Due[0], "and not when the snooze was over")
	require.Equal(t, at(8, 0), *c.clocks[sla.FirstReply].Due[1])
}

// The policy is made at 1:00, in the middle of a snooze, and heard of at 3:00.
func TestPolicyFoundDuringASnoozePausesFromThen(t *testing.T) {
	c := created(only(policy), start)
	c.snooze(at(0, 30), at(4, 0))
	pausing := policy
	pausing.PauseWhileSnoozed, pausing.Since = true, at(1, 0)
	c.edit(only(pausing, sla.FirstReply))
	c.change(at(3, 0))
	require.Equal(t, at(1, 0), c.clocks[sla.FirstReply].Pauses[0].From)
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(1, 0))}, crossings(c.crossed))
	require.Equal(t, at(7, 0), *c.change(at(4, 0)).NextDue())
}

func TestFactsOfOneBoardMayBeApartInTime(t *testing.T) {
	b := sla.Open(context.Background(), sla.Progress{}, nil, 0, only(policy, sla.FirstReply), start)
	b.On(opened, start)
	b.On(agentReply, at(9, 0))
	require.Len(t, b.Crossings(), 3)
	require.Equal(t, sla.OutcomeBreached, b.Clocks()[0].Outcome)
}

// A new conversation's row may say already what is waited for when its board is opened.
func TestCreationThatTheBoardKnowsAlreadyStartsNothingTwice(t *testing.T) {
	b := sla.Open(context.Background(), sla.Progress{FirstReply: &start, Resolution: &start}, nil, 0, all(policy), start)
	b.On(opened, start)
	require.Len(t, b.Changes(), 2)
	require.Equal(t, 1, b.Clocks()[0].Cycle)
}

func TestNothingStartsInAnArchivedConversation(t *testing.T) {
	c := created(all(policy), start)
	c.change(at(0, 10), archived)
	before := c.clocks[sla.Resolution]
	c.change(at(0, 20), customerMessage, agentReply)
	require.Equal(t, before, c.clocks[sla.Resolution])
	require.NotContains(t, c.clocks, sla.AllMessages)
}

// The worker was down when the snooze ended at 2:00: the clock ran from then on all the same.
func TestOverdueWakeIsToldWithTheTimeItWasDue(t *testing.T) {
	pausing := policy
	pausing.PauseWhileSnoozed = true
	c := created(only(pausing, sla.FirstReply), start)
	c.snooze(at(0, 30), at(2, 0))
	c.change(at(9, 0))
	require.Equal(t, []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(2, 30)),
		punctual(sla.FirstReply, sla.TripUrgent, at(5, 30)),
	}, crossings(c.crossed))
}

// The worker was down when the snooze ended at 1:00, and when the policy was edited at 2:00: by then, half an hour after the
// snooze, the old one had been due for a warning.
func TestOverdueWakeAndAnEditAreHeardOfTogether(t *testing.T) {
	pausing := policy
	pausing.PauseWhileSnoozed = true
	c := created(only(pausing, sla.FirstReply), start)
	c.snooze(at(0, 30), at(1, 0))
	edited := pausing
	edited.Targets, edited.Since = targets(5*time.Hour, 6*time.Hour, 8*time.Hour), at(2, 0)
	c.edit(only(edited, sla.FirstReply))
	b := c.change(at(3, 0))
	require.Equal(t, []crossing{punctual(sla.FirstReply, sla.TripAtRisk, at(1, 30))}, crossings(c.crossed))
	require.Equal(t, at(6, 30), *b.NextDue())

	ended := created(only(pausing, sla.FirstReply), start)
	ended.snooze(at(0, 30), at(1, 0))
	ended.edit(only(sla.Terms{Since: at(2, 0)}))
	ended.change(at(3, 0))
	ended.requireOutcome(t, sla.FirstReply, sla.AtRisk, sla.OutcomeNone)
}

func TestScheduleThatNeverOpensAgainHasNoDueTimes(t *testing.T) {
	terms := policy
	terms.Schedule = compile(t, calendar.Rule{Zone: "UTC"})
	c := created(all(terms), start)
	b := c.change(at(1000, 0))
	require.Nil(t, b.NextDue())
	require.Equal(t, sla.OK, b.Worst())
	c.change(at(1001, 0), agentReply, resolved)
	c.requireOutcome(t, sla.FirstReply, sla.OK, sla.OutcomeMet)
	require.Zero(t, c.clocks[sla.FirstReply].Elapsed)
}

func TestMetricsOfOneConversationMayHaveDifferentPolicies(t *testing.T) {
	c := created(func(m sla.Metric) (sla.Terms, bool) {
		return map[sla.Metric]sla.Terms{sla.FirstReply: strict, sla.Resolution: policy}[m], m != sla.AllMessages
	}, start)
	b := c.change(at(1, 0), customerMessage)
	require.Equal(t, []crossing{
		punctual(sla.FirstReply, sla.TripAtRisk, at(0, 10)),
		punctual(sla.FirstReply, sla.TripUrgent, at(0, 20)),
		punctual(sla.FirstReply, sla.TripBreached, at(0, 30)),
		punctual(sla.Resolution, sla.TripAtRisk, at(1, 0)),
	}, crossings(c.crossed))
	require.Equal(t, sla.Breached, b.Worst())
	require.Equal(t, at(4, 0), *b.NextDue())
	require.Len(t, b.Clocks(), 2)
}

func TestConversationWithoutPoliciesHasNoStateButKeepsWhatIsWaitedFor(t *testing.T) {
	c := created(nil, start)
	b := c.change(at(1, 0), customerMessage)
	require.Empty(t, b.Worst())
	require.Empty(t, b.Changes())
	require.Nil(t, b.NextDue())
	require.Equal(t, at(1, 0), *b.Progress().AllMessages)
	c.edit(all(policy))
	require.Len(t, c.change(at(1, 30)).Clocks(), 3)
	require.Equal(t, at(1, 0), c.clocks[sla.AllMessages].StartedAt)
}
