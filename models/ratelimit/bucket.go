package ratelimit

import (
	"slices"
	"time"
)

const (
	// LeaseLife is how long a process may use tokens that it has leased. What it has not used by then it gives back.
	LeaseLife = 2 * time.Second
	// aheadShare: a process fetches ahead once it holds no more than this part of a block.
	aheadShare = 10
)

// Bucket is what one process holds and knows of one subject. Its times are the process's; what the database's clock
// says beside them is remembered with each answer. It is not safe for concurrent use.
type Bucket struct {
	limits Limits
	held   []holding // oldest first
	back   []Return  // to be given back
	known  bool      // there was an answer
	window Window    // of the last answer
	dbTime time.Time // the database's time in the last answer, and
	heard  time.Time // the process's when it came
	called bool      // since it was looked at last whether there is something to ask for
	usedUp time.Time // until then there is nothing to lease, as far as is known
	what   string    // is used up until then
}

// holding is tokens of one lease.
type holding struct {
	slot   int64
	tokens int
	until  time.Time
}

// Verdict is what a bucket says of a call.
type Verdict int

// The verdicts.
const (
	Granted Verdict = iota // a token was taken
	Refused                // the window is used up
	Wait                   // for an answer of the database
)

// State is what a caller is told with every answer.
type State struct {
	Limit      int           // in a minute, or in a day where the minute is not limited
	Remaining  int           // calls that are left now
	Reset      time.Time     // when more are left than now
	RetryAfter time.Duration // of a refusal
	Window     string        // of a refusal: ForMinute or ForDay
}

// SetLimits says what holds from now on. What was leased under other limits is given back.
func (b *Bucket) SetLimits(limits Limits) {
	if b.limits == limits {
		return
	}
	b.limits, b.usedUp = limits, time.Time{}
	b.expire(time.Time{})
}

// expire takes away what is held for too long, or all if now is zero. It is gone before anything is told to give it
// back, so it cannot be used twice.
func (b *Bucket) expire(now time.Time) {
	b.held = slices.DeleteFunc(b.held, func(h holding) bool {
		if !now.IsZero() && now.Before(h.until) {
			return false
		}
		if h.tokens > 0 {
			b.back = addReturn(b.back, Return{h.slot, h.tokens})
		}
		return true
	})
}

// addReturn keeps one entry for each slot.
func addReturn(back []Return, r Return) []Return {
	if i := slices.IndexFunc(back, func(other Return) bool { return other.Slot == r.Slot }); i >= 0 {
		back[i].Tokens += r.Tokens
		return back
	}
	return append(back, r)
}

// Take takes a token for a call.
func (b *Bucket) Take(now time.Time) Verdict {
	b.expire(now)
	b.called = true
	if len(b.held) > 0 {
		if b.held[0].tokens--; b.held[0].tokens == 0 {
			b.held = b.held[1:]
		}
		return Granted
	}
	if now.Before(b.usedUp) {
		return Refused
	}
	return Wait
}

// Held is how many tokens there are to use.
func (b *Bucket) Held() (tokens int) {
	for _, h := range b.held {
		tokens += h.tokens
	}
	return tokens
}

// Request is what a process asks the database for, giving back what it has not used.
type Request struct {
	Tokens int
	Back   []Return
	Limits Limits
}

// Ask returns the next request for as many calls as wait, and whether there is one to make now. While calls are
// refused the database is asked again once in LeaseLife: another process may have given something back. Where there
// are no calls nothing is fetched ahead: an idle process holds nothing.
func (b *Bucket) Ask(now time.Time, waiting int) (Request, bool) {
	b.expire(now)
	held, block := b.Held(), b.limits.Block()
	usedUp, called := now.Before(b.usedUp), b.called
	b.called = false
	r := Request{Limits: b.limits}
	switch {
	case waiting > 0:
		r.Tokens = waiting + max(block-held, 0)
	case !called:
	case usedUp && block > 0 && now.Sub(b.heard) >= LeaseLife:
		r.Tokens = block - held
	case !usedUp && block > 0 && held <= block/aheadShare:
		r.Tokens = block - held
	}
	if r.Tokens == 0 {
		return r, false
	}
	r.Back, b.back = b.back, nil
	return r, true
}

// GiveBack returns the request that only gives back what was not used, and whether there is anything.
func (b *Bucket) GiveBack(now time.Time) (Request, bool) {
	b.expire(now)
	r := Request{Limits: b.limits, Back: b.back}
	b.back = nil
	return r, len(r.Back) > 0
}

// Answer is what the database said to a request.
type Answer struct {
	Tokens int       // that were leased
	Now    time.Time // the database's
	Window Window    // after that
}

// Leased takes in the answer to a request that was sent at a time: what was leased may be used for LeaseLife from then,
// which is not later than when the database counted it. Calls that wait are served at once, and first.
func (b *Bucket) Leased(sent, now time.Time, r Request, a Answer) {
	if r.Limits != b.limits { // which are others by now
		if a.Tokens > 0 {
			b.back = addReturn(b.back, Return{a.Window.Slot, a.Tokens})
		}
		return
	}
	b.known, b.window, b.dbTime, b.heard = true, a.Window, a.Now, now
	if a.Tokens > 0 {
		b.held = append(b.held, holding{a.Window.Slot, a.Tokens, sent.Add(LeaseLife)})
	}
	b.usedUp = time.Time{}
	if free, what := a.Window.Free(a.Now, b.limits); free.After(a.Now) {
		b.usedUp, b.what = now.Add(free.Sub(a.Now)), what
	}
}

// TakeWaiting takes a token for a call that has waited for the answer: also one that came so late that its tokens
// are to be given back.
func (b *Bucket) TakeWaiting(now time.Time) Verdict {
	if len(b.held) > 0 && !now.Before(b.held[0].until) {
		b.held[0].until = now.Add(time.Nanosecond)
	}
	return b.Take(now)
}

// Until is when the first tokens that are held run out.
func (b *Bucket) Until() (time.Time, bool) {
	if len(b.held) == 0 {
		return time.Time{}, false
	}
	return b.held[0].until, true
}

// Undo puts back the token of a call that went away while it waited.
func (b *Bucket) Undo() {
	if b.known {
		b.back = addReturn(b.back, Return{b.window.Slot, 1})
	}
}

// State is what a caller is told.
func (b *Bucket) State(now time.Time) State {
	s := State{Limit: b.limits.Minute(), Reset: now}
	if s.Limit == 0 {
		s.Limit = b.limits.PerDay
	}
	if now.Before(b.usedUp) && len(b.held) == 0 {
		s.Window, s.RetryAfter = b.what, b.usedUp.Sub(now)
		s.Reset = b.dbTime.Add(b.usedUp.Sub(b.heard))
		return s
	}
	if !b.known {
		return s
	}
	there := b.dbTime.Add(now.Sub(b.heard)) // the database's time now
	s.Remaining = min(b.window.Left(there, b.limits)+b.Held()+tokens(b.back), s.Limit)
	s.Reset = b.window.Next(there, b.limits)
	return s
}

func tokens(back []Return) (sum int) {
	for _, r := range back {
		sum += r.Tokens
	}
	return sum
}
