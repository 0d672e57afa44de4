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
	Urgent Urgency = `(priority < 2 OR due_at < clock_timestamp() + interval '1 minute')`
	Calm   Urgency = `(priority >= 2 AND coalesce(due_at >= clock_timestamp() + interval '1 minute', true))`
)

// outboxAlong bounds how many more rows of one workflow a claim takes along.
const outboxAlong = 100

// ClaimOutbox takes up to limit rows, the most urgent first, and leaves them to the caller for 30 s. Others for the same
// workflows come along, wherever in the order they stand, because one call serves them all: of a conversation that time
// goes on in while Temporal is away or behind, there are many. Several relays share the work: none sees a row that another
// has.
func (s *Store) ClaimOutbox(ctx context.Context, which Urgency, limit int) ([]OutboxRow, error) {
	var rows []OutboxRow
	err := s.db.WithContext(ctx).Raw(`
		UPDATE outbox SET available_at = clock_timestamp() + interval '30 seconds', attempts = attempts + 1
		WHERE id IN (
			WITH next AS MATERIALIZED (SELECT id, kind, target_id FROM outbox WHERE available_at <= clock_timestamp() AND `+string(which)+`
				ORDER BY priority, due_at NULLS LAST, id LIMIT ? FOR UPDATE SKIP LOCKED)
			SELECT id FROM next
			UNION SELECT o.id FROM next n, LATERAL (SELECT id FROM outbox
				WHERE target_id = n.target_id AND kind = n.kind AND kind <> ? AND available_at <= clock_timestamp()
				LIMIT ? FOR UPDATE SKIP LOCKED) o)
		RETURNING id, tenant_id, kind, target_id, status, due_at, attempts, dock_action_id`,
		limit, outboxDockAction, outboxAlong).Scan(&rows).Error
	return rows, translate(err)
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
