package sla_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
)

// model is the rules taken at their word: every second it looks at each clock, with nothing to remember but what each
// second was like. It hears of an edit, and of a snooze's end, at once; the board hears when the conversation is touched next.
type model struct {
	now      int // seconds since start
	terms    map[sla.Metric]sla.Terms
	waiting  map[sla.Metric]int // since when
	answered bool
	status   string // active, snoozed, done, archived
	until    int    // while snoozed
	clocks   []*modelClock
	crossed  []modelCrossing
}

type modelClock struct {
	metric       sla.Metric
	cycle, start int
	stop         int // -1: running
	state        sla.State
	outcome      sla.Outcome
	elapsed      int
	snoozed      []bool // by second since start
}

type modelCrossing struct {
	metric    sla.Metric
	cycle     int
	tripwire  sla.Tripwire
	policy    string
	due, when int
}

func (m *model) latest(metric sla.Metric) *modelClock {
	var latest *modelClock
	for _, c := range m.clocks {
		if c.metric == metric {
			latest = c
		}
	}
	return latest
}

// dues walks through a clock's life and says when it passed each of the targets, -1 if it has not by now, and how long it
// has run.
func (m *model) dues(c *modelClock) (due [3]int, elapsed int) {
	terms := m.terms[c.metric]
	due = [3]int{-1, -1, -1}
	for second := c.start; second <= m.now; second++ {
		for i, target := range []int64{terms.Targets.Normal, terms.Targets.High, terms.Targets.Urgent} {
			if due[i] < 0 && int64(elapsed) >= target {
				due[i] = second
			}
		}
		if second == m.now {
			break
		}
		paused := terms.PauseWhileSnoozed && c.snoozed[second-c.start]
		if !paused && terms.Schedule.IsOpen(moment(second)) {
			elapsed++
		}
	}
	return due, elapsed
}

func moment(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

func (m *model) cross() {
	for _, c := range m.clocks {
		if c.stop >= 0 {
			continue
		}
		due, _ := m.dues(c)
		for i, tripwire := range sla.Tripwires {
			if due[i] >= 0 && sla.Worse(sla.State(tripwire), c.state) {
				c.state = sla.State(tripwire)
				policy := m.terms[c.metric].PolicyName
				m.crossed = append(m.crossed, modelCrossing{c.metric, c.cycle, tripwire, policy, due[i], m.now})
			}
		}
	}
}

// second lets one second pass, at the end of which what is due is crossed.
func (m *model) second() {
	for _, c := range m.clocks {
		c.snoozed = append(c.snoozed, m.status == "snoozed" && c.stop < 0)
	}
	if m.now++; m.status == "snoozed" && m.now == m.until {
		m.status = "active"
	}
	m.cross()
}

func (m *model) edit(terms map[sla.Metric]sla.Terms) {
	m.terms = terms
	for _, metric := range sla.Metrics {
		c := m.latest(metric)
		_, governed := terms[metric]
		since, waiting := m.waiting[metric]
		switch {
		case c != nil && c.stop < 0 && !governed:
			c.stop = m.now
		case waiting && governed && (c == nil || c.stop >= 0):
			if c != nil && c.start == since && c.outcome == "" {
				c.stop = -1
			} else {
				m.begin(metric, since)
			}
		}
	}
	m.cross()
}

func (m *model) begin(metric sla.Metric, since int) {
	m.waiting[metric] = since
	if _, governed := m.terms[metric]; !governed {
		return
	}
	cycle := 1
	if c := m.latest(metric); c != nil {
		cycle = c.cycle + 1
	}
	m.clocks = append(m.clocks, &modelClock{
		metric: metric, cycle: cycle, start: since, stop: -1, state: sla.OK, snoozed: make([]bool, m.now-since),
	})
}

func (m *model) end(metric sla.Metric, reached bool) {
	delete(m.waiting, metric)
	c := m.latest(metric)
	if c == nil || c.stop >= 0 {
		return
	}
	c.stop = m.now
	_, c.elapsed = m.dues(c)
	if c.state == sla.Breached {
		c.outcome = sla.OutcomeBreached
	} else if reached {
		c.outcome = sla.OutcomeMet
	}
}

// do applies a command and returns the facts that it is for the board.
func (m *model) do(command string, swap bool) []lifecycle.Fact {
	_, owed := m.waiting[sla.AllMessages]
	switch from := m.status; command {
	case "customer message":
		m.status = "active"
		if from == "done" {
			m.reopen()
		}
		if !owed {
			m.begin(sla.AllMessages, m.now)
		}
		facts := []lifecycle.Fact{customerMessage}
		switch from {
		case "done":
			facts = append(facts, reopenedByCustomer)
		case "snoozed":
			facts = append(facts, woken)
		}
		if swap {
			slices.Reverse(facts)
		}
		return facts
	case "reply":
		m.answered = true
		m.end(sla.FirstReply, true)
		m.end(sla.AllMessages, true)
		return []lifecycle.Fact{agentReply}
	case "reopen":
		m.status = "active"
		m.reopen()
		return []lifecycle.Fact{reopened}
	case "resolve", "archive":
		m.status = map[string]string{"resolve": "done", "archive": "archived"}[command]
		m.end(sla.FirstReply, false)
		m.end(sla.AllMessages, false)
		m.end(sla.Resolution, command == "resolve")
		return []lifecycle.Fact{map[string]lifecycle.Fact{"resolve": resolved, "archive": archived}[command]}
	case "wake":
		m.status = "active"
		return []lifecycle.Fact{woken}
	}
	return nil
}

func (m *model) reopen() {
	if !m.answered {
		m.begin(sla.FirstReply, m.now)
	}
	m.begin(sla.Resolution, m.now)
}

var commands = map[string][]string{
	"active":   {"customer message", "customer message", "reply", "reply", "snooze", "resolve", "archive", "look"},
	"snoozed":  {"customer message", "reply", "wake", "snooze", "resolve", "look", "look"},
	"done":     {"customer message", "reply", "reopen", "archive", "look"},
	"archived": {"look"},
}

func someSchedule() *rapid.Generator[*calendar.Schedule] {
	return rapid.Custom(func(t *rapid.T) *calendar.Schedule {
		if rapid.Bool().Draw(t, "always open") {
			return nil
		}
		var slots []calendar.Slot
		for at := 8 * 60; len(slots) < calendar.MaxSlots; {
			from := at + rapid.IntRange(0, 10).Draw(t, "closed")
			at = from + rapid.IntRange(1, 10).Draw(t, "open")
			slots = append(slots, calendar.Slot{
				From: fmt.Sprintf("%02d:%02d", from/60, from%60), To: fmt.Sprintf("%02d:%02d", at/60, at%60),
			})
		}
		s, err := calendar.Rule{Zone: "UTC", Weekly: map[string][]calendar.Slot{"monday": slots}}.Compile()
		require.NoError(t, err)
		return s
	})
}

// someTerms changes some metrics' terms and leaves the others as they are.
func someTerms(t *rapid.T, name string, old map[sla.Metric]sla.Terms, since int) map[sla.Metric]sla.Terms {
	terms := map[sla.Metric]sla.Terms{}
	for _, metric := range sla.Metrics {
		before, had := old[metric]
		switch {
		case rapid.IntRange(0, 9).Draw(t, "none") == 0:
		case had && rapid.Bool().Draw(t, "keep"):
			terms[metric] = before
		default:
			normal := rapid.Int64Range(1, 300).Draw(t, "normal")
			high := normal + rapid.Int64Range(1, 300).Draw(t, "high")
			urgent := high + rapid.Int64Range(1, 300).Draw(t, "urgent")
			terms[metric] = sla.Terms{
				PolicyID: uuid.UUID{15: byte(since)}, PolicyName: name,
				Targets:           sla.Targets{Normal: normal, High: high, Urgent: urgent},
				Schedule:          someSchedule().Draw(t, "schedule"),
				PauseWhileSnoozed: rapid.Bool().Draw(t, "pause"),
				Since:             moment(since),
			}
		}
	}
	return terms
}

func resolver(terms map[sla.Metric]sla.Terms, since int) sla.Resolver {
	return func(m sla.Metric) (sla.Terms, bool) {
		if t, ok := terms[m]; ok {
			return t, true
		}
		return sla.Terms{Since: moment(since)}, false
	}
}

// Any sequence of commands, edits and moves has the same tripwires and outcomes on the board as in the model, however late
// the board hears of edits, of a snooze's end and of time.
func TestBoardAgreesWithAModelThatLooksEverySecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := someTerms(t, "first", nil, 0)
		m := &model{terms: terms, waiting: map[sla.Metric]int{}, status: "active"}
		m.begin(sla.FirstReply, 0)
		m.begin(sla.Resolution, 0)
		c := created(resolver(terms, 0), start)
		history := map[[2]any]sla.Clock{}
		record := func(b *sla.Board) {
			for _, change := range b.Changes() {
				key := [2]any{change.Clock.Metric, change.Clock.Cycle}
				before, known := history[key]
				require.Equal(t, !known, change.IsNew)
				require.False(t, sla.Worse(before.State, change.Clock.State), "the state never falls within a cycle")
				history[key] = change.Clock
			}
		}
		for _, clock := range c.clocks {
			history[[2]any{clock.Metric, clock.Cycle}] = clock
		}

		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			pass := func(what string) {
				for range rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, 300)).Draw(t, what) {
					m.second()
				}
			}
			pass("seconds")
			switch rapid.IntRange(0, 5).Draw(t, "edit") {
			case 0:
				next := someTerms(t, fmt.Sprint("edit ", step), m.terms, m.now)
				m.edit(next)
				c.edit(resolver(next, m.now))
				pass("unheard of")
			case 1:
				next := someTerms(t, fmt.Sprint("move ", step), m.terms, m.now)
				m.edit(next)
				record(c.changeBy(moment(m.now), func(b *sla.Board) { b.Move(resolver(next, m.now), moment(m.now)) }))
				c.terms = resolver(next, m.now)
			}
			command := rapid.SampledFrom(commands[m.status]).Draw(t, "command")
			if command == "snooze" {
				m.status, m.until = "snoozed", m.now+rapid.IntRange(1, 600).Draw(t, "snooze")
				record(c.snooze(moment(m.now), moment(m.until)))
				continue
			}
			facts := m.do(command, rapid.Bool().Draw(t, "swap"))
			record(c.change(moment(m.now), facts...))
		}
		requireSame(t, m, c, history)
	})
}

func requireSame(t *rapid.T, m *model, c *conversation, history map[[2]any]sla.Clock) {
	var got []modelCrossing
	for _, x := range c.crossed {
		got = append(got, modelCrossing{x.Metric, x.Cycle, x.Tripwire, x.PolicyName, seconds(x.DueAt), seconds(x.CrossedAt)})
	}
	order := func(a, b modelCrossing) int {
		return cmp.Or(
			a.when-b.when, cmp.Compare(a.metric, b.metric), a.cycle-b.cycle,
			slices.Index(sla.Tripwires[:], a.tripwire)-slices.Index(sla.Tripwires[:], b.tripwire),
		)
	}
	slices.SortStableFunc(got, order)
	slices.SortStableFunc(m.crossed, order)
	require.Equal(t, m.crossed, got)

	once := map[[3]any]bool{}
	for _, x := range got {
		key := [3]any{x.metric, x.cycle, x.tripwire}
		require.False(t, once[key], "no tripwire twice")
		once[key] = true
	}

	require.Len(t, history, len(m.clocks))
	for _, want := range m.clocks {
		clock, ok := history[[2]any{want.metric, want.cycle}]
		require.True(t, ok)
		require.Equal(t, want.state, clock.State)
		require.Equal(t, want.outcome, clock.Outcome)
		require.Equal(t, want.stop < 0, clock.Running())
		require.Equal(t, want.start, seconds(clock.StartedAt))
		if want.stop >= 0 {
			require.Equal(t, want.stop, seconds(*clock.StoppedAt))
		}
		if want.stop >= 0 && want.elapsed > 0 {
			require.Equal(t, time.Duration(want.elapsed)*time.Second, clock.Elapsed)
		}
	}
}

func seconds(at time.Time) int { return int(at.Sub(start) / time.Second) }

func BenchmarkReply(b *testing.B) {
	terms := policy
	terms.Schedule = officeHours(b, []calendar.Slot{{From: "09:00", To: "12:00"}, {From: "13:00", To: "17:00"}})
	c := created(all(terms), start)
	c.change(start, customerMessage)
	clocks := c.stored()
	b.ReportAllocs()
	for b.Loop() {
		board := sla.Open(context.Background(), c.progress, clocks, 0, c.terms, at(0, 30))
		board.On(agentReply, at(0, 30))
		if len(board.Changes()) != 2 {
			b.Fatal("not stopped")
		}
	}
}

// BenchmarkRecompute is what an edit costs each conversation.
func BenchmarkRecompute(b *testing.B) {
	terms := policy
	terms.Schedule = officeHours(b, []calendar.Slot{{From: "09:00", To: "12:00"}, {From: "13:00", To: "17:00"}})
	c := created(all(terms), start)
	c.change(start, customerMessage)
	clocks := c.stored()
	b.ReportAllocs()
	for b.Loop() {
		if board := sla.Open(context.Background(), c.progress, clocks, 1, c.terms, at(0, 30)); board.NextDue() == nil {
			b.Fatal("never due")
		}
	}
}
