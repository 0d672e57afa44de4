package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/deploy/local/demo"
)

// restFigures are what the product uses while nothing is asked of it.
type restFigures struct {
	Seconds float64 `json:"seconds"`
	// CPU is in per cent of one core, by process; together is api, worker and PostgreSQL.
	CPU map[string]float64 `json:"cpuPercent"`
	// Transactions are PostgreSQL's of the database, a second: nearly every one is a single query.
	Transactions float64 `json:"transactionsPerSecond"`
	// Calls are the worker's of Temporal, a second; LongPolls those that wait for work.
	Calls     float64 `json:"temporalCallsPerSecond"`
	LongPolls float64 `json:"temporalLongPollsPerSecond"`
}

// runRest: the demo's data, and nothing to do, for the window.
func runRest(ctx context.Context, b *bench) error {
	if !b.stack.attached() {
		progress("making the demo's data")
		_, err := demo.Seed(ctx, local.Seeding{
			Store: b.store, ReceiverURL: b.receiver.url + "/" + restScope + "/demo", SampleDockURL: "http://localhost:1/dock",
		})
		if err != nil {
			return err
		}
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	if err := b.idle(ctx); err != nil {
		return err
	}
	progress("watching for %s", b.p.Window)
	before, err := b.counters(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, b.p.Window); err != nil {
		return err
	}
	after, err := b.counters(ctx)
	if err != nil {
		return err
	}
	b.report.Rest = after.since(before)
	b.report.CPUMissing = missing(b.report.Rest.CPU)
	b.report.MemoryMB = b.memory()
	return b.stack.failed()
}

// restScope is the receiver's scope of what the demo's data owes.
const restScope = "rest"

// counters are what rises while time goes by.
type counters struct {
	at           time.Time
	usage        usage
	transactions int64
	calls, polls float64
}

var temporalCalls = regexp.MustCompile(`(?m)^temporal_(long_)?request(?:_total)?\{[^}]*\} (\S+)$`)

func (b *bench) counters(ctx context.Context) (c counters, err error) {
	content, err := get(ctx, b.stack.metricsURL())
	if err != nil {
		return c, err
	}
	if c.calls, c.polls, err = countCalls(string(content)); err != nil {
		return c, err
	}
	c.at, c.usage = time.Now(), readUsage(b.roots())
	// The view is of a moment ago at the most: backends say what they did once a second.
	err = b.db.QueryRow(ctx, `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`).
		Scan(&c.transactions)
	return c, err
}

// countCalls adds up the calls of Temporal that the worker's metrics have.
func countCalls(metrics string) (calls, polls float64, err error) {
	for _, m := range temporalCalls.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return 0, 0, fmt.Errorf("the worker's metrics: %w", err)
		}
		if m[1] != "" {
			polls += n
		} else {
			calls += n
		}
	}
	return calls, polls, nil
}

func (c counters) since(earlier counters) *restFigures {
	seconds := c.at.Sub(earlier.at).Seconds()
	f := &restFigures{
		Seconds: round(seconds), CPU: map[string]float64{},
		Transactions: round(float64(c.transactions-earlier.transactions) / seconds),
		Calls:        round((c.calls - earlier.calls) / seconds),
		LongPolls:    round((c.polls - earlier.polls) / seconds),
	}
	used := c.usage.since(earlier.usage)
	for role, s := range used {
		f.CPU[role] = round(s * 100 / seconds)
	}
	f.CPU["together"] = round(together(used) * 100 / seconds)
	return f
}
