package webhook

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

var (
	errWebhookInactive = problem.New(problem.Conflict, problem.CodeWebhookInactive,
		"this webhook is switched off, and nothing is sent to it: switch it on first, with isActive")
	errDeliveryPending = problem.New(problem.Conflict, problem.CodeDeliveryPending,
		"this delivery is not finished: it is still being tried, as nextAttemptAt says")
	errEventExpired = problem.New(problem.Gone, problem.CodeEventExpired,
		"the event of this delivery is older than the retention, and has been dropped")
)

// keepPartitions holds, to the end of the transaction, the lock under which partitions are dropped: who makes a delivery
// pending again must find its event, and so must the sender (P10.6). It comes before all other locks.
func keepPartitions(tx *gorm.DB) error {
	err := tx.Exec(`SELECT pg_advisory_xact_lock_shared(hashtext('atender partitions'))`).Error
	return postgres.Doing(err, "lock the partitions")
}

// revive is what makes a finished delivery a new one under its old id: attempts are counted anew, and with them the
// waits and the 72 hours. It goes where first attempts go, so that circuit, limits and order hold for it (P4.8).
const revive = `state = 'pending', attempts = 0, due_at = clock_timestamp(), first_attempt_at = NULL, finished_at = NULL,
	failure = NULL, leased_until = NULL, lease_owner = NULL, queued_at = clock_timestamp()`

// Redeliver puts a finished delivery on its way once more, with the same event and so the same webhook-id (P4.8).
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, WEBHOOK_INACTIVE, DELIVERY_PENDING, EVENT_EXPIRED; those of may, which is asked for
// the webhook's types and the delivery's own, since the webhook may have had others when it was made.
func (s *Store) Redeliver(
	ctx context.Context, tenantID, subscription, id uuid.UUID, may account.EventCheck,
) (wire.Delivery, error) {
	if err := s.Enabled(ctx, tenantID); err != nil {
		return wire.Delivery{}, err
	}
	var d deliveryRow
	var sub Subscription
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		d = deliveryRow{}
		if err := keepPartitions(tx); err != nil {
			return err
		}
		if sub, err = takeSubscription(tx, tenantID, subscription); err != nil {
			return err
		}
		err = tx.Raw(`SELECT * FROM deliveries WHERE id = ? AND tenant_id = ? AND subscription_id = ? FOR NO KEY UPDATE`,
			id, tenantID, subscription).Take(&d).Error
		if err != nil {
			return postgres.NotFound(err, "delivery", id)
		}
		if err := may.Check(append(slices.Clone(sub.Events), d.EventType)...); err != nil {
			return err
		}
		switch {
		case d.State == DeliveryPending || d.State == DeliveryLeased:
			return errDeliveryPending
		case !sub.IsActive:
			return errWebhookInactive
		}
		var there bool
		err = tx.Raw(`SELECT EXISTS (SELECT FROM events WHERE id = ? AND tenant_id = ?)`, d.EventID, tenantID).Scan(&there).Error
		if err == nil && !there {
			err = errEventExpired
		}
		if err != nil {
			return postgres.Doing(err, "look for event %s", d.EventID)
		}
		d = deliveryRow{} // GORM leaves what is NULL now as it was
		err = tx.Raw(`UPDATE deliveries SET `+revive+` WHERE id = ? AND tenant_id = ? RETURNING *`, id, tenantID).Take(&d).Error
		return postgres.Doing(err, "revive delivery %s", id)
	})
	if err != nil {
		return wire.Delivery{}, postgres.Doing(err, "redeliver %s", id)
	}
	s.db.Wake(ctx, outbox.TopicDeliveries(sub.Shard))
	return d.Wire(), nil
}
