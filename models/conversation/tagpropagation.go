package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/tag"
	"github.com/atender/atender/models/wire"
)

const (
	// propagationLease is how long a retired name is one worker's, longer than a batch takes.
	propagationLease = 30 * time.Second
	// propagationBatch is how many conversations one call of PropagateTags changes at most.
	propagationBatch = 100
)

// PropagateTags takes one retired name, of whichever tenant has waited longest, off the next conversations that
// carry it: each in a transaction of its own, through the write path (P1), so with its events, and in the name of the
// actor who renamed or deleted the tag. When none is left, the name's row goes. Several workers may call it: no two
// have the same name. It returns how many conversations it changed, and whether there may be more to do at once.
// ✗ anywhere: the lease runs out, and another worker goes on; a conversation that was changed no longer carries the
// name.
func (s *Store) PropagateTags(ctx context.Context) (changed int, more bool, err error) {
	defer postgres.During(&err, "propagate a retired tag")
	retired, err := s.claimRetired(ctx)
	if err != nil || retired == nil {
		return 0, false, err
	}
	var carriers []uuid.UUID
	err = s.db.Main.WithContext(ctx).Raw(`SELECT id FROM conversations
		WHERE tenant_id = ? AND tags <> '{}' AND tags @> ARRAY[?::text] ORDER BY id LIMIT ?`,
		retired.TenantID, retired.Name, propagationBatch).Scan(&carriers).Error
	if err != nil {
		return 0, false, err
	}
	if len(carriers) == 0 {
		return 0, true, s.finishTag(ctx, *retired)
	}
	for _, id := range carriers {
		if err := s.propagateTag(ctx, *retired, id); err != nil {
			return changed, false, err
		}
		changed++
	}
	err = s.db.Main.WithContext(ctx).Exec(`UPDATE tags SET leaving_at = clock_timestamp() WHERE tenant_id = ? AND id = ?`,
		retired.TenantID, retired.ID).Error
	return changed, true, err
}

// claimRetired takes the next name for propagationLease; nil when there is none.
func (s *Store) claimRetired(ctx context.Context) (*tag.Tag, error) {
	var t tag.Tag
	err := s.db.Main.WithContext(ctx).Raw(`
		UPDATE tags SET leaving_at = clock_timestamp() + make_interval(secs => ?)
		WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM tags WHERE leaving_at <= clock_timestamp()
			ORDER BY leaving_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING *`, propagationLease.Seconds()).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &t, postgres.Translate(err)
}

// propagateTag changes one conversation.
func (s *Store) propagateTag(ctx context.Context, retired tag.Tag, conversationID uuid.UUID) error {
	actor := wire.System
	if retired.LeavingBy != nil {
		actor = *retired.LeavingBy
	}
	_, err := s.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, _, err := s.lock(ctx, tx, retired.TenantID, conversationID, actor, lockOptions{})
		if err != nil {
			return nil, err
		}
		// Read after the lock: a tag that is renamed again leaves this name too, and the rename does not wait.
		var heir struct {
			ID   uuid.UUID
			Name string
		}
		if retired.LeavingFor != nil {
			err = tx.Raw(`SELECT id, name FROM tags WHERE tenant_id = ? AND id = ? AND leaving_at IS NULL FOR KEY SHARE`,
				retired.TenantID, *retired.LeavingFor).Take(&heir).Error
			if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) { // it may have been deleted since
				return nil, err
			}
		}
		w.tags = map[string]uuid.UUID{retired.Name: retired.ID}
		if heir.Name != "" {
			w.tags = map[string]uuid.UUID{retired.Name: heir.ID, heir.Name: heir.ID} // one tag, whatever it is called
		}
		w.change.ReplaceTag(retired.Name, heir.Name)
		return w, w.save(ctx)
	})
	return err
}

// finishTag ends a name that no conversation carries any more. Who gives it to a conversation in this very moment keeps
// it, as if they had come a moment later.
func (s *Store) finishTag(ctx context.Context, retired tag.Tag) error {
	return s.db.Transact(ctx, func(tx *gorm.DB) error {
		if retired.LeavingFor != nil {
			err := tx.Exec(`UPDATE subscriptions SET filter_tags = array_remove(filter_tags, ?)
				WHERE tenant_id = ? AND ? = ANY (filter_tags)
					AND filter_tags && ARRAY(SELECT name FROM tags WHERE tenant_id = ? AND id = ? AND leaving_at IS NULL)`,
				retired.Name, retired.TenantID, retired.Name, retired.TenantID, *retired.LeavingFor).Error
			if err != nil {
				return err
			}
		}
		return tx.Exec(`DELETE FROM tags WHERE tenant_id = ? AND id = ?`, retired.TenantID, retired.ID).Error
	})
}
