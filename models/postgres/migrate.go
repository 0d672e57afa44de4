package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/migrations"
)

// Migrate brings the database to this binary's schema and prepares the partitions of the weeks ahead. Several processes
// may call it at once: an advisory lock lets one work. It never goes back.
func Migrate(ctx context.Context, databaseURL string, log *slog.Logger) error {
	cfg, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithSessionLocker(locker), goose.WithSlog(log))
	if err != nil {
		return err
	}
	results, err := up(ctx, provider, db, log)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, r := range results {
		log.Info("migrated", "file", r.Source.Path, "took", r.Duration)
	}
	for range partitionTries {
		if err = ensurePartitions(ctx, db, time.Now()); PgCode(err) != CodeLockTimeout {
			break
		}
		log.Warn("partitions not prepared, because another transaction reads the tables; trying again")
	}
	return err
}

// up applies what is missing. What only Go can make for the rows that are there already is made between two files.
func up(ctx context.Context, provider *goose.Provider, db *sql.DB, log *slog.Logger) ([]*goose.MigrationResult, error) {
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return nil, err
	}
	if version > migrations.FillAfter {
		return provider.Up(ctx)
	}
	results, err := provider.UpTo(ctx, migrations.FillAfter)
	if err != nil {
		return results, err
	}
	if err := migrations.Fill(ctx, db, log); err != nil {
		return results, err
	}
	rest, err := provider.Up(ctx)
	return append(results, rest...), err
}

// UnmigratedError says which migrations of this binary the database has not had.
type UnmigratedError struct {
	Missing []string // their names, such as 00018_sign_in, in order
}

// Error implements error.
func (e *UnmigratedError) Error() string {
	return "migrations are missing: " + strings.Join(e.Missing, ", ")
}

// Ready tells whether the database answers and has had every migration of this binary; more does no harm.
// Errors: problem.Unavailable, with an UnmigratedError as its cause where migrations are missing.
func (s *DB) Ready(ctx context.Context) error {
	schema, err := s.Schema(ctx)
	if err != nil || len(schema.Missing) == 0 {
		return err
	}
	return Unavailable("the database lacks migrations of this version: run atender migrate",
		&UnmigratedError{Missing: schema.Missing})
}

// Schema is how the database's migrations stand to those of this binary.
type Schema struct {
	Version int64    // the highest number that was applied; 0 where there is none
	Missing []string // names of this binary's migrations that were not applied, such as 00018_sign_in, in order
	Newer   []int64  // numbers that were applied and that this binary does not know, in order
}

// Schema reads which migrations were applied. Errors: UNAVAILABLE.
func (s *DB) Schema(ctx context.Context) (schema Schema, err error) {
	missing, err := migrationNames()
	if err != nil {
		return schema, err
	}
	highest := slices.Max(slices.Collect(maps.Keys(missing)))
	applied, err := s.appliedMigrations(ctx)
	if err != nil {
		return schema, Doing(err, "read which migrations were applied")
	}
	for _, number := range applied {
		schema.Version = max(schema.Version, number)
		if number > highest {
			schema.Newer = append(schema.Newer, number)
		}
		delete(missing, number)
	}
	slices.Sort(schema.Newer)
	schema.Missing = slices.Sorted(maps.Values(missing))
	return schema, nil
}

// appliedMigrations are the numbers of the migrations that the database has had; none where it was never migrated.
func (s *DB) appliedMigrations(ctx context.Context) (numbers []int64, err error) {
	rows, err := s.SQL.QueryContext(ctx, `SELECT version_id FROM goose_db_version WHERE is_applied`)
	if PgCode(err) == codeUndefinedTable {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err has told all that is to be told
	for rows.Next() {
		var number int64
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, rows.Err()
}

// migrationNames are the migrations in this binary, without ".sql", by number.
func migrationNames() (map[int64]string, error) {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no migrations in this binary: %w", err)
	}
	names := make(map[int64]string, len(files))
	for _, file := range files {
		digits, _, _ := strings.Cut(file, "_")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("number of migration %s: %w", file, err)
		}
		names[number] = strings.TrimSuffix(file, ".sql")
	}
	return names, nil
}

// partitioned are the tables that grow without end (P10).
var partitioned = []string{"events", "deliveries", "attempts"}

// partitionTries is how often the start of a new version tries to prepare partitions while another transaction's
// lock is in the way.
const partitionTries = 10

// weeksAhead is how many weekly partitions are made beyond the current one. Were the maintenance away for longer, rows
// would go to the default partitions, and nothing would fail.
const weeksAhead = 3

// EnsurePartitions makes the weekly partitions from the current week on. It is idempotent.
func (s *DB) EnsurePartitions(ctx context.Context) error {
	return ensurePartitions(ctx, s.SQL, time.Now())
}

func ensurePartitions(ctx context.Context, db *sql.DB, now time.Time) error {
	for _, table := range partitioned {
		if err := ensurePartitionsOf(ctx, db, table, now); err != nil {
			return err
		}
	}
	return nil
}

// ensurePartitionsOf makes one table's, in a transaction of their own. A new partition locks the table against all who
// read or write it, so it does not wait for long: behind a dump or a long report all others would queue.
func ensurePartitionsOf(ctx context.Context, db *sql.DB, table string, now time.Time) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Translate(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	// Two processes making the same partition would trip over each other in the catalogue.
	for _, prepare := range []string{lockPartitions, `SET LOCAL lock_timeout = '` + partitionTimeout + `'`} {
		if _, err := tx.ExecContext(ctx, prepare); err != nil {
			return Translate(err)
		}
	}
	for w := range weeksAhead + 1 {
		from := weekStart(now).AddDate(0, 0, 7*w)
		year, week := from.ISOWeek()
		_, err := tx.ExecContext(ctx, fmt.Sprintf(
			`CREATE TABLE IF NOT EXISTS %s_%dw%02d PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')`,
			table, year, week, table, ident.Floor(from), ident.Floor(from.AddDate(0, 0, 7))))
		if err != nil {
			return fmt.Errorf("partition of %s for week %d of %d: %w", table, week, year, err)
		}
	}
	return tx.Commit()
}

// weekStart is the Monday 00:00 UTC that begins t's ISO week.
func weekStart(t time.Time) time.Time {
	t = t.UTC().Truncate(24 * time.Hour)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}
