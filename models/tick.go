package models

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
)

// Tick is what a tick found and did.
type Tick struct {
	Status  lifecycle.Status
	NextDue *time.Time // what the workflow is armed for from now on
	MayEnd  bool       // nothing can become due any more (P3.4)
	// Woke is the snooze that ended in this tick, and Lag how late it did.
	Woke bool
	Lag  time.Duration
}

// Tick applies what is due in a conversation and notes what its workflow is armed for (P3.3). It is idempotent: repeated
// after a crash it finds nothing due. It never pokes the workflow, which is the one that asks.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Store) Tick(ctx context.Context, tenantID, id uuid.UUID) (Tick, error) {
	var tick Tick
	_, err := s.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, _, err := s.lock(tx, tenantID, id, wire.System, wants{})
		if err != nil {
			return nil, err
		}
		w.quiet = true
		tick = Tick{Status: w.change.After.Status, NextDue: w.change.After.NextDue(), MayEnd: w.change.After.MayEnd()}
		if len(w.change.Facts) > 0 { // the one thing that time does so far
			tick.Woke, tick.Lag = true, w.now.Sub(*w.conversation.SnoozedUntil)
		}
		armed := w.conversation.ArmedFor
		w.conversation.ArmedFor = tick.NextDue
		if len(w.change.Facts) > 0 {
			return w, w.save(ctx)
		}
		if equalTimes(armed, tick.NextDue) {
			return nil, nil
		}
		return nil, tx.Exec(
			`UPDATE conversations SET armed_for = ? WHERE tenant_id = ? AND id = ?`,
			tick.NextDue,
			tenantID,
			id,
		).Error
	})
	return tick, err
}

func equalTimes(a, b *time.Time) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}
