package account

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/models/wire"
)

// DockActionsPerMinute is how many actions one session of a dock may ask for in any 60 s.
const DockActionsPerMinute = 30

// Limits are how many calls the key may make.
func (k APIKey) Limits() ratelimit.Limits {
	return ratelimit.OfTier(k.Tier, ratelimit.Limits{
		PerMinute: postgres.Deref(k.PerMinute), Burst: postgres.Deref(k.Burst), PerDay: postgres.Deref(k.PerDay),
	})
}

// setLimits sets the columns of a key's own limits.
func (k *APIKey) setLimits(limits ratelimit.Limits) {
	k.PerMinute, k.Burst, k.PerDay = positive(limits.PerMinute), positive(limits.Burst), positive(limits.PerDay)
}

// positive is nil for zero.
func positive(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func limitsWire(l ratelimit.Limits) wire.KeyLimits {
	out := wire.KeyLimits{PerMinute: positive(l.PerMinute), PerDay: positive(l.PerDay)}
	if l.PerMinute > 0 {
		out.Burst = &l.Burst
	}
	return out
}

// checkTier checks a tier and the limits that come with it. Errors: VALIDATION_FAILED.
func checkTier(tier string, limits ratelimit.Limits) error {
	if !slices.Contains(ratelimit.Tiers, tier) {
		return problem.Fields(problem.Field{
			Field: "tier", Code: "invalid", Message: "must be starter, professional, enterprise or custom",
		})
	}
	if tier != ratelimit.Custom && limits != (ratelimit.Limits{}) {
		return problem.Fields(problem.Field{
			Field: "limits", Code: "not_applicable", Message: "are for the tier custom: the tier " + tier + " has its own",
		})
	}
	if err := limits.Check(); err != nil {
		return problem.Fields(problem.Field{Field: "limits", Code: "invalid", Message: err.Error()})
	}
	return nil
}

// KeyChange is how a key's limits are changed: what is nil stays. A key that becomes custom begins without limits.
type KeyChange struct {
	Tier                     *string
	PerMinute, Burst, PerDay *int // of tier custom; zero for no limit
}

// Set changes a key's tier and limits. All processes go by them at once.
// Errors: NOT_FOUND; VALIDATION_FAILED for a tier that does not exist, and limits as of CreateKey.
func (s *Keys) Set(ctx context.Context, tenantID, keyID uuid.UUID, change KeyChange) (_ APIKey, err error) {
	defer postgres.During(&err, "set the limits of API key %s", keyID)
	var key APIKey
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		key = APIKey{}
		err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Take(&key, "tenant_id = ? AND id = ?", tenantID, keyID).Error
		if err != nil {
			return postgres.NotFound(err, "API key", keyID)
		}
		var limits ratelimit.Limits
		if key.Tier == ratelimit.Custom && (change.Tier == nil || *change.Tier == ratelimit.Custom) {
			limits = key.Limits()
		}
		if change.Tier != nil {
			key.Tier = *change.Tier
		}
		for _, one := range []struct {
			to *int
			by *int
		}{{&limits.PerMinute, change.PerMinute}, {&limits.Burst, change.Burst}, {&limits.PerDay, change.PerDay}} {
			if one.by != nil {
				*one.to = *one.by
			}
		}
		if change.Burst == nil && limits.PerMinute == 0 {
			limits.Burst = 0 // it was on top of what is not limited any more
		}
		if err := checkTier(key.Tier, limits); err != nil {
			return err
		}
		key.setLimits(limits)
		return tx.Exec(`UPDATE api_keys SET (tier, per_minute, burst, per_day) = (?, ?, ?, ?) WHERE tenant_id = ? AND id = ?`,
			key.Tier, key.PerMinute, key.Burst, key.PerDay, tenantID, keyID).Error
	})
	if err == nil {
		s.auth.forget()
		s.db.Wake(ctx, topicKeys)
	}
	return key, err
}

// forgetRateWindow deletes what a key has taken of its limits.
func (s *Keys) forgetRateWindow(ctx context.Context, tenantID, keyID uuid.UUID) error {
	return postgres.Translate(s.db.Main.WithContext(ctx).Exec(`DELETE FROM rate_windows WHERE tenant_id = ? AND subject = ?`,
		tenantID, keyID).Error)
}
