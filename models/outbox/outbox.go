package outbox

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

// Topic is marked when there are new outbox rows.
const Topic = "outbox"

// TopicDeliveries is the topic that is marked when a shard got deliveries.
func TopicDeliveries(shard int) string { return "deliveries/" + strconv.Itoa(shard) }

// Row is one thing to tell Temporal, written in the transaction that made it necessary.
type Row struct {
	ID       int64
	TenantID uuid.UUID
	Kind     Kind
	TargetID uuid.UUID
	Status   *string
	DueAt    *time.Time
	Attempts int // of telling it, this one included
	// DockActionID is the action that the conversation's workflow is told of; nil in rows that tell of no action.
	DockActionID *uuid.UUID
	FormerID     *string `gorm:"column:workflow_id"` // see Entry
	// What the ids of workflows name things by, as their rows have it at the time of the claim (P12.1); nil where a row is gone.
	TenantSlug     *string
	Number         *int64     // of the conversation
	SubscriptionID *uuid.UUID // of the retries or the replay
	URL            *string    // of that subscription
	// Traceparent is the span that caused the row; nil where it was not traced.
	Traceparent *string
}

// names are the columns of a Row that the ids of workflows are made from, of the outbox row o.
var names = `(SELECT t.slug FROM tenants t WHERE t.id = o.tenant_id) AS tenant_slug,
	CASE WHEN o.kind IN (` + quoted(Conversation) + `, ` + quoted(DockAction) + `)
		THEN (SELECT c.number FROM conversations c WHERE c.tenant_id = o.tenant_id AND c.id = o.target_id) END AS number,
	CASE o.kind WHEN ` + quoted(Retry) + ` THEN o.target_id
		WHEN ` + quoted(Replay) + ` THEN (SELECT r.subscription_id FROM replays r WHERE r.id = o.target_id) END AS subscription_id,
	CASE o.kind WHEN ` + quoted(Retry) + ` THEN (SELECT s.url FROM subscriptions s WHERE s.id = o.target_id)
		WHEN ` + quoted(Replay) + ` THEN (SELECT s.url FROM replays r JOIN subscriptions s ON s.id = r.subscription_id
			WHERE r.id = o.target_id) END AS url`

// Urgency says which rows of the outbox a relay takes.
type Urgency string

// Urgent is what people wait for: everything but conversations in which nothing is due within a minute, and recomputes.
// Those are Calm: a flood of new conversations is one.
const (
	Urgent Urgency = order + ` < ` + border
	Calm   Urgency = order + ` >= ` + border
)

// border is where what is urgent ends, in the order of rows: conversationPriority is the 2.
const border = `(2, statement_timestamp() + interval '1 minute')`

// order is that of a tenant's rows, as its index has it; what is due at no time comes last in its priority.
const order = `(priority, coalesce(due_at, 'infinity'::timestamptz))`

// along bounds how many more rows of one workflow a claim takes along.
const along = 100

// Claim takes up to limit rows, and leaves them to the caller for 30 s: tenants take turns, and of each the most
// urgent comes first (P1.9). Others for the same workflows come along, wherever in the order they stand, because one call
// serves them all: of a conversation that time goes on in while Temporal is away or behind, there are many. Several relays
// share the work: none sees a row that another has.
func (s *Store) Claim(ctx context.Context, which Urgency, limit int) ([]Row, error) {
	const order = `priority, coalesce(due_at, 'infinity'::timestamptz), id`
	twice, once := strconv.Itoa(2*limit), strconv.Itoa(limit) // literals, by which the planner knows how few rows it is about
	claim := postgres.WorkOf("outbox", "true",
		"x.tenant_id = t.tenant_id AND "+string(which)+" AND available_at <= clock_timestamp()",
		"tenant_id, id, priority, coalesce(due_at, 'infinity'::timestamptz) AS due", order, 2*limit) + `, turns AS MATERIALIZED (
	SELECT id, priority, due, row_number() OVER (PARTITION BY tenant_id ORDER BY priority, due, id) AS turn FROM work
	ORDER BY turn, priority, due, id LIMIT ` + twice + `
), next AS MATERIALIZED (
	SELECT o.id, o.kind, o.target_id FROM turns t JOIN outbox o ON o.id = t.id WHERE o.available_at <= clock_timestamp()
	ORDER BY t.turn, t.priority, t.due, t.id LIMIT ` + once + ` FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbox o SET available_at = clock_timestamp() + interval '30 seconds', attempts = attempts + 1
WHERE o.id IN (SELECT id FROM next UNION SELECT l.id FROM next n, LATERAL (SELECT id FROM outbox
	WHERE target_id = n.target_id AND kind = n.kind AND kind NOT IN (` + separateKinds + `) AND available_at <= clock_timestamp()
	LIMIT @along FOR UPDATE SKIP LOCKED) l)
RETURNING o.id, o.tenant_id, o.kind, o.target_id, o.status, o.due_at, o.attempts, o.dock_action_id, o.workflow_id,
	o.traceparent, ` + names + `, ` + postgres.WorkSeen
	var rows []claimedRow
	err := s.db.Turns.From(string(which), func(behind uuid.UUID) (int, int, uuid.UUID, error) {
		rows = nil
		err := s.db.Claims.WithContext(ctx).Raw(claim, map[string]any{
			"behind": behind, "along": along,
		}).Scan(&rows).Error
		if err != nil || len(rows) == 0 {
			return 0, 0, uuid.Nil, err
		}
		return len(rows), rows[0].Tenants, rows[0].Last, nil
	})
	out := make([]Row, len(rows))
	for i, r := range rows {
		out[i] = r.Row
	}
	return out, postgres.Doing(err, "claim rows of the outbox")
}

// claimedRow is a row with what the claim says of all tenants that have some.
type claimedRow struct {
	Row     `gorm:"embedded"`
	Tenants int
	Last    uuid.UUID
}

// Delete ends rows whose message was delivered.
func (s *Store) Delete(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.db.SQL.ExecContext(ctx, `DELETE FROM outbox WHERE id = ANY($1)`, ids)
	return postgres.Doing(err, "delete %d rows of the outbox", len(ids))
}

// Defer gives rows back whose message could not be delivered, to be tried again after the given time.
func (s *Store) Defer(ctx context.Context, ids []int64, after time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.db.SQL.ExecContext(ctx, `UPDATE outbox SET available_at = clock_timestamp() + $2 WHERE id = ANY($1)`, ids, after)
	return postgres.Doing(err, "defer %d rows of the outbox", len(ids))
}

// Depth is how many rows wait, postgres.CountMost at most, and for how long the first of them has (zero if none).
func (s *Store) Depth(ctx context.Context) (depth int, oldest time.Duration, err error) {
	var seconds float64
	const query = `SELECT count(*), greatest(coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0), 0)
		FROM (SELECT created_at FROM outbox ORDER BY id LIMIT ` + postgres.CountMostSQL + `) x`
	err = s.db.Claims.WithContext(ctx).Raw(query).Row().Scan(&depth, &seconds)
	return depth, time.Duration(seconds * float64(time.Second)), postgres.Doing(err, "measure the outbox")
}
