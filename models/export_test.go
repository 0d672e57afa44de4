package models

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/models/sla"
)

// Setting is a setting of PostgreSQL as it is for statements that are made with ctx.
func Setting(ctx context.Context, s *Store, name string) (value string, err error) {
	err = s.db.WithContext(ctx).Raw(`SELECT current_setting(?)`, name).Scan(&value).Error
	return value, err
}

// Settings is a setting of PostgreSQL on a connection of each kind that a store has.
func Settings(ctx context.Context, s *Store, name string) ([]string, error) {
	own, err := pgx.ConnectConfig(ctx, s.cfg) // as the sequencer and the wake-ups have it
	if err != nil {
		return nil, err
	}
	defer func() { _ = own.Close(ctx) }()
	values := make([]string, 1+len(s.pools))
	err = own.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&values[0])
	for i, pool := range s.pools {
		err = errors.Join(err, pool.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&values[1+i]))
	}
	return values, err
}

// TimeRules is a tenant's compiled time configuration.
type TimeRules struct{ *timeRules }

// TimeRulesOf is what a write would go by that has read the version.
func TimeRulesOf(ctx context.Context, s *Store, tenantID uuid.UUID, version int64) (TimeRules, error) {
	r, err := s.timeRules(ctx, s.db.WithContext(ctx), tenantID, version)
	return TimeRules{r}, err
}

// Version is the version that was read.
func (r TimeRules) Version() int64 { return r.version }

// Terms is what governs a metric.
func (r TimeRules) Terms(metric sla.Metric, teamID *uuid.UUID, channel string) (sla.Terms, bool) {
	return r.terms(metric, teamID, channel)
}

// ArchiveAt is when a resolved conversation is archived.
func (r TimeRules) ArchiveAt(resolvedAt time.Time, teamID *uuid.UUID, channel string) (time.Time, bool) {
	at, err := r.archiveAt(context.Background(), resolvedAt, teamID, channel)
	if at == nil || err != nil {
		return time.Time{}, false
	}
	return *at, true
}

// SealedColumns are the columns, as table.column, that Reseal renews.
func SealedColumns() []string {
	var names []string
	for _, c := range sealedColumns {
		names = append(names, c.table+"."+c.column)
	}
	return names
}

// ComputeIn changes how long the store's computations may take.
func (s *Store) ComputeIn(d time.Duration) { s.computeTime = d }

// CursorOf is a cursor of a list.
func CursorOf(at time.Time, name string) string { return position{Time: at, Name: name}.cursor() }

// ReadCursor reads one; nothing of an empty one.
func ReadCursor(cursor string) (time.Time, string, error) {
	at, err := Page{Cursor: cursor}.after("")
	if at == nil {
		return time.Time{}, "", err
	}
	return at.Time, at.Name, err
}

// ClaimSettings are those of the connections that claim work.
const ClaimSettings = claimSettings

// AuthCache is what a process knows of keys and sessions, here named by a text.
type AuthCache struct{ c *authCache }

// NewAuthCache makes an empty one.
func NewAuthCache() AuthCache { return AuthCache{&authCache{}} }

// Put remembers a valid key of a tenant.
func (a AuthCache) Put(name string, tenantID uuid.UUID) {
	a.c.put(sha256.Sum256([]byte(name)), &Principal{TenantID: tenantID}, time.Now().Add(time.Hour), a.c.now())
}

// Refuse remembers one that is not valid.
func (a AuthCache) Refuse(name string) {
	a.c.put(sha256.Sum256([]byte(name)), nil, time.Now().Add(time.Hour), a.c.now())
}

// Knows tells whether a key is remembered as valid.
func (a AuthCache) Knows(name string) bool {
	_, known := a.c.get(sha256.Sum256([]byte(name)), time.Now())
	return known == isGood
}

// Len is how many valid ones are remembered, and Refused how many others.
func (a AuthCache) Len() int { return len(a.c.good) }

// Refused is how many are remembered that are not valid.
func (a AuthCache) Refused() int { return len(a.c.bad) }

// LeaseTokens makes a request of the database for a rate limit.
func LeaseTokens(ctx context.Context, s *Store, subject RateSubject, r ratelimit.Request) (ratelimit.Answer, error) {
	return s.leaseTokens(ctx, subject, r)
}

// HeldAgainst are the hashes that an attempt's password would be held against.
func HeldAgainst(ctx context.Context, s *Store, in SignIn) ([]string, error) {
	candidates, err := s.candidates(ctx, in)
	return s.heldAgainst(in, candidates), err
}
