package sla

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// level is the state's place in the order.
func (s State) level() int { return slices.Index([]State{"", OK, AtRisk, Urgent, Breached}, s) }

// Worse tells whether a is worse than b.
func Worse(a, b State) bool { return a.level() > b.level() }

// Outcome is how a cycle ended.
type Outcome string

// The outcomes. A cycle that is running, was ended by its policy's end, or by the conversation's before it was breached,
// has none.
const (
	OutcomeNone     Outcome = ""
	OutcomeMet      Outcome = "met"
	OutcomeBreached Outcome = "breached"
)

// Tripwire is a target that a clock can pass.
type Tripwire string

// The tripwires, named for the state that passing them brings.
const (
	TripAtRisk   Tripwire = "at_risk"
	TripUrgent   Tripwire = "urgent"
	TripBreached Tripwire = "breached"
)

// Tripwires lists the tripwires in the order in which a clock meets them, which is that of Clock.Due.
var Tripwires = [3]Tripwire{TripAtRisk, TripUrgent, TripBreached}

// Clock is one cycle of one metric of one conversation.
type Clock struct {
	Metric     Metric     `json:"metric"`
	Cycle      int        `json:"cycle"` // from 1
	PolicyID   uuid.UUID  `json:"policyId"`
	PolicyName string     `json:"policyName"`
	StartedAt  time.Time  `json:"startedAt"`
	StoppedAt  *time.Time `json:"stoppedAt"` // nil: running
	State      State      `json:"state"`
	Outcome    Outcome    `json:"outcome"`
	// Due are the moments of the Tripwires under the terms in force, if a snooze that goes on ends when it is to; nil: never,
	// because the schedule does not open again (calendar.Horizon).
	Due          [3]*time.Time `json:"due"`
	Pauses       []Pause       `json:"pauses"`       // the snoozes since the start, whether or not the terms heed them
	TermsVersion int64         `json:"termsVersion"` // of the tenant's time configuration, when Due was computed
	Elapsed      time.Duration `json:"elapsed"`      // business time it had run when it stopped, in nanoseconds
}

// Pause is a snooze. Its end is known from the beginning: so a clock knows what is due behind it, whatever transaction
// applies it and whatever the terms have become.
type Pause struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"` // when it ends, if no command ends it before; nil: unknown
}

// lasts tells whether the snooze goes on at a moment after its beginning.
func (p Pause) lasts(at time.Time) bool { return p.To == nil || p.To.After(at) }

// Crossing is a tripwire that a clock has passed; there is one for each (metric, cycle, tripwire).
type Crossing struct {
	Metric     Metric
	Cycle      int
	PolicyID   uuid.UUID
	PolicyName string
	Tripwire   Tripwire
	State      State // that it brought
	StartedAt  time.Time
	DueAt      time.Time // under the terms by which it was passed
	CrossedAt  time.Time // DueAt, or when those terms took effect, if that was later
}

// Running tells whether the clock has not stopped.
func (c *Clock) Running() bool { return c.StoppedAt == nil }

// Cross moves the clock past every tripwire that was due until upTo (included) and returns them in order. One that the
// state has reached already is not crossed again.
func (c *Clock) Cross(upTo time.Time) []Crossing { return c.cross(upTo, time.Time{}) }

// cross is Cross under terms that took effect at since, before which nothing was crossed by them.
func (c *Clock) cross(upTo, since time.Time) []Crossing {
	if !c.Running() {
		return nil
	}
	var crossed []Crossing
	for i, wire := range Tripwires {
		due, state := c.Due[i], State(wire)
		if due == nil || due.After(upTo) || !Worse(state, c.State) {
			continue
		}
		c.State = state
		crossed = append(crossed, Crossing{
			Metric: c.Metric, Cycle: c.Cycle, PolicyID: c.PolicyID, PolicyName: c.PolicyName,
			Tripwire: wire, State: state, StartedAt: c.StartedAt, DueAt: *due, CrossedAt: later(*due, since),
		})
	}
	return crossed
}

// Retime puts the clock under new terms at now: what passed under the old until those took effect is crossed first, then
// what has passed under the new. The start is kept and the state is not lowered. Errors: the context's, after which the
// clock is not to be used.
func (c *Clock) Retime(ctx context.Context, terms Terms, now time.Time) ([]Crossing, error) {
	if !c.Running() {
		return nil, nil
	}
	since := earlier(terms.Since, now)
	crossed := c.Cross(since)
	c.PolicyID, c.PolicyName = terms.PolicyID, terms.PolicyName
	if err := c.schedule(ctx, terms); err != nil {
		return nil, err
	}
	return append(crossed, c.cross(now, since)...), nil
}

// schedule computes Due.
func (c *Clock) schedule(ctx context.Context, terms Terms) (err error) {
	t := terms.Targets
	for i, seconds := range [...]int64{t.Normal, t.High, t.Urgent} {
		if c.Due[i], err = terms.due(ctx, c.StartedAt, c.Pauses, time.Duration(seconds)*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw stops the clock because, since a moment not after now, no policy governs it: what passed until then is crossed,
// and there is no outcome. A zero since stands for now.
func (c *Clock) Withdraw(since, now time.Time) []Crossing {
	if !c.Running() {
		return nil
	}
	at := now
	if !since.IsZero() {
		at = later(c.StartedAt, earlier(since, now))
	}
	crossed := c.Cross(at)
	c.halt(at)
	return crossed
}

// stop ends the clock at a moment until which everything has been crossed. Its goal was reached, or it was given up, in
// which case it has an outcome only if that was clear already.
func (c *Clock) stop(ctx context.Context, terms Terms, at time.Time, reached bool) (err error) {
	c.halt(at)
	if c.Elapsed, err = terms.elapsed(ctx, c.StartedAt, c.Pauses, at); err != nil {
		return err
	}
	switch {
	case c.State == Breached:
		c.Outcome = OutcomeBreached
	case reached:
		c.Outcome = OutcomeMet
	}
	return nil
}

func (c *Clock) halt(at time.Time) {
	c.resume(at)
	c.StoppedAt = &at
}

// pause notes a snooze, or the new end of the one that goes on; resume that it ended, if that was before its time. One that
// took no time is forgotten.
func (c *Clock) pause(at, until time.Time) {
	n := len(c.Pauses)
	c.Pauses = slices.Clone(c.Pauses)
	switch {
	case n > 0 && c.Pauses[n-1].lasts(at):
		c.Pauses[n-1].To = &until
	case until.After(at):
		c.Pauses = append(c.Pauses, Pause{From: at, To: &until})
	}
	c.foldPauses()
}

// MaxPauses is how many snoozes a clock remembers one by one: they are part of the conversation's row, and every deadline
// of terms that heed them is computed through all of them.
const MaxPauses = 100

// foldPauses keeps to MaxPauses: of the snoozes that are over, the two with the least time between them become one, and
// that time counts as slept.
func (c *Clock) foldPauses() {
	for len(c.Pauses) > MaxPauses {
		at, least := 0, time.Duration(math.MaxInt64)
		for i := 0; i+2 < len(c.Pauses); i++ {
			if gap := c.Pauses[i+1].From.Sub(*c.Pauses[i].To); gap < least {
				at, least = i, gap
			}
		}
		c.Pauses[at].To = c.Pauses[at+1].To
		c.Pauses = slices.Delete(c.Pauses, at+1, at+2)
	}
}

func (c *Clock) resume(at time.Time) {
	n := len(c.Pauses)
	if n == 0 || !c.Pauses[n-1].lasts(at) {
		return
	}
	c.Pauses = slices.Clone(c.Pauses)
	if !at.After(c.Pauses[n-1].From) {
		c.Pauses = c.Pauses[:n-1]
		return
	}
	c.Pauses[n-1].To = &at
}

// BreachedSince is the moment by which a clock was to be met that is breached and still runs, under the terms in force; its
// start where those have none; nil for every other clock.
func (c *Clock) BreachedSince() *time.Time {
	switch {
	case !c.Running() || c.State != Breached:
		return nil
	case c.Due[2] == nil:
		return &c.StartedAt
	default:
		return c.Due[2]
	}
}

// NextDue is the moment at which the clock will pass its next tripwire, nil if never.
func (c *Clock) NextDue() *time.Time {
	due, _ := c.next()
	return due
}

// NextState is the state that the clock will have then; "" if never.
func (c *Clock) NextState() State {
	_, state := c.next()
	return state
}

func (c *Clock) next() (*time.Time, State) {
	if !c.Running() {
		return nil, ""
	}
	for i, wire := range Tripwires {
		if Worse(State(wire), c.State) && c.Due[i] != nil {
			return c.Due[i], State(wire)
		}
	}
	return nil, ""
}

// BreachAt is the moment by which the clock is to be met, nil if its schedule does not come to it.
func (c *Clock) BreachAt() *time.Time { return c.Due[len(Tripwires)-1] }
