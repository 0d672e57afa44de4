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

// timerFigures are how late snoozed conversations woke.
type timerFigures struct {
	// Lag is from the due time to the time of the transaction that woke the conversation, as its event carries it.
	Lag     *percentiles `json:"lagMs"`
	FiredBy firedBy      `json:"firedBy"`
	Pending int          `json:"pending"` // further conversations that slept on
	// RelaySeconds is how long it took to tell Temporal of all conversations; 0 if it was not done when the first was
	// due, and then OutboxAtFirstDue says of how many it had not been told.
	RelaySeconds     float64 `json:"relaySeconds"`
	OutboxAtFirstDue int     `json:"outboxAtFirstDue"`
}

// runTimers: conversations that wake, evenly spread over the window, among others that sleep on.
func runTimers(ctx context.Context, b *bench) error {
	if err := b.subscribe(ctx, b.tenant, runScope, 0, "conversation.updated", nil); err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	i, err := b.begin(ctx)
	if err != nil {
		return err
	}
	before, err := b.fired(ctx)
	if err != nil {
		return err
	}
	ops, err := b.snooze(ctx)
	if err != nil {
		return err
	}
	figures := &timerFigures{Pending: b.p.Pending}
	b.report.Timers = figures
	if err := b.awaitFirst(ctx, figures, time.Unix(0, ops[0].intended)); err != nil {
		return err
	}
	i.usage = readUsage(b.roots()) // from here on: before, workflows were started
	if err := pause(ctx, time.Until(time.Unix(0, ops[len(ops)-1].intended))); err != nil {
		return err
	}
	if err := b.arrived(ctx, len(ops)); err != nil {
		return err
	}
	if err := b.end(ctx, i, len(ops)+b.p.Pending, len(ops)); err != nil {
		return err
	}
	after, err := b.fired(ctx)
	if err != nil {
		return err
	}
	figures.FiredBy = after.since(before)
	if err := b.balance(ctx, ops); err != nil {
		return err
	}
	b.report.API = nil // there were no requests
	b.report.Parameters.Note = "conversations are made in bulk, as the write path leaves them after a snooze; latencyMs is " +
		"from the due time to the arrival of conversation.updated; history events are for those that sleep on, too"
	return b.woken(ctx, ops, figures)
}

// snooze makes the conversations with their outbox rows in one transaction: what a creation and a snooze leave behind,
// less the events and the timeline, which are nobody's business here. It returns when each is due, earliest first.
func (b *bench) snooze(ctx context.Context) ([]operation, error) {
	total := b.p.N + b.p.Pending
	progress("making %d snoozed conversations, the first of which is due in %s", total, b.p.Lead)
	now := time.Now().Truncate(time.Microsecond)
	err := pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		var next int64
		contact := uuid.Must(uuid.NewV7())
		err := tx.QueryRow(ctx, `UPDATE conversation_numbers SET next = next + $2 WHERE tenant_id = $1 RETURNING next`,
			b.tenant, total).Scan(&next)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO contacts (tenant_id, id, name, email, created_at, updated_at)
			VALUES ($1, $2, 'Load Customer', 'timers@customers.example', $3, $3)`, b.tenant, contact, now)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			WITH made AS (
				SELECT i, `+ident.SQL("$9::bigint", "i")+` AS id, CASE WHEN i < $4 THEN $5::timestamptz + $6::interval * i / $4
					ELSE $2::timestamptz + interval '1 day' + interval '10 ms' * i END AS due
				FROM generate_series(0, $3::int - 1) i
			), conversation AS (
				INSERT INTO conversations (tenant_id, id, number, external_reference, subject, channel, status, engagement,
					contact_id, snoozed_until, next_due_at, version, chain_id, created_at, updated_at)
				SELECT $1, id, $7::bigint - $3 + i, 'load-timer-' || i, 'Where is my order?', 'email', 'snoozed', 'pending',
					$8, due, due, 2, id, $2, $2 FROM made
			), recency AS (
				INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at) SELECT $1, id, 'snoozed', $2 FROM made
			)
			INSERT INTO outbox (tenant_id, kind, target_id, status, priority, due_at, available_at, created_at)
			SELECT $1, 'conversation', id, 'snoozed', 2, due, $2, $2 FROM made`,
			b.tenant, now, total, b.p.N, now.Add(b.p.Lead), b.p.Window, next, contact,
			ident.Tick(now))
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, err := b.db.Query(ctx, `SELECT external_reference, snoozed_until FROM conversations WHERE tenant_id = $1
		AND snoozed_until < $2 ORDER BY snoozed_until`, b.tenant, now.Add(b.p.Lead+b.p.Window))
	if err != nil {
		return nil, err
	}
	ops, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (operation, error) {
		o := operation{status: 201, answered: now.UnixNano()}
		var due time.Time
		err := row.Scan(&o.key, &due)
		o.intended = due.UnixNano()
		return o, err
	})
	if err == nil && len(ops) != b.p.N {
		err = fmt.Errorf("%d conversations are due in the window, not %d: is the window a day long?", len(ops), b.p.N)
	}
	return ops, err
}

// awaitFirst waits until the first wake is due, and notes how far the relay has come by then.
func (b *bench) awaitFirst(ctx context.Context, figures *timerFigures, due time.Time) error {
	started := time.Now()
	for time.Now().Before(due) {
		if figures.RelaySeconds == 0 {
			depth, _, err := b.store.OutboxDepth(ctx)
			if err != nil {
				return err
			}
			if depth == 0 {
				figures.RelaySeconds = round(time.Since(started).Seconds())
				progress("Temporal knows all conversations after %.1f s", figures.RelaySeconds)
			}
		}
		if err := pause(ctx, min(200*time.Millisecond, time.Until(due))); err != nil {
			return err
		}
	}
	depth, _, err := b.store.OutboxDepth(ctx)
	figures.OutboxAtFirstDue = depth
	progress("the first wake is due; %d outbox rows wait", depth)
	return err
}

// woken reads from the rows how late each woke, and checks that each did once and the others sleep on.
func (b *bench) woken(ctx context.Context, ops []operation, figures *timerFigures) error {
	rows, err := b.db.Query(ctx, `SELECT c.external_reference, c.status, c.version, c.updated_at, coalesce(e.n, 0), e.at
		FROM conversations c LEFT JOIN (SELECT conversation_id, count(*) AS n, min(created_at) AS at FROM events
			WHERE tenant_id = $1 AND type = 'conversation.updated' GROUP BY conversation_id) e ON e.conversation_id = c.id
		WHERE c.tenant_id = $1`, b.tenant)
	if err != nil {
		return err
	}
	defer rows.Close()
	due := make(map[string]int64, len(ops))
	for _, o := range ops {
		due[o.key] = o.intended
	}
	var lags []time.Duration
	asleep, wrong, early := 0, 0, 0
	for rows.Next() {
		var key, status string
		var version, events int64
		var updated time.Time
		var at *time.Time
		if err := rows.Scan(&key, &status, &version, &updated, &events, &at); err != nil {
			return err
		}
		wakes, ours := due[key]
		switch {
		case !ours && status == "snoozed" && version == 2 && events == 0:
			asleep++
		case !ours || status != "active" || version != 3 || events != 1 || !at.Equal(updated):
			wrong++
			progress("%s: %s in version %d with %d events", key, status, version, events)
		default:
			lag := at.Sub(time.Unix(0, wakes))
			if lag < 0 {
				early++
			}
			lags = append(lags, lag)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	figures.Lag = summarise(lags)
	if wrong > 0 || asleep != b.p.Pending {
		b.report.void(fmt.Sprintf("%d conversations are not as one wake leaves them, %d of %d sleep on",
			wrong, asleep, b.p.Pending))
	}
	if early > 0 {
		b.report.void(fmt.Sprintf("%d conversations woke before their time", early))
	}
	return nil
}

// firedBy is how often time did something, by its kind (wake, warning, breach, archive) and by who noticed (workflow,
// guard, recompute), as the worker's atender_timer_lag_seconds counts.
type firedBy map[string]map[string]int

var firedCount = regexp.MustCompile(`(?m)^atender_timer_lag_seconds_count\{by="([^"]*)",kind="([^"]*)"\} (\S+)$`)

// fired reads from the worker's metrics what has fired so far.
func (b *bench) fired(ctx context.Context) (firedBy, error) {
	content, err := get(ctx, b.stack.metricsURL())
	if err != nil {
		return nil, err
	}
	return parseFired(string(content))
}

func parseFired(metrics string) (firedBy, error) {
	fired := firedBy{}
	for _, m := range firedCount.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		fired.add(m[2], m[1], int(n))
	}
	return fired, nil
}

func (f firedBy) add(kind, by string, n int) {
	if f[kind] == nil {
		f[kind] = map[string]int{}
	}
	f[kind][by] += n
}

// since is what has fired since an earlier reading.
func (f firedBy) since(earlier firedBy) firedBy {
	fired := firedBy{}
	for kind, counts := range f {
		for by, n := range counts {
			if n -= earlier[kind][by]; n > 0 {
				fired.add(kind, by, n)
			}
		}
	}
	return fired
}
