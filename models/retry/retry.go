// Package retry decides when a webhook delivery that failed is tried again. It is pure: time and randomness come in
// as arguments, so workflows, dispatchers and tests get the same answer from the same input.
package retry

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/atender/atender/models/problem"
)

const (
	// Window is how long after its first attempt a delivery is retried under the default schedule.
	Window = 72 * time.Hour
	// Jitter is the share by which a scheduled wait varies in either direction, so that the deliveries of one outage
	// do not come back in one blow.
	Jitter = 0.20
	// MaxRetryAfter caps what an endpoint may ask for with Retry-After.
	MaxRetryAfter = 24 * time.Hour
	// MaxSteps is the largest number of waits in a custom schedule.
	MaxSteps = 20
	// MinStep is the shortest wait in a custom schedule.
	MinStep = time.Second
	// MaxTotal is the largest sum of the waits of a custom schedule.
	MaxTotal = 7 * 24 * time.Hour

	// every is the wait after the listed ones of the default schedule are used up.
	every = 12 * time.Hour
	// maxHastened is the number of attempts up to which a Retry-After shorter than the schedule is honoured. An endpoint
	// that answers "Retry-After: 1" for 72 hours would otherwise get a quarter of a million attempts of each delivery.
	maxHastened = MaxSteps
)

// defaultSteps are the waits between attempts, in seconds, before the wait stays at 12 hours.
var defaultSteps = [...]int{5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800}

// Schedule is the list of waits between the attempts of a delivery. The zero value is the default schedule: 5 s, 30 s,
// 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h, then every 12 h, for 72 h. A custom one has as many retries as steps.
//
// Its JSON form is null for the default and a list of whole seconds, [5,60,3600], for a custom one.
type Schedule struct {
	steps []int // seconds; nil is the default. Not durations: those overflow before Validate could see it
}

// FromSeconds makes a custom schedule from its waits in seconds, and the default from nil. The result may be wrong:
// Validate says so.
func FromSeconds(steps []int) Schedule { return Schedule{steps: slices.Clone(steps)} }

// Seconds returns the waits of a custom schedule, and nil for the default.
func (s Schedule) Seconds() []int { return slices.Clone(s.steps) }

// IsDefault reports whether s is the default schedule.
func (s Schedule) IsDefault() bool { return s.steps == nil }

// Validate returns what is wrong with a custom schedule: it has 1 to 20 steps, each at least one second, together at
// most 7 days. The argument is the path of the field in the request, such as "retry".
func (s Schedule) Validate(field string) []problem.Field {
	if s.IsDefault() {
		return nil
	}
	switch n := len(s.steps); {
	case n == 0:
		return []problem.Field{{Field: field, Code: "too_short",
			Message: "must have at least one wait; leave it out for the default schedule"}}
	case n > MaxSteps:
		return []problem.Field{{Field: field, Code: "too_long",
			Message: fmt.Sprintf("may have at most %d waits, has %d", MaxSteps, n)}}
	}
	const limit = int(MaxTotal / time.Second)
	var wrong []problem.Field
	total := 0
	for i, step := range s.steps {
		switch {
		case step < int(MinStep/time.Second):
			wrong = append(wrong, problem.Field{Field: fmt.Sprintf("%s[%d]", field, i), Code: "too_small",
				Message: "must be at least 1 second"})
		case total <= limit: // once over the limit the sum is not needed, and could overflow
			total += min(step, limit+1)
		}
	}
	if total > limit {
		wrong = append(wrong, problem.Field{Field: field, Code: "too_large",
			Message: fmt.Sprintf("the waits may add up to at most 7 days (%d seconds)", limit)})
	}
	return wrong
}

// Next returns the time of the next attempt of a delivery, and whether there is one.
//
//   - attempt is the number of attempts made so far, at least 1, of which the last one just failed;
//   - first is the time of the first attempt, moved on by as much time as the circuit was open (P5.4);
//   - retryAfter is what the endpoint asked for (ParseRetryAfter), 0 if nothing. It takes the place of the scheduled
//     wait without jitter, so the attempt is not before it; it is capped at 24 hours. After 20 attempts it can only
//     lengthen the wait;
//   - jitter in [-1, 1] is the caller's random number: -1 shortens the scheduled wait by 20 %, 1 lengthens it by 20 %.
//
// ok is false when the delivery has finally failed: under the default schedule once 72 hours have passed since first,
// or when the endpoint asked for a time after them; under a custom one when its steps are used up. The last attempt of
// the default schedule is moved to the end of the 72 hours rather than dropped, so that an endpoint has all of them to
// come back.
func (s Schedule) Next(attempt int, first, now time.Time, retryAfter time.Duration, jitter float64) (
	due time.Time, ok bool,
) {
	attempt = max(attempt, 1)
	if !s.IsDefault() && attempt > len(s.steps) {
		return time.Time{}, false
	}
	wait := vary(s.wait(attempt), jitter)
	asked := min(max(retryAfter, 0), MaxRetryAfter)
	if asked > 0 && (asked > wait || attempt <= maxHastened) {
		wait = asked
	}
	due = now.Add(wait)
	if !s.IsDefault() {
		return due, true
	}
	end := first.Add(Window)
	switch {
	case !now.Before(end):
		return time.Time{}, false
	case !due.After(end):
		return due, true
	case asked > 0 && now.Add(asked).After(end):
		return time.Time{}, false
	default:
		return end, true
	}
}

// wait returns the wait after the given number of attempts, before jitter.
func (s Schedule) wait(attempt int) time.Duration {
	steps := s.steps
	if s.IsDefault() {
		steps = defaultSteps[:]
	}
	if attempt > len(steps) {
		return every
	}
	return time.Duration(steps[attempt-1]) * time.Second
}

func vary(wait time.Duration, jitter float64) time.Duration {
	if math.IsNaN(jitter) {
		jitter = 0
	}
	return time.Duration(float64(wait) * (1 + Jitter*min(max(jitter, -1), 1)))
}

// MarshalJSON implements json.Marshaler.
func (s Schedule) MarshalJSON() ([]byte, error) { return json.Marshal(s.steps) }

// UnmarshalJSON implements json.Unmarshaler. It checks the form only; Validate checks the values.
func (s *Schedule) UnmarshalJSON(data []byte) error {
	var steps []int
	if err := json.Unmarshal(data, &steps); err != nil {
		return fmt.Errorf("a retry schedule is a list of whole seconds such as [5,60,3600]: %w", err)
	}
	s.steps = steps
	return nil
}
