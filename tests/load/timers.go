package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// timerFigures are how late time did what was due.
type timerFigures struct {
	// Lag is, for each kind (wake, warning, breach), from the due time to that of the transaction that did it, as its event
	// carries it.
	Lag     map[string]*percentiles `json:"lagMs"`
	FiredBy firedBy                 `json:"firedBy"`
	Pending int                     `json:"pending"` // further conversations that nothing happened to
	// RelaySeconds is how long it took to tell Temporal of all conversations; 0 if it was not done when the first was
	// due, and then OutboxAtFirstDue says of how many it had not been told.
	RelaySeconds     float64 `json:"relaySeconds"`
	OutboxAtFirstDue int     `json:"outboxAtFirstDue"`

	Recompute *recomputeFigures `json:"recompute,omitempty"`
}

// eventsOf are those that come of each kind of thing that is due.
var eventsOf = map[string][]string{
	"wake": {"conversation.updated"}, "warning": {"conversation.updated", "sla.warning"},
	"breach": {"conversation.updated", "sla.breached"},
}

// runTimers: conversations that wake or cross a tripwire of their SLA, evenly spread over the window, among others in which
// nothing is due for a day or more.
func runTimers(ctx context.Context, b *bench) error {
	err := b.subscribe(ctx, b.tenant, runScope, 0, nil, "conversation.updated", "sla.warning", "sla.breached")
	if err != nil {
		return err
	}
	policy, err := b.policy(ctx)
	if err != nil {
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
	ops, err := b.timerRows(ctx, policy)
	if err != nil {
		return err
	}
	figures := &timerFigures{Pending: b.p.Pending, Lag: map[string]*percentiles{}}
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
	if err := b.end(ctx, i, b.p.N+b.p.Pending, len(ops)); err != nil {
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
	b.report.Parameters.Note = "conversations are made in bulk, as the write path leaves them; latencyMs is from the due time " +
		"to the arrival of the event; history events per operation count the pending conversations, too"
	if err := b.punctual(ctx, ops, figures); err != nil || b.p.Recompute == "" {
		return err
	}
	figures.Recompute, err = b.recompute(ctx, policy)
	return err
}

// awaitFirst waits until the first conversation is due, and notes how far the relay has come by then.
func (b *bench) awaitFirst(ctx context.Context, figures *timerFigures, due time.Time) error {
	started := time.Now()
	for time.Now().Before(due) {
		if figures.RelaySeconds == 0 {
			depth, _, err := b.store.Outbox.Depth(ctx)
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
	depth, _, err := b.store.Outbox.Depth(ctx)
	figures.OutboxAtFirstDue = depth
	progress("the first conversation is due; %d outbox rows wait", depth)
	return err
}

// punctual reads from the rows how late each was, and checks that what was due happened once and nothing else did.
func (b *bench) punctual(ctx context.Context, ops []operation, figures *timerFigures) error {
	rows, err := b.db.Query(ctx, `SELECT c.external_reference, c.status, c.version, c.updated_at, coalesce(e.types, '{}'), e.at
		FROM conversations c LEFT JOIN (SELECT conversation_id, array_agg(type ORDER BY type) AS types, min(created_at) AS at FROM events
			WHERE tenant_id = $1 GROUP BY conversation_id) e ON e.conversation_id = c.id
		WHERE c.tenant_id = $1`, b.tenant)
	if err != nil {
		return err
	}
	defer rows.Close()
	due := make(map[string]operation, len(ops))
	for _, o := range ops {
		if o.kind != "" {
			due[o.key] = o
		}
	}
	lags := map[string][]time.Duration{}
	untouched, wrong, early := 0, 0, 0
	for rows.Next() {
		var key, status string
		var version int64
		var updated time.Time
		var events []string
		var at *time.Time
		if err := rows.Scan(&key, &status, &version, &updated, &events, &at); err != nil {
			return err
		}
		o, ours := due[key]
		switch {
		case !ours && version == madeVersion && len(events) == 0:
			untouched++
		case !ours || status != "active" || version != madeVersion+1 || !slices.Equal(events, eventsOf[o.kind]) ||
			!at.Equal(updated):
			wrong++
			progress("%s: %s in version %d with %v", key, status, version, events)
		default:
			lag := at.Sub(time.Unix(0, o.intended))
			if lag < 0 {
				early++
			}
			lags[o.kind] = append(lags[o.kind], lag)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for kind, samples := range lags {
		figures.Lag[kind] = summarise(samples)
	}
	if wrong > 0 || untouched != b.p.Pending {
		b.report.void(fmt.Sprintf("%d conversations are not as they should be afterwards, %d of %d were left alone",
			wrong, untouched, b.p.Pending))
	}
	if early > 0 {
		b.report.void(fmt.Sprintf("%d conversations were changed before their time", early))
	}
	return nil
}

// firedBy is how often time did something, by its kind (wake, warning, breach, archive) and by who noticed (workflow,
// sweeper, recompute), as the worker's atender_timer_lag_seconds counts.
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
