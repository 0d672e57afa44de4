package sla_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
)

// start is a Monday, 10:00 in Copenhagen.
var start = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

// at is so many hours and minutes after the start.
func at(hours, minutes int) time.Time {
	return start.Add(time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
}

// The facts that concern clocks.
var (
	opened             = lifecycle.Fact{Kind: lifecycle.Created}
	customerMessage    = lifecycle.Fact{Kind: lifecycle.MessageReceived}
	agentReply         = lifecycle.Fact{Kind: lifecycle.MessageSent}
	resolved           = lifecycle.Fact{Kind: lifecycle.Resolved}
	reopened           = lifecycle.Fact{Kind: lifecycle.Reopened}
	reopenedByCustomer = lifecycle.Fact{Kind: lifecycle.Reopened, ByUs: true}
	archived           = lifecycle.Fact{Kind: lifecycle.ArchivedFact}
	woken              = lifecycle.Fact{Kind: lifecycle.Woken, ByUs: true}
)

func snoozed(until time.Time) lifecycle.Fact {
	return lifecycle.Fact{Kind: lifecycle.SnoozeSet, Until: until}
}

func targets(normal, high, urgent time.Duration) sla.Targets {
	return sla.Targets{
		Normal: int64(normal / time.Second), High: int64(high / time.Second), Urgent: int64(urgent / time.Second),
	}
}

var (
	policy = sla.Terms{
		PolicyID: uuid.MustParse("01900000-0000-7000-8000-000000000001"), PolicyName: "Standard",
		Targets: targets(time.Hour, 4*time.Hour, 8*time.Hour),
	}
	strict = sla.Terms{
		PolicyID: uuid.MustParse("01900000-0000-7000-8000-000000000002"), PolicyName: "Strict",
		Targets: targets(10*time.Minute, 20*time.Minute, 30*time.Minute),
	}
)

// only is a resolver for a tenant with one policy of the given metrics.
func only(terms sla.Terms, metrics ...sla.Metric) sla.Resolver {
	return func(m sla.Metric) (sla.Terms, bool) {
		for _, one := range metrics {
			if one == m {
				return terms, true
			}
		}
		return sla.Terms{Since: terms.Since}, false
	}
}

func all(terms sla.Terms) sla.Resolver { return only(terms, sla.Metrics...) }

// conversation is what the database keeps between changes.
type conversation struct {
	progress sla.Progress
	clocks   map[sla.Metric]sla.Clock
	version  int64
	terms    sla.Resolver
	crossed  []sla.Crossing
}

func created(terms sla.Resolver, when time.Time) *conversation {
	c := &conversation{clocks: map[sla.Metric]sla.Clock{}, terms: terms}
	c.change(when, opened)
	return c
}

// change applies facts as one transaction would: everything is read, brought up to date, changed and written.
func (c *conversation) change(when time.Time, facts ...lifecycle.Fact) *sla.Board {
	return c.changeBy(when, func(b *sla.Board) {
		for _, f := range facts {
			b.On(f, when)
		}
	})
}

// changeBy is change by other means. A snooze that is over by then has woken first, however late the change comes.
func (c *conversation) changeBy(when time.Time, apply func(*sla.Board)) *sla.Board {
	b := sla.Open(context.Background(), c.progress, c.stored(), c.version, c.terms, when)
	if until := c.progress.SnoozedUntil; until != nil && !until.After(when) {
		b.On(woken, *until)
	}
	apply(b)
	for _, change := range b.Changes() {
		c.clocks[change.Clock.Metric] = change.Clock
	}
	c.progress = b.Progress()
	c.crossed = append(c.crossed, b.Crossings()...)
	return b
}

func (c *conversation) snooze(when, until time.Time) *sla.Board {
	return c.changeBy(when, func(b *sla.Board) { b.On(snoozed(until), when) })
}

// edit is a change of the tenant's configuration: the conversation hears of it when it is touched next.
func (c *conversation) edit(terms sla.Resolver) {
	c.version++
	c.terms = terms
}

// stored is the latest cycles as they come back from the database.
func (c *conversation) stored() []sla.Clock {
	var list []sla.Clock
	for _, m := range sla.Metrics {
		if clock, ok := c.clocks[m]; ok {
			b, err := json.Marshal(clock)
			if err == nil {
				err = json.Unmarshal(b, &clock)
			}
			if err != nil {
				panic(err)
			}
			list = append(list, clock)
		}
	}
	return list
}

type crossing struct {
	metric    sla.Metric
	tripwire  sla.Tripwire
	due, when time.Time
}

func crossings(list []sla.Crossing) []crossing {
	var short []crossing
	for _, x := range list {
		short = append(short, crossing{x.Metric, x.Tripwire, x.DueAt.UTC(), x.CrossedAt.UTC()})
	}
	return short
}

func punctual(m sla.Metric, tripwire sla.Tripwire, when time.Time) crossing {
	return crossing{m, tripwire, when, when}
}

func (c *conversation) requireOutcome(t *testing.T, m sla.Metric, state sla.State, outcome sla.Outcome) {
	t.Helper()
	clock, ok := c.clocks[m]
	require.True(t, ok)
	require.False(t, clock.Running())
	require.Equal(t, state, clock.State)
	require.Equal(t, outcome, clock.Outcome)
}

func compile(t testing.TB, r calendar.Rule) *calendar.Schedule {
	t.Helper()
	s, err := r.Compile()
	require.NoError(t, err)
	return s
}

func officeHours(t testing.TB, slots []calendar.Slot, overrides ...calendar.Override) *calendar.Schedule {
	return compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Overrides: overrides, Weekly: map[string][]calendar.Slot{
		"monday": slots, "tuesday": slots, "wednesday": slots, "thursday": slots, "friday": slots,
	}})
}

func copenhagen(t testing.TB, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Copenhagen")
	require.NoError(t, err)
	when, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	require.NoError(t, err)
	return when
}
