package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
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
	Scopes      Strings
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

// CreateKey makes a key for the tenant and returns it in plain, the only time. Keys never expire; several can live side
// by side. Errors: VALIDATION_FAILED for scopes or a tier that do not exist, and for limits that are out of bounds or
// not of tier custom; NOT_FOUND for the tenant.
func (s *Store) CreateKey(ctx context.Context, tenantID uuid.UUID, in NewKey) (key APIKey, plain string, err error) {
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
	key.setLimits(in.Limits)
	return key, plain, translate(s.db.WithContext(ctx).Create(&key).Error)
}

// Keys lists a tenant's keys, oldest first.
func (s *Store) Keys(ctx context.Context, tenantID uuid.UUID) ([]APIKey, error) {
	var keys []APIKey
	err := s.db.WithContext(ctx).Where("tenant_id = ?", tenantID).Order("id").Find(&keys).Error
	return keys, translate(err)
}

// KeyPage lists a tenant's keys, oldest first and revoked ones included, and returns the cursor of the next page.
// Errors: VALIDATION_FAILED for a cursor that is not of this list.
func (s *Store) KeyPage(ctx context.Context, tenantID uuid.UUID, page Page) ([]APIKey, string, error) {
	at, err := page.after("")
	if err != nil {
		return nil, "", err
	}
	q := s.db.WithContext(ctx).Where("tenant_id = ?", tenantID)
	if at != nil {
		q = q.Where("id > ?", at.ID)
	}
	var keys []APIKey
	if err := q.Order("id").Limit(page.limit() + 1).Find(&keys).Error; err != nil {
		return nil, "", translate(err)
	}
	next := ""
	if len(keys) > page.limit() {
		keys = keys[:page.limit()]
		next = position{ID: keys[len(keys)-1].ID}.cursor()
	}
	return keys, next, nil
}

// Key returns one key. Errors: NOT_FOUND.
func (s *Store) Key(ctx context.Context, tenantID, keyID uuid.UUID) (APIKey, error) {
	var key APIKey
	err := s.db.WithContext(ctx).Take(&key, "tenant_id = ? AND id = ?", tenantID, keyID).Error
	return key, notFound(err, "API key", keyID)
}

// GrantKey makes a key on behalf of somebody, who cannot give it more than they have themselves.
// Errors: SCOPE_MISSING with details.requiredScope, and those of CreateKey.
func (s *Store) GrantKey(ctx context.Context, by Principal, in NewKey) (key APIKey, plain string, err error) {
	scopes, err := scope.Expand(in.Scopes)
	if err != nil {
		return key, "", problem.Fields(problem.Field{Field: "scopes", Code: "invalid", Message: err.Error()})
	}
	for _, one := range scopes {
		if !by.Can(one) {
			return key, "", problem.New(problem.Forbidden, "SCOPE_MISSING",
				"you cannot grant %s, which you do not have yourself", one).With("requiredScope", one)
		}
	}
	return s.CreateKey(ctx, by.TenantID, in)
}

// RevokeKey ends a key for good; every process refuses it within seconds. Errors: NOT_FOUND.
func (s *Store) RevokeKey(ctx context.Context, tenantID, keyID uuid.UUID) error {
	r := s.db.WithContext(ctx).Exec(`UPDATE api_keys SET is_active = false, revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE tenant_id = ? AND id = ?`, tenantID, keyID)
	if r.Error == nil && r.RowsAffected == 0 {
		return notFound(gorm.ErrRecordNotFound, "API key", keyID)
	}
	s.mark(ctx, topicKeys)
	if r.Error != nil {
		return translate(r.Error)
	}
	return s.forgetRateWindow(ctx, tenantID, keyID)
}

const (
	// topicKeys is marked when a key or session changed: every process forgets what it knew of them.
	topicKeys = "keys"
	// authTTL is how long a process believes what it knows of a key or session, should the wake-up be lost.
	authTTL = 5 * time.Second
	// authCacheSize bounds what is remembered, so that guessing does not fill the memory.
	authCacheSize = 10_000
)

// authCache remembers keys and sessions by their hash, so that a request costs no query, and which of them were used.
type authCache struct {
	// generation rises whenever all is forgotten: what was looked up before that is not remembered after it.
	generation atomic.Int64

	mu    sync.Mutex
	known map[[sha256.Size]byte]authEntry
	used  used
}

// used are the ids of keys and of sessions that were used since that was last written.
type used struct{ keys, sessions map[uuid.UUID]struct{} }

type authEntry struct {
	principal *Principal // nil: no such key or session, or not active
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
	return s.authenticate(ctx, sha256.Sum256([]byte(plain)), s.findKey, refused)
}

// authenticate looks up who a hash belongs to, in memory or with find.
func (s *Store) authenticate(
	ctx context.Context, hash [sha256.Size]byte,
	find func(context.Context, [sha256.Size]byte) (*Principal, error), refused error,
) (Principal, error) {
	entry, ok := s.auth.get(hash, time.Now())
	if !ok {
		generation := s.auth.generation.Load()
		p, err := find(ctx, hash)
		if err != nil {
			return Principal{}, err
		}
		entry = authEntry{p, time.Now().Add(authTTL)}
		s.auth.put(hash, entry, generation)
	}
	if entry.principal == nil {
		return Principal{}, refused
	}
	return *entry.principal, nil
}

func (s *Store) findKey(ctx context.Context, hash [sha256.Size]byte) (*Principal, error) {
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
		Scopes: row.Scopes, Limits: row.Limits(),
	}, nil
}

func (c *authCache) get(hash [sha256.Size]byte, now time.Time) (authEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.known[hash]
	if !ok || now.After(e.until) {
		return authEntry{}, false
	}
	c.markUsed(e.principal)
	return e, true
}

func (c *authCache) put(hash [sha256.Size]byte, e authEntry, generation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.markUsed(e.principal)
	if generation != c.generation.Load() {
		return
	}
	if c.known == nil || len(c.known) >= authCacheSize {
		c.known = map[[sha256.Size]byte]authEntry{}
	}
	c.known[hash] = e
}

func (c *authCache) markUsed(p *Principal) {
	switch {
	case p == nil:
	case p.Agent != nil:
		mark(&c.used.sessions, p.SessionID)
	default:
		mark(&c.used.keys, p.KeyID)
	}
}

func mark(set *map[uuid.UUID]struct{}, id uuid.UUID) {
	if *set == nil {
		*set = map[uuid.UUID]struct{}{}
	}
	(*set)[id] = struct{}{}
}

func (c *authCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation.Add(1)
	c.known = nil
}

func (c *authCache) takeUsed() used {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.used
	c.used = used{}
	return taken
}

// runAuthCache forgets keys and sessions when one changed, and writes every few seconds when they were last used, for all
// at once.
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
			s.writeUsed(ctx)
		}
	}
}

func (s *Store) writeUsed(ctx context.Context) {
	taken := s.auth.takeUsed()
	for _, one := range []struct {
		ids   map[uuid.UUID]struct{}
		query string
	}{
		{taken.keys, `UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY($1)`},
		{taken.sessions, `UPDATE sessions SET last_seen_at = clock_timestamp() WHERE id = ANY($1)`},
	} {
		if len(one.ids) == 0 {
			continue
		}
		_, err := s.sql.ExecContext(ctx, one.query, slices.Collect(maps.Keys(one.ids)))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("last use of API keys and sessions not recorded", "error", err)
		}
	}
}
