// Package sweep finds the conversations whose workflow is late, lost or gone with Temporal's data (P3.5, P3.6), so that
// nothing that is due depends on a workflow being there.
package sweep

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
)

// Store is the conversations to sweep, in the database.
type Store struct{ db *postgres.DB }

// New is the sweep over a database's conversations.
func New(db *postgres.DB) *Store { return &Store{db} }

// Ref names a conversation.
type Ref struct{ TenantID, ID uuid.UUID }

// isOverdue is the condition of a conversation that the sweeper ticks. The time is that of the statement, by which an
// index can be asked.
const isOverdue = `next_due_at < statement_timestamp() - make_interval(secs => @by)`

// isTenants is the condition of what a tenant has overdue, and turnDue its order. It is an expression, so that only the index
// of turns has it: the one of all that is due would lead through what is due of other tenants.
const (
	turnDue   = `coalesce(next_due_at, 'infinity'::timestamptz)`
	isTenants = `x.tenant_id = t.tenant_id AND ` + turnDue + ` < statement_timestamp() - make_interval(secs => @by)`
)

// overdueSeen is how many overdue conversations are looked at, the longest overdue first, before tenants are looked at one
// by one. If there are fewer, no tenant needs to be visited that has nothing overdue.
const overdueSeen = 1_000

// Overdue lists conversations in which something has been due for longer than the given time: tenants take turns, and of
// each the longest overdue comes first (P3.5). Those that a transaction is changing at the moment are left out: that
// transaction applies what is due. Errors: UNAVAILABLE.
func (s *Store) Overdue(ctx context.Context, by time.Duration, limit int) (_ []Ref, err error) {
	defer postgres.During(&err, "list overdue conversations")
	args := map[string]any{"by": by.Seconds()}
	var n int
	err = s.db.Claims.WithContext(ctx).Raw(`SELECT count(*) FROM (SELECT FROM conversations WHERE `+isOverdue+
		` ORDER BY next_due_at LIMIT `+strconv.Itoa(overdueSeen)+`) x`, args).Scan(&n).Error
	switch {
	case err != nil || n == 0:
		return nil, err
	case n < overdueSeen:
		few := `WITH work AS MATERIALIZED (SELECT tenant_id, id, next_due_at FROM conversations WHERE ` + isOverdue + `
			ORDER BY next_due_at LIMIT ` + strconv.Itoa(overdueSeen) + `), working AS (SELECT NULL::uuid AS tenant_id)`
		found, err := s.overdue(ctx, few, args, limit)
		return refsOf(found), err
	}
	many := postgres.WorkOf("conversations", "next_due_at IS NOT NULL", isTenants+" AND "+isOverdue,
		"tenant_id, id, next_due_at", turnDue, 2*limit)
	var found []overdueRow
	err = s.db.Turns.From("overdue", func(behind uuid.UUID) (int, int, uuid.UUID, error) {
		args["behind"] = behind
		var err error
		if found, err = s.overdue(ctx, many, args, limit); err != nil || len(found) == 0 {
			return 0, 0, uuid.Nil, err
		}
		return len(found), found[0].Tenants, found[0].Last, nil
	})
	return refsOf(found), err
}

// overdueRow is an overdue conversation, with what the query says of all tenants that have some.
type overdueRow struct {
	TenantID, ID uuid.UUID
	Tenants      int
	Last         uuid.UUID
}

func refsOf(rows []overdueRow) []Ref {
	refs := make([]Ref, len(rows))
	for i, r := range rows {
		refs[i] = Ref{r.TenantID, r.ID}
	}
	return refs
}

// overdue picks conversations from work, in turns, that no transaction is changing. It looks at twice as many as it
// is to pick, for those that are being changed.
func (s *Store) overdue(ctx context.Context, work string, args map[string]any, limit int) ([]overdueRow, error) {
	var rows []overdueRow
	err := s.db.Claims.WithContext(ctx).Raw(work+`, turns AS MATERIALIZED (
	SELECT tenant_id, id, next_due_at, row_number() OVER (PARTITION BY tenant_id ORDER BY next_due_at) AS turn FROM work
	ORDER BY turn, next_due_at LIMIT `+strconv.Itoa(2*limit)+`
)
SELECT c.tenant_id, c.id, `+postgres.WorkSeen+` FROM turns t JOIN conversations c ON c.tenant_id = t.tenant_id AND c.id = t.id
WHERE c.`+isOverdue+` ORDER BY t.turn, t.next_due_at LIMIT `+strconv.Itoa(limit)+` FOR NO KEY UPDATE OF c SKIP LOCKED`, args).
		Scan(&rows).Error
	return rows, err
}

// Keys of the installation table.
const (
	keyNamespace = "temporal-namespace-id"
	keySweep     = "walk-cursor"
)

// signalThose adds to the statement an outbox row for each conversation that meets the condition.
func signalThose(st *postgres.Statement, condition string) {
	outbox.AddEach(st, outbox.Conversation, outbox.Each{
		Tenant: "tenant_id", Target: "id", Status: "status", DueAt: "next_due_at", From: "conversations WHERE " + condition,
	})
}

// RememberNamespace stores the id of the Temporal namespace that the workflows live in. If another one was stored,
// Temporal has lost its data: all workflows that should be running are signaled, and so made again (P3.6). Of several
// workers one does it.
func (s *Store) RememberNamespace(ctx context.Context, name, id string) (replaced bool, err error) {
	defer postgres.During(&err, "remember Temporal namespace %s", name)
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		replaced = false
		key := keyNamespace + "/" + name
		var stored struct{ Value string }
		err := tx.Raw(`SELECT value FROM installation WHERE key = ? FOR UPDATE`, key).Take(&stored).Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return tx.Exec(`INSERT INTO installation (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, key, id).Error
		case err != nil || stored.Value == id:
			return err
		}
		replaced = true
		if err := tx.Exec(`UPDATE installation SET value = ? WHERE key = ?`, id, key).Error; err != nil {
			return err
		}
		var st postgres.Statement
		signalThose(&st, `status IN ('active', 'snoozed') OR next_due_at IS NOT NULL`)
		if err := st.Exec(tx); err != nil {
			return postgres.Doing(err, "signal all conversations")
		}
		err = tx.Exec(`UPDATE subscriptions SET retry_armed_for = clock_timestamp() - interval '1 hour'
			WHERE retry_armed_for IS NOT NULL`).Error // SignalLateRetries finds them
		fault.At(fault.BeforeSignaling)
		return err
	})
	if replaced {
		s.db.Wakeups.Mark(outbox.Topic)
	}
	return replaced, err
}

// Namespace is the id of the Temporal namespace that the workflows live in, as RememberNamespace stored it; empty where no
// worker has met one of that name. Errors: UNAVAILABLE.
func (s *Store) Namespace(ctx context.Context, name string) (id string, err error) {
	var stored []string
	err = s.db.Main.WithContext(ctx).Raw(`SELECT value FROM installation WHERE key = ?`, keyNamespace+"/"+name).Scan(&stored).Error
	if err != nil || len(stored) == 0 {
		return "", postgres.Doing(err, "read the stored id of Temporal namespace %s", name)
	}
	return stored[0], nil
}

// Step signals the next few conversations of a pass over all whose workflow should be running, so that one that was
// lost for an unforeseen reason is found within a day if Step is called every minute (P3.6). It returns how many.
func (s *Store) Step(ctx context.Context) (signaled int64, err error) {
	defer postgres.During(&err, "sweep conversations whose workflow should be running")
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		var cursor struct{ Value string }
		err := tx.Raw(`INSERT INTO installation (key, value) VALUES (?, '') ON CONFLICT (key) DO UPDATE SET value = installation.value
			RETURNING value`, keySweep).Take(&cursor).Error
		if err != nil {
			return err
		}
		after, err := uuid.Parse(cursor.Value)
		if err != nil {
			after = uuid.Nil // the first pass
		}
		var last struct {
			ID *uuid.UUID
			N  int64
		}
		var st postgres.Statement
		st.With("next", `SELECT tenant_id, id FROM conversations
			WHERE id > `+st.Arg(after)+` AND status IN ('active', 'snoozed') ORDER BY id
			LIMIT (SELECT greatest(10, count(*) / 1440 + 1) FROM conversations WHERE status IN ('active', 'snoozed'))`)
		signalThose(&st, `(tenant_id, id) IN (SELECT tenant_id, id FROM next)`)
		err = st.Row(ctx, tx, `SELECT (array_agg(id ORDER BY id DESC))[1], count(*) FROM next`, &last.ID, &last.N)
		if err != nil {
			return err
		}
		signaled, cursor.Value = last.N, ""
		if last.ID != nil {
			cursor.Value = last.ID.String()
		}
		return tx.Exec(`UPDATE installation SET value = ? WHERE key = ?`, cursor.Value, keySweep).Error
	})
	if signaled > 0 {
		s.db.Wakeups.Mark(outbox.Topic)
	}
	return signaled, err
}
