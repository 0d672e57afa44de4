// Package sla is the clocks of a conversation: how long it may wait for a first reply, for any reply and for its
// resolution, in business time. It is pure: no database, no wall clock, the time is an argument.
//
// A Clock measures one cycle of one Metric under Terms, which follow from a policy and opening hours. A Board has the
// clocks of one conversation and applies to them what happens. Everything is decided by due time and not by the time
// of the tick, so it does not matter how late a timer fires, or whether it does.
package sla

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/problem"
)

// index is the metric's place in Metrics.
func (m Metric) index() int {
	switch m {
	case FirstReply:
		return 0
	case AllMessages:
		return 1
	}
	return 2
}

// MaxTarget is the longest target, in business time.
const MaxTarget = 365 * 24 * time.Hour

// Targets are the tripwires of one metric, in seconds of business time since its start. They are no priorities: a
// conversation meets one after the other. Low says what would be good and has no effect.
type Targets struct {
	Low    int64 `json:"lowTargetSeconds"`
	Normal int64 `json:"normalTargetSeconds"` // from here on at risk
	High   int64 `json:"highTargetSeconds"`   // from here on urgent
	Urgent int64 `json:"urgentTargetSeconds"` // from here on breached
}

// Validate returns what is wrong with the targets, field being their path in the request:
// 0 ≤ low ≤ normal < high < urgent ≤ MaxTarget, and normal is more than nothing.
func (t Targets) Validate(field string) []problem.Field {
	var wrong []problem.Field
	refuse := func(name, code, message string) {
		wrong = append(wrong, problem.Field{Field: field + "." + name, Code: code, Message: message})
	}
	if t.Low < 0 {
		refuse("lowTargetSeconds", "too_small", "must be 0 or more")
	}
	if t.Normal < 1 {
		refuse("normalTargetSeconds", "too_small", "must be at least 1")
	} else if t.Normal < t.Low {
		refuse("normalTargetSeconds", "too_small", "must not be less than lowTargetSeconds")
	}
	if t.High <= t.Normal {
		refuse("highTargetSeconds", "too_small", "must be more than normalTargetSeconds")
	}
	if t.Urgent <= t.High {
		refuse("urgentTargetSeconds", "too_small", "must be more than highTargetSeconds")
	}
	if t.Urgent > int64(MaxTarget/time.Second) {
		refuse("urgentTargetSeconds", "too_large", "must be at most 31536000, which is 365 days")
	}
	return wrong
}

// Terms is what governs a clock: which policy, its targets, on which schedule.
type Terms struct {
	PolicyID          uuid.UUID
	PolicyName        string
	Targets           Targets
	Schedule          *calendar.Schedule // nil: always open
	PauseWhileSnoozed bool
	Since             time.Time // when these terms took effect on this conversation (edit, re-assignment, move); zero: always
}

// Resolver says which terms govern a metric of a conversation now. False: no policy does, and of the terms only Since has
// a meaning: since when none does.
type Resolver func(Metric) (Terms, bool)

// due is the moment at which a clock has run for a target, nil if never. Errors: the context's.
func (t Terms) due(ctx context.Context, start time.Time, pauses []Pause, target time.Duration) (*time.Time, error) {
	if t.PauseWhileSnoozed {
		for _, p := range pauses {
			ran, err := t.Schedule.Between(ctx, start, p.From)
			if err != nil {
				return nil, err
			}
			if ran >= target {
				break
			}
			if p.To == nil {
				return nil, nil
			}
			target -= ran
			start = later(start, *p.To)
		}
	}
	due, err := t.Schedule.Add(ctx, start, target)
	if errors.Is(err, calendar.ErrNever) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	due = due.UTC()
	return &due, nil
}

// elapsed is how long a clock has run at a moment. Errors: the context's.
func (t Terms) elapsed(ctx context.Context, start time.Time, pauses []Pause, at time.Time) (time.Duration, error) {
	var ran time.Duration
	if t.PauseWhileSnoozed {
		for _, p := range pauses {
			more, err := t.Schedule.Between(ctx, start, p.From)
			if err != nil {
				return 0, err
			}
			ran += more
			if p.To == nil {
				return ran, nil
			}
			start = later(start, *p.To)
		}
	}
	more, err := t.Schedule.Between(ctx, start, at)
	return ran + more, err
}

// Paused tells whether no time passes at now for a running clock of a conversation that sleeps until the given time, nil
// if it is awake; and if so, when time passes again: once the snooze is over, where the terms heed it, and the schedule
// is open. That is nil where the schedule does not open within calendar.Horizon. Errors: the context's.
func (t Terms) Paused(ctx context.Context, now time.Time, snoozedUntil *time.Time) (bool, *time.Time, error) {
	asleep := t.PauseWhileSnoozed && snoozedUntil != nil
	if !asleep && t.Schedule.IsOpen(now) {
		return false, nil, nil
	}
	awake := now
	if asleep {
		awake = later(now, *snoozedUntil)
	}
	resumes, err := t.Schedule.NextOpening(ctx, awake)
	if errors.Is(err, calendar.ErrNever) {
		return true, nil, nil
	}
	if err != nil {
		return true, nil, err
	}
	resumes = resumes.UTC()
	return true, &resumes, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
