package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/atender/atender/models/problem"
)

// Codes of what is refused because it would take more of the database than one call, or one tenant, may have.
const (
	codeTooExpensive = problem.CodeQueryTooExpensive
	codeTenantBusy   = problem.CodeTenantBusy
)

// The pools that have a gate, as metrics name them.
const (
	poolCalls   = "calls"
	poolLists   = "lists"
	poolReports = "reports"
)

const (
	// listTime is how long PostgreSQL may work on one statement of a list. A page takes milliseconds; what takes longer than
	// this would, made often, take the database from everyone else.
	listTime = 2 * time.Second
	// ReportTime is the same for a report, which counts up to a year.
	ReportTime = 10 * time.Second
	// reportConns is how many reports run at once in a process, and reportsAtOnce how many of those may be one tenant's.
	reportConns   = 4
	reportsAtOnce = reportConns / 2
	// callTime is how long PostgreSQL may work on one statement of a call of the API: a little longer than the call itself may
	// take, because that ends it first unless the process, or the way to the database, is gone.
	callTime = 30 * time.Second
	// callLockTime is how long a statement of a call waits for other transactions: they are calls, too, or background work,
	// and last for milliseconds.
	callLockTime = 10 * time.Second
	// workTime is how long PostgreSQL may work on one statement of background work, which goes in small steps; the longest
	// (all open conversations told to Temporal anew) takes tens of seconds for a million.
	workTime = 5 * time.Minute
	// cancelPatience is how long PostgreSQL has to end a statement that was called off before the connection is given up.
	cancelPatience = time.Second
)

// listConns is how many connections lists have, beside the n of everything else: reads can use up theirs, and no write
// waits for it.
func listConns(n int) int { return max(2, n/3) }

// boundedReads are n connections for reads that a caller chooses the size of. PostgreSQL ends a statement after limit, by
// itself; a statement whose caller has gone is called off at once, and its connection kept. One statement uses one core.
func boundedReads(cfg *pgx.ConnConfig, limit time.Duration, n int, options ...stdlib.OptionOpenDB) *sql.DB {
	cfg = cfg.Copy()
	cfg.RuntimeParams["statement_timeout"] = milliseconds(limit)
	cfg.RuntimeParams["max_parallel_workers_per_gather"] = "0"
	cfg.RuntimeParams["default_transaction_read_only"] = "on"
	cfg.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
	}
	return connections(*cfg, n, options...)
}

// boundStatements bounds what is no list and no report, unless the database's URL says otherwise.
func boundStatements(cfg *pgx.ConnConfig, serving bool) {
	bounds := map[string]time.Duration{"statement_timeout": workTime}
	if serving {
		bounds = map[string]time.Duration{"statement_timeout": callTime, "lock_timeout": callLockTime}
	}
	for name, limit := range bounds {
		if _, asked := cfg.RuntimeParams[name]; !asked {
			cfg.RuntimeParams[name] = milliseconds(limit)
		}
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// TooExpensive is Translate for a read that may take limit at most, and says by which parameters its caller can narrow it.
func TooExpensive(ctx context.Context, err error, limit time.Duration, narrow ...string) error {
	if PgCode(err) != codeQueryCanceled {
		return Translate(err)
	}
	if ctx.Err() != nil { // not for its time: it was called off
		return ctx.Err()
	}
	return &problem.Error{
		Kind: problem.Unavailable, Code: codeTooExpensive,
		Message: fmt.Sprintf(
			"the database was not done with this after %d s, which is all that one call may take of it: narrow it by %s",
			int(limit.Seconds()), strings.Join(narrow, ", ")),
		Details: map[string]any{"narrow": narrow, "limitSeconds": int(limit.Seconds()), "retryAfter": int(limit.Seconds())},
		Cause:   err,
	}
}

// ListError is TooExpensive for a list; without parameters of its own it has a page's.
func ListError(ctx context.Context, err error, narrow ...string) error {
	if len(narrow) == 0 {
		narrow = []string{"limit"}
	}
	return TooExpensive(ctx, err, listTime, narrow...)
}
