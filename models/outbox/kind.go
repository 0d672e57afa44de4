package outbox

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/postgres"
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
	separate bool
	workflow string
	id       func(Row) string
	summary  func(Row) string // of a workflow that is started, for the operator: one line, at most 200 bytes
	signal   string
	payload  func(Row) any // of the signal; nil for none
	input    func(Row) any // of a workflow that is started
}

// kinds is the registry: a new kind is a constant and an entry here.
var kinds = map[Kind]registration{
	DockAction: {
		priority: 0, separate: true,
		workflow: durable.ConversationWorkflow, id: Row.conversationID, summary: Row.conversationSummary,
		signal:  durable.SignalDockAction,
		payload: func(r Row) any { return durable.DockActionSignal{ActionID: actionOf(r)} },
		input:   Row.conversationInput,
	},
	Retry: {
		priority: 1,
		workflow: durable.RetryWorkflow,
		id:       func(r Row) string { return durable.RetryID(r.tenant(), r.endpoint()) },
		summary:  func(r Row) string { return "Failing webhook" + at(r.endpoint()) + ": its further attempts" },
		signal:   durable.SignalRetriesOwed,
		input: func(r Row) any {
			return durable.RetryInput{TenantID: r.TenantID, SubscriptionID: r.TargetID, Reports: true}
		},
	},
	Replay: {
		priority: 1, // few, and people wait for them
		workflow: durable.ReplayWorkflow,
		id:       func(r Row) string { return durable.ReplayID(r.tenant(), r.endpoint(), r.TargetID) },
		summary:  func(r Row) string { return "Replay: past events, once more to a webhook" + at(r.endpoint()) },
		signal:   durable.SignalReplayChanged,
		input:    func(r Row) any { return durable.ReplayInput{TenantID: r.TenantID, ReplayID: r.TargetID, Reports: true} },
	},
	Conversation: {
		priority: conversationPriority,
		workflow: durable.ConversationWorkflow, id: Row.conversationID, summary: Row.conversationSummary,
		signal: durable.SignalConversationChanged,
		input:  Row.conversationInput,
	},
	Recompute: {
		priority: 3,
		workflow: durable.RecomputeWorkflow,
		id:       func(r Row) string { return durable.RecomputeID(r.tenant()) },
		summary: func(r Row) string {
			return "Clocks of " + r.tenant().String() + ", brought up to edited policies and hours"
		},
		signal: durable.SignalTimeRulesChanged,
		input:  func(r Row) any { return durable.RecomputeInput{TenantID: r.TenantID, Reports: true} },
	},
}

// conversationPriority is where what is urgent ends: see Urgency.
const conversationPriority = 2

func (r Row) tenant() durable.Tenant {
	return durable.Tenant{ID: r.TenantID, Slug: postgres.Deref(r.TenantSlug)}
}

// endpoint is that of the subscription that the row is about.
func (r Row) endpoint() durable.Endpoint {
	e := durable.Endpoint{ID: r.TargetID, URL: postgres.Deref(r.URL)}
	if r.SubscriptionID != nil {
		e.ID = *r.SubscriptionID
	}
	return e
}

func (r Row) conversationID() string {
	return durable.ConversationID(r.tenant(), r.TargetID, postgres.Deref(r.Number))
}

func (r Row) conversationSummary() string {
	return "Conversation " + strconv.FormatInt(postgres.Deref(r.Number), 10) + " of " + r.tenant().String() +
		": snoozes, SLA, archiving; what docks ask for"
}

func (r Row) conversationInput() any {
	return durable.ConversationInput{TenantID: r.TenantID, ConversationID: r.TargetID, Reports: true}
}

// at names the host of an endpoint in a sentence, if it is known.
func at(e durable.Endpoint) string {
	if e.Host() == "" {
		return ""
	}
	return " at " + e.Host()
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
	// Former: the id is one that the workflow had before. One that runs under it is told, and none is started (P12.3).
	Former  bool
	Summary string
	Input   any
	Signal  string
	Payload any // nil for none
	// Search attributes of a workflow that is started: the tenant, and what it is about where that is known.
	Tenant         string
	ConversationID *uuid.UUID
	Number         *int64
	WebhookID      *uuid.UUID
}

// Message is what the row tells Temporal; false for a kind that is not in the registry: of a newer version, or damaged.
func (r Row) Message() (Message, bool) {
	k, known := kinds[r.Kind]
	if !known {
		return Message{}, false
	}
	m := Message{
		Workflow: k.workflow, WorkflowID: k.id(r), Summary: k.summary(r), Input: k.input(r), Signal: k.signal,
		Tenant: r.tenant().String(), Number: r.Number, WebhookID: r.SubscriptionID,
	}
	if r.FormerID != nil {
		m.WorkflowID, m.Former = *r.FormerID, true
	}
	if k.workflow == durable.ConversationWorkflow {
		m.ConversationID = &r.TargetID
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
