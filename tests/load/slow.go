package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// The attack of the scenario slow: webhooks that answer so late, at the most that a webhook may have in flight, and with so
// much owed to each that they hold all they can for as long as the run lasts.
const (
	slowAnswer   = 9 * time.Second
	slowWebhooks = 10 // of each tenant
	slowOwed     = 500
)

// slowFigures are the latencies of healthy webhooks with and without the attack, from the sending to the arrival.
type slowFigures struct {
	Without *percentiles `json:"withoutMs"`
	One     *percentiles `json:"byOneTenantMs"`
	Twenty  *percentiles `json:"byTwentyTenantsMs"`
	// InFlight is the most requests that were under way in the worker during each.
	InFlight map[string]int `json:"inFlight"`
}

// runSlow: messages at a rate to many healthy webhooks of one tenant, first alone, then while one other tenant's webhooks
// answer after nine seconds, then while twenty tenants' do.
func runSlow(ctx context.Context, b *bench) error {
	requests, err := b.spreadRequests(ctx, 3*b.p.N)
	if err != nil {
		return err
	}
	slow, err := startReceiver(ctx, slowAnswer)
	if err != nil {
		return err
	}
	defer func() { _ = slow.stop() }()
	ops, err := b.warm(ctx, requests[:b.p.Warmup], true)
	if err != nil {
		return err
	}
	i, err := b.begin(ctx)
	if err != nil {
		return err
	}
	figures := &slowFigures{InFlight: map[string]int{}}
	b.report.Slow = figures
	phases := map[string][]operation{}
	for phase, attack := range []struct {
		name    string
		tenants int
	}{{"without", 0}, {"byOneTenant", 1}, {"byTwentyTenants", 19}} {
		if err := b.attack(ctx, slow.url, attack.tenants); err != nil {
			return err
		}
		progress("measuring %d requests %s", b.p.N, attack.name)
		held, stop := b.watchInFlight(ctx)
		begin := b.p.Warmup + phase*b.p.N
		phases[attack.name] = b.publish.publish(ctx, requests[begin:begin+b.p.N], b.p.Rate, b.p.Concurrency)
		stop()
		figures.InFlight[attack.name] = <-held
		ops = append(ops, phases[attack.name]...)
		if err := b.arrived(ctx, accepted(ops)); err != nil {
			return err
		}
	}
	if err := b.end(ctx, i, accepted(ops), accepted(ops)); err != nil {
		return err
	}
	if err := b.balance(ctx, ops); err != nil {
		return err
	}
	figures.Without = b.latencies(phases["without"])
	figures.One, figures.Twenty = b.latencies(phases["byOneTenant"]), b.latencies(phases["byTwentyTenants"])
	return nil
}

// latencies are those of operations whose events have arrived.
func (b *bench) latencies(ops []operation) *percentiles {
	var samples []time.Duration
	for _, o := range ops {
		if at, ok := b.report.Ledger.first[o.key]; ok {
			samples = append(samples, time.Duration(at-o.intended))
		}
	}
	return summarise(samples)
}

// attack adds tenants with webhooks that are slow and owed much.
func (b *bench) attack(ctx context.Context, url string, tenants int) error {
	if tenants == 0 {
		return nil
	}
	progress("adding %d tenants with %d webhooks that answer after %s", tenants, slowWebhooks, slowAnswer)
	most := webhook.MaxInFlight
	var ids []uuid.UUID
	for range tenants {
		tenant, _, err := b.store.Accounts.CreateTenant(ctx, account.NewTenant{Name: "Slow"})
		if err != nil {
			return err
		}
		ids = append(ids, tenant.ID)
		for i := range slowWebhooks {
			sub, err := b.store.Webhooks.Create(ctx, tenant.ID, webhook.NewSubscription{
				Name: "slow", URL: url + "/slow/" + strconv.Itoa(i), Events: []string{"*"}, MaxInFlight: &most,
			})
			if err != nil {
				return err
			}
			b.made = append(b.made, subscription{tenant.ID, sub.ID})
		}
	}
	_, err := b.db.Exec(ctx, `WITH made AS (
			INSERT INTO events (id, tenant_id, type, payload, created_at)
			SELECT gen_random_uuid(), t, 'conversation.created', '{}', now() FROM unnest($1::uuid[]) t RETURNING id, tenant_id)
		INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at, created_at)
		SELECT `+ident.SQL(`$3::bigint`, `row_number() OVER ()`)+`, s.tenant_id, s.id, m.id, 'conversation.created', 0, s.shard, 'pending', now(), now()
		FROM made m JOIN subscriptions s USING (tenant_id), generate_series(1, $2)`, ids, slowOwed, ident.Tick(time.Now()))
	if err != nil {
		return fmt.Errorf("make a backlog: %w", err)
	}
	// One round of slow answers, so that what is measured is how it goes on, not only how it begins.
	return pause(ctx, slowAnswer+time.Second)
}

var inFlight = regexp.MustCompile(`(?m)^atender_deliveries_in_flight (\S+)$`)

// watchInFlight reads how many requests the worker has under way, until it is stopped, and then gives the most it has seen.
func (b *bench) watchInFlight(ctx context.Context) (most <-chan int, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	result := make(chan int, 1)
	go func() {
		seen := 0
		for ctx.Err() == nil {
			if content, err := get(ctx, b.stack.metricsURL()); err == nil {
				if m := inFlight.FindSubmatch(content); m != nil {
					n, _ := strconv.ParseFloat(string(m[1]), 64) // the product's own metric
					seen = max(seen, int(n))
				}
			}
			_ = pause(ctx, 250*time.Millisecond)
		}
		result <- seen
	}()
	return result, stop
}

// spreadRequests makes the subscriptions, each with a filter for a tag of its own, one conversation with each tag, and n
// messages to them in turn, besides the warm-up.
func (b *bench) spreadRequests(ctx context.Context, n int) ([]request, error) {
	most := b.p.Subscriptions
	if _, err := b.store.Webhooks.SetLimits(ctx, b.tenant, webhook.TenantLimits{MaxWebhooks: &most}); err != nil {
		return nil, err
	}
	tag := func(i int) []string { return []string{fmt.Sprintf("spread-%d", i)} }
	requests, err := b.messages(ctx, n, tag)
	if err != nil {
		return nil, err
	}
	progress("making %d subscriptions", most)
	for i := range most {
		if err := b.subscribe(ctx, b.tenant, runScope, i, &wire.Filter{Tags: tag(i)}, "message.sent"); err != nil {
			return nil, err
		}
	}
	b.report.Parameters.Note = "subscriptions of one tenant, each with a filter for a tag of its own; message i goes to " +
		"the conversation, and so to the subscription, i mod subscriptions; all have the one receiver with a path each"
	return requests, nil
}
