package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atender/atender/models/webhook"
)

// fanoutFigures are what several subscriptions that all match say, beside the drain of one of them in the same run.
type fanoutFigures struct {
	DeliveriesPerSecond float64 `json:"deliveriesPerSecond"`
	MessagesPerSecond   float64 `json:"messagesPerSecond"`
	DrainPerSecond      float64 `json:"drainPerSecond"` // of as many messages, to the first subscription alone
	// RatioToDrain is that of the two rates of deliveries.
	RatioToDrain float64 `json:"ratioToDrain"`
}

// runFanout: messages that each owe a delivery to every subscription of one tenant. Before, while there is only one
// subscription, a backlog of as many messages is drained: what the product can deliver in the same minutes.
func runFanout(ctx context.Context, b *bench) error {
	if b.stack.attached() {
		return errAttached
	}
	b.perEndpoint = true
	most := b.p.Subscriptions
	if _, err := b.store.Webhooks.SetLimits(ctx, b.tenant, webhook.TenantLimits{MaxWebhooks: &most}); err != nil {
		return err
	}
	requests, err := b.messages(ctx, 2*b.p.N, noTags)
	if err != nil {
		return err
	}
	if err := b.subscribe(ctx, b.tenant, runScope, 0, nil, "message.sent"); err != nil {
		return err
	}
	warm, err := b.warm(ctx, requests[:b.p.Warmup], true)
	if err != nil {
		return err
	}
	backlog, err := b.backlog(ctx, requests[b.p.Warmup:b.p.Warmup+b.p.N])
	if err != nil {
		return err
	}
	progress("starting the worker on the backlog")
	if err := b.stack.startWorkers(ctx); err != nil {
		return err
	}
	before := accepted(warm) + accepted(backlog)
	if err := b.arrived(ctx, before); err != nil {
		return err
	}
	if err := b.ended(ctx); err != nil {
		return err
	}
	progress("making %d more subscriptions", most-1)
	for i := 1; i < most; i++ {
		if err := b.subscribe(ctx, b.tenant, runScope, i, nil, "message.sent"); err != nil {
			return err
		}
	}
	ops, err := b.measured(ctx, requests[b.p.Warmup+b.p.N:], before, most)
	if err != nil {
		return err
	}
	for i := range backlog {
		backlog[i].warmup = true // what is measured is the rest
	}
	all := expand(append(warm, backlog...), 1)
	if err := b.balance(ctx, append(all, expand(ops, most)...)); err != nil {
		return err
	}
	b.report.API = summarise(answered(ops))
	b.report.Parameters.Note = "subscriptions of one tenant, each matching every message; throughput and latencyMs are of " +
		"deliveries"
	b.report.Fanout = b.fanout(backlog, ops)
	return nil
}

// fanout compares the rates.
func (b *bench) fanout(backlog, ops []operation) *fanoutFigures {
	f := &fanoutFigures{DeliveriesPerSecond: b.report.Throughput}
	first, last, n := int64(0), int64(0), 0
	for _, o := range expand(backlog, 1) {
		if at, ok := b.report.Ledger.first[o.key]; ok {
			if first == 0 || at < first {
				first = at
			}
			last, n = max(last, at), n+1
		}
	}
	if last > first {
		f.DrainPerSecond = round(float64(n) / time.Duration(last-first).Seconds())
		f.RatioToDrain = round(f.DeliveriesPerSecond / f.DrainPerSecond)
	}
	first, last = ops[0].intended, 0
	for _, o := range ops {
		first, last = min(first, o.intended), max(last, o.answered)
	}
	f.MessagesPerSecond = round(float64(accepted(ops)) / time.Duration(last-first).Seconds())
	return f
}

// expand makes of each operation one for each of the first n subscriptions.
func expand(ops []operation, n int) (all []operation) {
	for _, o := range ops {
		for i := range n {
			one := o
			one.key = endpointKey(o.key, fmt.Sprintf("/%s/%d", runScope, i))
			all = append(all, one)
		}
	}
	return all
}

// endpointKey names what one endpoint gets of an operation.
func endpointKey(key, path string) string { return key + " " + path }

// perEndpoint tells arrivals at different endpoints from each other: each endpoint gets the event once.
func perEndpoint(arrivals []arrival) {
	for i, a := range arrivals {
		arrivals[i].Key, arrivals[i].WebhookID = endpointKey(a.Key, a.Path), endpointKey(a.WebhookID, a.Path)
	}
}
