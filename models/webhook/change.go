package webhook

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// NewSubscription is what a subscription is made from.
type NewSubscription struct {
	Name, URL    string
	Events       []string // types, or "*" alone for all
	Description  string
	IsActive     *bool // true when nil
	Headers      map[string]string
	MaxPerSecond *int
	MaxInFlight  *int
	Retry        []int
	Filter       *wire.Filter
	Signing      string // hmac when empty
	Ordering     string // none when empty
	May          account.EventCheck
}

// SubscriptionUpdate changes a subscription; what is nil or not Set stays.
type SubscriptionUpdate struct {
	Name, URL, Description *string
	Events                 *[]string
	IsActive               *bool
	Headers                *map[string]string
	MaxPerSecond           wire.Optional[int]
	MaxInFlight            *int
	Retry                  wire.Optional[[]int]
	Filter                 wire.Optional[wire.Filter]
	Ordering               *string // of events from now on
	May                    account.EventCheck
}

// exposes tells whether the update can have events sent that were not, or sent elsewhere or with other headers. Switching
// off, names, limits and the schedule do not.
func (u SubscriptionUpdate) exposes() bool {
	return u.URL != nil || u.Events != nil || u.IsActive != nil && *u.IsActive || u.Headers != nil || u.Filter.Set
}

// Create makes a subscription. The secret that a receiver verifies with is in the answer and never readable
// again; with ed25519 there is none to tell, since the public key does.
// Errors: WEBHOOKS_DISABLED, WEBHOOK_LIMIT_REACHED (inactive ones count), VALIDATION_FAILED, those of May.
func (s *Store) Create(ctx context.Context, tenantID uuid.UUID, in NewSubscription) (wire.Subscription, error) {
	now := time.Now()
	sub := Subscription{
		TenantID: tenantID, IsActive: true, MaxInFlight: DefaultMaxInFlight,
		Signing: cmp.Or(in.Signing, SigningHMAC), Ordering: OrderingNone, Failing: postgres.UUIDs{}, CreatedAt: now,
	}
	sub.setFilter(nil)
	update := SubscriptionUpdate{
		Name: &in.Name, URL: &in.URL, Description: &in.Description, Events: &in.Events, IsActive: in.IsActive,
		Headers: &in.Headers, MaxPerSecond: wire.Optional[int]{Set: true, Value: in.MaxPerSecond}, MaxInFlight: in.MaxInFlight,
		May: in.May,
	}
	if in.Retry != nil {
		update.Retry = wire.Some(in.Retry)
	}
	if in.Ordering != "" {
		update.Ordering = &in.Ordering
	}
	if in.Filter != nil {
		update.Filter = wire.Some(*in.Filter)
	}
	var secret *string
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		tenant, err := s.tenant(tx, tenantID)
		if err != nil {
			return err
		}
		if sub.ID, err = newID(tx, tenantID, ident.New); err != nil {
			return err
		}
		sub.Shard = shardOf(sub.ID)
		if err := s.applyUpdate(tx, &sub, update, now); err != nil {
			return err
		}
		if secret, err = s.newSecret(&sub); err != nil {
			return err
		}
		var count int64
		if err := postgres.NotDeleted(tx, tenantID).Model(&Subscription{}).Count(&count).Error; err != nil {
			return postgres.Doing(err, "count webhooks")
		}
		if int(count) >= tenant.MaxWebhooks {
			return problem.New(
				problem.Limited,
				problem.CodeWebhookLimitReached,
				"this tenant may have %d webhooks, inactive ones included: delete one, or ask your operator for more",
				tenant.MaxWebhooks,
			).
				With("maxWebhooks", tenant.MaxWebhooks)
		}
		return postgres.Doing(tx.Create(&sub).Error, "insert the webhook")
	})
	if err != nil {
		return wire.Subscription{}, postgres.Doing(err, "create a webhook")
	}
	out := sub.Wire()
	out.Secret = secret
	return out, nil
}

// newID is an id for a subscription whose end no other of its tenant has, deleted ones included: the ids of workflows show that
// alone (durable.Endpoint). The tenant's row is locked.
func newID(tx *gorm.DB, tenantID uuid.UUID, made func() uuid.UUID) (uuid.UUID, error) {
	for range newIDTries {
		id, taken := made(), false
		err := tx.Raw(`SELECT EXISTS (SELECT FROM subscriptions WHERE tenant_id = ? AND right(id::text, ?) = right(?, ?))`,
			tenantID, durable.ShortID, id.String(), durable.ShortID).Scan(&taken).Error
		if err != nil || !taken {
			return id, postgres.Doing(err, "look for the end of a webhook's id")
		}
	}
	return uuid.Nil, errors.New("find an id for a webhook: every one that was made ends like another's")
}

// newIDTries is how many ids are tried: of 10,000 webhooks that a tenant has had, one in 400,000 ends like another.
const newIDTries = 5

// lock begins a change of a subscription.
func (s *Store) lock(tx *gorm.DB, tenantID, id uuid.UUID) (Subscription, error) {
	tenant, err := s.tenant(tx, tenantID)
	if err != nil {
		return Subscription{}, err
	}
	var sub Subscription
	err = tx.Raw(`SELECT * FROM subscriptions WHERE tenant_id = ? AND id = ? AND deleted_at IS NULL FOR NO KEY UPDATE`, tenantID, id).
		Take(&sub).
		Error
	sub.TenantSlug = tenant.Slug
	return sub, postgres.NotFound(err, "webhook", id)
}

func saveSubscription(tx *gorm.DB, sub *Subscription) error {
	err := tx.Model(sub).Select("*").Where("tenant_id = ? AND id = ?", sub.TenantID, sub.ID).Updates(sub).Error
	return postgres.Doing(err, "save webhook %s", sub.ID)
}

// Update changes a subscription. A new URL or header is used from the next claim on (P4.6). Turning one on
// again clears why it was disabled; what happened meanwhile is not sent. A new URL, and turning on, close the circuit:
// the endpoint is another, or said to be well.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, VALIDATION_FAILED; those of May, which is asked for the types that the
// subscription has after the update, if that can have more sent.
func (s *Store) Update(
	ctx context.Context, tenantID, id uuid.UUID, u SubscriptionUpdate,
) (wire.Subscription, error) {
	var out wire.Subscription
	var topics []string
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		sub, err := s.lock(tx, tenantID, id)
		if err != nil {
			return err
		}
		before := sub
		if err := s.applyUpdate(tx, &sub, u, time.Now()); err != nil {
			return err
		}
		topics = nil
		if sub.URL != before.URL || sub.IsActive && !before.IsActive {
			now := time.Now()
			if topics, err = resumeDeliveries(tx, []Subscription{sub}, now); err != nil {
				return err
			}
			sub.closeCircuit(now)
		}
		moved, err := tellFormer(tx, before, sub)
		if err != nil {
			return err
		}
		topics = append(topics, moved...)
		if err := saveSubscription(tx, &sub); err != nil {
			return err
		}
		out, err = show(tx, sub)
		return err
	})
	if err != nil {
		return wire.Subscription{}, postgres.Doing(err, "change webhook %s", id)
	}
	s.db.Wakeups.Mark(topics...)
	return out, nil
}

// tellFormer has the subscription's retry workflow look, if one may run under the id that the subscription had before an
// update: it ends, and one under the id that it has now goes on (P12.3). It returns the topics to wake after the commit.
func tellFormer(tx *gorm.DB, before, after Subscription) (topics []string, err error) {
	former := durable.RetryID(before.tenant(), before.endpoint())
	if before.RetryArmedFor == nil || former == durable.RetryID(after.tenant(), after.endpoint()) {
		return nil, nil
	}
	now := time.Now()
	return []string{outbox.Topic}, outbox.AddNow(tx, outbox.Entry{
		Kind: outbox.Retry, TenantID: after.TenantID, TargetID: after.ID, FormerID: &former, DueAt: &now,
	})
}

// Delete ends a subscription. What is pending is cancelled when it would be claimed next (P4.6).
// Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) Delete(ctx context.Context, tenantID, id uuid.UUID) error {
	var sub Subscription
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if sub, err = s.lock(tx, tenantID, id); err != nil {
			return err
		}
		now := time.Now()
		sub.DeletedAt, sub.IsActive, sub.UpdatedAt = &now, false, now
		return saveSubscription(tx, &sub)
	})
	return postgres.Doing(err, "delete webhook %s", id)
}
