package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// probeTime bounds a probe's activities, waiting for a worker included. The doctor gives the whole workflow a little longer.
const probeTime = 4 * time.Second

// Probe has an activity that does nothing run on each of the task queues, both at the same time, and says how long that took.
// A queue that no worker serves is in the result; the workflow does not fail for it.
func Probe(ctx workflow.Context, in durable.ProbeInput) (durable.ProbeResult, error) {
	main := workflow.GetInfo(ctx).TaskQueueName
	queues := []string{main, durable.DeliveriesQueue(main)}
	began := workflow.Now(ctx)
	result := durable.ProbeResult{Queues: make([]durable.ProbedQueue, len(queues))}
	s := workflow.NewSelector(ctx)
	for i, queue := range queues {
		on := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue:              queue,
			ScheduleToCloseTimeout: probeTime,
			RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
			Summary:                "nothing but the way to a worker and back",
		})
		s.AddFuture(workflow.ExecuteActivity(on, durable.ProbeActivity, in), func(f workflow.Future) {
			err := f.Get(ctx, nil)
			result.Queues[i] = durable.ProbedQueue{
				Queue: queue, Millis: workflow.Now(ctx).Sub(began).Milliseconds(), Failed: err != nil,
			}
		})
	}
	for range queues {
		s.Select(ctx)
	}
	return result, nil
}
