package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// dockActions are the actions of docks that a conversation's workflow was told of and has not carried out (P8.2).
type dockActions struct {
	signals workflow.ReceiveChannel
	next    []uuid.UUID
}

// receive adds the next signal to what a selector waits for. Unlike conversation-changed it must not get lost: it says
// which action.
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

// patience is how long an action is tried. What does not succeed within it is the sweeper's, and neither the next actions nor
// the conversation's time wait for it.
const patience = time.Minute

// carryOut carries out what there is, one by one, and returns how many it was. That the order is that of arrival, also
// when signals overtake each other, the activity sees to.
func (d *dockActions) carryOut(ctx workflow.Context, tenant uuid.UUID, story *story) int {
	n := 0
	for d.waiting() {
		id := d.next[0]
		d.next = d.next[1:]
		in := durable.DockActionInput{TenantID: tenant, ActionID: id}
		result, err := promptly[durable.DockActionResult](ctx, durable.DockActionActivity, in,
			"carry out what a dock asked for, action "+id.String(), patience)
		if err != nil {
			workflow.GetLogger(ctx).Warn("dock action left to the sweeper", "tenantId", tenant, "dockActionId", id, "error", err)
			continue
		}
		story.dockAction(ctx, result)
		if result.State == "applied" {
			n++
		}
	}
	return n
}
