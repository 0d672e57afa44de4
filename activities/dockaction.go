package activities

import (
	"context"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/postgres"
)

// ApplyDockAction carries out an action of a dock, and those of the same conversation that arrived before it (P8.3).
// Repeated, it finds them decided. An action that is not there has nothing to be done about it.
func (a *Activities) ApplyDockAction(ctx context.Context, in durable.DockActionInput) (durable.DockActionResult, error) {
	action, decided, err := a.Store.Docks.ApplyAction(ctx, in.TenantID, in.ActionID)
	a.Metrics.CountDockActions("workflow", decided)
	if postgres.IsNotFound(err) {
		return durable.DockActionResult{}, nil
	}
	if err != nil {
		return durable.DockActionResult{}, a.forTemporal(ctx, err)
	}
	if len(decided) > 0 { // else the sweeper was quicker
		fault.At(fault.AfterActing)
	}
	return durable.DockActionResult{Action: action.Action, State: string(action.State), DockID: action.DockID}, nil
}
