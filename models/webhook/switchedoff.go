package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// MaxWebhooksOfTenant is how many webhooks an operator can allow a tenant: each event is held against all of them, in the
// statement that stores it.
const MaxWebhooksOfTenant = 1_000

// TenantLimits is what the operator sets for a tenant; nil leaves a value as it is.
type TenantLimits struct {
	WebhooksEnabled *bool // P4.10
	MaxWebhooks     *int  // for those to come: a tenant that has more keeps them
}

// SetLimits changes what the operator allows a tenant, in all processes at once.
// Errors: NOT_FOUND; VALIDATION_FAILED for a number that is too small or too large.
func (s *Store) SetLimits(ctx context.Context, id uuid.UUID, l TenantLimits) (account.Tenant, error) {
	if n := l.MaxWebhooks; n != nil && (*n < 0 || *n > MaxWebhooksOfTenant) {
		return account.Tenant{}, problem.Fields(problem.Field{
			Field: "maxWebhooks", Code: "out_of_range", Message: fmt.Sprintf("must be 0 to %d", MaxWebhooksOfTenant),
		})
	}
	var t account.Tenant
	var topics []string
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		t, topics = account.Tenant{}, nil
		err := tx.Raw(`SELECT * FROM tenants WHERE id = ? FOR NO KEY UPDATE`, id).Take(&t).Error
		if err != nil {
			return postgres.NotFound(err, "tenant", id)
		}
		wire.Set(&t.MaxWebhooks, l.MaxWebhooks)
		if on := l.WebhooksEnabled; on != nil && *on != t.WebhooksEnabled {
			t.WebhooksEnabled = *on
			if topics, err = switchWebhooks(tx, id, *on); err != nil {
				return err
			}
		}
		err = tx.Exec(`UPDATE tenants SET webhooks_enabled = ?, max_webhooks = ? WHERE id = ?`,
			t.WebhooksEnabled, t.MaxWebhooks, id).Error
		return postgres.Doing(err, "save tenant %s", id)
	})
	if err != nil {
		return account.Tenant{}, postgres.Doing(err, "set the limits of tenant %s", id)
	}
	s.db.Wake(ctx, topics...)
	return t, nil
}

// webhooksOff is why a delivery or a replay was cancelled: the operator has switched the tenant's webhooks off.
const webhooksOff = "WEBHOOKS_DISABLED"

const (
	// switchTime is how long after a switch deliveries may still appear that were pending before it: a write that had looked
	// at the tenant before the switch commits after it. Writes take milliseconds, and wait for locks for seconds at most.
	switchTime = time.Minute
	// switchedOffRows is how many subscriptions one round of CancelSwitchedOff looks at, so that it stays short; those that
	// are done drop out of the next.
	switchedOffRows = 1_000
)

// endOfTime is behind whatever was put on its way.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// withTenantSQL reads subscriptions together with whether their tenant's webhooks are off, and its slug.
const withTenantSQL = `SELECT s.*, NOT t.webhooks_enabled AS tenant_off, t.slug AS tenant_slug FROM subscriptions s JOIN tenants t ON t.id = s.tenant_id`

// switchWebhooks does what belongs to switching a tenant's webhooks on or off (P4.10), in the transaction that has locked
// the tenant's row and changes it. Off: replays end, and retry workflows look again, and end. Either way what is pending by now
// is marked as to be cancelled: once they are on again, nothing old is sent. It returns the topics to wake after the commit.
func switchWebhooks(tx *gorm.DB, tenantID uuid.UUID, on bool) (topics []string, err error) {
	change := `cancel_before = clock_timestamp()`
	if on { // as when a subscription is switched on: the endpoint is said to be well
		change += `, failures = 0, failing = '{}', failing_since = NULL, circuit_opened_at = NULL, probes = 0,
			next_probe_at = NULL,
			last_probe = NULL`
	}
	var shards []int
	err = tx.Raw(`UPDATE subscriptions SET `+change+` WHERE tenant_id = ? AND deleted_at IS NULL RETURNING shard`, tenantID).
		Scan(&shards).Error
	if err != nil || on {
		return nil, postgres.Doing(err, "switch the webhooks of tenant %s", tenantID)
	}
	var retries, replays postgres.Statement
	outbox.AddEach(&retries, outbox.Retry, outbox.Each{
		Tenant: "tenant_id", Target: "id",
		From: `subscriptions WHERE tenant_id = ` + retries.Arg(tenantID) + `
			AND (retry_armed_for IS NOT NULL OR circuit_opened_at IS NOT NULL)`,
	})
	if err := retries.Exec(tx); err != nil {
		return nil, postgres.Doing(err, "signal retries of tenant %s", tenantID)
	}
	replays.With("ended", `UPDATE replays SET state = `+replays.Arg(ReplayCancelled)+`, reason = `+replays.Arg(webhooksOff)+`,
			finished_at = clock_timestamp(), next_look_at = NULL
		WHERE tenant_id = `+replays.Arg(tenantID)+` AND state = 'running' RETURNING id, tenant_id`)
	outbox.AddEach(&replays, outbox.Replay, outbox.Each{Tenant: "tenant_id", Target: "id", From: "ended"})
	if err := replays.Exec(tx); err != nil {
		return nil, postgres.Doing(err, "end replays of tenant %s", tenantID)
	}
	topics = []string{outbox.Topic}
	for _, shard := range shards {
		topics = append(topics, outbox.TopicDeliveries(shard))
	}
	return topics, nil
}

// cancelPending cancels the next few pending deliveries of a subscription that will not be sent: all of them, if it is off, or
// those from before its tenant's webhooks were switched. It returns how many; fewer than cancelRows are the last. What is
// leased is on its way, and stays. Deliveries are cancelled here alone; the contract lists the causes (reason of Delivery).
func (s *Store) cancelPending(ctx context.Context, sub Subscription) (int64, error) {
	state, why := DeliveryCancelled, "DISABLED"
	before, below := endOfTime, uuid.Max
	switch {
	case sub.DeletedAt != nil:
		why = "DELETED"
	case sub.TenantOff:
		why = webhooksOff
	case sub.DisabledReason != nil && *sub.DisabledReason == disabledFailing:
		state, why = DeliveryFailed, "ENDPOINT_DISABLED" // not the tenant's doing: it can be replayed (P5.5)
	case sub.IsActive:
		why, before = webhooksOff, *sub.CancelBefore
		below = ident.Floor(before.Add(deliverySpread)) // an id is no younger than its delivery: what came since is not read
	}
	r := s.db.Main.WithContext(ctx).Exec(`
		UPDATE deliveries SET state = @state, failure = @why, finished_at = clock_timestamp()
		WHERE state = 'pending' AND (id IN (SELECT id FROM deliveries WHERE shard = @shard AND subscription_id = @subscription
				AND state = 'pending' AND attempts = 0 AND id < @below AND coalesce(queued_at, created_at) < @before LIMIT @rows)
			OR id IN (SELECT id FROM deliveries WHERE subscription_id = @subscription
				AND state = 'pending' AND attempts > 0 AND coalesce(queued_at, created_at) < @before LIMIT @rows))`,
		map[string]any{
			"state": state, "why": why, "shard": sub.Shard, "subscription": sub.ID, "below": below, "before": before,
			"rows": cancelRows,
		})
	return r.RowsAffected, postgres.Doing(r.Error, "cancel pending deliveries of webhook %s", sub.ID)
}

// cancelAllPending is cancelPending until nothing is left, step by step, each a transaction of its own.
func (s *Store) cancelAllPending(ctx context.Context, sub Subscription) (cancelled int64, err error) {
	for {
		n, err := s.cancelPending(ctx, sub)
		cancelled += n
		if err != nil || n < cancelRows {
			return cancelled, err
		}
	}
}

// hasFromBefore tells whether a subscription has deliveries that wait, or are on their way, from before its tenant's
// webhooks were switched.
func hasFromBefore(db *gorm.DB, sub Subscription) (has bool, err error) {
	if sub.CancelBefore == nil {
		return false, nil
	}
	err = db.Raw(`SELECT EXISTS (SELECT FROM deliveries WHERE shard = @shard AND subscription_id = @subscription
			AND state = 'pending' AND attempts = 0 AND id < @below AND coalesce(queued_at, created_at) < @before)
		OR EXISTS (SELECT FROM deliveries WHERE subscription_id = @subscription
			AND state = 'pending' AND attempts > 0 AND coalesce(queued_at, created_at) < @before)
		OR EXISTS (SELECT FROM deliveries WHERE subscription_id = @subscription
			AND state = 'leased' AND coalesce(queued_at, created_at) < @before)`,
		map[string]any{
			"shard": sub.Shard, "subscription": sub.ID, "before": *sub.CancelBefore,
			"below": ident.Floor(sub.CancelBefore.Add(deliverySpread)),
		}).Scan(&has).Error
	return has, postgres.Doing(err, "look for deliveries from before a switch of webhook %s", sub.ID)
}

// CancelSwitchedOff cancels, step by step, what is pending for subscriptions whose tenant's webhooks are off, and what was
// pending before a switch (P4.10). Claims do the same for what they meet, and send none of it; this finds the rest, such as
// retries that are due in hours. It returns how many deliveries it cancelled. Several processes may call it at once.
func (s *Store) CancelSwitchedOff(ctx context.Context) (cancelled int64, err error) {
	var subs []Subscription
	err = s.db.Main.WithContext(ctx).Raw(withTenantSQL+` WHERE s.cancel_before IS NOT NULL OR NOT t.webhooks_enabled AND (
			EXISTS (SELECT FROM deliveries d WHERE d.shard = s.shard AND d.subscription_id = s.id AND d.state = 'pending' AND d.attempts = 0)
			OR EXISTS (SELECT FROM deliveries d WHERE d.subscription_id = s.id AND d.state = 'pending' AND d.attempts > 0))
		ORDER BY s.cancel_before DESC NULLS FIRST, s.id LIMIT ?`, switchedOffRows).Scan(&subs).Error
	if err != nil {
		return 0, postgres.Doing(err, "find webhooks that were switched off")
	}
	for _, sub := range subs {
		n, err := s.cancelAllPending(ctx, sub)
		cancelled += n
		if err == nil {
			err = s.forgetSwitch(ctx, sub)
		}
		if err != nil {
			return cancelled, err
		}
	}
	return cancelled, nil
}

// forgetSwitch forgets a switch once nothing from before it can be pending any more.
func (s *Store) forgetSwitch(ctx context.Context, sub Subscription) error {
	if sub.CancelBefore == nil || time.Since(*sub.CancelBefore) < switchTime {
		return nil
	}
	db := s.db.Main.WithContext(ctx)
	has, err := hasFromBefore(db, sub)
	if err == nil && !has {
		err = db.Exec(`UPDATE subscriptions SET cancel_before = NULL WHERE id = ? AND tenant_id = ? AND cancel_before = ?`,
			sub.ID, sub.TenantID, *sub.CancelBefore).Error
	}
	return postgres.Doing(err, "forget a switch of webhook %s", sub.ID)
}
