package webhook

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/circuit"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/wire"
)

// Limits of a subscription.
const (
	DefaultMaxInFlight = 32
	MaxInFlight        = 256
	MaxPerSecond       = 10_000
)

// The ways a subscription's requests are signed.
const (
	SigningHMAC    = "hmac"
	SigningEd25519 = "ed25519"
)

// Whether deliveries wait for each other (P4.5).
const (
	OrderingNone         = "none"
	OrderingConversation = "conversation" // the events of one conversation arrive in order, one at a time
)

// Shards is how many parts the subscriptions are divided into; each dispatcher serves a range of them.
const Shards = 64

// Subscription is a webhook subscription's row. Secrets and header values are sealed (package seal).
type Subscription struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	Name           string
	URL            string
	Events         postgres.Strings
	Description    string
	IsActive       bool
	DisabledReason *string
	Headers        []byte
	HeaderNames    postgres.Strings
	MaxPerSecond   *int
	MaxInFlight    int
	Retry          postgres.Ints
	FilterChannels postgres.Strings
	FilterTags     postgres.Strings
	FilterTeamIDs  postgres.UUIDs
	Signing        string
	Secret         []byte
	PreviousSecret []byte
	PreviousUntil  *time.Time
	PublicKey      *string
	RetryArmedFor  *time.Time
	Shard          int
	Ordering       string

	// How the endpoint has been doing: see package circuit.
	Failures        int
	Failing         postgres.UUIDs
	FailingSince    *time.Time
	CircuitOpenedAt *time.Time
	Probes          int
	NextProbeAt     *time.Time
	LastProbe       *uuid.UUID
	CreatedAt       time.Time
	UpdatedAt       time.Time
	DeletedAt       *time.Time // a plain column: deliveries still name a deleted subscription

	// CancelBefore is when the tenant's webhooks were last switched on or off: what was owed by then is to be cancelled. nil
	// when nothing is left of that.
	CancelBefore *time.Time
	// TenantOff: the tenant's webhooks are off. Only where it was asked for (withTenantSQL).
	TenantOff bool `gorm:"->"`
}

// Wire is the subscription's JSON shape, without secrets.
func (s Subscription) Wire() wire.Subscription {
	out := wire.Subscription{
		ID:             s.ID,
		Name:           s.Name,
		URL:            s.URL,
		Events:         s.Events,
		Description:    s.Description,
		IsActive:       s.IsActive,
		DisabledReason: s.DisabledReason,
		Headers:        []string{},
		MaxPerSecond:   s.MaxPerSecond,
		MaxInFlight:    s.MaxInFlight,
		Signing:        s.Signing,
		PublicKey:      s.PublicKey,
		Ordering:       s.Ordering,
		Health:         s.health(),
		CreatedAt:      wire.At(s.CreatedAt),
		UpdatedAt:      wire.At(s.UpdatedAt),
	}
	out.Headers = append(out.Headers, s.HeaderNames...)
	for _, step := range s.Retry {
		out.Retry = append(out.Retry, int(step))
	}
	if len(s.FilterChannels)+len(s.FilterTags)+len(s.FilterTeamIDs) > 0 {
		out.Filter = &wire.Filter{Channels: s.FilterChannels, Tags: s.FilterTags, TeamIDs: s.FilterTeamIDs}
	}
	return out
}

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
		TenantID: tenantID, ID: ident.New(), IsActive: true, MaxInFlight: DefaultMaxInFlight,
		Signing: cmp.Or(in.Signing, SigningHMAC), Ordering: OrderingNone, Failing: postgres.UUIDs{}, CreatedAt: now,
	}
	sub.Shard = shardOf(sub.ID)
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
		if err := s.applyUpdate(tx, &sub, update, now); err != nil {
			return err
		}
		if secret, err = s.newSecret(&sub); err != nil {
			return err
		}
		var count int64
		if err := postgres.NotDeleted(tx, tenantID).Model(&Subscription{}).Count(&count).Error; err != nil {
			return err
		}
		if int(count) >= tenant.MaxWebhooks {
			return problem.New(
				problem.Limited,
				"WEBHOOK_LIMIT_REACHED",
				"this tenant may have %d webhooks, inactive ones included: delete one, or ask your operator for more",
				tenant.MaxWebhooks,
			).
				With("maxWebhooks", tenant.MaxWebhooks)
		}
		return tx.Create(&sub).Error
	})
	if err != nil {
		return wire.Subscription{}, err
	}
	out := sub.Wire()
	out.Secret = secret
	return out, nil
}

// tenant locks the tenant's row, so that two creations cannot both be the last one allowed.
func (s *Store) tenant(tx *gorm.DB, tenantID uuid.UUID) (account.Tenant, error) {
	var t account.Tenant
	err := tx.Raw(`SELECT * FROM tenants WHERE id = ? FOR NO KEY UPDATE`, tenantID).Take(&t).Error
	if err == nil && !t.WebhooksEnabled {
		err = errWebhooksDisabled
	}
	return t, err
}

var errWebhooksDisabled = problem.New(problem.Forbidden, "WEBHOOKS_DISABLED",
	"webhooks are not enabled for this tenant: ask your operator to enable them")

// Enabled is nil if the tenant may use webhooks at all. Errors: WEBHOOKS_DISABLED.
func (s *Store) Enabled(ctx context.Context, tenantID uuid.UUID) error {
	t, err := s.accounts.Tenant(ctx, tenantID)
	if err == nil && !t.WebhooksEnabled {
		return errWebhooksDisabled
	}
	return err
}

// List lists a tenant's subscriptions, oldest first, and returns the cursor of the next page.
// Errors: WEBHOOKS_DISABLED, VALIDATION_FAILED.
func (s *Store) List(ctx context.Context, tenantID uuid.UUID, page postgres.Page) ([]wire.Subscription, string, error) {
	if err := s.Enabled(ctx, tenantID); err != nil {
		return nil, "", err
	}
	db := s.db.Lists.WithContext(ctx)
	rows, next, err := postgres.Listed(postgres.NotDeleted(db, tenantID), page, func(s Subscription) uuid.UUID { return s.ID })
	if err != nil {
		return nil, "", err
	}
	out, err := shown(db, rows...)
	return out, next, postgres.ListError(ctx, err)
}

// Get returns one subscription. Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) Get(ctx context.Context, tenantID, id uuid.UUID) (wire.Subscription, error) {
	sub, err := s.read(ctx, tenantID, id)
	if err != nil {
		return wire.Subscription{}, err
	}
	out, err := show(s.db.Lists.WithContext(ctx), sub)
	return out, postgres.ListError(ctx, err)
}

// read reads one subscription's row. Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) read(ctx context.Context, tenantID, id uuid.UUID) (Subscription, error) {
	if err := s.Enabled(ctx, tenantID); err != nil {
		return Subscription{}, err
	}
	return takeSubscription(s.db.Main.WithContext(ctx), tenantID, id)
}

func takeSubscription(db *gorm.DB, tenantID, id uuid.UUID) (sub Subscription, err error) {
	err = postgres.NotDeleted(db, tenantID).Take(&sub, "id = ?", id).Error
	return sub, postgres.NotFound(err, "webhook", id)
}

// lock begins a change of a subscription.
func (s *Store) lock(tx *gorm.DB, tenantID, id uuid.UUID) (Subscription, error) {
	if _, err := s.tenant(tx, tenantID); err != nil {
		return Subscription{}, err
	}
	var sub Subscription
	err := tx.Raw(`SELECT * FROM subscriptions WHERE tenant_id = ? AND id = ? AND deleted_at IS NULL FOR NO KEY UPDATE`, tenantID, id).
		Take(&sub).
		Error
	return sub, postgres.NotFound(err, "webhook", id)
}

func saveSubscription(tx *gorm.DB, sub *Subscription) error {
	return tx.Model(sub).Select("*").Where("tenant_id = ? AND id = ?", sub.TenantID, sub.ID).Updates(sub).Error
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
	var marks []string
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		sub, err := s.lock(tx, tenantID, id)
		if err != nil {
			return err
		}
		before := sub
		if err := s.applyUpdate(tx, &sub, u, time.Now()); err != nil {
			return err
		}
		marks = nil
		if sub.URL != before.URL || sub.IsActive && !before.IsActive {
			if marks, err = resumeDeliveries(ctx, tx, []Subscription{sub}, time.Now()); err != nil {
				return err
			}
			sub.setCircuit(circuit.State{})
		}
		if err := saveSubscription(tx, &sub); err != nil {
			return err
		}
		out, err = show(tx, sub)
		return err
	})
	if err != nil {
		return wire.Subscription{}, err
	}
	s.db.Wakeups.Mark(marks...)
	return out, nil
}

// Delete ends a subscription. What it is owed is cancelled when it would be claimed next (P4.6).
// Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) Delete(ctx context.Context, tenantID, id uuid.UUID) error {
	var sub Subscription
	return s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if sub, err = s.lock(tx, tenantID, id); err != nil {
			return err
		}
		now := time.Now()
		sub.DeletedAt, sub.IsActive, sub.UpdatedAt = &now, false, now
		return saveSubscription(tx, &sub)
	})
}

// RotateSecret gives a subscription a new secret and returns it, the only time; with ed25519 a new pair of keys, of which
// it returns the public one. During the grace, at most 168 hours,
// deliveries carry the signatures of both. Rotating again within the grace ends the oldest at once.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, those of may.
func (s *Store) RotateSecret(
	ctx context.Context, tenantID, id uuid.UUID, grace time.Duration, may account.EventCheck,
) (wire.Subscription, error) {
	var out wire.Subscription
	var secret *string
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		sub, err := s.lock(tx, tenantID, id)
		if err != nil {
			return err
		}
		if err := may.Check(sub.Events...); err != nil {
			return err
		}
		now := time.Now()
		sub.PreviousSecret, sub.PreviousUntil, sub.UpdatedAt = nil, nil, now
		if grace > 0 {
			until := now.Add(grace)
			sub.PreviousSecret, sub.PreviousUntil = sub.Secret, &until
		}
		if secret, err = s.newSecret(&sub); err != nil {
			return err
		}
		if err := saveSubscription(tx, &sub); err != nil {
			return err
		}
		out, err = show(tx, sub)
		return err
	})
	if err != nil {
		return wire.Subscription{}, err
	}
	out.Secret = secret
	return out, nil
}

// newSecret gives the subscription a signing key, and returns what the receiver must be told of it and cannot read
// elsewhere: a symmetric secret. Of a pair of keys the receiver needs the public one only; the private one is sealed, and
// leaves the process in no other way.
func (s *Store) newSecret(sub *Subscription) (told *string, err error) {
	if sub.Signing == SigningEd25519 {
		pair := signature.NewKeyPair()
		public := pair.Public().String()
		sub.PublicKey = &public
		sub.Secret, err = s.db.Keyring.Seal([]byte(pair.Reveal()), secretAAD(sub.ID))
		return nil, err
	}
	plain := signature.NewSecret().Reveal()
	sub.Secret, err = s.db.Keyring.Seal([]byte(plain), secretAAD(sub.ID))
	return &plain, err
}

// PublicKeys are the keys that verify what a subscription sends now, the newest first: one, and after a rotation the one
// before it for as long as it signs, too. None for a subscription that signs with a secret.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND; a secret that the keyring cannot open.
func (s *Store) PublicKeys(ctx context.Context, tenantID, id uuid.UUID) ([]wire.PublicKey, error) {
	sub, err := s.read(ctx, tenantID, id)
	if err != nil || sub.PublicKey == nil {
		return nil, err
	}
	keys := []wire.PublicKey{{PublicKey: *sub.PublicKey}}
	if !sub.inGrace(time.Now()) {
		return keys, nil
	}
	plain, err := s.db.Keyring.Open(sub.PreviousSecret, secretAAD(sub.ID))
	if err != nil {
		return nil, fmt.Errorf("previous key of webhook %s: %w", sub.ID, err)
	}
	pair, err := signature.ParseKeyPair(string(plain))
	if err != nil {
		return nil, fmt.Errorf("previous key of webhook %s: %w", sub.ID, err)
	}
	return append(keys, wire.PublicKey{PublicKey: pair.Public().String(), SignsUntil: wire.AtPtr(sub.PreviousUntil)}), nil
}

// inGrace tells whether the secret from before the last rotation still signs, too.
func (s Subscription) inGrace(now time.Time) bool {
	return s.PreviousUntil != nil && now.Before(*s.PreviousUntil)
}

// What ciphertexts are bound to, with the row's id: one moved to another row does not open.
const (
	SecretPlace  = "subscription-secret/"
	HeadersPlace = "subscription-headers/"
)

func secretAAD(id uuid.UUID) string  { return SecretPlace + id.String() }
func headersAAD(id uuid.UUID) string { return HeadersPlace + id.String() }

func shardOf(id uuid.UUID) int {
	h := fnv.New32a()
	_, _ = h.Write(id[:]) // a hash does not fail
	return int(h.Sum32() % Shards)
}
