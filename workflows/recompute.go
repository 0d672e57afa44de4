package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// recomputeAgain is how long after a recompute another one follows: a change that began before the edit was committed may have
// written a conversation by the old terms behind the first one's back.
const recomputeAgain = 10 * time.Second

// Recompute goes over the conversations of a tenant whose SLA policies, opening hours or archiving were edited, and shows
// how far it is. Conversations that are touched meanwhile catch up by themselves.
func Recompute(ctx workflow.Context, in durable.RecomputeInput) (*durable.RecomputeOutcome, error) {
	changed := workflow.GetSignalChannel(ctx, durable.SignalTimeRulesChanged)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    heartbeat,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    30 * time.Second,
		},
		Summary: "bring clocks up to the policies and hours in force",
	})
	var alarm alarm
	visited, again := in.Visited, false
	for {
		drain(changed)
		var done durable.RecomputeResult
		if err := workflow.ExecuteActivity(ctx, durable.RecomputeActivity, in).Get(ctx, &done); err != nil {
			return nil, err
		}
		visited += done.Visited
		workflow.SetCurrentDetails(ctx, fmt.Sprintf(
			"%d conversations brought up to the policies and hours in force, %d left; as of %s",
			visited, done.Left, workflow.Now(ctx).UTC().Format(second)))
		switch {
		case changed.Len() > 0 || done.Left > 0:
			again = false
			if mustContinue(ctx, in.MaxHistory) {
				if in.Reports {
					in.Visited = visited
				}
				return nil, workflow.NewContinueAsNewError(ctx, durable.RecomputeWorkflow, in)
			}
		case again && done.Visited == 0:
			if !in.Reports {
				return nil, nil
			}
			return &durable.RecomputeOutcome{Visited: visited}, nil
		default:
			again = true
			alarm.arm(ctx, nil, "") // that of an earlier edit would be too early
			due := workflow.Now(ctx).Add(recomputeAgain)
			alarm.arm(ctx, &due, "look once more")
			alarm.wait(ctx, changed)
		}
	}
}
