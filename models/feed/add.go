package feed

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
)

// NewEvent is one event of a transaction, rendered.
type NewEvent struct {
	ID             uuid.UUID
	TenantID       uuid.UUID
	Type           lifecycle.EventType
	ConversationID *uuid.UUID // nil for events about a contact
	ContactID      *uuid.UUID
	Version        *int64 // of the conversation after the transaction; nil for events about a contact
	Place          int    // among the events of its version, from 1
	Payload        string
	Traceparent    string `gorm:"default:null"` // of what caused it, where that is traced
}

// Added is what a statement knows of the events that Add added to it: expressions of SQL for who goes on with them.
type Added struct {
	// Rows is the common table expression of the events: the columns of NewEvent, and ord, which is an event's place from 1.
	Rows string
	At   string
}

// Add adds the events of a transaction, those of each conversation in their order (P1.5), to a statement, as common table
// expressions (P1.6). After the commit TopicEvents is to be woken: the sequencer gives them their positions.
func Add(st *postgres.Statement, at time.Time, events []NewEvent) Added {
	a := Added{Rows: "new_event", At: st.Arg(at) + `::timestamptz`}
	st.With(a.Rows, `SELECT * FROM `+postgres.Rows(st, events))
	st.With("event", `INSERT INTO events (id, tenant_id, type, conversation_id, contact_id, version, payload, created_at, traceparent)
		SELECT id, tenant_id, type, conversation_id, contact_id, version, payload, `+a.At+`, traceparent FROM `+a.Rows)
	return a
}

// SeqPerVersion leaves room for the events of one transaction in what orders the events of a conversation (Seq).
const SeqPerVersion = 4096

// Seq is the expression that orders the events of a conversation, and of one transaction within it, given those of the
// version and of the event's place in the transaction.
func Seq(version, place string) string {
	return version + ` * ` + strconv.Itoa(SeqPerVersion) + ` + ` + place
}
