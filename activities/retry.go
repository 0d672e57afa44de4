package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
)

const (
	// retryRun is how long one run of retries lasts at most while there is always more that is due.
	retryRun = time.Minute
	// retryPause is the least time to the next run: what is due but cannot be claimed, because other workers use the
	// endpoint's slots, must not make a busy loop.
	retryPause = time.Second
)

// RetryDeliveries makes the further attempts of one subscription that are due, and says what is pending after that and when
// the next is due (P4.7). A subscription that is gone has nothing pending.
func (a *Activities) RetryDeliveries(ctx context.Context, in durable.RetryInput) (durable.RetryResult, error) {
	defer beat(ctx)()

	var made int64
	end := time.Now().Add(retryRun)
	stop := activity.GetWorkerStopChannel(ctx)
	turn := a.turns.of(a).runs
	isItsTurn := turn.TryEnter(in.TenantID)
	if isItsTurn {
		defer turn.Leave(in.TenantID)
	}
	for {
		state, err := a.Store.Webhooks.ArmRetries(ctx, in.SubscriptionID)
		if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
			return durable.RetryResult{Made: made}, nil
		}
		if err != nil {
			return durable.RetryResult{}, a.forTemporal(ctx, err)
		}
		if !isItsTurn {
			return retryResult(state, 0, time.Now().Add(turnAgain())), nil
		}
		n, err := a.makeDue(ctx, &state, stop)
		if err != nil {
			return durable.RetryResult{}, a.forTemporal(ctx, err)
		}
		made += n
		if made > 0 {
			fault.At(fault.BeforeArming)
		}
		select {
		case <-stop:
			n = 0
		case <-ctx.Done():
			return durable.RetryResult{}, ctx.Err()
		default:
		}
		if n == 0 || time.Now().After(end) {
			return retryResult(state, made, time.Now()), nil
		}
	}
}

// makeDue makes one round of attempts: with an open circuit one probe, else as many as are due and fit the endpoint's
// limits. It returns how many it made.
func (a *Activities) makeDue(ctx context.Context, state *webhook.RetryState, stop <-chan struct{}) (int64, error) {
	if state.NextDue == nil || state.NextDue.After(time.Now()) {
		return 0, nil
	}
	select {
	case <-stop:
		return 0, nil
	default:
	}
	c := a.newCourier(ctx, a.turns.of(a).retries)
	var claimed []webhook.Delivery
	var err error
	probe := state.Circuit.Open()
	most := c.room(&state.Endpoint)
	if probe {
		most = 1
	}
	slots := c.slots.take(&state.Endpoint, most)
	if slots == 0 {
		c.close()
		return 0, nil // it comes again in retryPause
	}
	if probe { // as the dispatcher does: a claim is not called off
		claimed, err = a.Store.Webhooks.ClaimProbe(c.ctx, c.owner, &state.Endpoint) //nolint:contextcheck // see above
	} else {
		claimed, err = a.Store.Webhooks.ClaimRetries(c.ctx, c.owner, //nolint:contextcheck // see above
			state.Endpoint.ID, slots)
	}
	c.slots.give(&state.Endpoint, slots-len(claimed))
	held := c.restraint(&state.Endpoint, probe)
	for _, d := range claimed {
		c.post(d, &state.Endpoint, held) //nolint:contextcheck // requests outlive the activity: see newCourier
	}
	delivered, other := c.close()
	if err == nil && probe && len(claimed) == 0 {
		err = a.Store.Webhooks.PostponeProbe(ctx, state.Endpoint.ID, jitter())
	}
	return delivered + other, err
}

func retryResult(state webhook.RetryState, made int64, now time.Time) durable.RetryResult {
	r := durable.RetryResult{
		Owed: state.Pending, Made: made, CircuitOpenedAt: state.Circuit.OpenedAt, Probes: state.Circuit.Probes,
	}
	if state.NextDue != nil {
		next := now.Add(retryPause)
		if state.NextDue.After(next) {
			next = *state.NextDue
		}
		r.NextDue = &next
	}
	for _, f := range state.Failures {
		reason := f.Class
		if f.Status != nil {
			reason = fmt.Sprintf("%s (HTTP %d)", f.Class, *f.Status)
		}
		r.Failures = append(r.Failures, durable.Failure{At: f.StartedAt.UTC(), Reason: reason})
	}
	return r
}
