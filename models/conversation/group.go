package conversation

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

const (
	// groupTime is how long the transaction of a group may take. It takes milliseconds, and waits for no lock.
	groupTime = 20 * time.Second
	// groupCompute is how long a group may compute clocks, all of its members together, and memberCompute how long one may. A
	// member that takes longer goes alone, so that the others need not wait for it.
	groupCompute  = 20 * time.Millisecond
	memberCompute = 5 * time.Millisecond
)

// posting is a message on its way into the database together with others (P1.10).
type posting struct {
	tenantID, id uuid.UUID
	author       wire.Actor
	in           NewMessage
	numbers      *numbering
	call         *idempotency.Shared // that has an Idempotency-Key; nil for none
	render       Render              // its answer

	w        *write // made by the group; nil: the message goes alone
	isBehind bool   // because its process had no number above the conversation's last (P2)
	answer   idempotency.Answer
	written  bool
	unknown  error // the group's commit failed, and it is not known whether the message is there
}

// errAlone takes a message out of its group: it needs something that a group cannot do.
var errAlone = errors.New("goes alone")

// postTogether adds a message in a transaction that other messages share (P1.10). Where it is not written then, it has to go
// alone; nothing of it has happened. Errors: TENANT_BUSY, UNAVAILABLE; ctx's.
func (s *Store) postTogether(ctx context.Context, p *posting) error {
	if err := s.group.Write(ctx, p.tenantID, p.id, p); err != nil {
		return err
	}
	return p.unknown
}

// posted is what was written.
func (p *posting) posted() PostedMessage {
	return PostedMessage{Message: p.w.messages[0], Conversation: p.w.conversation}
}

// writeGroup writes messages in one transaction. What does not succeed goes alone, where its error is found and explained.
func (s *Store) writeGroup(group []*posting) {
	defer func() {
		if r := recover(); r != nil { // whoever it was meets it again, alone
			s.db.Log.Error("a group of messages panicked", slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	var together []*posting
	failed, unknown := s.db.TransactGroup(ctx, func(tx *gorm.DB) (err error) {
		if err = s.lockGroup(ctx, tx, group); err != nil {
			return err
		}
		if together = concludeGroup(ctx, group); len(together) == 0 {
			return errAlone
		}
		if err = saveGroup(ctx, tx, together); err == nil {
			fault.At(fault.BeforeCommit)
		}
		return err
	})
	if failed != nil {
		if !errors.Is(failed, errAlone) {
			s.db.Log.Warn("messages go alone, because their group failed",
				slog.Any("error", failed), slog.Int("messages", len(group)))
		}
		return
	}
	if unknown == nil {
		fault.At(fault.AfterCommit)
	}
	for _, p := range together { // all of them before anything else is done: none may go alone now
		p.written, p.unknown = unknown == nil, unknown
	}
	for _, p := range together {
		if p.written {
			if p.call != nil {
				p.call.Written()
			}
			s.counts.together.Add(1)
			s.db.WakeNow(p.w.wakeTopics...)
		}
	}
}

// lockGroupSQL locks conversations in one order (P1.2), leaving out those that others have locked, and brings what lockSQL does.
// The time is read after the last lock (P1.3).
var lockGroupSQL = `
WITH wanted AS MATERIALIZED (
	SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[]) WITH ORDINALITY
		w (tenant_id, id, external_id, key_id, key_turn, ord)
), locked AS MATERIALIZED (
	SELECT w.ord, w.external_id AS wanted_external_id, w.key_id, w.key_turn, c.*
	FROM wanted w JOIN conversations c ON c.tenant_id = w.tenant_id AND c.id = w.id
	ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
), at AS MATERIALIZED (SELECT clock_timestamp() AS now FROM (SELECT count(*) FROM locked) AS all_locked)
SELECT l.ord, ` + lockedColumns + `, at.now,
	l.wanted_external_id IS NOT NULL AND EXISTS (SELECT FROM messages m WHERE m.tenant_id = l.tenant_id
		AND m.chain_id = l.chain_id AND m.external_id = l.wanted_external_id)
		OR NOT ` + idempotency.IsFree("l.key_id", "l.key_turn") + ` AS is_replay
FROM at, locked l JOIN contacts ct ON ct.tenant_id = l.tenant_id AND ct.id = l.contact_id`

// lockGroup locks the conversations of messages, and begins the write of each that it got (P1.2 to P1.4).
func (s *Store) lockGroup(ctx context.Context, tx *gorm.DB, group []*posting) error {
	tenants, ids := make([]uuid.UUID, len(group)), make([]uuid.UUID, len(group))
	externalIDs, calls := make([]*string, len(group)), make([]*idempotency.Shared, len(group))
	for i, p := range group {
		tenants[i], ids[i], externalIDs[i], calls[i] = p.tenantID, p.id, p.in.ExternalID, p.call
	}
	keys, turns := idempotency.Wanted(calls)
	rows, err := tx.Statement.ConnPool.QueryContext(ctx, lockGroupSQL,
		postgres.Binary(tenants), postgres.Binary(ids), externalIDs, keys, turns)
	if err != nil {
		return postgres.Doing(err, "lock the conversations of a group")
	}
	locked, err := scanGroup(rows, tx, group)
	if err != nil {
		return postgres.Doing(err, "read the conversations of a group")
	}
	left := groupCompute
	for i, row := range locked {
		if row == nil || !row.canShare(s, group[i]) {
			continue
		}
		w := row.w
		w.computeLeft = min(memberCompute, left)
		began := time.Now()
		err := w.resume(ctx, s, row.now, row.timeVersion)
		if err == nil && w.change.After.ArchivedAt == nil {
			err = group[i].numbers.take(ctx, w)
			if group[i].isBehind = errors.Is(err, errBehind); err == nil {
				group[i].w = w
			}
		}
		left -= time.Since(began)
	}
	return nil
}

// scanGroup reads what was locked, by the place in the group; nil for what was not, or whose external id or key is there
// already.
func scanGroup(rows *sql.Rows, tx *gorm.DB, group []*posting) ([]*lockedRow, error) {
	defer func() { _ = rows.Close() }() // its error is that of Err
	locked := make([]*lockedRow, len(group))
	for rows.Next() {
		row := lockedRow{w: &write{tx: tx}}
		var ord int
		var isReplay bool
		if err := rows.Scan(append(row.targets(&ord), &isReplay)...); err != nil {
			return nil, err
		}
		if row.w.actor = group[ord-1].author; !isReplay {
			locked[ord-1] = &row
		}
	}
	return locked, rows.Err()
}

// canShare tells whether the message can be written with others: nothing of it has to be read or decided first.
func (r *lockedRow) canShare(s *Store, p *posting) bool {
	c := &r.w.conversation
	return r.versionSeen == c.Version && c.ArchivedAt == nil &&
		s.worktime.Known(p.tenantID, max(r.timeVersion, c.TimeVersion))
}

// concludeGroup applies the messages, and returns those that are ready to be written.
func concludeGroup(ctx context.Context, group []*posting) []*posting {
	var ready []*posting
	for _, p := range group {
		if p.w == nil {
			continue
		}
		err := p.w.together(ctx, p.in)
		if err == nil && p.call != nil {
			p.answer, err = p.render(p.posted())
		}
		if err != nil {
			p.w = nil
			continue
		}
		ready = append(ready, p)
	}
	return ready
}

// together applies one message of a group. Any error takes it out.
func (w *write) together(ctx context.Context, in NewMessage) error {
	if err := w.post(in); err != nil {
		return err
	}
	if err := w.applyFacts(ctx); err != nil {
		return err
	}
	if err := w.conclude(ctx); err != nil {
		return err
	}
	if len(w.newTags) > 0 || w.contact != contactKnown {
		return errAlone
	}
	return nil
}

// notByMessages are the columns of a conversation that no message changes.
var notByMessages = []string{"tags", "custom_fields"}

// saveGroup writes messages that were concluded, as save does (P1.5 to P1.7), in one statement.
func saveGroup(ctx context.Context, tx *gorm.DB, group []*posting) error {
	writes := make([]*write, len(group))
	conversations := make([]Conversation, len(group))
	signaled := []uuid.UUID{}
	var events []feed.NewEvent
	var calls []*idempotency.Shared
	var answers []idempotency.Answer
	for i, p := range group {
		if p.call != nil {
			calls, answers = append(calls, p.call), append(answers, p.answer)
		}
		writes[i], conversations[i] = p.w, p.w.conversation
		if p.w.needsSignal() {
			signaled = append(signaled, p.id)
			p.w.wakeTopics = append(p.w.wakeTopics, outbox.Topic)
		}
	}
	var st postgres.Statement
	postgres.UpdateRows(&st, "conversation", conversations, notByMessages...)
	st.With("recency", `UPDATE conversation_recency r SET (status, assignee_id, team_id, sla_state, updated_at, last_message_at)
		= ROW(c.status, c.assignee_id, c.team_id, c.sla_state, c.updated_at, coalesce(c.last_message_at, c.created_at))
		FROM conversation c WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id`)
	insertMessages(&st, writes...)
	insertTimeline(&st, writes...)
	insertClocks(&st, writes...)
	for _, w := range writes {
		events = append(events, w.takeEvents()...)
	}
	at := writes[0].now // the same for all
	shards := webhook.FanOut(&st, feed.Add(&st, at, events), at, webhook.AboutRows("conversation"))
	outbox.AddEach(&st, outbox.Conversation, outbox.Each{
		Tenant: "tenant_id", Target: "id", Status: "status", DueAt: "next_due_at", At: st.Arg(at) + `::timestamptz`,
		From: `conversation WHERE id = ANY (` + st.Arg(signaled) + `::uuid[])`,
	})
	answered := `0`
	if len(calls) > 0 {
		idempotency.InsertAnswers(&st, calls, answers)
		answered = `(SELECT count(*) FROM answer)`
	}
	var updated, stored int
	var woken postgres.Ints
	err := st.Row(ctx, tx, `SELECT (SELECT count(*) FROM conversation), `+answered+`, `+shards, &updated, &stored, &woken)
	if err != nil {
		return postgres.Doing(err, "write a group of %d messages", len(group))
	}
	if updated != len(group) || stored != len(calls) {
		return postgres.Doing(errAlone, "write %d messages, %d with keys: %d had a conversation, %d a free key",
			len(group), len(calls), updated, stored)
	}
	writes[0].wakeTopics = append(writes[0].wakeTopics, deliveryTopics(woken)...)
	return nil
}
