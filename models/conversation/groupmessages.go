package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/postgres"
)

// posting is a message for a conversation that is there.
type posting struct {
	id       uuid.UUID
	in       NewMessage
	numbers  *numbering
	isBehind bool // it goes alone because its process had no number above the conversation's last (P2)
}

// posted is what a member has written: its message with the conversation.
func (w *write) posted() PostedMessage {
	return PostedMessage{Message: w.messages[0], Conversation: w.conversation}
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

// lockGroup locks the conversations of messages, and returns them with the time after the last lock, by the place in the group;
// nil for what others have locked, or whose external id or key is there already.
func lockGroup(ctx context.Context, tx *gorm.DB, group []*member) (locked []*lockedRow, now time.Time, err error) {
	if len(group) == 0 {
		return nil, now, nil
	}
	tenants, ids := make([]uuid.UUID, len(group)), make([]uuid.UUID, len(group))
	externalIDs, calls := make([]*string, len(group)), make([]*idempotency.Shared, len(group))
	for i, m := range group {
		tenants[i], ids[i], externalIDs[i], calls[i] = m.tenantID, m.message.id, m.message.in.ExternalID, m.call
	}
	keys, turns := idempotency.Wanted(calls)
	rows, err := tx.Statement.ConnPool.QueryContext(ctx, lockGroupSQL,
		postgres.Binary(tenants), postgres.Binary(ids), externalIDs, keys, turns)
	if err != nil {
		return nil, now, postgres.Doing(err, "lock the conversations of a group")
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	locked = make([]*lockedRow, len(group))
	for rows.Next() {
		row := lockedRow{w: &write{tx: tx}}
		var ord int
		var isReplay bool
		if err := rows.Scan(append(row.targets(&ord), &isReplay)...); err != nil {
			return nil, now, postgres.Doing(err, "read the conversations of a group")
		}
		now = row.now
		if row.w.actor = group[ord-1].actor; !isReplay {
			locked[ord-1] = &row
		}
	}
	return locked, now, postgres.Doing(rows.Err(), "read the conversations of a group")
}

// canShare tells whether the message can be written with others: nothing of it has to be read or decided first.
func (r *lockedRow) canShare(s *Store, m *member) bool {
	c := &r.w.conversation
	return r.versionSeen == c.Version && c.ArchivedAt == nil &&
		s.worktime.Known(m.tenantID, max(r.timeVersion, c.TimeVersion))
}

// messageOf begins the write of a message to a conversation that was locked, or to what a write before it in the same group has
// made of that: as if that one had been committed at the same time.
func (s *Store) messageOf(
	ctx context.Context, p *posting, row *lockedRow, before *write, now time.Time, computeIn time.Duration,
) (*write, error) {
	if before != nil {
		if before.hasExternalID(p.in.ExternalID) {
			return nil, errAlone // it is the same message again
		}
		row.w.follow(before)
	}
	row.w.computeLeft = computeIn
	err := row.w.resume(ctx, s, now, row.timeVersion)
	if err == nil && row.w.change.After.ArchivedAt != nil {
		err = errAlone
	}
	if err == nil {
		err = p.numbers.take(ctx, row.w)
		p.isBehind = errors.Is(err, errBehind)
	}
	return row.w, err
}

// follow lets a write go on behind another one of its transaction: on what that made of the conversation, and with identifiers
// that rise on (P1.5).
func (w *write) follow(before *write) {
	w.before, w.conversation, w.ids = before, before.conversation, before.ids
}

// hasExternalID tells whether the write, or one that it follows, has a message with the external id.
func (w *write) hasExternalID(id *string) bool {
	for ; id != nil && w != nil; w = w.before {
		for _, m := range w.messages {
			if m.ExternalID != nil && *m.ExternalID == *id {
				return true
			}
		}
	}
	return false
}
