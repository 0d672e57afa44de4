package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
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
	Scopes      Strings
	Tier        string
	IsActive    bool
	CreatedAt   time.Time
	LastUsedAt  *time.Time // to within a few seconds
	RevokedAt   *time.Time
}

// TableName implements GORM's Tabler.
func (APIKey) TableName() string { return "api_keys" }

// The prefixes of keys, which tell people and secret scanners what they found.
const (
	livePrefix = "sa_live_"
	testPrefix = "sa_test_"
)

// NewKey is what an API key is made from. Scopes may name bundles; Tier is starter, professional, enterprise or custom
// (unlimited), starter when empty.
type NewKey struct {
	Name, Description string
	Scopes            []string
	Tier              string
}

// CreateKey makes a key for the tenant and returns it in plain, the only time. Keys never expire; several can live side
// by side. Errors: VALIDATION_FAILED for scopes or a tier that do not exist, NOT_FOUND for the tenant.
func (s *Store) CreateKey(ctx context.Context, tenantID uuid.UUID, in NewKey) (key APIKey, plain string, err error) {
	scopes, err := scope.Expand(in.Scopes)
	if err != nil {
		return key, "", problem.Fields(problem.Field{Field: "scopes", Code: "invalid", Message: err.Error()})
	}
	if in.Tier == "" {
		in.Tier = "starter"
	}
	if !slices.Contains([]string{"starter", "professional", "enterprise", "custom"}, in.Tier) {
		return key, "", problem.Fields(problem.Field{
			Field: "tier", Code: "invalid",
			Message: "must be starter, professional, enterprise or custom",
		})
	}
	tenant, err := s.Tenant(ctx, tenantID)
	if err != nil {
		return key, "", err
	}
	random := make([]byte, 32)
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
	return key, plain, translate(s.db.WithContext(ctx).Create(&key).Error)
}

// Keys lists a tenant's keys, oldest first.
func (s *Store) Keys(ctx context.Context, tenantID uuid.UUID) ([]APIKey, error) {
	var keys []APIKey
	err := s.db.WithContext(ctx).Where("tenant_id = ?", tenantID).Order("id").Find(&keys).Error
	return keys, translate(err)
}

// RevokeKey ends a key for good; every process refuses it within seconds. Errors: NOT_FOUND.
func (s *Store) RevokeKey(ctx context.Context, tenantID, keyID uuid.UUID) error {
	r := s.db.WithContext(ctx).Exec(`UPDATE api_keys SET is_active = false, revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE tenant_id = ? AND id = ?`, tenantID, keyID)
	if r.Error == nil && r.RowsAffected == 0 {
		return notFound(gorm.ErrRecordNotFound, "API key", keyID)
	}
	s.wakeups.Mark(topicKeys)
	return translate(r.Error)
}

const (
	// topicKeys is marked when a key changed: every process forgets what it knew of keys.
	topicKeys = "keys"
	// authTTL is how long a process believes what it knows of a key, should the wake-up be lost.
	authTTL = 5 * time.Second
	// authCacheSize bounds what is remembered, so that guessing keys does not fill the memory.
	authCacheSize = 10_000
)

// authCache remembers keys by their hash, so that a request costs no query, and which of them were used.
type authCache struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]authEntry
	used  map[uuid.UUID]struct{}
}

type authEntry struct {
	principal *Principal // nil: no such key, or not active
	until     time.Time
}

// Authenticate returns who a key belongs to. Errors: UNAUTHORIZED, the same for a malformed, unknown, disabled and
// revoked key.
func (s *Store) Authenticate(ctx context.Context, plain string) (Principal, error) {
	refused := problem.New(problem.Unauthorized, "UNAUTHORIZED",
		"the API key is not valid: send an active key as \"Authorization: Bearer sa_live_…\" or \"sa_test_…\"")
	if !strings.HasPrefix(plain, livePrefix) && !strings.HasPrefix(plain, testPrefix) {
		return Principal{}, refused
	}
	hash := sha256.Sum256([]byte(plain))
	entry, ok := s.auth.get(hash, time.Now())
	if !ok {
		p, err := s.findPrincipal(ctx, hash)
		if err != nil {
			return Principal{}, err
		}
		entry = authEntry{p, time.Now().Add(authTTL)}
		s.auth.put(hash, entry)
	}
	if entry.principal == nil {
		return Principal{}, refused
	}
	return *entry.principal, nil
}

func (s *Store) findPrincipal(ctx context.Context, hash [sha256.Size]byte) (*Principal, error) {
	var row struct {
		APIKey
		Environment Environment
	}
	err := s.db.WithContext(ctx).Raw(`SELECT k.*, t.environment FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
		WHERE k.hash = ? AND k.is_active`, hash[:]).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, translate(err)
	}
	return &Principal{
		TenantID: row.TenantID, KeyID: row.ID, KeyName: row.Name, Environment: row.Environment,
		Scopes: row.Scopes, Tier: row.Tier,
	}, nil
}

func (c *authCache) get(hash [sha256.Size]byte, now time.Time) (authEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.known[hash]
	if !ok || now.After(e.until) {
		return authEntry{}, false
	}
	if e.principal != nil {
		c.markUsed(e.principal.KeyID)
	}
	return e, true
}

func (c *authCache) put(hash [sha256.Size]byte, e authEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= authCacheSize {
		c.known = map[[sha256.Size]byte]authEntry{}
	}
	c.known[hash] = e
	if e.principal != nil {
		c.markUsed(e.principal.KeyID)
	}
}

func (c *authCache) markUsed(key uuid.UUID) {
	if c.used == nil {
		c.used = map[uuid.UUID]struct{}{}
	}
	c.used[key] = struct{}{}
}

func (c *authCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}

func (c *authCache) takeUsed() []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(c.used))
	for id := range c.used {
		ids = append(ids, id)
	}
	clear(c.used)
	return ids
}

// runAuthCache forgets keys when one changed, and writes last_used_at every few seconds, for all keys at once.
func (s *Store) runAuthCache(ctx context.Context) {
	changed, stop := s.wakeups.Listen(topicKeys)
	defer stop()
	write := time.NewTicker(authTTL)
	defer write.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			s.auth.forget()
		case <-write.C:
			used := s.auth.takeUsed()
			if len(used) == 0 {
				continue
			}
			_, err := s.sql.ExecContext(ctx, `UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY($1)`, used)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("last use of API keys not recorded", "error", err)
			}
		}
	}
}
