package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/ident"
)

// What becomes of the partition that begins at the border, before (--vacuum): autovacuum against wraparound does the same.
const (
	vacuumNever = "never"
	// vacuumBefore is before the workers' upkeep has run, which then has its chance.
	vacuumBefore = "before-upkeep"
	// vacuumAfter is when it has run, so that only what comes after the border can help.
	vacuumAfter = "after-upkeep"
)

// maxPartitions bounds --partitions: with more a claim's statement needs more locks than PostgreSQL has room for by default.
const maxPartitions = 100

// borderFigures are what a border between partitions does to messages at a steady rate: from the sending to the arrival,
// for as long before as after.
type borderFigures struct {
	Before *percentiles `json:"beforeMs"`
	After  *percentiles `json:"afterMs"`
	// Ratio is that of the two p99.
	Ratio float64 `json:"p99Ratio"`
	// Counted is what the planner believed to be in the deliveries of the partition that was about to begin: -1 when it did not
	// know, 0 when it was vacuumed while empty, and not reset.
	Counted    float64 `json:"reltuplesAtBorder"`
	Partitions int     `json:"partitions"` // of each of the tables
	// Pages are those of the partitions that began, with their indexes, that were looked at for each message after the border.
	// Other load beside the run moves latencies, and not these.
	Pages float64 `json:"pagesPerMessageAfter"`
}

// bordered are the tables that are partitioned by week.
var bordered = []string{"events", "deliveries", "attempts"}

// runBorder: messages at a steady rate across the border of two partitions. The current week's is cut in two while the workers
// are stopped; they start, do their upkeep, and have made their plans long before the second part begins.
func runBorder(ctx context.Context, b *bench) error {
	if b.stack.attached() {
		return errAttached
	}
	requests, err := b.messages(ctx, b.p.N, noTags)
	if err != nil {
		return err
	}
	if err := b.subscribe(ctx, b.tenant, runScope, 0, nil, "message.sent"); err != nil {
		return err
	}
	if err := b.stack.stopWorkers(); err != nil {
		return err
	}
	border := time.Now().Add(b.p.Lead + b.p.Window).Truncate(time.Millisecond)
	names, err := b.cut(ctx, border)
	if err != nil {
		return err
	}
	if b.p.Vacuum == vacuumBefore {
		err = b.vacuum(ctx, names)
	}
	if err == nil {
		err = b.stack.startWorkers(ctx)
	}
	if err == nil {
		err = b.idle(ctx) // the upkeep has run
	}
	if err == nil && b.p.Vacuum == vacuumAfter {
		err = b.vacuum(ctx, names)
	}
	if err != nil {
		return err
	}
	return b.across(ctx, requests, border, names)
}

// across measures the requests, half of them before the border.
func (b *bench) across(ctx context.Context, requests []request, border time.Time, names []string) error {
	f := &borderFigures{}
	b.report.Border = f
	warm, err := b.warm(ctx, requests[:b.p.Warmup], true)
	if err != nil {
		return err
	}
	i, err := b.begin(ctx)
	if err != nil {
		return err
	}
	wait := time.Until(border.Add(-b.p.Window))
	if wait < 0 {
		return fmt.Errorf("the border comes %s too early for what comes before: a longer --lead than %s is needed",
			-wait.Round(time.Second), b.p.Lead)
	}
	err = b.db.QueryRow(ctx, `SELECT reltuples, (SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass)
		FROM pg_class WHERE relname = $1`, names[1]).Scan(&f.Counted, &f.Partitions)
	if err != nil {
		return err
	}
	progress("measuring %d requests from in %s on, half of them before the border", b.p.N, wait.Round(time.Second))
	if err := pause(ctx, wait); err != nil {
		return err
	}
	ops := b.publish.publish(ctx, requests[b.p.Warmup:], b.p.Rate, b.p.Concurrency)
	if err := b.arrived(ctx, accepted(warm)+accepted(ops)); err != nil {
		return err
	}
	if err := b.end(ctx, i, accepted(ops), accepted(ops)); err != nil {
		return err
	}
	if err := b.balance(ctx, append(warm, ops...)); err != nil {
		return err
	}
	var before, after []operation
	for _, o := range ops {
		if o.intended < border.UnixNano() {
			before = append(before, o)
		} else {
			after = append(after, o)
		}
	}
	f.Before, f.After = b.latencies(before), b.latencies(after)
	pages, err := b.pages(ctx, names)
	if err != nil {
		return err
	}
	f.Pages = round(float64(pages) / float64(max(len(after), 1)))
	if f.Before != nil && f.After != nil && f.Before.P99 > 0 {
		f.Ratio = round(f.After.P99 / f.Before.P99)
	}
	return nil
}

// pages counts the pages of tables and their indexes that PostgreSQL has looked at.
func (b *bench) pages(ctx context.Context, tables []string) (n int64, err error) {
	err = b.db.QueryRow(ctx, `SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read) FROM pg_statio_user_tables
		WHERE relname = ANY ($1)`, tables).Scan(&n)
	return n, err
}

var weekBounds = regexp.MustCompile(`FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)`)

// cut ends the current partition of each table at the border, makes one from there to where it ended, and as many more behind
// all others as were asked for. It returns the names of those that begin at the border.
func (b *bench) cut(ctx context.Context, border time.Time) (names []string, err error) {
	for _, table := range bordered {
		err := pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
			name, err := cutTable(ctx, tx, table, border, b.p)
			names = append(names, name)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("cut the partition of %s: %w", table, err)
		}
	}
	return names, nil
}

func cutTable(ctx context.Context, tx pgx.Tx, table string, border time.Time, p params) (made string, err error) {
	rows, err := tx.Query(ctx, `SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass`, table)
	if err != nil {
		return "", err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Bounds string }])
	if err != nil {
		return "", err
	}
	var current, from, to, last string
	cutAt := ident.Floor(border).String()
	for _, part := range all {
		m := weekBounds.FindStringSubmatch(part.Bounds)
		if m == nil {
			continue // the default partition
		}
		last = max(last, m[2])
		if m[1] < cutAt && cutAt < m[2] {
			current, from, to = part.Name, m[1], m[2]
		}
	}
	if current == "" || ident.Floor(time.Now()).String() < from {
		return "", fmt.Errorf("no partition has both now and %s", border.UTC().Format(time.RFC3339))
	}
	made = table + "_load" + strconv.FormatInt(border.UnixMilli(), 10)
	quoted := pgx.Identifier{current}.Sanitize()
	statements := []string{
		`ALTER TABLE ` + table + ` DETACH PARTITION ` + quoted,
		`ALTER TABLE ` + table + ` ATTACH PARTITION ` + quoted + bounds(from, cutAt),
		`CREATE TABLE ` + made + ` PARTITION OF ` + table + bounds(cutAt, to),
	}
	at := ident.Time(uuid.MustParse(last))
	for n := len(all) + 1; n < p.Partitions; n++ {
		next := at.AddDate(0, 0, 7)
		statements = append(statements, fmt.Sprintf(`CREATE TABLE %s_%d PARTITION OF %s`, made, n, table)+
			bounds(ident.Floor(at).String(), ident.Floor(next).String()))
		at = next
	}
	if !p.Autovacuum {
		for _, name := range []string{quoted, made} {
			statements = append(statements, `ALTER TABLE `+name+` SET (autovacuum_enabled = false)`)
		}
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return "", err
		}
	}
	return made, nil
}

func bounds(from, to string) string { return ` FOR VALUES FROM ('` + from + `') TO ('` + to + `')` }

// vacuum vacuums partitions that are empty.
func (b *bench) vacuum(ctx context.Context, names []string) error {
	progress("vacuuming the empty partitions %v", names)
	for _, name := range names {
		if _, err := b.db.Exec(ctx, `VACUUM `+name); err != nil {
			return fmt.Errorf("vacuum %s: %w", name, err)
		}
	}
	return nil
}
