package webhook

import (
	"hash/fnv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/postgres"
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
	CircuitClosedAt *time.Time // the last time; nil if it was never open
	Probes          int
	NextProbeAt     *time.Time
	LastProbe       *uuid.UUID
	CreatedAt       time.Time
	UpdatedAt       time.Time
	DeletedAt       *time.Time // a plain column: deliveries still name a deleted subscription

	// CancelBefore is when the tenant's webhooks were last switched on or off: what was pending by then is to be cancelled. nil
	// when nothing is left of that.
	CancelBefore *time.Time
	// TenantOff: the tenant's webhooks are off. Only where it was asked for (withTenantSQL).
	TenantOff bool `gorm:"->"`
	// TenantSlug is the tenant's slug. Only where it was asked for (withTenantSQL).
	TenantSlug string `gorm:"->"`
}

// tenant and endpoint are how the ids of workflows name the subscription, if it was read withTenantSQL.
func (s Subscription) tenant() durable.Tenant {
	return durable.Tenant{ID: s.TenantID, Slug: s.TenantSlug}
}

func (s Subscription) endpoint() durable.Endpoint { return durable.Endpoint{ID: s.ID, URL: s.URL} }

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

func shardOf(id uuid.UUID) int {
	h := fnv.New32a()
	_, _ = h.Write(id[:]) // a hash does not fail
	return int(h.Sum32() % Shards)
}
