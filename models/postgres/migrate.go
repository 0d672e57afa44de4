package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
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
		log.Info("migrated", "file", r.Source.Path, "took", r.Duration.Round(time.Millisecond).String())
	}
	for range partitionTries {
		if err = ensurePartitions(ctx, db, time.Now()); PgCode(err) != CodeLockTimeout {
			break
		}
		log.Warn("partitions not prepared, because somebody reads the tables; trying again")
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

// latestMigration is the number of the newest migration in this binary.
func latestMigration() (int64, error) {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no migrations in this binary: %w", err)
	}
	number, _, _ := strings.Cut(files[len(files)-1], "_") // Glob sorts
	return strconv.ParseInt(number, 10, 64)
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
