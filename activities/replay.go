package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/durable"
)

const (
	// replayRun is how long one run of a replay lasts at most: its workflow then shows how far it has come.
	replayRun = time.Minute
	// replayWait is the pause before it looks again whether the webhook is through with what it owes.
	replayWait = 500 * time.Millisecond
)

// ReplayDeliveries puts past events on their way to a webhook, step by step (P4.9), and says how far it has come. It ends
// early when the replay has to wait longer, and when the worker stops. A replay that is not there has ended.
func (a *Activities) ReplayDeliveries(ctx context.Context, in durable.ReplayInput) (durable.ReplayResult, error) {
	defer beat(ctx)()
	end := time.After(replayRun)
	stop := activity.GetWorkerStopChannel(ctx)
	for {
		step, err := a.Store.AdvanceReplay(ctx, in.TenantID, in.ReplayID)
		if models.IsNotFound(err) {
			return durable.ReplayResult{Status: models.ReplayCancelled}, nil
		}
		if err != nil {
			return durable.ReplayResult{}, forTemporal(err)
		}
		result := replayResult(step.Replay)
		if result.NextLook == nil || result.NextLook.After(time.Now()) {
			return result, nil
		}
		wait := time.Duration(0)
		if step.Full {
			wait = replayWait
		}
		if !pause(ctx, wait, nil, nil, end, stop) {
			return result, ctx.Err()
		}
	}
}

func replayResult(r models.Replay) durable.ReplayResult {
	return durable.ReplayResult{
		SubscriptionID: r.SubscriptionID, Status: r.State, Reached: r.Reached().UTC(), Progress: r.Progress(),
		Queued: r.Queued, Missing: r.Missing, NextLook: r.NextLookAt,
	}
}

// AbandonReplay notes that a replay ends because its workflow was cancelled.
func (a *Activities) AbandonReplay(ctx context.Context, in durable.ReplayInput) error {
	return forTemporal(a.Store.AbandonReplay(ctx, in.TenantID, in.ReplayID))
}
