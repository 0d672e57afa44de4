// Package postgres is how the domain's packages reach the database: the connections, transactions and units of work,
// pages of lists, statements in parts, the mapping of columns, the meaning of PostgreSQL's errors, and the migrations.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/wakeup"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Options say how a DB is opened.
type Options struct {
	URL      string // postgres://… of the database
	MaxConns int    // connections at most, besides those for lists, reports and special purposes; 20 when 0
	// Serving says that the connections serve calls of the API, which have an end: what the database has not done for a call
	// by then, it need not go on with.
	Serving bool
	Keyring *seal.Keyring                      // seals secrets; required by what has some
	Logger  *slog.Logger                       // slog.Default() when nil
	Tracer  pgx.QueryTracer                    // sees every statement, BEGIN and COMMIT included; nil for none
	Clock   func(database time.Time) time.Time // turns the database's time into the transaction's; nil leaves it
}

// DB is one process's connections to the database. It is safe for concurrent use.
type DB struct {
	Main    *gorm.DB        // for all that is not named below
	SQL     *sql.DB         // Main's connections, without GORM
	Claims  *gorm.DB        // over connections of their own, that plan a statement once (PlanOnce)
	Groups  *gorm.DB        // the same, for what many calls write together (P1.10)
	Lists   *gorm.DB        // over connections of their own: reads whose size a caller chooses (reads.go)
	Reports *gorm.DB        // the same, for reports
	Numbers *Numbers        // of tenants, over connections of their own (numberConns)
	Leases  *sql.DB         // for nothing but rate limits, which do not wait for the disk
	Config  *pgx.ConnConfig // for connections that belong to one user alone
	Keyring *seal.Keyring
	Log     *slog.Logger
	Clock   func(time.Time) time.Time // the transaction's time of the database's, which is read after the locks (P1.3)
	Wakeups *wakeup.Hub
	Turns   turnPositions

	plans  *planRenewal
	pools  []*sql.DB
	gates  map[string]*gate
	onWake map[string][]func()
}

const (
	// claimConns is how many claims run at a time in one process; dispatchers and retry workflows take turns beyond that.
	claimConns = 8
	// numberConns is how many connections there are for taking blocks of numbers (P2), and for nothing else: a unit of
	// work (P7) that needs a number while it has a connection must not wait for those that wait for it.
	numberConns = 2
	// leaseConns is how many leases of rate limits are under way at a time. What limits callers must not wait behind
	// the calls that it lets in.
	leaseConns = 2
)

// Open makes the connections' pools. The database need not answer yet: calls fail with problem.Unavailable until it does.
// Errors: a URL that cannot be parsed.
func Open(o Options) (*DB, error) {
	cfg, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	o.MaxConns = cmp.Or(o.MaxConns, 20)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Clock == nil {
		o.Clock = func(t time.Time) time.Time { return t }
	}
	setDefaults(cfg)
	own := cfg.Copy()
	wakeups := wakeup.New(own, o.Logger)
	cfg.Tracer = o.Tracer
	plans := &planRenewal{}
	renewed := stdlib.OptionResetSession(plans.beforeReuse)
	lists := boundedReads(cfg, listTime, listConns(o.MaxConns), renewed)
	reports := boundedReads(cfg, ReportTime, reportConns, renewed)
	boundStatements(cfg, o.Serving)
	main := connections(*cfg, o.MaxConns, renewed)
	claims := connections(*cfg, claimConns, stdlib.OptionAfterConnect(PlanOnce), renewed)
	groups := connections(*cfg, groupsAtOnce, stdlib.OptionAfterConnect(PlanOnce), renewed)
	d := &DB{
		SQL: main, Numbers: &Numbers{Pool: connections(*cfg, numberConns)}, Leases: connections(*withoutSync(cfg), leaseConns),
		Config: own, Keyring: o.Keyring, Log: o.Logger, Clock: o.Clock, Wakeups: wakeups,
		gates: map[string]*gate{
			poolCalls: half(o.MaxConns), poolLists: half(listConns(o.MaxConns)), poolReports: shareOf(reportsAtOnce),
		},
		onWake: map[string][]func(){}, plans: plans,
	}
	d.pools = []*sql.DB{main, d.Numbers.Pool, claims, groups, lists, reports, d.Leases}
	for _, p := range []struct {
		to   **gorm.DB
		pool pool
	}{
		{&d.Main, pool{main, d.gates[poolCalls]}}, {&d.Claims, pool{db: claims}}, {&d.Groups, pool{db: groups}},
		{&d.Lists, pool{lists, d.gates[poolLists]}}, {&d.Reports, pool{reports, d.gates[poolReports]}},
	} {
		if *p.to, err = throughGORM(p.pool); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// OnWake makes f be called in this process whenever the topic is woken here, before any other process hears of it. It is
// for what is set up before the first call.
func (s *DB) OnWake(topic string, f func()) { s.onWake[topic] = append(s.onWake[topic], f) }

// Pools are all pools of connections: Main's, and those for special purposes.
func (s *DB) Pools() []*sql.DB { return s.pools }

// Close closes the connections, waiting for what runs.
func (s *DB) Close() {
	for _, pool := range s.pools {
		_ = pool.Close() // nothing is lost with a pool that does not close cleanly
	}
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
	// By which an operator who looks at pg_stat_activity knows the product's sessions.
	"application_name": "atender",
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
	cfg.AfterConnect = notePlanning
}

// PlanOnce makes a connection keep the first plan of every statement. Over tables of many partitions planning takes ten
// times as long as a claim itself, and PostgreSQL, which thinks a plan for the very arguments cheaper, would plan each
// claim anew: that was a fifth of all it did at a thousand deliveries a second. After a border between partitions the plans
// are renewed (renewal.go).
func PlanOnce(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, ClaimSettings)
	return err
}

// ClaimSettings are those of the connections that claim work. A claim takes the first few rows in the order of an index, and
// looks the rest up by their keys; where PostgreSQL expects few of a tenant that has many, it would read and sort them all,
// and where it expects few rows at all, as when it planned the statement over a young table, it would go through the whole
// of deliveries to join some dozens: half a second, with 100,000 owed.
const ClaimSettings = `SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off; SET enable_seqscan = off;
	SET enable_mergejoin = off; SET enable_hashjoin = off`

// withoutSync is a configuration whose commits do not wait for the disk: for what may lose its last second with a
// PostgreSQL that crashes, but waits for nothing else. Rate limits are so.
func withoutSync(cfg *pgx.ConnConfig) *pgx.ConnConfig {
	c := cfg.Copy()
	c.RuntimeParams["synchronous_commit"] = "off"
	return c
}

// PoolNames are what metrics call the pools, in the order of Pools.
var PoolNames = []string{"main", "numbers", "claims", "groups", "lists", "reports", "leases"}

// PoolStats are the figures of each pool of connections, for metrics.
func (s *DB) PoolStats() map[string]sql.DBStats {
	stats := make(map[string]sql.DBStats, len(s.pools))
	for i, pool := range s.pools {
		stats[PoolNames[i]] = pool.Stats()
	}
	return stats
}

// MaxTries bounds the attempts at a transaction that PostgreSQL, or a concurrent creation, turned back (P1.2).
const MaxTries = 5

// Transact runs f in a transaction and runs the whole again when it was turned back for reasons of concurrency.
// f must therefore set what it returns afresh each time. Within a unit of work it runs in a savepoint, which gives back
// only the locks taken since: once the unit holds others, the whole must be tried again (P7.4).
func (s *DB) Transact(ctx context.Context, f func(tx *gorm.DB) error) error {
	var err error
	committing, tries := false, 0
	_, span := traced.Start(ctx, "transaction")
	defer func() { endSpan(span, tries, err) }()
	for tries < MaxTries {
		tries++
		err = s.Main.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			committing = false
			err := f(tx)
			committing = err == nil && unitOf(ctx) == nil
			return err
		})
		if !WorthRetrying(err) {
			break
		}
		if u := unitOf(ctx); u != nil && u.held > 0 {
			u.TurnedBack = true
			break
		}
	}
	if committing {
		return TranslateCommit(err)
	}
	return Translate(err)
}
