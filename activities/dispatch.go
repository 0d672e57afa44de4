package activities

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/webhook"
)

const (
	// pollEvery is the floor under lost wake-ups (P9).
	pollEvery = 250 * time.Millisecond
	// sweepEvery is how often leases that ran out are looked for.
	sweepEvery = time.Second
)

// DispatchDeliveries makes first attempts of the deliveries of a range of shards, for minutes: claim, post concurrently
// within each subscription's limits, record in bulk (P4). It ends early, with what is under way finished and recorded,
// when the worker stops; the workflow then runs it elsewhere.
func (a *Activities) DispatchDeliveries(ctx context.Context, in durable.DispatchInput) (durable.DispatchResult, error) {
	topics := make([]string, 0, in.ToShard-in.FromShard)
	for shard := in.FromShard; shard < in.ToShard; shard++ {
		topics = append(topics, outbox.TopicDeliveries(shard))
	}
	woken, unlisten := a.Store.Wakeups().Listen(topics...)
	defer unlisten()
	runFor := a.Config.RunFor
	if runFor <= 0 {
		runFor = 5 * time.Minute
	}
	defer beat(ctx)()

	d := &dispatch{courier: a.newCourier(ctx, newSlots(a.inFlightLimit(), &a.paces)), in: in}
	end := time.After(runFor)
	stop := activity.GetWorkerStopChannel(ctx)
	for running := true; running; {
		found, err := d.round(ctx)
		wait, freed := pollEvery, (<-chan struct{})(nil)
		switch {
		case err != nil && ctx.Err() == nil:
			a.Log.ErrorContext(ctx, "webhooks not claimed", "dispatcher", in.Dispatcher, "error", err)
			wait = time.Second
		case found == moreNow:
			wait = 0
		case found == moreWhenFreed:
			freed = d.courier.freed
		}
		running = pause(ctx, wait, woken, freed, end, stop)
	}
	delivered, failed := d.courier.close()
	return durable.DispatchResult{Delivered: delivered, Failed: failed}, ctx.Err()
}

// dispatch is one run of a dispatcher.
type dispatch struct {
	courier *courier
	in      durable.DispatchInput
	next    webhook.ClaimPosition
	swept   time.Time
}

// pause waits until there may be something to do; it returns false when the run is over.
func pause(
	ctx context.Context,
	wait time.Duration,
	woken, freed <-chan struct{},
	end <-chan time.Time,
	stop <-chan struct{},
) bool {
	select {
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	case <-end:
		return false
	default:
	}
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-woken:
	case <-freed:
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	case <-end:
		return false
	}
	return true
}

// found says what a round left behind.
type found int

const (
	nothingMore   found = iota // all that is ready was claimed: wait for a wake-up
	moreNow                    // there is, or may be, more, and room for it
	moreWhenFreed              // there may be more, but some endpoint, tenant or this run has all its slots in use
)

// round claims once and posts what it got.
func (d *dispatch) round(ctx context.Context) (found, error) {
	c := d.courier
	if time.Since(d.swept) > sweepEvery {
		d.swept = time.Now()
		expired, err := c.a.Store.Webhooks.ReleaseExpired(ctx, d.in.FromShard, d.in.ToShard)
		if err != nil {
			return nothingMore, err
		}
		c.a.Metrics.expired.Add(float64(expired))
	}
	if c.slots.free() <= 0 {
		return moreWhenFreed, nil
	}
	endpoints, next, err := c.a.Store.Webhooks.FreshEndpoints(ctx, d.in.FromShard, d.in.ToShard, d.next)
	if err != nil {
		return nothingMore, err
	}
	left := nothingMore
	if next.Subscription != uuid.Nil {
		left = moreNow // the round over the subscriptions is not finished, though all of these may be left alone
	}
	d.next = next
	quotas := c.slots.divide(endpoints, c.room, webhook.ClaimRows)
	if len(quotas) < len(endpoints) && left == nothingMore {
		left = moreWhenFreed
	}
	if len(quotas) == 0 {
		return left, nil
	}
	// Not with the activity's context: were it called off just now, the claim would be made and its leases lost.
	claimed, err := c.a.Store.Webhooks.ClaimFresh(c.ctx, c.owner, quotas) //nolint:contextcheck // see above
	got, size := map[uuid.UUID]int{}, 0
	for _, delivery := range claimed {
		got[delivery.SubscriptionID]++
		size += len(delivery.Payload)
	}
	c.giveUnused(quotas, got)
	if err != nil {
		return nothingMore, err
	}
	d.post(claimed, quotas) //nolint:contextcheck // requests outlive the activity: see newCourier
	if size >= webhook.ClaimBytes {
		return moreNow, nil // what was not claimed may have been too much for one claim
	}
	return d.left(quotas, got, left), nil
}

func (d *dispatch) post(claimed []webhook.Delivery, quotas []webhook.Quota) {
	byID := make(map[uuid.UUID]*webhook.Endpoint, len(quotas))
	held := make(map[uuid.UUID]restraint, len(quotas))
	for _, q := range quotas {
		byID[q.Endpoint.ID], held[q.Endpoint.ID] = q.Endpoint, d.courier.restraint(q.Endpoint, false)
	}
	for _, delivery := range claimed {
		d.courier.post(delivery, byID[delivery.SubscriptionID], held[delivery.SubscriptionID])
	}
}

// left says what a claim left behind, given what was known before it.
func (d *dispatch) left(quotas []webhook.Quota, got map[uuid.UUID]int, left found) found {
	c := d.courier
	for _, q := range quotas {
		if got[q.Endpoint.ID] < q.Rows {
			continue // it has no more, or another worker has the rest
		}
		if c.room(q.Endpoint) > 0 && c.slots.hasRoom(q.Endpoint) {
			return moreNow // only its share of this claim was used up
		}
		if left == nothingMore {
			left = moreWhenFreed
		}
	}
	return left
}
