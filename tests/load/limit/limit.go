// Package limit is what the product's throughput is compared with: the statements and tables of its write path and of
// its deliveries as they were when the limit was frozen, sent in bare pgx, without HTTP, routing, rendering or GORM. It
// lives in a PostgreSQL schema of its own, made of the .sql files of this package, which neither the product's code nor
// its migrations touch, and imports nothing of the product: so it stays where it is while the product moves.
//
// Positions in the feed are given to its events as the product's sequencer gave them, on the side.
package limit

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed *.sql
var files embed.FS

// Schema is the PostgreSQL schema that holds the limit's tables.
const Schema = "load_limit"

// firstNumber is the number of the limit's first conversation; those of creations follow far behind.
const firstNumber = 700_000_001

// warmup is how many operations run before those that are measured: statements get prepared.
const warmup = 100

// Options are what a limit is opened with.
type Options struct {
	URL           string // of the database
	Concurrency   int    // publishers of the closed loop
	Event         string // what the tenant's one subscription wants; without it there is none
	Conversations int    // that messages go to
}

// Limit is the frozen schema in a database, with a tenant, a subscription and conversations.
type Limit struct {
	o    Options
	pool *pgxpool.Pool
	base operation // what all operations have in common
	pair []pair

	made int // operations so far: each has a time of its own
	stop func() error
}

// pair is a conversation and its contact.
type pair struct{ conversation, contact uuid.UUID }

// Open makes the schema anew with the rows that the statements need, and starts its sequencer. What it returns has to be
// closed also after an error, unless it is nil.
func Open(ctx context.Context, o Options) (*Limit, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(o.Concurrency + 4) //nolint:gosec // few
	cfg.ConnConfig.RuntimeParams["search_path"] = Schema
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	ids := newSequence(now.Add(-time.Hour))
	l := &Limit{o: o, pool: pool, base: operation{
		tenant: ids.next(), subscription: ids.next(), actor: uuid.New(), started: now, event: o.Event,
	}}
	for range o.Conversations {
		l.pair = append(l.pair, pair{contact: ids.next(), conversation: ids.next()})
	}
	if err := l.build(ctx); err != nil {
		return l, fmt.Errorf("limit's schema: %w", err)
	}
	l.stop, err = startSequencer(ctx, cfg.ConnConfig)
	return l, err
}

// Close stops the sequencer and drops the schema.
func (l *Limit) Close(ctx context.Context) error {
	var errs []error
	if l.stop != nil {
		errs = append(errs, l.stop())
	}
	_, err := l.pool.Exec(ctx, `DROP SCHEMA IF EXISTS `+Schema+` CASCADE`)
	l.pool.Close()
	return errors.Join(append(errs, err)...)
}

// build makes the schema and the rows.
func (l *Limit) build(ctx context.Context) error {
	if _, err := l.pool.Exec(ctx, `DROP SCHEMA IF EXISTS `+Schema+` CASCADE`); err != nil {
		return err
	}
	for _, file := range []string{"schema.sql", "indexes.sql"} {
		content, err := files.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := l.pool.Exec(ctx, string(content)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	rows, err := read("rows.sql")
	if err != nil {
		return err
	}
	for _, s := range rows {
		of := []*operation{&l.base}
		if s.name == "conversations" {
			of = l.conversations()
		}
		if len(of) == 0 || s.name == "subscription" && l.o.Event == "" {
			continue
		}
		values := make([][]any, len(of))
		for i, o := range of {
			values[i] = s.values(o)
		}
		if _, err := l.pool.Exec(ctx, s.sql, s.batch(values)...); err != nil {
			return fmt.Errorf("rows of %s: %w", s.name, err)
		}
	}
	_, err = l.pool.Exec(ctx, `ANALYZE conversations, conversation_recency, contacts, tenants, subscriptions, channels`)
	return err
}

func (l *Limit) conversations() (all []*operation) {
	for i, p := range l.pair {
		o := l.base
		o.conversation, o.contact, o.number, o.key = p.conversation, p.contact, int64(firstNumber+i), key("limit", i)
		all = append(all, &o)
	}
	return all
}

func key(kind string, i int) string { return fmt.Sprintf("load-%s-%06d", kind, i) }

// Messages sends n messages, one after the other to each conversation, each in a transaction of its own, and returns how
// many there were in a second.
func (l *Limit) Messages(ctx context.Context, n int) (float64, error) {
	return l.measure(ctx, "message.sql", n, l.message)
}

// Creations makes n conversations, each with a contact of its own and one message, and returns how many there were in a
// second.
func (l *Limit) Creations(ctx context.Context, n int) (float64, error) {
	return l.measure(ctx, "create.sql", n, func() *operation {
		o := l.next()
		o.key, o.number = key("made", l.made), int64(firstNumber+1_000_000+l.made)
		return o
	})
}

// message is the next message, to the conversation whose turn it is.
func (l *Limit) message() *operation {
	p := l.pair[l.made%len(l.pair)]
	o := l.next()
	o.conversation, o.contact, o.key = p.conversation, p.contact, fmt.Sprintf("limit-%06d", l.made)
	return o
}

// next is a further operation, a millisecond after the last, with ids of its own.
func (l *Limit) next() *operation {
	l.made++
	o := l.base
	o.at = o.started.Add(time.Duration(l.made) * time.Millisecond)
	ids := newSequence(o.at)
	for range freshIDs {
		o.fresh = append(o.fresh, ids.next())
	}
	return &o
}

// measure runs a file's statements for operations that are prepared beforehand, in a closed loop.
func (l *Limit) measure(ctx context.Context, file string, n int, next func() *operation) (float64, error) {
	statements, err := read(file)
	if err != nil {
		return 0, err
	}
	prepared := make([][][]any, warmup+n)
	for i := range prepared {
		o := next()
		for _, s := range statements {
			prepared[i] = append(prepared[i], s.values(o))
		}
	}
	return l.timed(n, func(i int) error { return l.transaction(ctx, statements, prepared[i]) })
}

// timed calls f for the warm-up and then for n more, in a closed loop, and returns how many of the latter there were in
// a second.
func (l *Limit) timed(n int, f func(i int) error) (float64, error) {
	errs := make([]error, warmup+n)
	Each(warmup, l.o.Concurrency, func(i int) { errs[i] = f(i) })
	started := time.Now()
	Each(n, l.o.Concurrency, func(i int) { errs[warmup+i] = f(warmup + i) })
	took := time.Since(started)
	return float64(n) / took.Seconds(), errors.Join(errs...)
}

// transaction sends statements one after the other, each with a round trip of its own, as GORM does.
func (l *Limit) transaction(ctx context.Context, statements []statement, values [][]any) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		for i, s := range statements {
			rows, err := tx.Query(ctx, s.sql, append([]any{resultFormats}, values[i]...)...)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			rows.Close()
			if err := rows.Err(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		return nil
	})
}

// RoundTrips are those of each transaction of Messages and Creations, BEGIN and COMMIT included.
const RoundTrips = 4

// resultFormats are the types whose results the product had sent in binary, all others as text: those that pgx's driver
// for database/sql asks for.
var resultFormats = func() pgx.QueryResultFormatsByOID {
	formats := pgx.QueryResultFormatsByOID{}
	for _, oid := range []uint32{
		pgtype.BoolOID, pgtype.ByteaOID, pgtype.CIDOID, pgtype.DateOID, pgtype.Float4OID, pgtype.Float8OID, pgtype.Int2OID,
		pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.XIDOID,
	} {
		formats[oid] = pgx.BinaryFormatCode
	}
	return formats
}()

// Each calls f for 0 to n-1, concurrency at a time.
func Each(n, concurrency int, f func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(concurrency, n) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	group.Wait()
}
