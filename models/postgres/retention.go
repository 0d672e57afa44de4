package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/ident"
)

const (
	// partitionTimeout is how long the making or the drop of a partition waits for those who use the table. While it waits,
	// all others wait behind it, so it is short, and what does not succeed is tried again the next time.
	partitionTimeout = "2s"
	// strayRows is how many rows of a default partition one statement deletes.
	strayRows = 5_000
)

// lockPartitions takes the lock under which partitions are made and dropped, to the end of the transaction. Who makes a
// delivery owed again shares it (P10.6).
const lockPartitions = `SELECT pg_advisory_xact_lock(hashtext('atender partitions'))`

// Retained is what one round of retention did.
type Retained struct {
	Dropped []string // partitions
	Kept    []string // partitions that are old enough and still needed, with the reason
	Strays  int64    // rows deleted from default partitions
}

// Retain drops the weekly partitions of deliveries, attempts and events whose whole week is older than keep (P10). A week
// stays as a whole while one of its deliveries is pending or leased, or one of its events is owed to an endpoint or
// has no position in the feed yet. Several processes may call it at once.
// Errors: UNAVAILABLE, and a table that was in use all the time; what was dropped until then is told.
func (s *DB) Retain(ctx context.Context, now time.Time, keep time.Duration) (Retained, error) {
	var done Retained
	before := ident.Floor(now.Add(-keep))
	var failed error
	for _, table := range []string{"deliveries", "attempts", "events"} { // in this order: see stillNeeded
		old, err := s.partitionsBefore(ctx, table, before)
		if err != nil {
			return done, Translate(err)
		}
		for _, p := range old {
			reason, err := s.dropPartition(ctx, p)
			switch {
			case err != nil:
				failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, Translate(err)))
			case reason != "":
				done.Kept = append(done.Kept, p.name+": "+reason)
			default:
				done.Dropped = append(done.Dropped, p.name)
			}
		}
		n, err := s.deleteStrays(ctx, table, before)
		done.Strays += n
		failed = errors.Join(failed, Translate(err))
	}
	return done, failed
}

// partition is a weekly partition: the rows whose ids are in [from, to).
type partition struct {
	table, name string
	from, to    uuid.UUID
	tuples      float64 // as many as the planner believes to be in it; -1 when nothing has counted them
}

var partitionBounds = regexp.MustCompile(`FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)`)

// partitionsBefore lists the table's partitions that end at or before an id, the oldest first.
func (s *DB) partitionsBefore(ctx context.Context, table string, before uuid.UUID) ([]partition, error) {
	all, err := s.partitionsOf(ctx, table)
	return slices.DeleteFunc(all, func(p partition) bool { return p.to.String() > before.String() }), err
}

// partitionsOf lists the table's partitions, the oldest first, without the default partition. They are told by their
// bounds, so that one made by hand is found, too.
func (s *DB) partitionsOf(ctx context.Context, table string) ([]partition, error) {
	rows, err := s.SQL.QueryContext(ctx, `SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.reltuples FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1) ORDER BY 2`, table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []partition
	for rows.Next() {
		p := partition{table: table}
		var bounds string
		if err := rows.Scan(&p.name, &bounds, &p.tuples); err != nil {
			return nil, err
		}
		m := partitionBounds.FindStringSubmatch(bounds)
		if m == nil {
			continue // the default partition
		}
		p.from, p.to = uuid.MustParse(m[1]), uuid.MustParse(m[2])
		found = append(found, p)
	}
	return found, rows.Err()
}

// dropPartition drops a partition unless it is needed; then it says why it is.
func (s *DB) dropPartition(ctx context.Context, p partition) (reason string, err error) {
	tx, err := s.SQL.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	// The lock under which partitions are made, too.
	if _, err := tx.ExecContext(ctx, lockPartitions); err != nil {
		return "", err
	}
	var there bool
	if err := tx.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, p.name).Scan(&there); err != nil || !there {
		return "", err // another process was faster
	}
	if reason, err = stillNeeded(ctx, tx, p); reason != "" || err != nil {
		return reason, err
	}
	if p.table == "events" {
		_, err = tx.ExecContext(ctx, `INSERT INTO feed_floors (tenant_id, position)
			SELECT tenant_id, max(position) FROM `+p.name+` GROUP BY tenant_id
			ON CONFLICT (tenant_id) DO UPDATE SET position = greatest(feed_floors.position, excluded.position)`)
		if err != nil {
			return "", err
		}
	}
	if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '`+partitionTimeout+`'`); err != nil {
		return "", err
	}
	if p.table == "deliveries" {
		// No transaction may make one of them pending again between the check and the drop.
		if _, err := tx.ExecContext(ctx, `LOCK TABLE ONLY deliveries IN ACCESS EXCLUSIVE MODE`); err != nil {
			return "", err
		}
		if reason, err = stillNeeded(ctx, tx, p); reason != "" || err != nil {
			return reason, err
		}
	}
	if _, err := tx.ExecContext(ctx, `DROP TABLE `+p.name); err != nil {
		return "", err
	}
	fault.At(fault.BeforeForgetting)
	return "", tx.Commit()
}

// owedSQL is what has still to be sent, in the conditions of the partial indexes.
const owedSQL = `(state = 'pending' AND attempts = 0 OR state = 'pending' AND attempts > 0 OR state = 'leased')`

// stillNeeded says what a partition is needed for, nothing if it is not. Attempts and events stay as long as the
// deliveries of their week, which are dropped first.
func stillNeeded(ctx context.Context, tx *sql.Tx, p partition) (reason string, err error) {
	look := func(why, query string, args ...any) {
		var needed bool
		if reason == "" && err == nil {
			err = tx.QueryRowContext(ctx, `SELECT EXISTS (`+query+`)`, args...).Scan(&needed)
		}
		if needed {
			reason = why
		}
	}
	if p.table == "deliveries" {
		look("deliveries are pending", `SELECT FROM `+p.name+` WHERE `+owedSQL)
		return reason, err
	}
	look("deliveries of its week are kept", `SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'deliveries'::regclass AND pg_get_expr(c.relpartbound, c.oid) LIKE $1`, "%FROM ('"+p.from.String()+"')%")
	if p.table == "events" {
		look("events have no position yet", `SELECT FROM `+p.name+` WHERE position IS NULL`)
		look("deliveries of its events are pending",
			`SELECT FROM deliveries WHERE `+owedSQL+` AND event_id >= $1 AND event_id < $2`, p.from, p.to)
	}
	return reason, err
}

// deleteStrays deletes from a default partition, which only has rows of weeks without a partition, what would have
// been dropped.
func (s *DB) deleteStrays(ctx context.Context, table string, before uuid.UUID) (int64, error) {
	condition := map[string]string{
		"deliveries": `state NOT IN ('pending', 'leased')`,
		"attempts":   `true`,
		"events":     `position IS NOT NULL AND id NOT IN (SELECT event_id FROM deliveries WHERE state IN ('pending', 'leased'))`,
	}[table]
	deleted := `DELETE FROM ` + table + `_default WHERE id IN
		(SELECT id FROM ` + table + `_default WHERE id < $1 AND ` + condition + ` LIMIT $2)`
	count := `WITH gone AS (` + deleted + ` RETURNING 1) SELECT count(*) FROM gone`
	if table == "events" {
		count = `WITH gone AS (` + deleted + ` RETURNING tenant_id, position), floors AS (
			INSERT INTO feed_floors (tenant_id, position) SELECT tenant_id, max(position) FROM gone GROUP BY tenant_id
			ON CONFLICT (tenant_id) DO UPDATE SET position = greatest(feed_floors.position, excluded.position))
			SELECT count(*) FROM gone`
	}
	var all int64
	for {
		n, err := s.deleteUnderLock(ctx, count, before)
		if err != nil {
			return all, err
		}
		if all += n; n < strayRows {
			return all, nil
		}
	}
}

// deleteUnderLock deletes while no transaction can make a delivery owed again (P10.6), and returns how many rows.
func (s *DB) deleteUnderLock(ctx context.Context, count string, before uuid.UUID) (n int64, err error) {
	tx, err := s.SQL.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	if _, err := tx.ExecContext(ctx, lockPartitions); err != nil {
		return 0, err
	}
	if err := tx.QueryRowContext(ctx, count, before, strayRows).Scan(&n); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}
