package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/ident"
)

// Server is what a PostgreSQL server says of itself.
type Server struct {
	Version        int    // as server_version_num: 170002 is 17.2
	VersionText    string // such as 17.2, without what a distribution puts behind it
	MaxConnections int    // of all users
	Reserved       int    // of those, only for superusers and roles that PostgreSQL reserves some for
	InUse          int    // connections of clients, to all databases
	IsReadOnly     bool   // a standby, or a primary that was told to be read-only
}

// Server asks the server what it is and how full. Errors: UNAVAILABLE.
func (s *DB) Server(ctx context.Context) (server Server, err error) {
	defer During(&err, "ask PostgreSQL what it is")
	// reserved_connections is there since PostgreSQL 16.
	err = s.SQL.QueryRowContext(
		ctx,
		`SELECT current_setting('server_version_num')::int, split_part(current_setting('server_version'), ' ', 1),
		current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int
			+ coalesce(current_setting('reserved_connections', true), '0')::int,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool`,
	).
		Scan(
			&server.Version,
			&server.VersionText,
			&server.MaxConnections,
			&server.Reserved,
			&server.InUse,
			&server.IsReadOnly,
		)
	return server, err
}

// Now is the database's time, read by itself. Errors: UNAVAILABLE.
func (s *DB) Now(ctx context.Context) (now time.Time, err error) {
	err = s.SQL.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return now, Doing(err, "read the database's clock")
}

// hubConns is how many connections the hub of wake-ups has: one listens, one notifies (P9).
const hubConns = 2

// ConnectionsOf is how many connections a process may have that is opened with so many for calls; a worker's sequencer has
// one of its own.
func ConnectionsOf(maxConns int, isWorker bool) int {
	maxConns = cmp.Or(maxConns, 20)
	n := maxConns + listConns(
		maxConns,
	) + reportConns + claimConns + groupsAtOnce + numberConns + leaseConns + hubConns
	if isWorker {
		n++
	}
	return n
}

// WeeksWithoutPartition are the weeks, by their beginning, that rows are put into between two times and that one of the tables
// has no partition for, as "events, week of 2026-11-30", in order. Such rows go to the default partition. Errors: UNAVAILABLE.
func (s *DB) WeeksWithoutPartition(ctx context.Context, from, to time.Time) (missing []string, err error) {
	defer During(&err, "look for the partitions of the weeks ahead")
	for _, table := range partitioned {
		all, err := s.partitionsOf(ctx, table)
		if err != nil {
			return nil, err
		}
		for week := weekStart(from); !week.After(to); week = week.AddDate(0, 0, 7) {
			if !cover(all, ident.Floor(week)) {
				missing = append(missing, fmt.Sprintf("%s, week of %s", table, week.Format(time.DateOnly)))
			}
		}
	}
	return missing, nil
}

// cover tells whether one of the partitions has the rows of an id.
func cover(all []partition, id uuid.UUID) bool {
	for _, p := range all {
		if p.from.String() <= id.String() && id.String() < p.to.String() {
			return true
		}
	}
	return false
}

// ZoneOffsets are the offsets from UTC that PostgreSQL computes for a time zone at some times, in seconds; known is false for
// a zone that it does not have. Errors: UNAVAILABLE.
func (s *DB) ZoneOffsets(
	ctx context.Context,
	zone string,
	at []time.Time,
) (offsets []int, known bool, err error) {
	defer During(&err, "ask PostgreSQL for the offsets of time zone %s", zone)
	var rows *sql.Rows
	rows, err = s.SQL.QueryContext(
		ctx,
		`SELECT extract(epoch FROM (t AT TIME ZONE $1) - (t AT TIME ZONE 'UTC'))::int
		FROM unnest($2::timestamptz[]) WITH ORDINALITY x (t, n) ORDER BY n`,
		zone,
		at,
	)
	if err != nil {
		return nil, false, ignoreUnknownZone(err)
	}
	defer func() { _ = rows.Close() }() // Err has told all that is to be told
	for rows.Next() {
		var offset int
		if err := rows.Scan(&offset); err != nil {
			return nil, false, err
		}
		offsets = append(offsets, offset)
	}
	return offsets, rows.Err() == nil, ignoreUnknownZone(rows.Err())
}

// ignoreUnknownZone is nil for the error of a time zone that PostgreSQL does not have.
func ignoreUnknownZone(err error) error {
	if PgCode(err) == codeInvalidParameter {
		return nil
	}
	return err
}
