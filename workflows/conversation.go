package workflows

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// Conversation keeps a conversation's time: snoozes end, SLA clocks pass their tripwires and what is done is archived when
// they should. One runs for every conversation until nothing can become due any more, and is started again when it reopens.
// It never decides from memory what is due: it asks the tick, which decides from the row; so a late, repeated or lost timer
// can delay, never corrupt (P3).
//
// It also carries out what docks ask for, in the order of arrival (P8).
func Conversation(ctx workflow.Context, in durable.ConversationInput) (*durable.ConversationOutcome, error) {
	c := conversation{
		in:      in,
		story:   newStory(in.Done),
		changed: workflow.GetSignalChannel(ctx, durable.SignalConversationChanged),
		actions: dockActions{signals: workflow.GetSignalChannel(ctx, durable.SignalDockAction)},
	}
	return c.run(ctx)
}

type conversation struct {
	in      durable.ConversationInput
	changed workflow.ReceiveChannel
	actions dockActions
	alarm   alarm
	story   story
}

func (c *conversation) run(ctx workflow.Context) (*durable.ConversationOutcome, error) {
	fired := "" // what the timer was for by which it was woken
	for {
		drain(c.changed) // before arming: a timer that is replaced in the same breath costs two events
		c.in.DockActions += c.actions.carryOut(ctx, c.in.TenantID, &c.story)
		state, err := c.tick(ctx, fired)
		if err != nil {
			return nil, err
		}
		c.story.tick(ctx, state)
		if err := c.publish(ctx, state); err != nil {
			return nil, err
		}
		if fired = ""; c.changed.Len() > 0 || c.actions.waiting() {
			continue
		}
		if state.MayEnd {
			return c.outcome(state), nil
		}
		if mustContinue(ctx, c.in.MaxHistory) {
			if c.in.Reports {
				c.in.Done = &c.story.done
			}
			return nil, workflow.NewContinueAsNewError(ctx, durable.ConversationWorkflow, c.in)
		}
		c.alarm.arm(ctx, state.NextDue, cmp.Or(state.Next, "due"))
		fired = c.alarm.wait(ctx, c.changed, c.actions.receive)
	}
}

// outcome is the result of the workflow; nil for runs that were begun without one.
func (c *conversation) outcome(state durable.TickResult) *durable.ConversationOutcome {
	if !c.in.Reports {
		return nil
	}
	done := c.story.done
	return &durable.ConversationOutcome{
		Status: state.Status, Wakes: done.Wakes, Warnings: done.Warnings, Breaches: done.Breaches,
		DockActions: c.in.DockActions, MovedTo: state.MovedTo,
	}
}

// tick applies what is due and says what is next.
func (c *conversation) tick(ctx workflow.Context, fired string) (durable.TickResult, error) {
	in := durable.TickInput{TenantID: c.in.TenantID, ConversationID: c.in.ConversationID}
	why := "told of a change: "
	switch {
	case fired != "":
		why = "timer fired, " + fired + ": "
	case c.story.status == "":
		why = "begins: "
	}
	return promptly[durable.TickResult](ctx, durable.TickActivity, in, why+"apply what is due, find what is next", 0)
}

// promptly carries out a short activity. It is tried first within the workflow task, which costs Temporal a third of a
// proper activity; if the database does not answer, as an activity that an operator sees waiting, for at most the given
// time, 0 for as long as it takes.
func promptly[T any](ctx workflow.Context, activity string, in any, summary string, within time.Duration) (result T, err error) {
	quick := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    2 * time.Second,
		ScheduleToCloseTimeout: 3 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 2},
		Summary:                summary,
	})
	if err = workflow.ExecuteLocalActivity(quick, activity, in).Get(ctx, &result); err == nil {
		return result, nil
	}
	patient := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: within,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    30 * time.Second,
		},
		Summary: summary + " (the database did not answer at once)",
	})
	err = workflow.ExecuteActivity(patient, activity, in).Get(ctx, &result)
	return result, err
}

// publish shows the state where an operator looks: search attributes if they changed, which costs an event, and the
// current details, which cost nothing.
func (c *conversation) publish(ctx workflow.Context, state durable.TickResult) error {
	have := workflow.GetTypedSearchAttributes(ctx)
	var updates []temporal.SearchAttributeUpdate
	if status, _ := have.GetKeyword(AttributeStatus); status != state.Status {
		updates = append(updates, AttributeStatus.ValueSet(state.Status))
	}
	switch sla, shown := have.GetKeyword(AttributeSLAState); {
	case state.SLAState == "" && shown:
		updates = append(updates, AttributeSLAState.ValueUnset())
	case state.SLAState != sla:
		updates = append(updates, AttributeSLAState.ValueSet(state.SLAState))
	}
	switch due, shown := have.GetTime(AttributeNextDue); {
	case state.NextDue == nil && shown:
		updates = append(updates, AttributeNextDue.ValueUnset())
	case state.NextDue != nil && (!shown || !due.Equal(*state.NextDue)):
		updates = append(updates, AttributeNextDue.ValueSet(state.NextDue.UTC()))
	}
	workflow.SetCurrentDetails(ctx, c.details(ctx, state))
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details are a sentence that says how the conversation is, and what happened in it lately.
func (c *conversation) details(ctx workflow.Context, state durable.TickResult) string {
	if state.MovedTo != "" {
		return goesOn(state.MovedTo)
	}
	what := map[string]string{"active": "Active", "snoozed": "Snoozed", "done": "Done", "archived": "Archived"}[state.Status]
	until := state.SnoozedUntil
	if until == nil && state.Status == "snoozed" { // an older worker's answer
		until = state.NextDue
	}
	if until != nil {
		what += " until " + until.UTC().Format(second)
	}
	switch {
	case state.NextDue == nil && !state.MayEnd:
		what += "; nothing due"
	case state.NextDue == nil || until != nil && until.Equal(*state.NextDue):
	default:
		what += "; next: " + cmp.Or(state.Next, "due") + " " + state.NextDue.UTC().Format(second)
	}
	if len(state.Clocks) == 0 && state.SLAState != "" {
		what += "; SLA " + spaced(state.SLAState)
	}
	for _, clock := range state.Clocks {
		what += "; SLA " + clock.Metric + " " + spaced(clock.State)
		switch {
		case clock.BreachAt == nil:
		case clock.State == "breached":
			what += " since " + clock.BreachAt.UTC().Format(second)
		default:
			what += ", breaches " + clock.BreachAt.UTC().Format(second)
		}
	}
	switch n := c.in.DockActions; n {
	case 0:
	case 1:
		what += "; 1 dock action applied"
	default:
		what += fmt.Sprintf("; %d dock actions applied", n)
	}
	return fmt.Sprintf("%s; as of %s%s", what, workflow.Now(ctx).UTC().Format(second), c.story.text())
}

func spaced(state string) string { return strings.ReplaceAll(state, "_", " ") }
