package outbox

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/models/durable"
)

// Kind says what an outbox row tells Temporal (outbox.kind). What a kind is is said in kinds, and nowhere else.
type Kind string

// The kinds.
const (
	Conversation Kind = "conversation" // time goes on in a conversation
	Retry        Kind = "retry"        // a subscription has retries to be made
	DockAction   Kind = "dock_action"  // a conversation has an action of a dock to be carried out
	Recompute    Kind = "recompute"    // a tenant's time configuration was edited
	Replay       Kind = "replay"       // a replay was made or cancelled
)

// registration is what a kind means: how urgent its rows are, and which signal they send to which workflow.
type registration struct {
	// priority orders a tenant's rows, the lower first: an agent who is waiting, then an endpoint that fails, before
	// conversations, of which a flood may be waiting; a sweep over all of them last.
	priority int
	// separate: each row is told by itself. Rows of other kinds for one workflow are told together, by the newest.
	separate  bool
	workflow  string
	id        func(Row) string
	summary   string // of a workflow that is started, for the operator
	attribute string // search attribute of the target; "" for none besides the tenant's
	signal    string
	payload   func(Row) any // of the signal; nil for none
	input     func(Row) any // of a workflow that is started
}

// kinds is the registry: a new kind is a constant and an entry here.
var kinds = map[Kind]registration{
	DockAction: {
		priority: 0, separate: true,
		workflow: durable.ConversationWorkflow, id: conversationID, summary: conversationSummary,
		attribute: durable.AttributeConversation, signal: durable.SignalDockAction,
		payload: func(r Row) any { return durable.DockActionSignal{ActionID: actionOf(r)} },
		input:   conversationInput,
	},
	Retry: {
		priority: 1,
		workflow: durable.RetryWorkflow,
		id:       func(r Row) string { return durable.RetryID(r.TenantID, r.TargetID) },
		summary:  "Failing webhook: its further attempts", attribute: durable.AttributeWebhook,
		signal: durable.SignalRetriesOwed,
		input:  func(r Row) any { return durable.RetryInput{TenantID: r.TenantID, SubscriptionID: r.TargetID} },
	},
	Replay: {
		priority: 1, // few, and people wait for them
		workflow: durable.ReplayWorkflow,
		id:       func(r Row) string { return durable.ReplayID(r.TenantID, r.TargetID) },
		summary:  "Past events, once more to a webhook",
		signal:   durable.SignalReplayChanged,
		input:    func(r Row) any { return durable.ReplayInput{TenantID: r.TenantID, ReplayID: r.TargetID} },
	},
	Conversation: {
		priority: conversationPriority,
		workflow: durable.ConversationWorkflow, id: conversationID, summary: conversationSummary,
		attribute: durable.AttributeConversation, signal: durable.SignalConversationChanged,
		input: conversationInput,
	},
	Recompute: {
		priority: 3,
		workflow: durable.RecomputeWorkflow,
		id:       func(r Row) string { return durable.RecomputeID(r.TenantID) },
		summary:  "Clocks of a tenant, brought up to edited policies and hours",
		signal:   durable.SignalTimeRulesChanged,
		input:    func(r Row) any { return durable.RecomputeInput{TenantID: r.TenantID} },
	},
}

// conversationPriority is where what is urgent ends: see Urgency.
const conversationPriority = 2

const conversationSummary = "Time of one conversation: snoozes, SLA, archiving; what docks ask for"

func conversationID(r Row) string { return durable.ConversationID(r.TenantID, r.TargetID) }

func conversationInput(r Row) any {
	return durable.ConversationInput{TenantID: r.TenantID, ConversationID: r.TargetID}
}

// actionOf is the action that the row tells of; the zero UUID, of which there is no action, in a row that has lost it.
func actionOf(r Row) uuid.UUID {
	if r.DockActionID == nil {
		return uuid.Nil
	}
	return *r.DockActionID
}

// Message is what Temporal is told because of a row: a signal to a workflow, which is started if it does not run.
type Message struct {
	Workflow   string
	WorkflowID string
	Summary    string
	Input      any
	Signal     string
	Payload    any    // nil for none
	Attribute  string // the search attribute that has the row's target; "" for none
}

// Message is what the row tells Temporal; false for a kind that is not in the registry: of a newer version, or damaged.
func (r Row) Message() (Message, bool) {
	k, known := kinds[r.Kind]
	if !known {
		return Message{}, false
	}
	m := Message{
		Workflow: k.workflow, WorkflowID: k.id(r), Summary: k.summary, Input: k.input(r), Signal: k.signal,
		Attribute: k.attribute,
	}
	if k.payload != nil {
		m.Payload = k.payload(r)
	}
	return m, true
}

// registered is what the registry says of a kind that this program adds rows of.
func registered(kind Kind) registration {
	k, known := kinds[kind]
	if !known {
		panic("outbox: kind " + string(kind) + " has no entry in kinds")
	}
	return k
}

// separateKinds is the list, for SQL, of the kinds whose rows are told one by one.
var separateKinds = func() string {
	var list []string
	for kind, k := range kinds {
		if k.separate {
			list = append(list, quoted(kind))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}()

// quoted is the kind as a literal of SQL: kinds are constants of this package.
func quoted(kind Kind) string { return "'" + string(kind) + "'" }
