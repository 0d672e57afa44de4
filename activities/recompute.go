package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/models/durable"
)

const (
	// recomputeFor is how long one run of the recomputing lasts, so that its workflow can say how far it is.
	recomputeFor = 5 * time.Second
	// recomputeWait is the pause when all that is left is being changed by others.
	recomputeWait = 100 * time.Millisecond
	// recomputeRest is the pause after a step, in times of what the step took: agents wait for the same database, and none waits
	// for the recomputing.
	recomputeRest = 1
)

// RecomputeClocks brings the conversations of a tenant whose time configuration was edited up to it, for a few seconds, and
// says how many are left. It may be repeated or cut off anywhere: a conversation that was visited is up to date.
func (a *Activities) RecomputeClocks(ctx context.Context, in durable.RecomputeInput) (durable.RecomputeResult, error) {
	defer beat(ctx)()
	var result durable.RecomputeResult
	stop := activity.GetWorkerStopChannel(ctx)
	for end := time.Now().Add(recomputeFor); ; {
		began := time.Now()
		step, err := a.Store.Clocks.Recompute(ctx, in.TenantID)
		if err != nil {
			return result, a.forTemporal(ctx, err)
		}
		result.Visited += step.Visited
		for _, f := range step.Fired {
			a.Metrics.TimerLag.WithLabelValues(f.Kind, "recompute").Observe(f.Lag.Seconds())
		}
		if !step.Left {
			return result, nil
		}
		wait := recomputeRest * time.Since(began)
		if step.Visited == 0 {
			wait = recomputeWait
		}
		if time.Now().After(end) || !pause(ctx, wait, nil, nil, nil, stop) {
			break
		}
	}
	left, err := a.Store.Clocks.Behind(ctx, in.TenantID)
	result.Left = left
	return result, a.forTemporal(ctx, err)
}
