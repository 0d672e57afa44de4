package models_test

import (
	"crypto/sha256"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/postgres"
)

// beforeRateLimits is the last migration without rate limits.
const beforeRateLimits = 14

func TestKeysFromBeforeTheLimitsHaveNone(t *testing.T) {
	b := setupAlone(t)
	tenant := b.backTo(beforeRateLimits)
	plain := map[string]string{}
	for i, tier := range []string{"starter", "professional", "enterprise", "custom"} {
		plain[tier] = "sa_live_" + strings.Repeat(strconv.Itoa(i), 64)
		hash := sha256.Sum256([]byte(plain[tier]))
		b.exec(`INSERT INTO api_keys (tenant_id, id, name, prefix, hash, scopes, tier, created_at)
			VALUES ($1, $2, 'old', 'sa_live_', $3, '{conversations:read}', $4, now())`, tenant, uuid.New(), hash[:], tier)
	}
	require.NoError(t, postgres.Migrate(t.Context(), b.url, slog.New(slog.DiscardHandler)))
	s := b.open()
	for tier, key := range plain {
		p, err := s.Keys.Authenticate(t.Context(), key)
		require.NoError(t, err)
		require.True(t, p.RateSubject(false).Limits.Unlimited(), tier)
	}
	keys, err := s.Keys.List(t.Context(), tenant)
	require.NoError(t, err)
	for _, key := range keys {
		require.Equal(t, "custom", key.Tier)
	}
}
