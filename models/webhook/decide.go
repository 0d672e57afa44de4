package webhook

import (
	"net/http"
	"time"

	"github.com/atender/atender/models/retry"
)

// Why an attempt made its delivery fail for good; cancelPending says why one ends without an attempt.
const (
	failedGone      = "GONE"              // the endpoint answered 410
	failedExhausted = "RETRIES_EXHAUSTED" // the schedule has no further attempt
)

// OwnFaultWait is how long a delivery waits whose attempt failed on our side: long enough for a proxy or a resolver that is
// started anew, and not the endpoint's schedule, since the endpoint has done nothing.
const OwnFaultWait = 5 * time.Second

// Decision is what an attempt makes of its delivery, and of its subscription.
type Decision struct {
	State   DeliveryState // delivered, failed, or pending for another attempt
	DueAt   time.Time     // pending: when
	Failure string        `gorm:"default:null"` // failed: why for good, upper snake; reason in the API
	Counted bool          // false for a failure on our side, which uses up no attempt and is not held against the endpoint (P5.6)
	Disable string        `gorm:"-"` // not empty: disable the subscription at once, for this reason
}

// Decide says what an attempt, the last one of a delivery, makes of it. It is pure: the time is the attempt's end, and jitter
// is the caller's random number in [-1, 1].
//
//   - An event that was taken is delivered.
//   - 410 fails the delivery and disables the subscription: the endpoint wants nothing any more.
//   - A failure on our side is tried again soon, and not counted.
//   - Anything else has failed, an address that may not be dialled, a redirect and a refusal as well: what is wrong may be
//     mended. The delivery is tried again by the subscription's schedule, or when a 429 or 503 asks for it, until the
//     schedule has no further attempt (package retry).
func Decide(d Delivery, schedule retry.Schedule, a Attempt, jitter float64) Decision {
	switch {
	case a.IsDelivered():
		return Decision{State: DeliveryDelivered, Counted: true}
	case a.IsGone():
		return Decision{State: DeliveryFailed, Counted: true, Failure: failedGone, Disable: failedGone}
	case a.IsOwnFault():
		return Decision{State: DeliveryPending, DueAt: a.EndedAt().Add(OwnFaultWait)}
	}
	first := a.StartedAt
	if d.FirstAttemptAt != nil {
		first = *d.FirstAttemptAt
	}
	due, more := schedule.Next(d.Attempts+1, first, a.EndedAt(), a.asksFor(), jitter)
	if !more {
		return Decision{State: DeliveryFailed, Counted: true, Failure: failedExhausted}
	}
	return Decision{State: DeliveryPending, Counted: true, DueAt: due}
}

// asksFor is the wait that the endpoint asks for, 0 for none: Retry-After says when to come again with 429 and 503 only.
func (a Attempt) asksFor() time.Duration {
	if a.Status != http.StatusTooManyRequests && a.Status != http.StatusServiceUnavailable {
		return 0
	}
	return a.RetryAfter
}
