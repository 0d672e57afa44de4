// Package durable has what the relay, the workflows and the activities agree on: the names under which Temporal knows
// them, the ids of workflows, and the shapes that travel. Names and shapes are part of recorded histories: a field may
// be added, never changed or removed. Nothing personal travels: ids, states and times only.
package durable

import (
	"time"

	"github.com/google/uuid"
)

// Workflow types, as Temporal UI shows them.
const (
	ConversationWorkflow = "Conversation"
	DispatchWorkflow     = "WebhookDispatch"
	RetryWorkflow        = "WebhookRetry"
	RecomputeWorkflow    = "RecomputeClocks"
	ReplayWorkflow       = "WebhookReplay"
)

// Signals.
const (
	SignalConversationChanged = "conversation-changed" // P3.1; no payload: the row says what is due
	SignalRetriesOwed         = "retries-owed"         // P4.3; no payload
	SignalDockAction          = "dock-action"          // P8.2; a DockActionSignal
	SignalTimeRulesChanged    = "time-rules-changed"   // P3.7; no payload
	SignalReplayChanged       = "replay-changed"       // P4.9; no payload: the row says whether it still runs
)

// Search attributes, by which an operator finds workflows.
const (
	AttributeTenant       = "AtenderTenant"
	AttributeConversation = "AtenderConversation"
	AttributeNumber       = "AtenderNumber"
	AttributeStatus       = "AtenderStatus"
	AttributeSLAState     = "AtenderSlaState"
	AttributeNextDue      = "AtenderNextDue"
	AttributeWebhook      = "AtenderWebhook"
)

// Activity types.
const (
	TickActivity       = "TickConversation"
	DockActionActivity = "ApplyDockAction"
	DispatchActivity   = "DispatchDeliveries"
	RetryActivity      = "RetryDeliveries"
	RecomputeActivity  = "RecomputeClocks"
	ReplayActivity     = "ReplayDeliveries"
	AbandonActivity    = "AbandonReplay"
)

// DeliveriesQueue is the task queue of the activities that send webhooks, for a given queue of workflows: endpoints that
// are slow must not take the slots of what is quick.
func DeliveriesQueue(queue string) string { return queue + "-deliveries" }

// RecomputeInput names the tenant whose time configuration was edited.
type RecomputeInput struct {
	TenantID uuid.UUID `json:"tenantId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int  `json:"maxHistory,omitempty"`
	Reports    bool `json:"reports,omitempty"` // see ConversationInput
	// Visited is how many conversations earlier runs have visited.
	Visited int `json:"visited,omitempty"`
}

// RecomputeResult says how far a recompute is.
type RecomputeResult struct {
	Visited int   `json:"visited"`
	Left    int64 `json:"left"`
}

// RecomputeOutcome is what came of a recompute: the result of its workflow.
type RecomputeOutcome struct {
	Visited int `json:"visited"` // conversations that were brought up to the policies and hours in force
}

// ConversationInput starts a conversation's workflow, and starts it again when it continues as new.
type ConversationInput struct {
	TenantID       uuid.UUID `json:"tenantId"`
	ConversationID uuid.UUID `json:"conversationId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int `json:"maxHistory,omitempty"`
	// DockActions is how many actions of docks earlier runs have carried out, for people who look at the workflow.
	DockActions int `json:"dockActions,omitempty"`
	// Reports: the run ends with a result that has figures. Runs that an earlier version began have none, and end without:
	// what a workflow returns is part of its history, as its commands are.
	Reports bool `json:"reports,omitempty"`
	// Done is what earlier runs have seen time do; only with Reports.
	Done *Done `json:"done,omitempty"`
}

// Done counts what time did in a conversation, and has the last few things that happened to it, for people.
type Done struct {
	Wakes    int      `json:"wakes"`
	Warnings int      `json:"warnings"`
	Breaches int      `json:"breaches"`
	Story    []string `json:"story,omitempty"` // the newest last
}

// ConversationOutcome is what came of a conversation's workflow: its result.
type ConversationOutcome struct {
	Status      string `json:"status"`
	Wakes       int    `json:"wakes"`    // snoozes that ended in their time
	Warnings    int    `json:"warnings"` // of SLA clocks
	Breaches    int    `json:"breaches"`
	DockActions int    `json:"dockActions"` // that were applied
	// MovedTo is the id of the workflow that goes on with the conversation, because this one's is not its id any more (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}

// DockActionSignal names an action of a dock that waits to be carried out.
type DockActionSignal struct {
	ActionID uuid.UUID `json:"actionId"`
}

// DockActionInput asks to carry out an action of a dock.
type DockActionInput struct {
	TenantID uuid.UUID `json:"tenantId"`
	ActionID uuid.UUID `json:"actionId"`
}

// DockActionResult says what became of an action: applied, rejected, expired; empty when there is no such action.
type DockActionResult struct {
	Action string    `json:"action,omitempty"` // such as addTag, for people who read the history
	State  string    `json:"state"`
	DockID uuid.UUID `json:"dockId,omitzero"` // for people, too
}

// TickInput asks for what is due in a conversation.
type TickInput struct {
	TenantID       uuid.UUID `json:"tenantId"`
	ConversationID uuid.UUID `json:"conversationId"`
}

// TickResult says how the conversation is after a tick.
type TickResult struct {
	Status  string     `json:"status"`
	NextDue *time.Time `json:"nextDue,omitempty"`
	MayEnd  bool       `json:"mayEnd"`
	// SLAState is the worst state of the conversation's SLA clocks, empty without any.
	SLAState string `json:"slaState,omitempty"`
	// For people who read the history: what NextDue is of, such as "snooze ends", the clocks that run, and what this tick did.
	Next         string     `json:"next,omitempty"`
	SnoozedUntil *time.Time `json:"snoozedUntil,omitempty"`
	Clocks       []Clock    `json:"clocks,omitempty"`
	Fired        []Fired    `json:"fired,omitempty"`
	// MovedTo is the id of the conversation's workflow, if it is not that of the one that asked, which is to end (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}

// Clock is an SLA clock that runs.
type Clock struct {
	Metric   string     `json:"metric"`
	State    string     `json:"state"`
	BreachAt *time.Time `json:"breachAt,omitempty"` // when it is to be met, at the latest; nil: its hours do not come again
}

// Fired is one thing that time did in a conversation.
type Fired struct {
	What   string    `json:"what"` // wake, warning, breach or archive
	Metric string    `json:"metric,omitempty"`
	State  string    `json:"state,omitempty"` // that a tripwire brought
	DueAt  time.Time `json:"dueAt"`
}

// DispatchInput names the range of shards that a dispatcher serves.
type DispatchInput struct {
	Dispatcher int `json:"dispatcher"`
	FromShard  int `json:"fromShard"`
	ToShard    int `json:"toShard"` // not included
	// Runs is how many activities run before the workflow continues as new; 0 for the default.
	Runs int `json:"runs,omitempty"`
}

// DispatchResult says what one run of a dispatcher did.
type DispatchResult struct {
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
}

// RetryInput names the subscription of a retry workflow.
type RetryInput struct {
	TenantID       uuid.UUID `json:"tenantId"`
	SubscriptionID uuid.UUID `json:"subscriptionId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int  `json:"maxHistory,omitempty"`
	Reports    bool `json:"reports,omitempty"` // see ConversationInput
	// Done is what came of earlier runs; only with Reports.
	Done *RetryOutcome `json:"done,omitempty"`
}

// RetryOutcome is what came of a subscription's further attempts: the result of their workflow.
type RetryOutcome struct {
	Since     time.Time `json:"since"`     // when the trouble began
	Made      int64     `json:"made"`      // attempts, probes included
	Delivered int64     `json:"delivered"` // of them those that the endpoint took
	// MovedTo is the id of the workflow that goes on, because this one's is not the subscription's any more (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}

// RetryResult says how a subscription is after its due retries were made.
type RetryResult struct {
	Owed     int        `json:"owed"`
	NextDue  *time.Time `json:"nextDue,omitempty"`
	Made     int64      `json:"made"` // attempts in this run
	Failures []Failure  `json:"failures,omitempty"`
	// CircuitOpenedAt is set while the endpoint is left alone but for probes; NextDue is the next probe then.
	CircuitOpenedAt *time.Time `json:"circuitOpenedAt,omitempty"`
	Probes          int        `json:"probes,omitempty"`
	// For people: of Made those that were delivered, and since when the endpoint has been failing without a success.
	Delivered    int64      `json:"delivered,omitempty"`
	FailingSince *time.Time `json:"failingSince,omitempty"`
	// MovedTo is the id of the subscription's workflow, if it is not that of the one that asked, which is to end (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}

// Failure is one failed attempt in words an operator reads.
type Failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// ReplayInput names the replay of a workflow.
type ReplayInput struct {
	TenantID uuid.UUID `json:"tenantId"`
	ReplayID uuid.UUID `json:"replayId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int  `json:"maxHistory,omitempty"`
	Reports    bool `json:"reports,omitempty"` // see ConversationInput
}

// ReplayOutcome is what came of a replay: the result of its workflow.
type ReplayOutcome struct {
	Status  string    `json:"status"`
	Reached time.Time `json:"reached"` // it has looked at what happened before
	Queued  int64     `json:"queued"`  // deliveries that it put on their way
	Missing int64     `json:"missing"` // failed deliveries whose event is gone
	// MovedTo is the id of the workflow that goes on, because this one's is not the replay's any more (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}

// ReplayResult says how far a replay has come.
type ReplayResult struct {
	SubscriptionID uuid.UUID  `json:"subscriptionId"`
	Status         string     `json:"status"`
	Reached        time.Time  `json:"reached"`  // it has looked at what happened before
	Progress       float64    `json:"progress"` // 0 to 1
	Queued         int64      `json:"queued"`
	Missing        int64      `json:"missing,omitempty"`
	NextLook       *time.Time `json:"nextLook,omitempty"` // when to go on; nil when it has ended
	// MovedTo is the id of the replay's workflow, if it is not that of the one that asked, which is to end (P12.3).
	MovedTo string `json:"movedTo,omitempty"`
}
