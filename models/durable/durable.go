// Package durable has what the relay, the workflows and the activities agree on: the names under which Temporal knows
// them, the ids of workflows, and the shapes that travel. Names and shapes are part of recorded histories: a field may
// be added, never changed or removed. Nothing personal travels: ids, states and times only.
package durable

import (
	"fmt"
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

// ConversationID is the id of a conversation's workflow.
func ConversationID(tenant, conversation uuid.UUID) string {
	return "conversation/" + tenant.String() + "/" + conversation.String()
}

// DispatchID is the id of a dispatch workflow.
func DispatchID(dispatcher int) string { return fmt.Sprintf("webhook-dispatch/%d", dispatcher) }

// RetryID is the id of a subscription's retry workflow.
func RetryID(tenant, subscription uuid.UUID) string {
	return "webhook/" + tenant.String() + "/" + subscription.String()
}

// RecomputeID is the id of the workflow that brings a tenant's clocks up to edited rules.
func RecomputeID(tenant uuid.UUID) string { return "recompute/" + tenant.String() }

// RecomputeInput names the tenant whose time configuration was edited.
type RecomputeInput struct {
	TenantID uuid.UUID `json:"tenantId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int `json:"maxHistory,omitempty"`
}

// RecomputeResult says how far a recompute is.
type RecomputeResult struct {
	Visited int   `json:"visited"`
	Left    int64 `json:"left"`
}

// ReplayID is the id of a replay's workflow.
func ReplayID(tenant, replay uuid.UUID) string {
	return "webhook-replay/" + tenant.String() + "/" + replay.String()
}

// ConversationInput starts a conversation's workflow, and starts it again when it continues as new.
type ConversationInput struct {
	TenantID       uuid.UUID `json:"tenantId"`
	ConversationID uuid.UUID `json:"conversationId"`
	// MaxHistory is the length of history after which the workflow continues as new; 0 for the default.
	MaxHistory int `json:"maxHistory,omitempty"`
	// DockActions is how many actions of docks earlier runs have carried out, for people who look at the workflow.
	DockActions int `json:"dockActions,omitempty"`
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
	Action string `json:"action,omitempty"` // such as addTag, for people who read the history
	State  string `json:"state"`
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
	MaxHistory int `json:"maxHistory,omitempty"`
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
	MaxHistory int `json:"maxHistory,omitempty"`
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
}
