package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

const (
	// heartbeat is how long a dispatcher may be silent before another worker takes its shards.
	heartbeat = 6 * time.Second
	// longRun bounds one run of an activity that sends webhooks; it ends itself well before.
	longRun = 15 * time.Minute
	// dispatchRuns is how many of them make one run of a dispatch workflow.
	dispatchRuns = 50
)

func sending(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           durable.DeliveriesQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout: longRun,
		HeartbeatTimeout:    heartbeat,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 1.5,
			MaximumInterval:    10 * time.Second,
		},
		Summary: summary,
	})
}

// Dispatch makes the first attempts of a range of shards, for ever: one long activity after another. What Temporal adds
// is that one of them always runs, and only one. A healthy delivery costs Temporal nothing of its own (P4).
func Dispatch(ctx workflow.Context, in durable.DispatchInput) error {
	runs := in.Runs
	if runs <= 0 {
		runs = dispatchRuns
	}
	var total durable.DispatchResult
	for range runs {
		workflow.SetCurrentDetails(
			ctx,
			fmt.Sprintf("First attempts of webhooks, shards %d to %d. In this run: %d delivered, %d failed; as of %s",
				in.FromShard, in.ToShard-1, total.Delivered, total.Failed, workflow.Now(ctx).UTC().Format(minute)),
		)
		var done durable.DispatchResult
		err := workflow.ExecuteActivity(sending(ctx, "deliver what is new"), durable.DispatchActivity, in).Get(ctx, &done)
		if err != nil {
			return err
		}
		total.Delivered += done.Delivered
		total.Failed += done.Failed
	}
	return workflow.NewContinueAsNewError(ctx, durable.DispatchWorkflow, in)
}

// Retry owns the further attempts of one subscription, for as long as any are pending: every failing endpoint has one, and
// it is what an operator reads of it (P4).
func Retry(ctx workflow.Context, in durable.RetryInput) (*durable.RetryOutcome, error) {
	owed := workflow.GetSignalChannel(ctx, durable.SignalRetriesOwed)
	done := durable.RetryOutcome{Since: workflow.GetInfo(ctx).WorkflowStartTime.UTC()}
	if in.Done != nil {
		done = *in.Done
	}
	var alarm alarm
	why := "first look at what is owed"
	for {
		drain(owed)
		var state durable.RetryResult
		if err := workflow.ExecuteActivity(sending(ctx, why), durable.RetryActivity, in).Get(ctx, &state); err != nil {
			return nil, err
		}
		note(&done, state)
		if err := publishRetry(ctx, state, done); err != nil {
			return nil, err
		}
		why = "look again: a failure was recorded, or the webhook was changed"
		if owed.Len() > 0 {
			continue
		}
		if state.NextDue == nil { // an open circuit has always a probe ahead, even if nothing is pending
			if !in.Reports {
				return nil, nil
			}
			return &done, nil
		}
		if mustContinue(ctx, in.MaxHistory) {
			if in.Reports {
				in.Done = &done
			}
			return nil, workflow.NewContinueAsNewError(ctx, durable.RetryWorkflow, in)
		}
		next := "next retry at"
		if state.CircuitOpenedAt != nil {
			next = "probe at"
		}
		alarm.arm(ctx, state.NextDue, next)
		if fired := alarm.wait(ctx, owed); fired != "" {
			why = "its time has come: " + fired
		}
	}
}

// note adds what a run of the activity says to what came of all of them.
func note(done *durable.RetryOutcome, state durable.RetryResult) {
	done.Made += state.Made
	done.Delivered += state.Delivered
	done.MovedTo = state.MovedTo
	if state.FailingSince != nil && state.FailingSince.Before(done.Since) {
		done.Since = state.FailingSince.UTC()
	}
}

func publishRetry(ctx workflow.Context, state durable.RetryResult, done durable.RetryOutcome) error {
	workflow.SetCurrentDetails(ctx, retryDetails(state, done, workflow.Now(ctx)))
	due, shown := workflow.GetTypedSearchAttributes(ctx).GetTime(AttributeNextDue)
	switch {
	case state.NextDue != nil && (!shown || !due.Equal(*state.NextDue)):
		return workflow.UpsertTypedSearchAttributes(ctx, AttributeNextDue.ValueSet(state.NextDue.UTC()))
	case state.NextDue == nil && shown:
		return workflow.UpsertTypedSearchAttributes(ctx, AttributeNextDue.ValueUnset())
	}
	return nil
}

func retryDetails(state durable.RetryResult, done durable.RetryOutcome, now time.Time) string {
	if state.MovedTo != "" {
		return goesOn(state.MovedTo)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "In trouble since %s. ", done.Since.Format(second))
	next := "retry"
	if state.CircuitOpenedAt != nil {
		next = "probe"
		fmt.Fprintf(&b, "Circuit open since %s, %d probes made; %d deliveries wait", state.CircuitOpenedAt.UTC().Format(second),
			state.Probes, state.Owed)
	} else {
		fmt.Fprintf(&b, "%d deliveries wait for another attempt", state.Owed)
	}
	if state.NextDue != nil {
		fmt.Fprintf(&b, ", the next %s at %s", next, state.NextDue.UTC().Format(second))
	}
	fmt.Fprintf(&b, "; %d further attempts made, %d of them delivered; as of %s", done.Made, done.Delivered,
		now.UTC().Format(second))
	for i, f := range state.Failures {
		if i == 0 {
			b.WriteString("\n\nLast failures:\n")
		}
		fmt.Fprintf(&b, "\n- %s: %s", f.At.UTC().Format(second), f.Reason)
	}
	return b.String()
}
