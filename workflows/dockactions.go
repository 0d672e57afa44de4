package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// dockActions are the actions of docks that a conversation's workflow was told of and has not carried out (P8.2).
type dockActions struct {
	signals workflow.ReceiveChannel
	next    []uuid.UUID
}

// receive adds the next signal to what a selector waits for. Unlike a poke it must not get lost: it says which action.
func (d *dockActions) receive(s workflow.Selector) {
	s.AddReceive(d.signals, func(workflow.ReceiveChannel, bool) { d.drain() })
}

func (d *dockActions) drain() {
	var signal durable.DockActionSignal
	for d.signals.ReceiveAsync(&signal) {
		d.next = append(d.next, signal.ActionID) // perhaps a second time: the activity finds it decided
	}
}

func (d *dockActions) waiting() bool {
	d.drain()
	return len(d.next) > 0
}

// carryOut carries out what there is, one by one, and returns how many it was. That the order is that of arrival, also
// when signals overtake each other, the activity sees to.
func (d *dockActions) carryOut(ctx workflow.Context, tenant uuid.UUID) int {
	n := 0
	for d.waiting() {
		id := d.next[0]
		d.next = d.next[1:]
		if result, err := apply(ctx, durable.DockActionInput{TenantID: tenant, ActionID: id}); err != nil {
			workflow.GetLogger(ctx).Warn("dock action left to the guard", "action", id, "error", err)
		} else if result.State == "applied" {
			n++
		}
	}
	return n
}

// apply is an activity, tried as the tick is. What does not succeed within a minute is the guard's, and neither the next
// actions nor the conversation's time wait for it.
func apply(ctx workflow.Context, in durable.DockActionInput) (result durable.DockActionResult, err error) {
	quick := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    2 * time.Second,
		ScheduleToCloseTimeout: 3 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 2},
		Summary:                "what a dock asked for",
	})
	if err = workflow.ExecuteLocalActivity(quick, durable.DockActionActivity, in).Get(ctx, &result); err == nil {
		return result, nil
	}
	patient := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    10 * time.Second,
		},
		Summary: "what a dock asked for (the database did not answer at once)",
	})
	err = workflow.ExecuteActivity(patient, durable.DockActionActivity, in).Get(ctx, &result)
	return result, err
}
