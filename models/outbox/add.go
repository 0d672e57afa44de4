package outbox

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/traced"
)

// Entry is a row that is to be added: what is to be told, and to whose workflow.
type Entry struct {
	Kind     Kind
	TenantID uuid.UUID
	TargetID uuid.UUID  // the conversation, subscription, replay or tenant that the workflow is about
	DueAt    *time.Time // when something is due there; of a tenant's rows of one priority what is due sooner goes first
	Status   *string    // of a conversation, for the search attributes that a new workflow starts with
	// DockActionID is the action that a DockAction tells of.
	DockActionID *uuid.UUID
	// FormerID is an id that the workflow had before: one that runs under it is told, and none is started (P12.3).
	FormerID *string
	// At is the time of the write that the row belongs to; the database's clock when zero.
	At time.Time
	// Traceparent is the span that the telling goes on from; AddNow takes the one of its context. "" where nothing is traced.
	Traceparent string
}

// Add adds an entry's row to a statement, as a common table expression. After the commit Topic is to be woken.
func Add(st *postgres.Statement, e Entry) {
	at := clock
	if !e.At.IsZero() {
		at = st.Arg(e.At) + `::timestamptz`
	}
	st.With("outbox_row", insert(e.Kind, columns{
		tenant: st.Arg(e.TenantID) + `::uuid`, target: st.Arg(e.TargetID) + `::uuid`, status: st.Arg(e.Status) + `::text`,
		action: st.Arg(e.DockActionID) + `::uuid`, former: st.Arg(e.FormerID) + `::text`,
		due: st.Arg(e.DueAt) + `::timestamptz`, at: at,
		trace: st.Arg(postgres.OrNull(e.Traceparent)) + `::text`,
	}))
}

// AddNow adds an entry's row in a statement of its own. After the commit Topic is to be woken.
func AddNow(tx *gorm.DB, e Entry) error {
	e.Traceparent = traced.Parent(tx.Statement.Context)
	var st postgres.Statement
	Add(&st, e)
	return postgres.Doing(st.Exec(tx), "add a %s to the outbox", e.Kind)
}

// Each says where the rows of AddEach come from: expressions of SQL over the rows of From.
type Each struct {
	Tenant string
	Target string
	Status string // NULL when empty
	DueAt  string // NULL when empty
	At     string // of the write that they belong to; the database's clock when empty
	Trace  string // the traceparent of what caused each; NULL when empty
	From   string // what follows FROM, with its conditions
}

// added is the expression, for the last part of a statement, of how many rows AddEach has added to it.
const added = `(SELECT count(*) FROM outbox_row)`

// AddEach adds to a statement the rows of a kind for each of a set of rows, as a common table expression. After the commit
// Topic is to be woken.
func AddEach(st *postgres.Statement, kind Kind, each Each) {
	const null = `NULL`
	c := columns{
		tenant: each.Tenant, target: each.Target, status: null, action: null, former: null, due: null, at: clock, trace: null,
	}
	if each.Status != "" {
		c.status = each.Status
	}
	if each.DueAt != "" {
		c.due = each.DueAt
	}
	if each.At != "" {
		c.at = each.At
	}
	if each.Trace != "" {
		c.trace = each.Trace
	}
	st.With("outbox_row", insert(kind, c)+` FROM `+each.From+` RETURNING 1`)
}

// SignalEach runs a statement that AddEach completes, and wakes the relays. It returns how many rows were added.
func SignalEach(ctx context.Context, db *postgres.DB, st *postgres.Statement, kind Kind, each Each) (n int64, err error) {
	AddEach(st, kind, each)
	if err := st.Row(ctx, db.Main, `SELECT `+added, &n); err != nil {
		return 0, postgres.Doing(err, "add a %s each to the outbox", kind)
	}
	if n > 0 {
		db.Wakeups.Mark(Topic)
	}
	return n, nil
}

// NoneFor is the condition that no row of the kind waits for a target, which is an expression of SQL. Rows of other kinds,
// also of unknown ones, tell the workflow nothing of this.
func NoneFor(kind Kind, target string) string {
	return `NOT EXISTS (SELECT FROM outbox waiting WHERE waiting.target_id = ` + target + ` AND waiting.kind = ` + quoted(kind) + `)`
}

// clock is the time of rows that belong to no write with a time of its own.
const clock = `clock_timestamp()`

// columns are the values of a row as expressions of SQL.
type columns struct{ tenant, target, status, action, former, due, at, trace string }

// insert is the statement that every row of the outbox is written by, up to the source of its values.
func insert(kind Kind, c columns) string {
	return `INSERT INTO outbox (tenant_id, kind, target_id, status, dock_action_id, workflow_id, priority, due_at, available_at, created_at,
			traceparent)
		SELECT ` + c.tenant + `, ` + quoted(kind) + `, ` + c.target + `, ` + c.status + `, ` + c.action + `, ` + c.former + `, ` +
		strconv.Itoa(registered(kind).priority) + `, ` + c.due + `, ` + c.at + `, ` + c.at + `, ` + c.trace
}
