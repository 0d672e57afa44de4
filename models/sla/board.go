package sla

import (
	"context"
	"slices"
	"time"

	"github.com/atender/atender/models/lifecycle"
)

// Progress is what a conversation's metrics wait for, whatever policies there are: it is what a clock starts from that
// finds its policy late, because the policy is new or the conversation was moved.
type Progress struct {
	Answered     bool       // an agent has replied; the first reply is never waited for again
	SnoozedUntil *time.Time // nil: it is awake
	// Since when a first reply, any reply, and the resolution are waited for; nil: they are not. A resolution is waited for
	// as long as the conversation is neither done nor archived.
	FirstReply, AllMessages, Resolution *time.Time
}

func (p *Progress) since(m Metric) **time.Time {
	switch m {
	case FirstReply:
		return &p.FirstReply
	case AllMessages:
		return &p.AllMessages
	}
	return &p.Resolution
}

// Board is the clocks of one conversation during one change of it. It is made by Open, told by On and Move what
// happens, in order, and asked at the end for what it did, unless Err says that the context ended first.
type Board struct {
	ctx       context.Context // of the step of the change that goes on
	err       error
	progress  Progress
	latest    [3]*entry // of each metric, nil if it never had a clock
	entries   []*entry
	terms     Resolver
	version   int64
	now       time.Time
	crossings []Crossing
}

type entry struct {
	Clock
	isNew, changed bool
}

// Change is a clock that a Board made or changed.
type Change struct {
	Clock Clock
	IsNew bool // there is no row of it yet
}

// Open makes the board of a conversation and brings it up to now: clocks whose terms are not those of the given version of
// the tenant's time configuration get the ones in force, metrics that have found or lost a policy gain or lose their clock,
// and what is due is crossed. The clocks are the latest cycle of each metric (older ones do no harm); a nil resolver
// stands for a tenant without policies.
//
// Where a snooze ended before now, tell lifecycle.Woken with the time at which it did, first. The context bounds this and all that
// the board is told later; see Err.
func Open(
	ctx context.Context, p Progress, clocks []Clock, version int64, terms Resolver, now time.Time,
) *Board {
	b := &Board{ctx: ctx, progress: p, terms: terms, version: version, now: now}
	for _, c := range clocks {
		i := c.Metric.index()
		if b.latest[i] == nil || b.latest[i].Cycle < c.Cycle {
			b.latest[i] = &entry{Clock: c}
		}
	}
	for _, e := range b.latest {
		if e != nil {
			b.entries = append(b.entries, e)
		}
	}
	for _, m := range Metrics {
		if e := b.latest[m.index()]; e == nil || !e.Running() || e.TermsVersion != version {
			b.applyTerms(m, now)
		}
	}
	b.Advance(now)
	return b
}

// Within gives the board another context for what it is told from now on.
func (b *Board) Within(ctx context.Context) { b.ctx = ctx }

// Err is the error of the context, if that ended before the board had computed what it was told. What the board says is
// then of no use.
func (b *Board) Err() error { return b.err }

func (b *Board) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Advance crosses what is due until now.
func (b *Board) Advance(now time.Time) {
	b.now = later(b.now, now)
	for _, m := range Metrics {
		if e := b.latest[m.index()]; e != nil && e.Running() && e.NextDue() != nil && !e.NextDue().After(b.now) {
			terms, _ := b.resolve(m)
			b.note(e, e.cross(b.now, terms.Since))
		}
	}
}

// On applies a fact that happened at a moment; most concern no clock: a note, an automated message. What was due until then
// is crossed first, so a reply that is a second late is a breach, whether or not the conversation was looked at in between.
// A customer's message in the change that creates a conversation is a fact of its own, after Created; one that reopens it
// adds nothing to Reopened.
func (b *Board) On(fact lifecycle.Fact, at time.Time) {
	b.Advance(at)
	p := &b.progress
	switch fact.Kind {
	case lifecycle.Created:
		b.start(FirstReply, at)
		b.start(Resolution, at)
	case lifecycle.MessageReceived:
		if p.Resolution != nil && p.AllMessages == nil {
			b.start(AllMessages, at)
		}
	case lifecycle.MessageSent:
		if !fact.Automated {
			p.Answered = true
			b.stop(FirstReply, at, true)
			b.stop(AllMessages, at, true)
		}
	case lifecycle.Resolved, lifecycle.ArchivedFact:
		b.stop(FirstReply, at, false)
		b.stop(AllMessages, at, false)
		b.stop(Resolution, at, fact.Kind == lifecycle.Resolved)
		p.SnoozedUntil = nil
	case lifecycle.Reopened:
		b.reopen(fact.ByUs, at)
	case lifecycle.SnoozeSet: // or, of one that slept, another time to wake
		b.sleep(&fact.Until, at)
	case lifecycle.Woken, lifecycle.Unsnoozed:
		b.sleep(nil, at)
	}
	b.Advance(b.now)
}

// Move puts the conversation under other terms from now on: it has gone to another team or channel.
func (b *Board) Move(terms Resolver, now time.Time) {
	b.Advance(now)
	b.terms = func(m Metric) (Terms, bool) {
		if terms == nil {
			return Terms{Since: now}, false
		}
		t, ok := terms(m)
		t.Since = later(t.Since, now)
		return t, ok
	}
	for _, m := range Metrics {
		b.applyTerms(m, now)
	}
}

func (b *Board) reopen(byCustomer bool, at time.Time) {
	if b.progress.Resolution != nil {
		return
	}
	if !b.progress.Answered {
		b.start(FirstReply, at)
	}
	if byCustomer {
		b.start(AllMessages, at)
	}
	b.start(Resolution, at)
}

// sleep notes until when the conversation sleeps, nil for no longer, with every clock that runs.
func (b *Board) sleep(until *time.Time, at time.Time) {
	if until == nil && b.progress.SnoozedUntil == nil {
		return
	}
	b.progress.SnoozedUntil = until
	for _, m := range Metrics {
		e := b.latest[m.index()]
		if e == nil || !e.Running() {
			continue
		}
		if until != nil {
			e.pause(at, *until)
		} else {
			e.resume(at)
		}
		e.changed = true
		if terms, ok := b.resolve(m); ok && terms.PauseWhileSnoozed {
			if err := e.schedule(b.ctx, terms); err != nil {
				b.fail(err)
			}
		}
	}
}

func (b *Board) resolve(m Metric) (Terms, bool) {
	if b.terms == nil {
		return Terms{}, false
	}
	return b.terms(m)
}

// start notes that a metric is waited for from now on, and begins a cycle if a policy has it.
func (b *Board) start(m Metric, at time.Time) {
	*b.progress.since(m) = &at
	terms, governed := b.resolve(m)
	if !governed {
		return
	}
	e := b.latest[m.index()]
	if e == nil || !e.Running() { // else Open has begun it, from what it was told is waited for
		e = b.begin(m, at)
	}
	b.govern(e, terms, at)
}

// stop notes that a metric is not waited for any more, and stops its clock.
func (b *Board) stop(m Metric, at time.Time, reached bool) {
	*b.progress.since(m) = nil
	if e := b.latest[m.index()]; e != nil && e.Running() {
		terms, _ := b.resolve(m)
		if err := e.stop(b.ctx, terms, at, reached); err != nil {
			b.fail(err)
		}
		e.changed = true
	}
}

// applyTerms makes a metric's clock what the terms in force ask for: under them, begun late, taken up again, or
// withdrawn.
func (b *Board) applyTerms(m Metric, now time.Time) {
	since := *b.progress.since(m)
	e := b.latest[m.index()]
	running := e != nil && e.Running()
	terms, governed := b.resolve(m)
	switch {
	case running && (!governed || since == nil):
		if governed { // but waited for no more: nothing to look back for
			terms.Since = now
		}
		b.note(e, e.Withdraw(terms.Since, now))
		e.changed = true
		return
	case !governed || since == nil:
		return
	case !running && e != nil && e.Outcome == OutcomeNone && e.StartedAt.Equal(*since):
		// A policy's end had stopped the cycle, whose wait goes on. Nothing was due while no policy wanted it.
		e.StoppedAt, e.Due = nil, [3]*time.Time{}
	case !running:
		e = b.begin(m, *since)
	}
	b.govern(e, terms, now)
}

// begin makes a metric's next cycle.
func (b *Board) begin(m Metric, since time.Time) *entry {
	cycle := 1
	if e := b.latest[m.index()]; e != nil {
		cycle = e.Cycle + 1
	}
	e := &entry{Clock: Clock{Metric: m, Cycle: cycle, StartedAt: since, State: OK}, isNew: true}
	b.latest[m.index()] = e
	b.entries = append(b.entries, e)
	return e
}

// govern puts a running clock under terms.
func (b *Board) govern(e *entry, terms Terms, now time.Time) {
	if until := b.progress.SnoozedUntil; until != nil {
		// The snooze counts for a clock that only joins it, too, from its start or its terms on.
		e.pause(later(e.StartedAt, earlier(terms.Since, now)), *until)
	}
	e.TermsVersion, e.changed = b.version, true
	crossed, err := e.Retime(b.ctx, terms, now)
	if err != nil {
		b.fail(err)
	}
	b.note(e, crossed)
}

func (b *Board) note(e *entry, crossed []Crossing) {
	if len(crossed) > 0 {
		e.changed = true
		b.crossings = append(b.crossings, crossed...)
	}
}

// Crossings returns what was crossed since Open began, in order of time; at the same time, in that of Metrics.
func (b *Board) Crossings() []Crossing {
	sorted := slices.Clone(b.crossings)
	slices.SortStableFunc(sorted, func(x, y Crossing) int {
		if order := x.CrossedAt.Compare(y.CrossedAt); order != 0 {
			return order
		}
		return x.Metric.index() - y.Metric.index()
	})
	return sorted
}

// Changes returns the clocks that are new or different, as they are now, older cycles first.
func (b *Board) Changes() []Change {
	var list []Change
	for _, e := range b.entries {
		if e.isNew || e.changed {
			list = append(list, Change{Clock: e.Clock, IsNew: e.isNew})
		}
	}
	return list
}

// Clocks returns the latest cycle of each metric that ever had a clock, in the order of Metrics.
func (b *Board) Clocks() []Clock {
	var list []Clock
	for _, e := range b.latest {
		if e != nil {
			list = append(list, e.Clock)
		}
	}
	return list
}

// Progress returns what is waited for now, to be kept with the conversation.
func (b *Board) Progress() Progress { return b.progress }

// NextDue is the earliest moment at which a clock will pass a tripwire, nil if none will.
func (b *Board) NextDue() *time.Time {
	var next *time.Time
	for _, e := range b.latest {
		if e == nil {
			continue
		}
		if due := e.NextDue(); due != nil && (next == nil || due.Before(*next)) {
			next = due
		}
	}
	return next
}

// Worst is the state of the conversation: the worst of each metric's latest cycle; "" if it has no clock.
func (b *Board) Worst() State {
	var worst State
	for _, e := range b.latest {
		if e != nil && Worse(e.State, worst) {
			worst = e.State
		}
	}
	return worst
}
