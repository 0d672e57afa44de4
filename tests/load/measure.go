package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/tests/load/limit"
)

const conversationWorkflow = durable.ConversationWorkflow

// interval is what is read at the beginning of the measured time.
type interval struct {
	usage   usage
	history map[string]int64
	log     string // where the write-ahead log ended, with --writes
}

// begin reads what the end is compared with. Everything before must have come to an end.
func (b *bench) begin(ctx context.Context) (i interval, err error) {
	if b.history != nil {
		if i.history, err = b.rest(ctx); err != nil {
			return i, err
		}
	}
	if err := b.idle(ctx); err != nil {
		return i, err
	}
	if b.p.Writes {
		if i.log, err = limit.Position(ctx, b.db); err != nil {
			return i, err
		}
	}
	i.usage = readUsage(b.roots())
	return i, nil
}

// idle waits until worker and Temporal use less than a fifth of a core: what was told to them is done.
func (b *bench) idle(ctx context.Context) error {
	for range 120 {
		before := readUsage(b.roots())
		if before == nil {
			return nil // nothing to go by
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if used := readUsage(b.roots()).since(before); used["worker"]+used["temporal"] < 0.2 {
			return nil
		}
	}
	progress("worker and Temporal do not come to rest; going on")
	return nil
}

// end reports what the measured time has cost: CPU at once, then what is left to do is waited for.
func (b *bench) end(ctx context.Context, i interval, operations, deliveries int) error {
	ended := time.Now()
	b.report.CPU = readUsage(b.roots()).since(i.usage)
	if b.report.CPUMissing = missing(b.report.CPU); len(b.report.CPUMissing) > 0 {
		progress("cpuSeconds leave out %v", b.report.CPUMissing)
	}
	b.report.CPUPerOperation = perOperation(b.report.CPU, operations)
	if err := b.ended(ctx); err != nil {
		return err
	}
	if b.p.Writes {
		if err := b.writes(ctx, i.log, operations); err != nil {
			return err
		}
	}
	if !b.p.WaitIdle {
		b.report.MemoryMB = b.memory()
		return b.stack.failed()
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	if err := b.idle(ctx); err != nil {
		return err
	}
	// Before the histories are counted, which costs Temporal more than most of what is measured.
	b.report.CPUUntilIdle = readUsage(b.roots()).since(i.usage)
	b.report.SecondsUntilIdle = round(time.Since(ended).Seconds())
	b.report.MemoryMB = b.memory()
	if b.history != nil {
		after, err := b.rest(ctx)
		if err != nil {
			return err
		}
		b.report.Temporal = cost(i.history, after, operations, deliveries)
	}
	return b.stack.failed()
}

// rest counts the history events once nothing moves any more. Every conversation has a workflow; if Temporal lists fewer,
// the figures are short of theirs, and the run is void.
func (b *bench) rest(ctx context.Context) (map[string]int64, error) {
	var conversations int
	err := b.db.QueryRow(ctx, `SELECT count(*) FROM conversations WHERE tenant_id = ANY ($1)
		AND external_reference NOT LIKE 'stored-%'`, b.tenants()).Scan(&conversations)
	if err != nil {
		return nil, err
	}
	var tenants []durable.Tenant
	for _, id := range b.tenants() {
		tenant, err := b.store.Accounts.Tenant(ctx, id)
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, durable.Tenant{ID: id, Slug: tenant.Slug})
	}
	events, listed, err := b.history.rest(ctx, tenants, conversations)
	if err == nil && listed < conversations {
		b.report.void(fmt.Sprintf("Temporal lists the workflows of %d of %d conversations: history events are missing",
			listed, conversations))
	}
	return events, err
}

// delivered runs requests whose events arrive at the receiver: the warm-up, which is waited for, then what is measured.
// The ledger has both; figures are of the measured ones.
func (b *bench) delivered(ctx context.Context, requests []request) error {
	warm, err := b.warm(ctx, requests[:b.p.Warmup], true)
	if err != nil {
		return err
	}
	ops, err := b.measured(ctx, requests[b.p.Warmup:], accepted(warm), 1)
	if err != nil {
		return err
	}
	return b.balance(ctx, append(warm, ops...))
}

// measured runs requests each of whose events arrives at a number of endpoints, before being how many have arrived so far.
func (b *bench) measured(ctx context.Context, requests []request, before, endpoints int) ([]operation, error) {
	i, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	progress("measuring %d requests", len(requests))
	ops := b.publish.publish(ctx, requests, b.p.Rate, b.p.Concurrency)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.arrived(ctx, before+accepted(ops)*endpoints); err != nil {
		return nil, err
	}
	return ops, b.end(ctx, i, accepted(ops), accepted(ops)*endpoints)
}

// warm sends the warm-up in a closed loop and waits until it has arrived.
func (b *bench) warm(ctx context.Context, requests []request, arrives bool) ([]operation, error) {
	progress("warming up with %d requests", len(requests))
	ops := b.publish.closed(ctx, requests, b.p.Concurrency)
	for i := range ops {
		ops[i].warmup = true
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if arrives {
		if err := b.arrived(ctx, accepted(ops)); err != nil {
			return nil, err
		}
		if err := b.ended(ctx); err != nil {
			return nil, err
		}
	}
	return ops, b.quiet(ctx)
}

// arrived waits until so many events have arrived. That some have not is for the ledger to say.
func (b *bench) arrived(ctx context.Context, want int) error {
	all, err := b.receiver.awaitDistinct(ctx, runScope, want, b.p.Patience)
	if err == nil && !all {
		progress("nothing has arrived for %s, though not everything has", b.p.Patience)
	}
	return err
}

func accepted(ops []operation) int {
	n := 0
	for _, o := range ops {
		if o.accepted() {
			n++
		}
	}
	return n
}

// balance makes the ledger and reports latencies and throughput of what was measured.
func (b *bench) balance(ctx context.Context, ops []operation) error {
	arrivals, err := b.receiver.ledger(ctx, runScope, b.p.VerifyEvery)
	if err != nil {
		return err
	}
	if b.perEndpoint {
		perEndpoint(arrivals)
	}
	b.arrivals = arrivals
	b.report.Ledger = newBalance(ops, arrivals)
	for _, why := range b.report.Ledger.faults() {
		b.report.void(why)
	}
	measured, first, last := 0, int64(0), int64(0)
	var whole []time.Duration
	for _, o := range ops {
		if o.warmup {
			continue
		}
		if first == 0 || o.intended < first {
			first = o.intended
		}
		if at, ok := b.report.Ledger.first[o.key]; ok && o.accepted() {
			measured++
			last = max(last, at)
			whole = append(whole, time.Duration(at-o.intended))
		}
	}
	b.report.Latency, b.report.API = summarise(whole), summarise(answered(ops))
	b.report.rate(measured, first, last)
	return nil
}

// answered are the latencies of the API's answers to what was measured.
func answered(ops []operation) []time.Duration {
	var latencies []time.Duration
	for _, o := range ops {
		if !o.warmup && o.accepted() {
			latencies = append(latencies, time.Duration(o.answered-o.intended))
		}
	}
	return latencies
}

// rate reports throughput, and the ratio to the limit if that was measured: of the throughput, or in an open loop of the
// rate that was offered.
func (r *report) rate(n int, first, last int64) {
	seconds := time.Duration(last - first).Seconds()
	if n == 0 || seconds <= 0 {
		return
	}
	r.Seconds, r.Throughput = round(seconds), round(float64(n)/seconds)
	if r.Limit == nil {
		return
	}
	reached := r.Throughput
	if r.Parameters.Rate > 0 {
		reached = r.Parameters.Rate
	}
	ratio := round(reached / *r.Limit)
	r.Ratio = &ratio
}
