package models

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/worktime"
)

// Setting is a setting of PostgreSQL as it is for statements that are made with ctx.
func Setting(ctx context.Context, s *Store, name string) (value string, err error) {
	err = s.DB.Main.WithContext(ctx).Raw(`SELECT current_setting(?)`, name).Scan(&value).Error
	return value, err
}

// Settings is a setting of PostgreSQL on a connection of each kind that a store has.
func Settings(ctx context.Context, s *Store, name string) ([]string, error) {
	own, err := pgx.ConnectConfig(ctx, s.DB.Config) // as the sequencer and the wake-ups have it
	if err != nil {
		return nil, err
	}
	defer func() { _ = own.Close(ctx) }()
	pools := s.DB.Pools()
	values := make([]string, 1+len(pools))
	err = own.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&values[0])
	for i, pool := range pools {
		err = errors.Join(err, pool.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&values[1+i]))
	}
	return values, err
}

// ClaimsPool are the connections that claims are made over.
func ClaimsPool(s *Store) *sql.DB { return s.DB.Pools()[2] }

// TimeRules is a tenant's compiled time configuration.
type TimeRules struct{ *worktime.Rules }

// TimeRulesOf is what a write would go by that has read the version.
func TimeRulesOf(ctx context.Context, s *Store, tenantID uuid.UUID, version int64) (TimeRules, error) {
	r, err := s.Worktime.Rules(ctx, s.DB.Main.WithContext(ctx), tenantID, version)
	return TimeRules{r}, err
}

// ArchiveAt is when a resolved conversation is archived.
func (r TimeRules) ArchiveAt(resolvedAt time.Time, teamID *uuid.UUID, channel string) (time.Time, bool) {
	at, err := r.Rules.ArchiveAt(context.Background(), resolvedAt, teamID, channel)
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

// CursorOf is a cursor of a list.
func CursorOf(at time.Time, name string) string {
	return postgres.Page{}.Next(postgres.Position{Time: at, Name: name})
}

// ReadCursor reads one; nothing of an empty one.
func ReadCursor(cursor string) (time.Time, string, error) {
	at, err := postgres.Page{Cursor: cursor}.After("")
	if at == nil {
		return time.Time{}, "", err
	}
	return at.Time, at.Name, err
}
