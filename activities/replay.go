package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fair"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
)

const (
	// replayRun is how long one run of a replay lasts at most: its workflow then shows how far it has come.
	replayRun = time.Minute
	// replayWait is the pause before it looks again whether the webhook is through with what is pending.
	replayWait = 500 * time.Millisecond
)

// ReplayDeliveries puts past events on their way to a webhook, step by step (P4.9), and says how far it has come. It ends
// early when the replay has to wait longer, and when the worker stops. A replay that is not there has ended.
func (a *Activities) ReplayDeliveries(ctx context.Context, in durable.ReplayInput) (durable.ReplayResult, error) {
	defer beat(ctx)()
	turn := a.turns.of(a).runs
	if !turn.TryEnter(in.TenantID) {
		return a.replayLater(ctx, in)
	}
	defer turn.Leave(in.TenantID)
	end := time.After(replayRun)
	stop := activity.GetWorkerStopChannel(ctx)
	for {
		step, made, err := a.replayStep(ctx, in)
		if postgres.IsNotFound(err) {
			return durable.ReplayResult{Status: webhook.ReplayCancelled}, nil
		}
		if err != nil {
			return durable.ReplayResult{}, a.forTemporal(ctx, err)
		}
		result := replayResult(step.Replay)
		if step.MovedTo != "" {
			result.MovedTo, result.NextLook = step.MovedTo, nil
		}
		if result.NextLook == nil || made && result.NextLook.After(time.Now()) {
			return result, nil
		}
		wait := time.Duration(0)
		if step.Full || !made {
			wait = replayWait
		}
		if !pause(ctx, wait, nil, nil, end, stop) {
			return result, ctx.Err()
		}
	}
}

// replayStep makes one step when it is the tenant's turn; made is false when that did not come within replayWait.
func (a *Activities) replayStep(ctx context.Context, in durable.ReplayInput) (step webhook.ReplayStep, made bool, err error) {
	steps := a.turns.of(a).steps
	wait, cancel := context.WithTimeout(ctx, replayWait)
	defer cancel()
	if steps.Enter(wait, in.TenantID) != fair.Entered {
		step.Replay, err = a.Store.Replays.Read(ctx, in.TenantID, in.ReplayID)
		return step, false, err
	}
	defer steps.Leave(in.TenantID)
	step, err = a.Store.Replays.Advance(ctx, in.TenantID, in.ReplayID, workflowID(ctx))
	return step, true, err
}

// replayLater says how far a replay is whose tenant has its share of the runs, and when it is to ask again.
func (a *Activities) replayLater(ctx context.Context, in durable.ReplayInput) (durable.ReplayResult, error) {
	r, err := a.Store.Replays.Read(ctx, in.TenantID, in.ReplayID)
	if postgres.IsNotFound(err) {
		return durable.ReplayResult{Status: webhook.ReplayCancelled}, nil
	}
	if err != nil {
		return durable.ReplayResult{}, a.forTemporal(ctx, err)
	}
	result := replayResult(r)
	if next := time.Now().Add(turnAgain()); result.NextLook != nil && result.NextLook.Before(next) {
		result.NextLook = &next
	}
	return result, nil
}

func replayResult(r webhook.Replay) durable.ReplayResult {
	return durable.ReplayResult{
		SubscriptionID: r.SubscriptionID, Status: r.State, Reached: r.Reached().UTC(), Progress: r.Progress(),
		Queued: r.Queued, Missing: r.Missing, NextLook: r.NextLookAt,
	}
}

// AbandonReplay notes that a replay ends because its workflow was cancelled.
func (a *Activities) AbandonReplay(ctx context.Context, in durable.ReplayInput) error {
	return a.forTemporal(ctx, a.Store.Replays.Abandon(ctx, in.TenantID, in.ReplayID))
}
