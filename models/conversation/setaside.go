package conversation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

const (
	// tickFailures is how often a conversation's tick may fail through its own fault before it is set aside (P3.8).
	tickFailures = 3
	// setAsideFirst and setAsideMost are how long it is set aside the first time, and at most: the time doubles.
	setAsideFirst = time.Minute
	setAsideMost  = time.Hour
	// noteTime bounds the statement that notes a failure; the call that failed may have no time left.
	noteTime = 5 * time.Second
)

// Why a tick failed. The reasons are label values of a metric, and hold nothing of the conversation.
const (
	reasonComputation = "computation_too_long"
	reasonPanic       = "panic"
	reasonConstraint  = "constraint" // the database refuses what would be written
	reasonUnreadable  = "unreadable" // anything else: what is stored cannot be read, or not be worked with
)

// setAside is what a row says of a conversation whose tick fails through its own fault (P3.8).
type setAside struct {
	Failures int        `json:"failures"`        // in a row
	Times    int        `json:"times"`           // that it was set aside since its last good tick
	Since    time.Time  `json:"since"`           // of the first failure
	Until    *time.Time `json:"until,omitempty"` // nil: failed, but not set aside yet
	Reason   string     `json:"reason"`
}

// SetAside is a conversation that is set aside: nothing is done in it until the given time but by an edit, which clears
// that, as does an edit of the tenant's time configuration (P3.8).
type SetAside struct {
	TenantID, ConversationID uuid.UUID
	Number                   int64
	Since                    time.Time // of the first failure
	Until                    time.Time
	Times                    int    // that it was set aside in a row
	Reason                   string // computation_too_long, panic, constraint or unreadable; the worker's log has the error
}

// tickFault says whether a tick failed through its conversation's own fault, and why. It did not if the database is away
// or out of resources, if the transaction was turned back or called off, and if there is no such conversation.
func tickFault(ctx context.Context, err error) (reason string, faulty bool) {
	switch {
	case err == nil || ctx.Err() != nil || postgres.WorthRetrying(err):
		return "", false
	case errors.Is(err, errComputeTime):
		return reasonComputation, true
	case errors.Is(err, errTickPanic):
		return reasonPanic, true
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return "", false
	}
	if p, known := problem.As(postgres.Translate(err)); known {
		return reasonUnreadable, p.Kind == problem.Internal
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// PostgreSQL documentation, appendix A: cardinality violation, data exception, integrity constraint violation,
		// exception raised. All other classes are about the statement or the server, and hold for every conversation.
		switch e.Code[:2] {
		case "21", "22", "23", "P0":
			return reasonConstraint, true
		}
		return "", false
	}
	return reasonUnreadable, true
}

// errTickPanic is the cause of a tick that panicked.
var errTickPanic = errors.New("panic")

// noteTickFailure counts a failure of a conversation's tick, and at the third, or at the first if its computation has used
// up its time, sets the conversation aside: its next due time becomes the end of that, so sweeps for what is due
// do not meet it before. Then the tick is as if nothing were due until then, without an error.
func (s *Clocks) noteTickFailure(ctx context.Context, tenantID, id uuid.UUID, reason string, cause error) (Tick, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	most := tickFailures
	if reason == reasonComputation {
		most = 1
	}
	var row struct {
		Status   lifecycle.Status
		SLAState *string
		Failures int
		Times    int
		Until    *time.Time
	}
	r := s.db.Main.WithContext(ctx).Raw(`
		WITH was AS (SELECT tenant_id, id, coalesce((set_aside->>'failures')::int, 0) + 1 AS failures,
				coalesce((set_aside->>'times')::int, 0) AS times, coalesce(set_aside->>'since', clock_timestamp()::text) AS since
			FROM conversations WHERE tenant_id = @tenant AND id = @id FOR NO KEY UPDATE),
		now AS (SELECT *, CASE WHEN failures >= @most THEN clock_timestamp()
				+ least(@first * 2 ^ least(times, 30), @longest) * interval '1 second' END AS until FROM was)
		UPDATE conversations c SET next_due_at = coalesce(now.until, c.next_due_at), armed_for = coalesce(now.until, c.armed_for),
			set_aside = jsonb_build_object('failures', now.failures, 'times', now.times + (now.until IS NOT NULL)::int,
				'since', now.since::timestamptz, 'until', now.until, 'reason', CAST(@reason AS text))
		FROM now WHERE c.tenant_id = now.tenant_id AND c.id = now.id
		RETURNING c.status, c.sla_state, now.failures, now.times + 1 AS times, now.until`,
		map[string]any{
			"tenant": tenantID, "id": id, "most": most, "first": setAsideFirst.Seconds(), "longest": setAsideMost.Seconds(),
			"reason": reason,
		}).Scan(&row)
	if r.Error != nil {
		return Tick{}, errors.Join(cause, postgres.Translate(r.Error))
	}
	if row.Until == nil {
		s.db.Log.WarnContext(ctx, "a conversation's tick failed",
			logging.TenantID, tenantID, logging.ConversationID, id, "reason", reason, "failures", row.Failures, "error", cause)
		return Tick{}, cause
	}
	s.db.Log.ErrorContext(ctx, "a conversation is set aside because its tick fails",
		logging.TenantID, tenantID, logging.ConversationID, id, "reason", reason, "failures", row.Failures, "times", row.Times,
		"until", row.Until, "error", cause)
	return Tick{Status: row.Status, SLAState: postgres.Deref(row.SLAState), NextDue: row.Until, SetAside: reason}, nil
}

// SetAsides lists conversations that are set aside, of one tenant or of all (nil), the longest first.
func (s *Clocks) SetAsides(ctx context.Context, tenantID *uuid.UUID, limit int) ([]SetAside, error) {
	var list []SetAside
	err := s.db.Main.WithContext(ctx).Raw(`
		SELECT tenant_id, id AS conversation_id, number, (set_aside->>'since')::timestamptz AS since,
			(set_aside->>'until')::timestamptz AS until, (set_aside->>'times')::int AS times, set_aside->>'reason' AS reason
		FROM conversations WHERE set_aside IS NOT NULL AND set_aside->>'until' IS NOT NULL AND (?::uuid IS NULL OR tenant_id = ?)
		ORDER BY since, id LIMIT ?`, tenantID, tenantID, limit).Scan(&list).Error
	if err != nil {
		return nil, fmt.Errorf("list conversations set aside: %w", postgres.Translate(err))
	}
	return list, nil
}

// CountSetAsides counts the conversations that are set aside now, postgres.CountMost at most.
func (s *Clocks) CountSetAsides(ctx context.Context) (n int64, err error) {
	defer postgres.During(&err, "count conversations that are set aside")
	err = s.db.Claims.WithContext(ctx).Raw(`SELECT count(*) FROM (SELECT FROM conversations
		WHERE set_aside IS NOT NULL AND set_aside->>'until' IS NOT NULL ORDER BY id, tenant_id
		LIMIT ` + postgres.CountMostSQL + `) x`).Scan(&n).Error
	return n, err
}

// setAsidesRetried is how many conversations one call of RetrySetAsides takes up again: each makes a tick due at once.
const setAsidesRetried = 1_000

// RetrySetAsides takes up again what is set aside, of one tenant or of all (nil), one conversation or all (nil), those set aside
// longest first and a thousand at most: it is due now, and the sweeper ticks it within seconds (P3.8). What fails again is set
// aside as if for the first time. It returns how many. Errors: UNAVAILABLE.
func (s *Clocks) RetrySetAsides(ctx context.Context, tenantID, id *uuid.UUID) (n int64, err error) {
	defer postgres.During(&err, "take up again what is set aside")
	r := s.db.Main.WithContext(ctx).Exec(`
		WITH these AS (SELECT tenant_id, id FROM conversations
			WHERE set_aside IS NOT NULL AND set_aside->>'until' IS NOT NULL
				AND (CAST(@tenant AS uuid) IS NULL OR tenant_id = @tenant) AND (CAST(@id AS uuid) IS NULL OR id = @id)
			ORDER BY (set_aside->>'since')::timestamptz LIMIT @limit),
		locked AS (SELECT c.tenant_id, c.id FROM conversations c JOIN these t ON t.tenant_id = c.tenant_id AND t.id = c.id
			WHERE c.set_aside IS NOT NULL ORDER BY c.id FOR NO KEY UPDATE OF c)
		UPDATE conversations c SET set_aside = NULL, next_due_at = clock_timestamp()
		FROM locked l WHERE c.tenant_id = l.tenant_id AND c.id = l.id`,
		map[string]any{"tenant": tenantID, "id": id, "limit": setAsidesRetried})
	return r.RowsAffected, r.Error
}
