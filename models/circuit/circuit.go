// Package circuit says when an endpoint is left alone, and when it is tried again (P5). It is pure: what happened comes
// in, the new state comes out.
package circuit

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// The bounds of P5.
const (
	// OpenAfter consecutive failures, over at least OpenOver different deliveries, open the circuit: one poisonous event
	// that fails again and again does not.
	OpenAfter = 10
	OpenOver  = 5
	// GiveUpAfter is how long all attempts must have failed for the subscription to be disabled.
	GiveUpAfter = 5 * 24 * time.Hour
)

// probes are the waits before each probe of an open circuit; the last one repeats.
var probes = []time.Duration{
	5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
}

// State is how an endpoint has been doing. The zero value is good health.
type State struct {
	Failures     int         // consecutive
	Failing      []uuid.UUID // different deliveries among them, at most OpenOver
	FailingSince *time.Time  // the first failure after the last success
	OpenedAt     *time.Time  // nil while closed
	Probes       int         // made since it opened
	NextProbeAt  *time.Time  // nil while closed
}

// Open tells whether the endpoint is to be left alone but for probes.
func (s State) Open() bool { return s.OpenedAt != nil }

// Succeed is the state after a success: good health, whatever was before (P5.3).
func (State) Succeed() State { return State{} }

// Fail is the state after a failed attempt at the given time. jitter in [-1, 1] moves the next probe by up to 20 %.
// What fails while the circuit is open and is no probe was on its way when it opened, and moves no probe.
func (s State) Fail(delivery uuid.UUID, probe bool, at time.Time, jitter float64) State {
	s.Failures++
	if len(s.Failing) < OpenOver && !slices.Contains(s.Failing, delivery) {
		s.Failing = append(slices.Clone(s.Failing), delivery)
	}
	if s.FailingSince == nil {
		s.FailingSince = &at
	}
	switch {
	case !s.Open() && s.Failures >= OpenAfter && len(s.Failing) >= OpenOver:
		s.OpenedAt, s.Probes, s.NextProbeAt = &at, 0, next(0, at, jitter)
	case s.Open() && probe:
		s.Probes++
		s.NextProbeAt = next(s.Probes, at, jitter)
	}
	return s
}

// Postpone is the state when a probe was due and there was nothing to probe with: it is looked again after the same wait.
func (s State) Postpone(at time.Time, jitter float64) State {
	if s.Open() {
		s.NextProbeAt = next(s.Probes, at, jitter)
	}
	return s
}

// GivenUp tells whether everything has failed for so long that the subscription is to be disabled (P5.5).
func (s State) GivenUp(now time.Time) bool {
	return s.FailingSince != nil && now.Sub(*s.FailingSince) >= GiveUpAfter
}

func next(made int, at time.Time, jitter float64) *time.Time {
	wait := probes[min(made, len(probes)-1)]
	due := at.Add(wait + time.Duration(float64(wait)*0.2*jitter))
	return &due
}
