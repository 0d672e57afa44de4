package models

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// What an outbox row tells Temporal (outbox.kind).
const (
	outboxConversation = "conversation" // poke the conversation's workflow, starting it if need be
	outboxRetry        = "retry"        // the subscription owes retries
	outboxDockAction   = "dock_action"  // the conversation's workflow has an action of a dock to carry out
	outboxRecompute    = "recompute"    // the tenant's time configuration was edited: walk its clocks
	outboxReplay       = "replay"       // poke the replay's workflow, starting it if need be
)

// Lower goes first: an agent who is waiting, then an endpoint in trouble, before conversations, of which a flood may be
// waiting; a walk over all of them last.
const (
	priorityDockAction   = 0
	priorityRetry        = 1
	priorityReplay       = 1 // few, and people wait for them
	priorityConversation = 2
	priorityRecompute    = 3
)

// TopicOutbox is marked when there are new outbox rows.
const TopicOutbox = "outbox"

// TopicDeliveries is the topic that is marked when a shard got deliveries.
func TopicDeliveries(shard int) string { return "deliveries/" + strconv.Itoa(shard) }

// OutboxRow is one thing to tell Temporal, written in the transaction that made it necessary.
type OutboxRow struct {
	ID       int64
	TenantID uuid.UUID
	Kind     string
	TargetID uuid.UUID
	Status   *string
	DueAt    *time.Time
	Attempts int // of telling it, this one included
	// DockActionID is the action that the conversation's workflow is told of; nil in rows that tell of no action.
	DockActionID *uuid.UUID
}

// IsConversation tells whether the row is for a conversation's workflow.
func (r OutboxRow) IsConversation() bool {
	return r.Kind == outboxConversation || r.Kind == outboxDockAction
}

// IsRecompute tells whether the row asks for a walk over the clocks of the tenant that is its target.
func (r OutboxRow) IsRecompute() bool { return r.Kind == outboxRecompute }

// IsReplay tells whether the row pokes a replay's workflow. What is none of these is about a subscription's retries.
func (r OutboxRow) IsReplay() bool { return r.Kind == outboxReplay }

// Urgency says which rows of the outbox a relay takes.
type Urgency string

// Urgent is what somebody waits for: everything but conversations in which nothing is due within a minute, and walks.
// Those are Calm: a flood of new conversations is one.
const (
	Urgent Urgency = outboxOrder + ` < (2, statement_timestamp() + interval '1 minute')`
	Calm   Urgency = outboxOrder + ` >= (2, statement_timestamp() + interval '1 minute')`
)

// outboxOrder is that of a tenant's rows, as its index has it; what is due at no time comes last in its priority.
const outboxOrder = `(priority, coalesce(due_at, 'infinity'::timestamptz))`

// outboxAlong bounds how many more rows of one workflow a claim takes along.
const outboxAlong = 100

// ClaimOutbox takes up to limit rows, and leaves them to the caller for 30 s: tenants take turns, and of each the most
// urgent comes first (P1.9). Others for the same workflows come along, wherever in the order they stand, because one call
// serves them all: of a conversation that time goes on in while Temporal is away or behind, there are many. Several relays
// share the work: none sees a row that another has.
func (s *Store) ClaimOutbox(ctx context.Context, which Urgency, limit int) ([]OutboxRow, error) {
	const order = `priority, coalesce(due_at, 'infinity'::timestamptz), id`
	claim := workOf("outbox", "true", "x.tenant_id = t.tenant_id AND "+string(which)+" AND available_at <= clock_timestamp()",
		"tenant_id, id, priority, coalesce(due_at, 'infinity'::timestamptz) AS due", order, 2*limit) + `, turns AS MATERIALIZED (
	SELECT id, priority, due, row_number() OVER (PARTITION BY tenant_id ORDER BY priority, due, id) AS turn FROM work
	ORDER BY turn, priority, due, id LIMIT ` + strconv.Itoa(2*limit) + `
), next AS MATERIALIZED (
	SELECT o.id, o.kind, o.target_id FROM turns t JOIN outbox o ON o.id = t.id WHERE o.available_at <= clock_timestamp()
	ORDER BY t.turn, t.priority, t.due, t.id LIMIT ` + strconv.Itoa(limit) + ` FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbox SET available_at = clock_timestamp() + interval '30 seconds', attempts = attempts + 1
WHERE id IN (SELECT id FROM next UNION SELECT o.id FROM next n, LATERAL (SELECT id FROM outbox
	WHERE target_id = n.target_id AND kind = n.kind AND kind <> @single AND available_at <= clock_timestamp()
	LIMIT @along FOR UPDATE SKIP LOCKED) o)
RETURNING id, tenant_id, kind, target_id, status, due_at, attempts, dock_action_id, ` + workSeen
	var rows []claimedOutboxRow
	err := s.turns.from(string(which), func(behind uuid.UUID) (int, int, uuid.UUID, error) {
		rows = nil
		err := s.claims.WithContext(ctx).Raw(claim, map[string]any{
			"behind": behind, "single": outboxDockAction, "along": outboxAlong,
		}).Scan(&rows).Error
		if err != nil || len(rows) == 0 {
			return 0, 0, uuid.Nil, err
		}
		return len(rows), rows[0].Tenants, rows[0].Last, nil
	})
	out := make([]OutboxRow, len(rows))
	for i, r := range rows {
		out[i] = r.OutboxRow
	}
	return out, translate(err)
}

// claimedOutboxRow is a row with what the claim says of all tenants that have some.
type claimedOutboxRow struct {
	OutboxRow `gorm:"embedded"`
	Tenants   int
	Last      uuid.UUID
}

// DeleteOutbox ends rows whose message was delivered.
func (s *Store) DeleteOutbox(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.sql.ExecContext(ctx, `DELETE FROM outbox WHERE id = ANY($1)`, ids)
	return translate(err)
}

// DeferOutbox gives rows back whose message could not be delivered, to be tried again after the given time.
func (s *Store) DeferOutbox(ctx context.Context, ids []int64, after time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.sql.ExecContext(ctx, `UPDATE outbox SET available_at = clock_timestamp() + $2 WHERE id = ANY($1)`, ids, after)
	return translate(err)
}

// OutboxDepth is how many rows wait, and since when the oldest does (zero if none).
func (s *Store) OutboxDepth(ctx context.Context) (depth int, oldest time.Duration, err error) {
	var seconds float64
	err = s.sql.QueryRowContext(ctx, `SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) FROM outbox`).
		Scan(&depth, &seconds)
	return depth, time.Duration(seconds * float64(time.Second)), translate(err)
}
