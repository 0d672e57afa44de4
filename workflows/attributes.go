// Package workflows has Temporal's part of Atender: time and retries. The workflows are thin: they ask activities what is
// due, and carry ids, states and times, nothing personal. They must stay deterministic, and every change of the sequence
// of their commands needs workflow.GetVersion: recorded histories in tests/histories are replayed against them.
package workflows

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// The search attributes by which an operator finds workflows. The worker registers them when it starts.
var (
	AttributeTenant       = temporal.NewSearchAttributeKeyKeyword(durable.AttributeTenant)
	AttributeConversation = temporal.NewSearchAttributeKeyKeyword(durable.AttributeConversation)
	AttributeNumber       = temporal.NewSearchAttributeKeyInt64(durable.AttributeNumber)
	AttributeStatus       = temporal.NewSearchAttributeKeyKeyword(durable.AttributeStatus)
	AttributeSLAState     = temporal.NewSearchAttributeKeyKeyword(durable.AttributeSLAState)
	AttributeNextDue      = temporal.NewSearchAttributeKeyTime(durable.AttributeNextDue)
	AttributeWebhook      = temporal.NewSearchAttributeKeyKeyword(durable.AttributeWebhook)
)

// AttributeTypes are the search attributes by name, with their types as Temporal registers them.
func AttributeTypes() map[string]enums.IndexedValueType {
	types := map[string]enums.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{
		AttributeTenant, AttributeConversation, AttributeNumber, AttributeStatus, AttributeSLAState, AttributeNextDue,
		AttributeWebhook,
	} {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}

// maxHistory is the default length of history at which a workflow continues as new, before Temporal suggests it: a
// short history is quick to replay when the worker's cache has lost it.
const maxHistory = 2_000

func mustContinue(ctx workflow.Context, limit int) bool {
	if limit <= 0 {
		limit = maxHistory
	}
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > limit
}

// alarm is a workflow's one timer.
type alarm struct {
	at     time.Time // zero when none runs
	what   string    // its summary
	timer  workflow.Future
	cancel workflow.CancelFunc
}

// arm sets the alarm; its summary is what is due, and when. One that moves later is left to fire at the old time: the workflow
// wakes, finds nothing due and arms anew, which is cheaper than cancelling when a time moves often.
func (a *alarm) arm(ctx workflow.Context, due *time.Time, summary string) {
	if a.timer != nil && (due == nil || due.Before(a.at)) {
		a.cancel()
		a.timer = nil
	}
	if due == nil || a.timer != nil {
		return
	}
	var timerCtx workflow.Context
	timerCtx, a.cancel = workflow.WithCancel(ctx)
	a.at, a.what = *due, summary+" "+due.UTC().Format(second)
	// Not less than a little while: were the clock of the database behind that of Temporal, the timer would otherwise fire
	// again and again until they agree.
	wait := max(due.Sub(workflow.Now(ctx)), 50*time.Millisecond)
	a.timer = workflow.NewTimerWithOptions(timerCtx, wait, workflow.TimerOptions{Summary: a.what})
}

// wait blocks until the alarm fires or the channel has a signal, which it takes; or one of the others does what it waits
// for. It returns what the alarm was for, if it was the alarm; "" else.
func (a *alarm) wait(
	ctx workflow.Context, signals workflow.ReceiveChannel, others ...func(workflow.Selector),
) (fired string) {
	s := workflow.NewSelector(ctx)
	for _, add := range others {
		add(s)
	}
	s.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	if a.timer != nil {
		s.AddFuture(a.timer, func(workflow.Future) { a.timer, fired = nil, a.what })
	}
	s.Select(ctx)
	return fired
}

// drain takes all signals that are there.
func drain(signals workflow.ReceiveChannel) {
	for signals.ReceiveAsync(nil) {
		continue
	}
}

// goesOn is what the details of a workflow say whose id is not the current one any more.
func goesOn(movedTo string) string {
	return "Ended, because this goes on under another id: " + movedTo
}

// How times are shown to operators, in UTC.
const (
	minute = "2006-01-02 15:04Z"
	second = "2006-01-02 15:04:05Z"
)
