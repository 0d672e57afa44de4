package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

const (
	// followLease is how long a leaving name is one worker's, longer than a batch takes.
	followLease = 30 * time.Second
	// followBatch is how many conversations one call of FollowTags changes at most.
	followBatch = 100
)

// Propagate takes one name that is leaving, of whichever tenant has waited longest, off the next conversations that
// carry it: each in a transaction of its own, through the write path (P1), so with its events, and in the name of whoever
// renamed or deleted the tag. When none is left, the name's row goes. Several workers may call it: no two have the same
// name. It returns how many conversations it changed, and whether there may be more to do at once.
// ✗ anywhere: the lease runs out, and somebody goes on; a conversation that has followed no longer carries the name.
func (s *Tags) Propagate(ctx context.Context) (changed int, more bool, err error) {
	defer postgres.During(&err, "propagate a retired tag")
	leaving, err := s.claimRetired(ctx)
	if err != nil || leaving == nil {
		return 0, false, err
	}
	var carriers []uuid.UUID
	err = s.db.Main.WithContext(ctx).Raw(`SELECT id FROM conversations
		WHERE tenant_id = ? AND tags <> '{}' AND tags @> ARRAY[?::text] ORDER BY id LIMIT ?`,
		leaving.TenantID, leaving.Name, followBatch).Scan(&carriers).Error
	if err != nil {
		return 0, false, err
	}
	if len(carriers) == 0 {
		return 0, true, s.finish(ctx, *leaving)
	}
	for _, id := range carriers {
		if err := s.propagate(ctx, *leaving, id); err != nil {
			return changed, false, err
		}
		changed++
	}
	err = s.db.Main.WithContext(ctx).Exec(`UPDATE tags SET leaving_at = clock_timestamp() WHERE tenant_id = ? AND id = ?`,
		leaving.TenantID, leaving.ID).Error
	return changed, true, err
}

// claimRetired takes the next name for followLease; nil when there is none.
func (s *Tags) claimRetired(ctx context.Context) (*Tag, error) {
	var t Tag
	err := s.db.Main.WithContext(ctx).Raw(`
		UPDATE tags SET leaving_at = clock_timestamp() + make_interval(secs => ?)
		WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM tags WHERE leaving_at <= clock_timestamp()
			ORDER BY leaving_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING *`, followLease.Seconds()).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &t, postgres.Translate(err)
}

// propagate changes one conversation.
func (s *Tags) propagate(ctx context.Context, leaving Tag, conversationID uuid.UUID) error {
	actor := wire.System
	if leaving.LeavingBy != nil {
		actor = *leaving.LeavingBy
	}
	_, err := s.conversations.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, _, err := s.conversations.lock(ctx, tx, leaving.TenantID, conversationID, actor, lockOptions{})
		if err != nil {
			return nil, err
		}
		// Read after the lock: a tag that is renamed again leaves this name too, and the rename waits for nobody.
		var heir struct {
			ID   uuid.UUID
			Name string
		}
		if leaving.LeavingFor != nil {
			err = tx.Raw(`SELECT id, name FROM tags WHERE tenant_id = ? AND id = ? AND leaving_at IS NULL FOR KEY SHARE`,
				leaving.TenantID, *leaving.LeavingFor).Take(&heir).Error
			if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) { // it may have been deleted since
				return nil, err
			}
		}
		w.tags = map[string]uuid.UUID{leaving.Name: leaving.ID}
		if heir.Name != "" {
			w.tags = map[string]uuid.UUID{leaving.Name: heir.ID, heir.Name: heir.ID} // one tag, whatever it is called
		}
		w.change.ReplaceTag(leaving.Name, heir.Name)
		return w, w.save(ctx)
	})
	return err
}

// finish ends a name that no conversation carries any more. Who gives it to a conversation in this very moment keeps
// it, as if they had come a moment later.
func (s *Tags) finish(ctx context.Context, leaving Tag) error {
	return s.db.Transact(ctx, func(tx *gorm.DB) error {
		if leaving.LeavingFor != nil {
			err := tx.Exec(`UPDATE subscriptions SET filter_tags = array_remove(filter_tags, ?)
				WHERE tenant_id = ? AND ? = ANY (filter_tags)
					AND filter_tags && ARRAY(SELECT name FROM tags WHERE tenant_id = ? AND id = ? AND leaving_at IS NULL)`,
				leaving.Name, leaving.TenantID, leaving.Name, leaving.TenantID, *leaving.LeavingFor).Error
			if err != nil {
				return err
			}
		}
		return tx.Exec(`DELETE FROM tags WHERE tenant_id = ? AND id = ?`, leaving.TenantID, leaving.ID).Error
	})
}
