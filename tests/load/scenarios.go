package main

import (
	"context"
	"errors"
	"time"
)

// runCreate: POST /v1/conversations/outbound, distinct references and contacts, one message each. Without a subscription
// the ledger is held against the database; with one, for conversation.created, against what arrived.
func runCreate(ctx context.Context, b *bench) error {
	if b.p.LimitN > 0 {
		if err := b.limitCreate(ctx); err != nil {
			return err
		}
	}
	requests := make([]request, b.p.Warmup+b.p.N)
	for i := range requests {
		var err error
		if requests[i], err = creation(reference("create", i)); err != nil {
			return err
		}
		b.once(&requests[i])
	}
	if b.p.Subscriptions > 0 {
		if err := b.subscribe(ctx, b.tenant, runScope, 0, nil, "conversation.created"); err != nil {
			return err
		}
		return b.delivered(ctx, requests)
	}
	warm, err := b.warm(ctx, requests[:b.p.Warmup], false)
	if err != nil {
		return err
	}
	i, err := b.begin(ctx)
	if err != nil {
		return err
	}
	progress("measuring %d requests", b.p.N)
	ops := b.publish.publish(ctx, requests[b.p.Warmup:], b.p.Rate, b.p.Concurrency)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.end(ctx, i, accepted(ops), 0); err != nil {
		return err
	}
	first, last := ops[0].intended, int64(0)
	for _, o := range ops {
		first, last = min(first, o.intended), max(last, o.answered)
	}
	b.report.API = summarise(answered(ops))
	b.report.rate(accepted(ops), first, last)
	b.report.Parameters.Note = "no subscription: what was accepted is held against the rows of the database, not arrivals"
	return b.rows(ctx, append(warm, ops...))
}

// rows holds accepted creations against the database: each is there once and whole, with contact, message and three
// events, the contact's, the conversation's and the message's.
func (b *bench) rows(ctx context.Context, ops []operation) error {
	rows, err := b.db.Query(ctx, `
		SELECT c.external_reference,
			(SELECT count(*) FROM contacts ct WHERE ct.tenant_id = c.tenant_id AND ct.email = c.external_reference || '@customers.example'
				AND ct.id = c.contact_id) = 1
			AND (SELECT count(*) FROM messages m WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id) = 1
			AND (SELECT count(*) FROM events e WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.id) = 2
			AND (SELECT count(*) FROM events e WHERE e.tenant_id = c.tenant_id AND e.contact_id = c.contact_id) = 1
		FROM conversations c WHERE c.tenant_id = $1`, b.tenant)
	if err != nil {
		return err
	}
	defer rows.Close()
	var arrivals []arrival
	for rows.Next() {
		var key string
		var whole bool
		if err := rows.Scan(&key, &whole); err != nil {
			return err
		}
		if whole { // half of one is none
			arrivals = append(arrivals, arrival{WebhookID: key, Key: key})
		} else {
			progress("not whole: %s", key)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	b.report.Ledger = newBalance(ops, arrivals)
	b.report.Ledger.Requests = 0
	for _, why := range b.report.Ledger.faults() {
		b.report.void(why)
	}
	return nil
}

// runMessages: agents' replies over a number of conversations, one subscription for message.sent alone.
func runMessages(ctx context.Context, b *bench) error {
	if b.p.LimitN > 0 {
		if err := b.limitMessages(ctx); err != nil {
			return err
		}
	}
	if err := b.moreTenants(ctx); err != nil {
		return err
	}
	if err := b.storeMessages(ctx); err != nil {
		return err
	}
	requests, err := b.messages(ctx, b.p.N, noTags)
	if err != nil {
		return err
	}
	for i, tenant := range b.tenants() {
		if err := b.subscribe(ctx, tenant, runScope, i, nil, "message.sent"); err != nil {
			return err
		}
	}
	return b.delivered(ctx, requests)
}

// messages are the requests of a run, n besides the warm-up: to each of the conversations in turn. The warm-up
// reaches each of them, so that none of the measured messages is a first reply, which does more than others.
func (b *bench) messages(ctx context.Context, n int, tags func(i int) []string) ([]request, error) {
	b.p.Warmup = max(b.p.Warmup, b.p.Conversations)
	b.report.Parameters.Warmup = b.p.Warmup
	ids, err := b.conversations(ctx, b.p.Conversations, tags)
	if err != nil {
		return nil, err
	}
	requests := make([]request, b.p.Warmup+n)
	for i := range requests {
		r := &requests[i]
		if *r, err = b.message(reference("message", i), ids[i%len(ids)]); err != nil {
			return nil, err
		}
		r.apiKey = b.keyOf(i % len(ids))
		b.once(r)
	}
	return requests, nil
}

// runSpread: many subscriptions of one tenant, each filtered to a tag of its own, and one conversation with each tag. A
// message thus owes exactly one delivery, and consecutive ones go to different subscriptions.
func runSpread(ctx context.Context, b *bench) error {
	requests, err := b.spreadRequests(ctx, b.p.N)
	if err != nil {
		return err
	}
	return b.delivered(ctx, requests)
}

// drainFigures are what a drained backlog says beyond throughput.
type drainFigures struct {
	// FirstArrivalMS is from the start of the worker's process to the first arrival.
	FirstArrivalMS float64 `json:"firstArrivalMs"`
	Backlog        int     `json:"backlog"`
}

// runDrain: the worker is stopped while messages make a backlog for one subscription, and started again. Measured is the
// time from the first arrival to the last. The limit is measured between the two, on copies of the backlog.
func runDrain(ctx context.Context, b *bench) error {
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
	warm, err := b.warm(ctx, requests[:b.p.Warmup], true)
	if err != nil {
		return err
	}
	ops, err := b.backlog(ctx, requests[b.p.Warmup:])
	if err != nil {
		return err
	}
	b.report.API = summarise(answered(ops))
	if b.p.LimitN > 0 {
		if err := b.limitDrain(ctx); err != nil {
			return err
		}
	}
	return b.drain(ctx, warm, ops)
}

// errAttached refuses a stack that another program runs.
var errAttached = errors.New("the scenario stops the worker, which it can only do with a stack of its own: leave --dir " +
	"away, or name one that does not run")

// backlog stops the worker and sends requests, whose events then wait.
func (b *bench) backlog(ctx context.Context, requests []request) ([]operation, error) {
	progress("stopping the worker")
	if err := b.stack.stopWorkers(); err != nil {
		return nil, err
	}
	progress("making the backlog: %d requests", len(requests))
	ops := b.publish.publish(ctx, requests, b.p.Rate, b.p.Concurrency)
	return ops, ctx.Err()
}

// drain starts the worker on the backlog.
func (b *bench) drain(ctx context.Context, warm, ops []operation) error {
	i, err := b.begin(ctx)
	if err != nil {
		return err
	}
	progress("starting the worker on the backlog")
	started := time.Now()
	if err := b.stack.startWorkers(ctx); err != nil {
		return err
	}
	if err := b.arrived(ctx, accepted(warm)+accepted(ops)); err != nil {
		return err
	}
	if err := b.end(ctx, i, accepted(ops), accepted(ops)); err != nil {
		return err
	}
	api := b.report.API
	if err := b.balance(ctx, append(warm, ops...)); err != nil {
		return err
	}
	first, last, n := int64(0), int64(0), 0
	for _, o := range ops {
		at, ok := b.report.Ledger.first[o.key]
		if !ok || !o.accepted() {
			continue
		}
		if first == 0 || at < first {
			first = at
		}
		last, n = max(last, at), n+1
	}
	// Latency from the sending of a message would only say how long the worker was stopped.
	b.report.Latency, b.report.API = nil, api
	b.report.rate(n, first, last)
	b.report.Drain = &drainFigures{FirstArrivalMS: ms(time.Unix(0, first).Sub(started)), Backlog: accepted(ops)}
	return nil
}
