package models

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	return r.archiveAt(resolvedAt, teamID, channel)
}

// SealedColumns are the columns, as table.column, that Reseal renews.
func SealedColumns() []string {
	var names []string
	for _, c := range sealedColumns {
		names = append(names, c.table+"."+c.column)
	}
	return names
}

// HeldAgainst are the hashes that an attempt's password would be held against.
func HeldAgainst(ctx context.Context, s *Store, in SignIn) ([]string, error) {
	candidates, err := s.candidates(ctx, in)
	return heldAgainst(in, candidates), err
}
