package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// APIKey is a tenant's key. The key itself is shown once, when it is made; the row has its SHA-256, which is enough for
// 32 random bytes, and a prefix that people recognise it by.
type APIKey struct {
	TenantID    uuid.UUID
	ID          uuid.UUID
	Name        string
	Description string
	Prefix      string
	Hash        []byte
	Scopes      postgres.Strings
	Tier        string
	PerMinute   *int // of tier custom; nil for no limit
	Burst       *int
	PerDay      *int
	IsActive    bool
	CreatedAt   time.Time
	LastUsedAt  *time.Time // to within a few seconds
	RevokedAt   *time.Time
}

// TableName implements GORM's Tabler.
func (APIKey) TableName() string { return "api_keys" }

// Wire is the key's JSON shape, without the key.
func (k APIKey) Wire() wire.APIKey {
	return wire.APIKey{
		ID: k.ID, Name: k.Name, Description: k.Description, Prefix: k.Prefix, Scopes: k.Scopes, Tier: k.Tier,
		Limits: limitsWire(k.Limits()), IsActive: k.IsActive,
		CreatedAt: wire.At(k.CreatedAt), LastUsedAt: wire.AtPtr(k.LastUsedAt), RevokedAt: wire.AtPtr(k.RevokedAt),
	}
}

// The prefixes of keys, which tell people and secret scanners what they found.
const (
	livePrefix = "sa_live_"
	testPrefix = "sa_test_"
)

// NewKey is what an API key is made from. Scopes may name bundles; Tier is one of ratelimit.Tiers, starter when empty;
// Limits are for tier custom alone, and zero for none.
type NewKey struct {
	Name, Description string
	Scopes            []string
	Tier              string
	Limits            ratelimit.Limits
}

// Create makes a key for the tenant and returns it in plain, the only time. Keys never expire; several can live side
// by side. Errors: VALIDATION_FAILED for scopes or a tier that do not exist, and for limits that are out of bounds or
// not of tier custom; NOT_FOUND for the tenant.
func (s *Keys) Create(ctx context.Context, tenantID uuid.UUID, in NewKey) (key APIKey, plain string, err error) {
	defer postgres.During(&err, "create an API key of tenant %s", tenantID)
	if in.Name, err = nameOf(in.Name, "a key"); err != nil {
		return key, "", err
	}
	scopes, err := scope.Expand(in.Scopes)
	if err != nil {
		return key, "", problem.Fields(problem.Field{Field: "scopes", Code: "invalid", Message: err.Error()})
	}
	if in.Tier == "" {
		in.Tier = ratelimit.Starter
	}
	if err := checkTier(in.Tier, in.Limits); err != nil {
		return key, "", err
	}
	tenant, err := s.accounts.Tenant(ctx, tenantID)
	if err != nil {
		return key, "", err
	}
	random := make([]byte, TokenBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	plain = livePrefix + hex.EncodeToString(random)
	if tenant.Environment == Sandbox {
		plain = testPrefix + hex.EncodeToString(random)
	}
	hash := sha256.Sum256([]byte(plain))
	key = APIKey{
		TenantID: tenantID, ID: ident.New(), Name: in.Name, Description: in.Description, Prefix: plain[:len(livePrefix)+6],
		Hash: hash[:], Scopes: scopes, Tier: in.Tier, IsActive: true, CreatedAt: time.Now(),
	}
	key.setLimits(in.Limits)
	err = postgres.Translate(s.db.Main.WithContext(ctx).Create(&key).Error)
	s.db.Wake(ctx, topicNewKey)
	return key, plain, err
}

// List lists a tenant's keys, oldest first.
func (s *Keys) List(ctx context.Context, tenantID uuid.UUID) (_ []APIKey, err error) {
	defer postgres.During(&err, "list API keys of tenant %s", tenantID)
	var keys []APIKey
	err = s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID).Order("id").Find(&keys).Error
	return keys, postgres.ListError(ctx, err)
}

// Page lists a tenant's keys, oldest first and revoked ones included, and returns the cursor of the next page.
// Errors: VALIDATION_FAILED for a cursor that is not of this list.
func (s *Keys) Page(ctx context.Context, tenantID uuid.UUID, page postgres.Page) ([]APIKey, string, error) {
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	return postgres.Listed(q, page, func(k APIKey) uuid.UUID { return k.ID })
}

// Get returns one key. Errors: NOT_FOUND.
func (s *Keys) Get(ctx context.Context, tenantID, keyID uuid.UUID) (APIKey, error) {
	var key APIKey
	err := s.db.Main.WithContext(ctx).Take(&key, "tenant_id = ? AND id = ?", tenantID, keyID).Error
	return key, postgres.NotFound(err, "API key", keyID)
}

// Grant makes a key on behalf of a principal, who cannot give it more than they have themselves.
// Errors: SCOPE_MISSING with details.requiredScope, and those of CreateKey.
func (s *Keys) Grant(ctx context.Context, by Principal, in NewKey) (key APIKey, plain string, err error) {
	defer postgres.During(&err, "grant an API key")
	scopes, err := scope.Expand(in.Scopes)
	if err != nil {
		return key, "", problem.Fields(problem.Field{Field: "scopes", Code: "invalid", Message: err.Error()})
	}
	if err := by.requireFor(": a key may not be given more than its maker may do", scopes); err != nil {
		return key, "", err
	}
	return s.Create(ctx, by.TenantID, in)
}

// RevokeBy ends a key on behalf of a principal, who cannot end what may do more than they may.
// Errors: NOT_FOUND; SCOPE_MISSING, as Principal.Require.
func (s *Keys) RevokeBy(ctx context.Context, by Principal, keyID uuid.UUID) (err error) {
	defer postgres.During(&err, "revoke API key %s", keyID)
	key, err := s.Get(ctx, by.TenantID, keyID) // whose scopes never change
	if err == nil {
		err = by.requireFor(": a key is revoked only by who may do all that the key may do", key.Scopes)
	}
	if err != nil {
		return err
	}
	return s.Revoke(ctx, by.TenantID, keyID)
}

// Revoke ends a key for good; every process refuses it within seconds. Errors: NOT_FOUND.
func (s *Keys) Revoke(ctx context.Context, tenantID, keyID uuid.UUID) (err error) {
	defer postgres.During(&err, "revoke API key %s", keyID)
	r := s.db.Main.WithContext(ctx).Exec(`UPDATE api_keys SET is_active = false, revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE tenant_id = ? AND id = ?`, tenantID, keyID)
	if r.Error == nil && r.RowsAffected == 0 {
		return postgres.NotFound(gorm.ErrRecordNotFound, "API key", keyID)
	}
	s.db.Wake(ctx, topicKeys)
	if r.Error != nil {
		return r.Error
	}
	return s.forgetRateWindow(ctx, tenantID, keyID)
}

// Authenticate returns who a key belongs to. Errors: UNAUTHORIZED, the same for a malformed, unknown, disabled and
// revoked key; RATE_LIMITED for an address that has presented too many that are not valid.
func (s *Keys) Authenticate(ctx context.Context, plain string) (Principal, error) {
	refused := problem.New(problem.Unauthorized, problem.CodeUnauthorized,
		"the API key is not valid: send an active key as \"Authorization: Bearer sa_live_…\" or \"sa_test_…\"")
	wellFormed := IsToken(plain, livePrefix) || IsToken(plain, testPrefix)
	return s.Resolve(ctx, plain, wellFormed, s.find, refused)
}

func (s *Keys) find(ctx context.Context, hash [sha256.Size]byte) (*Principal, error) {
	var row struct {
		APIKey
		Environment Environment
		CursorKey   []byte
	}
	err := s.db.Main.WithContext(ctx).Raw(`SELECT k.*, t.environment, t.cursor_key FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
		WHERE k.hash = ? AND k.is_active`, hash[:]).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, postgres.Translate(err)
	}
	return &Principal{
		TenantID: row.TenantID, KeyID: row.ID, KeyName: row.Name, Environment: row.Environment, CursorKey: row.CursorKey,
		Scopes: row.Scopes, Tier: row.Tier, Limits: row.Limits(),
	}, nil
}
