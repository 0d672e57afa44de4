package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/ident"
)

// What the planner makes of an empty partition is decided by its pg_class.reltuples. Never vacuumed it has -1, and counts as
// ten pages; vacuumed while empty, by an operator or against wraparound, it has 0 and no pages, and reading all of it costs
// nothing. A plan that was made so is kept (PlanOnce) when its week begins and rows come, and gets slower with each of them.

const (
	// resetTimeout is how long the reset of an empty partition waits for those who use it: every claim does, since a plan
	// locks all partitions it might read. While it waits, all others wait behind it; a transaction of the product takes some
	// milliseconds.
	resetTimeout = "300ms"
	// resetAtOnce is how many partitions one call resets at most: more than the three tables have in the weeks ahead. Each
	// makes all connections plan anew.
	resetAtOnce = 12
)

// ResetEmptyPartitions makes the planner take partitions of weeks to come that were vacuumed while empty for tables of unknown
// size again (P10.7), the nearest first, and returns their names. It never removes a row, and several processes may call it at
// once. Errors: UNAVAILABLE, and a partition that was in use all the time; the rest is left for the next call.
func (s *DB) ResetEmptyPartitions(ctx context.Context) (reset []string, err error) {
	var now time.Time
	if err := s.SQL.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return nil, Doing(err, "read the time to reset partitions")
	}
	for _, table := range partitioned {
		all, err := s.partitionsOf(ctx, table)
		if err != nil {
			return reset, Doing(err, "list the partitions of %s", table)
		}
		for _, p := range all {
			if p.tuples != 0 || p.from.String() <= ident.Floor(now).String() || len(reset) == resetAtOnce {
				continue
			}
			done, err := s.resetPartition(ctx, p)
			if err != nil {
				return reset, fmt.Errorf("reset the empty partition %s: %w", p.name, Translate(err))
			}
			if done {
				reset = append(reset, p.name)
			}
		}
	}
	return reset, nil
}

// resetPartition truncates a partition that is empty. TRUNCATE gives a table new files, and since PostgreSQL 14 that makes its
// reltuples -1 (RelationSetNewRelfilenumber: "unknown until we vacuum"); the only other way there is to make it anew.
//
// No row can be lost: whoever has written to the partition and has not committed holds a lock that keeps this one out, and
// whoever wants to write waits until the commit. Under the lock the partition has no page, so that there is no row in it
// either, visible to this transaction or not; the second look is for a reader of this code. READ COMMITTED is asked for, so
// that this look is as new as the lock, whatever the database's default is.
func (s *DB) resetPartition(ctx context.Context, p partition) (done bool, err error) {
	tx, err := s.SQL.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	name := pgx.Identifier{p.name}.Sanitize()
	for _, prepare := range []string{
		`SET LOCAL lock_timeout = '` + resetTimeout + `'`, lockPartitions,
		`LOCK TABLE ONLY ` + name + ` IN ACCESS EXCLUSIVE MODE`,
	} {
		if _, err := tx.ExecContext(ctx, prepare); err != nil {
			return false, err
		}
	}
	var empty bool
	err = tx.QueryRowContext(ctx, `SELECT c.reltuples = 0 AND pg_relation_size(c.oid) = 0 AND NOT EXISTS (SELECT FROM ONLY `+name+`)
		FROM pg_class c WHERE c.oid = $1::regclass`, name).Scan(&empty)
	if err != nil || !empty {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `TRUNCATE ONLY `+name); err != nil {
		return false, err
	}
	return true, tx.Commit()
}
