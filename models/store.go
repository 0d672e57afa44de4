// Package models is the domain: the entities, their rules, and the transactions that persist them. PostgreSQL owns
// state (P1): every change of a conversation, whoever asks, goes through Store.Change and its siblings, which all end
// in write.go, in one transaction with its events, deliveries and outbox row. See protocols.md for the numbered protocols.
package models

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wakeup"
)

// Options say how a Store is opened.
type Options struct {
	URL      string // postgres://… of the database
	MaxConns int    // connections at most, besides those for lists, reports and special purposes; 20 when 0
	// Serving says that the store serves calls of the API, which have an end: what the database has not done for a call by
	// then, it need not go on with.
	Serving bool
	Keys    *seal.Keyring  // seals webhook secrets and headers; required for whoever touches subscriptions
	Targets target.Policy  // which URLs a subscription may have
	Docks   dockurl.Policy // which URLs a dock may have
	Logger  *slog.Logger   // slog.Default() when nil
	// Tracer sees every statement, BEGIN and COMMIT included; nil for none.
	Tracer pgx.QueryTracer
	// Clock turns the database's time, read after the locks (P1.3), into the transaction's; nil leaves it as it is.
	// Tests of what time does inject one.
	Clock func(database time.Time) time.Time
	// HashPassword makes the hashes that passwords are kept as: password.Hash when nil. Tests that sign in many times give
	// password.HashCheaply.
	HashPassword func(plain string) string
}

// Store is the door to the database. It is safe for concurrent use; one per process.
type Store struct {
	db      *gorm.DB
	sql     *sql.DB
	cfg     *pgx.ConnConfig // for connections that are nobody else's
	keys    *seal.Keyring
	targets target.Policy
	docks   dockurl.Policy
	log     *slog.Logger
	clock   func(time.Time) time.Time
	wakeups *wakeup.Hub
	numbers numberBlocks
	claims  *gorm.DB // over connections of their own, that plan a statement once (planOnce)
	lists   *gorm.DB // over connections of their own: reads whose size a caller chooses (reads.go)
	reports *gorm.DB // the same, for reports
	pools   []*sql.DB
	gates   map[string]*gate
	flights flights
	auth    authCache
	guesses guesses
	live    broadcaster
	usage   keyUsage
	hashing chan struct{} // has an element for each password that is being hashed
	hash    func(plain string) string
	dummy   func() string // the hash that a password is held against in place of the agents that there are not
	times   timeCache
	turns   turnPositions
	rates   rateLimiter
	leases  *sql.DB // for nothing but rate limits
	// computeTime is the constant of that name; a test has none to spare.
	computeTime time.Duration
	// background ends with the store.
	background context.Context
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// Open connects to the database, which must be migrated (Migrate), and starts the connection that carries wake-ups (P9).
// The database need not answer yet: calls fail with problem.Unavailable until it does. Errors: a URL that cannot be parsed.
func Open(ctx context.Context, o Options) (*Store, error) {
	cfg, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = func(t time.Time) time.Time { return t }
	}
	if o.HashPassword == nil {
		o.HashPassword = password.Hash
	}
	setDefaults(cfg)
	own := cfg.Copy()
	wakeups := wakeup.New(own, o.Logger)
	cfg.Tracer = o.Tracer
	lists, reports := boundedReads(cfg, listTime, listConns(o.MaxConns)), boundedReads(cfg, reportTime, reportConns)
	boundStatements(cfg, o.Serving)
	db := connections(*cfg, o.MaxConns)
	numbers := connections(*cfg, numberConns)
	claims := connections(*cfg, claimConns, stdlib.OptionAfterConnect(planOnce))
	leases := connections(*withoutSync(cfg), rateConns)
	s := &Store{
		sql: db, cfg: own, keys: o.Keys, targets: o.Targets, docks: o.Docks, log: o.Logger, clock: o.Clock,
		wakeups: wakeups, numbers: numberBlocks{pool: numbers}, leases: leases,
		pools: []*sql.DB{db, numbers, claims, lists, reports, leases},
		gates: map[string]*gate{
			poolCalls: half(o.MaxConns), poolLists: half(listConns(o.MaxConns)), poolReports: shareOf(reportsAtOnce),
		},
		hashing: make(chan struct{}, hashing), live: broadcaster{arrived: make(chan struct{}, 1)},
		computeTime: computeTime,
		hash:        o.HashPassword, dummy: sync.OnceValue(func() string { return o.HashPassword(rand.Text()) }),
	}
	for _, p := range []struct {
		to   **gorm.DB
		pool pool
	}{
		{&s.db, pool{db, s.gates[poolCalls]}}, {&s.claims, pool{db: claims}},
		{&s.lists, pool{lists, s.gates[poolLists]}}, {&s.reports, pool{reports, s.gates[poolReports]}},
	} {
		if *p.to, err = throughGORM(p.pool); err != nil {
			return nil, err
		}
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.background = ctx
	s.done.Go(func() { s.wakeups.Run(ctx) })
	s.done.Go(func() { s.runAuthCache(ctx) })
	s.done.Go(func() { s.runUsage(ctx) })
	s.done.Go(func() { s.runLive(ctx) })
	return s, nil
}

func throughGORM(p pool) (*gorm.DB, error) {
	g, err := gorm.Open(postgres.New(postgres.Config{Conn: p}), &gorm.Config{
		SkipDefaultTransaction: true, // what needs a transaction asks for one
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard, // errors are returned, and logged once where they are handled
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return g, nil
}

// connections is a pool of at most n connections.
func connections(cfg pgx.ConnConfig, n int, options ...stdlib.OptionOpenDB) *sql.DB {
	db := stdlib.OpenDB(cfg, options...)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// parameters are what connections ask of PostgreSQL, unless the URL says otherwise.
var parameters = map[string]string{
	// It compiles statements that it believes to be expensive, each time anew; with some ten thousand deliveries owed it
	// believes that of a claim, which takes milliseconds, and compiled for seconds (203 functions, for each of the
	// partitions) before it began.
	"jit": "off",
	// A process whose machine is gone without a word leaves its connections behind, and PostgreSQL, as it is installed, would
	// keep them for two hours: the sequencer's lock (P6.1) and whatever rows a transaction has locked.
	"tcp_keepalives_idle":                 strconv.Itoa(int(keepAlive.Idle.Seconds())),
	"tcp_keepalives_interval":             strconv.Itoa(int(keepAlive.Interval.Seconds())),
	"tcp_keepalives_count":                strconv.Itoa(keepAlive.Count),
	"tcp_user_timeout":                    strconv.FormatInt(deadAfter.Milliseconds(), 10),
	"idle_in_transaction_session_timeout": "60000", // milliseconds: more than any call may take
}

// deadAfter is how long either side may leave what the other has sent unacknowledged, and keepAlive how silence is probed
// meanwhile: longer, and its machine is gone. Linux itself waits a quarter of an hour, while a new primary would answer.
const deadAfter = 30 * time.Second

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

func setDefaults(cfg *pgx.ConnConfig) {
	for name, value := range parameters {
		if _, asked := cfg.RuntimeParams[name]; !asked {
			cfg.RuntimeParams[name] = value
		}
	}
	dialer := net.Dialer{
		Timeout: cfg.ConnectTimeout, KeepAliveConfig: keepAlive, Control: limitSilence,
	}
	cfg.DialFunc = dialer.DialContext
}

// planOnce makes a connection keep the first plan of every statement. Over tables of many partitions planning takes ten
// times as long as a claim itself, and PostgreSQL, which thinks a plan for the very arguments cheaper, would plan each
// claim anew: that was a fifth of all it did at a thousand deliveries a second.
func planOnce(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, claimSettings)
	return err
}

// claimSettings are those of the connections that claim work. A claim takes the first few rows in the order of an index, and
// looks the rest up by their keys; where PostgreSQL expects few of a tenant that has many, it would read and sort them all,
// and where it expects few rows at all, as when it planned the statement over a young table, it would go through the whole
// of deliveries to join some dozens: half a second, with 100,000 owed.
const claimSettings = `SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off; SET enable_seqscan = off;
	SET enable_mergejoin = off; SET enable_hashjoin = off`

// withoutSync is a configuration whose commits do not wait for the disk: for what may lose its last second with a
// PostgreSQL that crashes, but waits for nothing else. Rate limits are so.
func withoutSync(cfg *pgx.ConnConfig) *pgx.ConnConfig {
	c := cfg.Copy()
	c.RuntimeParams["synchronous_commit"] = "off"
	return c
}

// Close ends the wake-up connection and closes the pool, waiting for what runs.
func (s *Store) Close() {
	s.rates.close()
	s.stop()
	s.done.Wait()
	for _, pool := range s.pools {
		_ = pool.Close() // nothing is lost with a pool that does not close cleanly
	}
}

// Wakeups is the hub through which processes tell each other that there is something to do (P9).
func (s *Store) Wakeups() *wakeup.Hub { return s.wakeups }

// PoolStats are the connection pool's figures, for metrics.
func (s *Store) PoolStats() sql.DBStats { return s.sql.Stats() }

// Ready tells whether the database answers and is migrated as far as this binary needs.
// Errors: problem.Unavailable saying which of the two is missing.
func (s *Store) Ready(ctx context.Context) error {
	want, err := latestMigration()
	if err != nil {
		return err
	}
	var have int64
	err = s.sql.QueryRowContext(ctx,
		`SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	switch {
	case err != nil && pgCode(err) == codeUndefinedTable:
		return unavailable("the database is not migrated: run atender migrate", err)
	case err != nil:
		return translate(err)
	case have < want:
		return unavailable(
			fmt.Sprintf("the database is at migration %d, this binary needs %d: run atender migrate", have, want),
			nil,
		)
	}
	return nil
}

// maxTries bounds the attempts at a transaction that PostgreSQL, or a concurrent creation, turned back (P1.2).
const maxTries = 5

// transact runs f in a transaction and runs the whole again when it was turned back for reasons of concurrency.
// f must therefore set what it returns afresh each time. Within a unit of work it runs in a savepoint, which gives back
// only the locks taken since: once the unit holds others, the whole must be tried again (P7.4).
func (s *Store) transact(ctx context.Context, f func(tx *gorm.DB) error) error {
	var err error
	committing := false
	for range maxTries {
		err = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			committing = false
			err := f(tx)
			committing = err == nil && unitOf(ctx) == nil
			return err
		})
		if !worthRetrying(err) {
			break
		}
		if u := unitOf(ctx); u != nil && u.held > 0 {
			u.turnedBack = true
			break
		}
	}
	if committing {
		return translateCommit(err)
	}
	return translate(err)
}
