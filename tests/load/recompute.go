package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// recomputeFigures are how long an edited policy takes to reach the conversations, and what the API's callers feel of it.
type recomputeFigures struct {
	Conversations int64 `json:"conversations"` // that the walk had to visit
	// Seconds is from the answer to the edit until no conversation goes by the old policy.
	Seconds float64 `json:"seconds"`
	// RelaySeconds is until Temporal was told of everything that is due earlier now.
	RelaySeconds float64 `json:"relaySeconds"`
	// The API's latencies, half reads and half replies, before the edit, and from then until the walk was done.
	APIBefore *percentiles `json:"apiBeforeMs"`
	APIDuring *percentiles `json:"apiDuringMs"`
}

const (
	// probeRate is how many requests a second measure what the API's callers feel, in an open loop.
	probeRate = 40
	// probeBefore is how long they do before the edit.
	probeBefore = 15 * time.Second
	// recomputePatience is how long the walk may take before the run is given up.
	recomputePatience = 10 * time.Minute
)

// recompute edits the policy, so that every first reply is due a quarter earlier or later than it was, and waits until the
// walk has reached everything.
func (b *bench) recompute(ctx context.Context, policy *wire.SLAPolicy) (*recomputeFigures, error) {
	ids, err := b.conversations(ctx, 20, noTags)
	if err != nil {
		return nil, err
	}
	if err := b.idle(ctx); err != nil {
		return nil, err
	}
	progress("measuring the API before the edit")
	n := 0
	before := b.probe(ctx, ids, &n, probeBefore)

	targets := clockTargets()
	first, factor := targets[sla.FirstReply], int64(3)
	if b.p.Recompute == "later" {
		factor = 5
	}
	first.Normal, first.High, first.Urgent = first.Normal*factor/4, first.High*factor/4, first.Urgent*factor/4
	targets[sla.FirstReply] = first
	_, err = b.store.Worktime.UpdateSLAPolicy(ctx, b.tenant, policy.ID, worktime.SLAPolicyUpdate{Targets: &targets})
	if err != nil {
		return nil, err
	}
	started := time.Now()
	figures := &recomputeFigures{APIBefore: summarise(before)}
	if figures.Conversations, err = b.store.Clocks.Behind(ctx, b.tenant); err != nil {
		return nil, err
	}
	progress("edited; %d conversations are behind", figures.Conversations)

	done := make(chan error, 1)
	go func() { done <- b.caughtUp(ctx, started, figures) }()
	var during []time.Duration
	for running := true; running; {
		during = append(during, b.probe(ctx, ids, &n, time.Second)...)
		select {
		case err = <-done:
			running = false
		default:
		}
	}
	figures.APIDuring = summarise(during)
	if err != nil {
		return nil, err
	}
	progress("nobody is behind after %.1f s", figures.Seconds)
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	figures.RelaySeconds = round(time.Since(started).Seconds())
	return figures, nil
}

// probe sends reads and replies for a while and returns how long the answers took. Refused ones make the run void.
func (b *bench) probe(ctx context.Context, ids []uuid.UUID, n *int, lasts time.Duration) []time.Duration {
	var requests []request
	for range int(lasts.Seconds() * probeRate) {
		id := ids[*n%len(ids)]
		r := request{key: id.String(), path: "/v1/conversations/" + id.String()}
		if *n%2 == 0 {
			r, _ = message(reference("probe", *n), id, filler, nil) // strings: they marshal
		}
		requests = append(requests, r)
		*n++
	}
	ops := b.publish.open(ctx, requests, probeRate)
	if refused := len(ops) - accepted(ops); refused > 0 && ctx.Err() == nil {
		b.report.void(fmt.Sprintf("the API refused %d of the requests beside the walk", refused))
	}
	return answered(ops)
}

// caughtUp waits until no conversation is behind.
func (b *bench) caughtUp(ctx context.Context, started time.Time, figures *recomputeFigures) error {
	for {
		left, err := b.store.Clocks.Behind(ctx, b.tenant)
		if err != nil {
			return err
		}
		figures.Seconds = round(time.Since(started).Seconds())
		if left == 0 {
			return nil
		}
		if time.Since(started) > recomputePatience {
			return errors.New("the walk does not come to an end")
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}
