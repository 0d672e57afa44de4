package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/atender/atender/models/problem"
)

// computeTime is how long the pure computation of one conversation's clocks, and of when it archives itself, may take in
// one transaction. It takes microseconds, and some milliseconds where deadlines are decades ahead (calendar.Schedule).
const computeTime = 100 * time.Millisecond

// errComputeTime is the cause of a computation that was broken off because it had used up its time.
var errComputeTime = errors.New("the computation of its clocks took too long")

// compute runs a part of the computation with what is left of its time. While it runs nothing waits for the database.
// Errors: COMPUTATION_TOO_LONG; the context's own; those of f.
func (w *write) compute(ctx context.Context, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, w.computeLeft)
	defer cancel()
	began := time.Now()
	err := f(bounded)
	w.computeLeft -= time.Since(began)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &problem.Error{
		Kind: problem.Unavailable, Code: problem.CodeComputationTooLong, Cause: errComputeTime,
		Message: "the deadlines of this conversation could not be computed in time, and nothing was changed: " +
			"try again, and if that does not help, make its opening hours or SLA targets simpler",
	}
}
