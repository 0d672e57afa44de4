package account

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
)

const (
	// leasePatience bounds how long calls wait for a lease, should the database neither answer nor refuse: 503 then.
	leasePatience = 5 * time.Second
	// bucketKept is how long a process remembers a subject that makes no calls: as long as what it knows can matter.
	bucketKept = 2 * time.Minute
)

// rateLimiter holds this process's buckets (P11). A subject has one lease under way at most, which serves all calls
// that wait.
type rateLimiter struct {
	mu      sync.Mutex
	buckets map[rateID]*rateBucket
	swept   time.Time
	closed  bool
}

type rateID struct {
	id   uuid.UUID
	kind string
}

type rateBucket struct {
	ratelimit.Bucket
	subject RateSubject
	waiting []*rateWaiter
	leasing bool
	timer   *time.Timer // until what is held runs out; nil when nothing waits for that
	usedAt  time.Time
}

// rateWaiter is a call that waits for a lease.
type rateWaiter struct {
	done    chan struct{} // closed when there is a verdict
	gone    bool          // the call has given up
	verdict ratelimit.Verdict
	state   ratelimit.State
	err     error
}

// Limit counts a call of the subject, whose limits are not all unlimited, and tells how many it has left. Only
// a call for which this process holds no token waits, for a lease that serves all that wait (P11.1). Errors:
// RATE_LIMITED with details.window and details.retryAfter; UNAVAILABLE when no token is held and the database is
// away. The state is good with an error, too.
func (s *Limiter) Limit(ctx context.Context, subject RateSubject) (_ ratelimit.State, err error) {
	defer postgres.During(&err, "count a call of %s %s", subject.Kind, subject.ID)
	l := &s.rates
	l.mu.Lock()
	now := s.db.Clock(time.Now())
	b := l.bucket(subject, now)
	verdict := ratelimit.Wait
	if l.closed {
		state := b.State(now)
		l.mu.Unlock()
		return state, postgres.Unavailable("this process is stopping; try again", nil)
	}
	if len(b.waiting) == 0 { // else those come first
		verdict = b.Take(now)
	}
	if verdict != ratelimit.Wait {
		s.leaseAhead(b, now) //nolint:contextcheck // the lease serves all calls of the subject, and outlives this one
		state := b.State(now)
		l.mu.Unlock()
		return state, rateError(verdict, state)
	}
	w := &rateWaiter{done: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	s.leaseAhead(b, now) //nolint:contextcheck // see above
	l.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		w.gone = true
		if w.verdict == ratelimit.Granted && w.err == nil && isClosed(w.done) {
			b.Undo()
		}
		return b.State(s.db.Clock(time.Now())), ctx.Err()
	}
	if w.err != nil {
		return w.state, w.err
	}
	return w.state, rateError(w.verdict, w.state)
}

func isClosed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// rateError is the error of a verdict.
func rateError(v ratelimit.Verdict, state ratelimit.State) error {
	if v != ratelimit.Refused {
		return nil
	}
	wait := max(int(math.Ceil(state.RetryAfter.Seconds())), 1)
	return problem.New(problem.Limited, problem.CodeRateLimited,
		"too many calls in this %s: the next may be made in %d s", state.Window, wait).
		With("window", state.Window).With("retryAfter", wait)
}

// bucket finds what is known of a subject.
func (l *rateLimiter) bucket(subject RateSubject, now time.Time) *rateBucket {
	l.sweep(now)
	id := rateID{subject.ID, subject.Kind}
	b := l.buckets[id]
	if b == nil {
		if l.buckets == nil {
			l.buckets = map[rateID]*rateBucket{}
		}
		b = &rateBucket{}
		l.buckets[id] = b
	}
	b.subject, b.usedAt = subject, now
	b.SetLimits(subject.Limits)
	return b
}

// sweep forgets subjects that make no calls, so that the map holds no more than are in use.
func (l *rateLimiter) sweep(now time.Time) {
	if now.Sub(l.swept) < bucketKept {
		return
	}
	l.swept = now
	for id, b := range l.buckets {
		if now.Sub(b.usedAt) > bucketKept && !b.leasing && b.timer == nil && len(b.waiting) == 0 {
			delete(l.buckets, id)
		}
	}
}

// leaseAhead starts a lease if one is due and none is under way: for calls that wait, for those to come, or to give
// back what was not used.
func (s *Limiter) leaseAhead(b *rateBucket, now time.Time) {
	if b.leasing || s.rates.closed {
		return
	}
	waiting := 0
	for _, w := range b.waiting {
		if !w.gone {
			waiting++
		}
	}
	if r, due := b.Ask(now, waiting); due {
		s.startLease(b, r, len(b.waiting))
		return
	}
	s.giveBackLater(b, now)
}

// giveBackLater gives back what is held once it has run out.
func (s *Limiter) giveBackLater(b *rateBucket, now time.Time) {
	if b.leasing || s.rates.closed {
		return
	}
	if r, due := b.GiveBack(now); due {
		s.startLease(b, r, 0)
		return
	}
	until, holds := b.Until()
	if !holds || b.timer != nil {
		return
	}
	b.timer = time.AfterFunc(max(until.Sub(now), time.Millisecond), func() {
		s.rates.mu.Lock()
		defer s.rates.mu.Unlock()
		b.timer = nil
		s.giveBackLater(b, s.db.Clock(time.Now()))
	})
}

// startLease makes a request in the background. The first of the calls that wait are those it was made for.
func (s *Limiter) startLease(b *rateBucket, r ratelimit.Request, served int) {
	b.leasing = true
	subject, sent := b.subject, s.db.Clock(time.Now())
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(s.background, leasePatience)
		defer cancel()
		a, err := s.Lease(ctx, subject, r)
		s.rates.mu.Lock()
		defer s.rates.mu.Unlock()
		b.leasing = false
		now := s.db.Clock(time.Now())
		if err != nil {
			s.leaseFailed(b, now, served, err)
			return
		}
		b.Leased(sent, now, r, a)
		for len(b.waiting) > 0 {
			w := b.waiting[0]
			if !w.gone {
				if w.verdict = b.TakeWaiting(now); w.verdict == ratelimit.Wait {
					break
				}
				w.state = b.State(now)
			}
			close(w.done)
			b.waiting = b.waiting[1:]
		}
		s.leaseAhead(b, now) //nolint:contextcheck // the lease serves all calls of the subject, and outlives this one
	})
}

// leaseFailed refuses the calls for which a lease was made, which would wait for ever. Whether the database has
// counted what was asked for, or taken back what was given, is not known: neither is tried again, so that nothing
// is used twice.
func (s *Limiter) leaseFailed(b *rateBucket, now time.Time, served int, err error) {
	s.db.Log.Warn("no lease for a rate limit", "error", err)
	if _, known := problem.As(err); !known {
		err = postgres.Unavailable("the database did not answer: what was asked for was not done, and trying again is safe", err)
	}
	for _, w := range b.waiting[:min(served, len(b.waiting))] {
		w.err, w.state = err, b.State(now)
		close(w.done)
	}
	b.waiting = b.waiting[min(served, len(b.waiting)):]
	if len(b.waiting) > 0 {
		s.leaseAhead(b, now) //nolint:contextcheck // the lease serves all calls of the subject, and outlives this one
	}
}

// close gives no more leases.
func (l *rateLimiter) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, b := range l.buckets {
		if b.timer != nil {
			b.timer.Stop()
		}
	}
}
