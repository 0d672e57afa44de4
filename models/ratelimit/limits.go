// Package ratelimit has the rules of rate limits (P11): the limits of tiers, the trailing minute and the day as
// they are counted in the database (Window), and what one process holds of them (Bucket). All of it is plain
// computation with the time passed in; package account carries it to the database.
package ratelimit

import "fmt"

// The tiers of API keys.
const (
	Starter      = "starter"
	Professional = "professional"
	Enterprise   = "enterprise"
	Custom       = "custom" // limits set for the key; none where none are set
)

// Tiers are all tiers.
var Tiers = []string{Starter, Professional, Enterprise, Custom}

// What may be set for a key of tier custom. The product has no use for more; the bounds keep sums in 32 bits.
const (
	MaxPerMinute = 1_000_000     // calls in a minute
	MaxBurst     = 1_000_000     // calls on top of those
	MaxPerDay    = 1_000_000_000 // calls in a day
)

// Limits are how many calls a subject may make: PerMinute + Burst in any 60 s, PerDay in a day (UTC). Zero is no limit.
type Limits struct{ PerMinute, Burst, PerDay int }

// Limits of what is not a key: a session of the console, which has no day, and the token of a dock session.
var (
	ConsoleSession = Limits{PerMinute: 600, Burst: 100}
	DockReads      = Limits{PerMinute: 120}
)

var tierLimits = map[string]Limits{
	Starter:      {PerMinute: 60, Burst: 10, PerDay: 10_000},
	Professional: {PerMinute: 300, Burst: 50, PerDay: 100_000},
	Enterprise:   {PerMinute: 1_000, Burst: 200, PerDay: 1_000_000},
}

// OfTier returns a tier's limits: custom, the key's own, for the tier custom.
func OfTier(tier string, custom Limits) Limits {
	if limits, fixed := tierLimits[tier]; fixed {
		return limits
	}
	return custom
}

// Minute is how many calls any 60 s may have; zero for no limit.
func (l Limits) Minute() int {
	if l.PerMinute == 0 {
		return 0
	}
	return l.PerMinute + l.Burst
}

// Unlimited tells whether nothing is limited.
func (l Limits) Unlimited() bool { return l.PerMinute == 0 && l.PerDay == 0 }

// smaller is the limit that the precision is measured by.
func (l Limits) smaller() int {
	switch minute := l.Minute(); {
	case minute == 0:
		return l.PerDay
	case l.PerDay == 0:
		return minute
	default:
		return min(minute, l.PerDay)
	}
}

const (
	// blockShare is which part of the limit a process may hold unused: a thirtieth, so that three processes are off
	// by a tenth at most.
	blockShare = 30
	// maxBlock bounds what a process holds where only the day is limited.
	maxBlock = 40_000
)

// Block is how many tokens a process may hold unused. It is zero for limits below 30, of which a single token would be
// more than a thirtieth: those are leased when there is a call for them.
func (l Limits) Block() int { return min(l.smaller()/blockShare, maxBlock) }

// Check tells what is wrong with limits for a key of tier custom.
func (l Limits) Check() error {
	for _, one := range []struct {
		name       string
		value, max int
	}{{"calls per minute", l.PerMinute, MaxPerMinute}, {"burst", l.Burst, MaxBurst}, {"calls per day", l.PerDay, MaxPerDay}} {
		if one.value < 0 || one.value > one.max {
			return fmt.Errorf("%s: must be from 0, which is none, to %d", one.name, one.max)
		}
	}
	if l.PerMinute == 0 && l.Burst > 0 {
		return fmt.Errorf("burst: is on top of calls per minute, which are not limited")
	}
	return nil
}
