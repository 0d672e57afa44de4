package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/wire"
)

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
		return wire.Subscription{}, postgres.Doing(err, "rotate the secret of webhook %s", id)
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
		return nil, postgres.Doing(err, "seal the key of webhook %s", sub.ID)
	}
	plain := signature.NewSecret().Reveal()
	sub.Secret, err = s.db.Keyring.Seal([]byte(plain), secretAAD(sub.ID))
	return &plain, postgres.Doing(err, "seal the secret of webhook %s", sub.ID)
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
