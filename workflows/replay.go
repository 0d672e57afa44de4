package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// Replay carries one replay out: an activity puts past events on their way, and this shows how far it has come and waits
// when it has to (P4.9). A signal says that the replay's row has changed; cancelling the workflow cancels the replay.
func Replay(ctx workflow.Context, in durable.ReplayInput) (*durable.ReplayOutcome, error) {
	changed := workflow.GetSignalChannel(ctx, durable.SignalReplayChanged)
	var alarm alarm
	for {
		drain(changed)
		var state durable.ReplayResult
		err := workflow.ExecuteActivity(sending(ctx, "put past events on their way"), durable.ReplayActivity, in).Get(ctx, &state)
		if temporal.IsCanceledError(err) {
			return nil, abandon(ctx, in, err)
		}
		if err != nil {
			return nil, err
		}
		if err := publishReplay(ctx, state); err != nil {
			return nil, err
		}
		if changed.Len() > 0 {
			continue
		}
		if state.NextLook == nil {
			return replayOutcome(in, state), nil
		}
		if mustContinue(ctx, in.MaxHistory) {
			return nil, workflow.NewContinueAsNewError(ctx, durable.ReplayWorkflow, in)
		}
		alarm.arm(ctx, state.NextLook, "goes on")
		alarm.wait(ctx, changed)
		if ctx.Err() != nil {
			return nil, abandon(ctx, in, ctx.Err())
		}
	}
}

// replayOutcome is the result of a replay's workflow; nil for runs that were begun without one.
func replayOutcome(in durable.ReplayInput, state durable.ReplayResult) *durable.ReplayOutcome {
	if !in.Reports {
		return nil
	}
	return &durable.ReplayOutcome{
		Status: state.Status, Reached: state.Reached, Queued: state.Queued, Missing: state.Missing, MovedTo: state.MovedTo,
	}
}

// abandon tells the row that its workflow was cancelled, which is the end of both.
func abandon(ctx workflow.Context, in durable.ReplayInput, cancelled error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	workflow.SetCurrentDetails(ctx, "Cancelled by an operator; what it has put on its way stays on its way.")
	options := workflow.GetActivityOptions(sending(ctx, "note that it is cancelled"))
	options.StartToCloseTimeout, options.HeartbeatTimeout = time.Minute, 0
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), durable.AbandonActivity, in).Get(ctx, nil)
	if err != nil {
		return err
	}
	return cancelled
}

func publishReplay(ctx workflow.Context, state durable.ReplayResult) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.0f %%, up to %s. %d deliveries put on their way", state.Status, 100*state.Progress,
		state.Reached.UTC().Format(second), state.Queued)
	if state.Missing > 0 {
		fmt.Fprintf(&b, "; of %d the event is gone", state.Missing)
	}
	fmt.Fprintf(&b, "; as of %s", workflow.Now(ctx).UTC().Format(second))
	if state.MovedTo != "" {
		b.Reset()
		b.WriteString(goesOn(state.MovedTo))
	}
	workflow.SetCurrentDetails(ctx, b.String())
	_, shown := workflow.GetTypedSearchAttributes(ctx).GetKeyword(AttributeWebhook)
	if shown || state.SubscriptionID == uuid.Nil {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, AttributeWebhook.ValueSet(state.SubscriptionID.String()))
}
