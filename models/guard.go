package models

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/problem"
)

// ConversationRef names a conversation.
type ConversationRef struct{ TenantID, ID uuid.UUID }

// Overdue lists conversations in which something has been due for longer than the given time, the longest first (P3.5).
// Those that somebody is changing at the moment are left out: that somebody applies what is due.
func (s *Store) Overdue(ctx context.Context, by time.Duration, limit int) ([]ConversationRef, error) {
	var refs []ConversationRef
	err := s.db.WithContext(ctx).Raw(`SELECT tenant_id, id FROM conversations
		WHERE next_due_at < clock_timestamp() - make_interval(secs => ?) ORDER BY next_due_at LIMIT ? FOR NO KEY UPDATE SKIP LOCKED`,
		by.Seconds(), limit).Scan(&refs).Error
	return refs, translate(err)
}

// PokeLateRetries makes outbox rows for the subscriptions that have had something due for longer than the given time
// without their retry workflow having come (P4.7): it was lost, or is late. It returns how many.
func (s *Store) PokeLateRetries(ctx context.Context, by time.Duration) (int64, error) {
	r := s.db.WithContext(ctx).Exec(`
		INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
		SELECT s.tenant_id, ?, s.id, ?, s.retry_armed_for, clock_timestamp(), clock_timestamp() FROM subscriptions s
		WHERE (s.retry_armed_for < clock_timestamp() - make_interval(secs => ?)
			OR s.retry_armed_for IS NULL AND s.circuit_opened_at IS NOT NULL AND s.is_active
			OR s.circuit_opened_at IS NULL AND EXISTS (SELECT FROM deliveries d WHERE d.subscription_id = s.id
				AND d.state = 'pending' AND d.attempts > 0 AND d.due_at < clock_timestamp() - make_interval(secs => ?)
				AND `+inTurnSQL+`))
			AND EXISTS (SELECT FROM tenants t WHERE t.id = s.tenant_id AND t.webhooks_enabled)
			AND NOT EXISTS (SELECT FROM outbox o WHERE o.target_id = s.id)`,
		outboxRetry, priorityRetry, by.Seconds(), by.Seconds())
	if r.Error == nil && r.RowsAffected > 0 {
		s.wakeups.Mark(TopicOutbox)
	}
	return r.RowsAffected, translate(r.Error)
}

// Keys of the installation table.
const (
	keyNamespace = "temporal-namespace-id"
	keyWalk      = "walk-cursor"
)

// repokeSQL makes an outbox row for each conversation whose workflow should be running.
const repokeSQL = `
	INSERT INTO outbox (tenant_id, kind, target_id, status, priority, due_at, available_at, created_at)
	SELECT tenant_id, '` + outboxConversation + `', id, status, ?, next_due_at, clock_timestamp(), clock_timestamp() FROM conversations`

// RememberNamespace stores the id of the Temporal namespace that the workflows live in. If another one was stored,
// Temporal has lost its data: all workflows that should be running are poked, and so made again (P3.6). Of several
// workers one does it.
func (s *Store) RememberNamespace(ctx context.Context, name, id string) (replaced bool, err error) {
	err = s.transact(ctx, func(tx *gorm.DB) error {
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
		if err := tx.Exec(repokeSQL+` WHERE status IN ('active', 'snoozed') OR next_due_at IS NOT NULL`, priorityConversation).Error; err != nil {
			return err
		}
		err = tx.Exec(`UPDATE subscriptions SET retry_armed_for = clock_timestamp() - interval '1 hour'
			WHERE retry_armed_for IS NOT NULL`).Error // PokeLateRetries finds them
		fault.At(fault.BeforePoking)
		return err
	})
	if replaced {
		s.wakeups.Mark(TopicOutbox)
	}
	return replaced, err
}

// Walk pokes the next few conversations of a walk over all whose workflow should be running, so that one that was lost
// for a reason nobody thought of is found within a day if Walk is called every minute (P3.6). It returns how many.
func (s *Store) Walk(ctx context.Context) (poked int64, err error) {
	err = s.transact(ctx, func(tx *gorm.DB) error {
		var cursor struct{ Value string }
		err := tx.Raw(`INSERT INTO installation (key, value) VALUES (?, '') ON CONFLICT (key) DO UPDATE SET value = installation.value
			RETURNING value`, keyWalk).Take(&cursor).Error
		if err != nil {
			return err
		}
		after, err := uuid.Parse(cursor.Value)
		if err != nil {
			after = uuid.Nil // the first walk
		}
		var last struct {
			ID *uuid.UUID
			N  int64
		}
		err = tx.Raw(`
			WITH next AS (SELECT tenant_id, id FROM conversations WHERE id > ? AND status IN ('active', 'snoozed') ORDER BY id
				LIMIT (SELECT greatest(10, count(*) / 1440 + 1) FROM conversations WHERE status IN ('active', 'snoozed'))),
			poked AS (`+repokeSQL+` WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM next))
			SELECT (array_agg(id ORDER BY id DESC))[1] AS id, count(*) AS n FROM next`, after, priorityConversation).Take(&last).Error
		if err != nil {
			return err
		}
		poked, cursor.Value = last.N, ""
		if last.ID != nil {
			cursor.Value = last.ID.String()
		}
		return tx.Exec(`UPDATE installation SET value = ? WHERE key = ?`, cursor.Value, keyWalk).Error
	})
	if poked > 0 {
		s.wakeups.Mark(TopicOutbox)
	}
	return poked, err
}

// IsNotFound tells whether err says that something does not exist.
func IsNotFound(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Kind == problem.NotFound
}
