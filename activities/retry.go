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

	var made tally
	end := time.Now().Add(retryRun)
	stop := activity.GetWorkerStopChannel(ctx)
	turn := a.turns.of(a).runs
	isItsTurn := turn.TryEnter(in.TenantID)
	if isItsTurn {
		defer turn.Leave(in.TenantID)
	}
	for {
		state, err := a.Store.Webhooks.ArmRetries(ctx, in.SubscriptionID, workflowID(ctx))
		if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
			return durable.RetryResult{Made: made.attempts, Delivered: made.delivered}, nil
		}
		if err != nil {
			return durable.RetryResult{}, a.forTemporal(ctx, err)
		}
		if state.MovedTo != "" {
			return durable.RetryResult{Made: made.attempts, Delivered: made.delivered, MovedTo: state.MovedTo}, nil
		}
		if !isItsTurn {
			return retryResult(state, tally{}, time.Now().Add(turnAgain())), nil
		}
		n, err := a.makeDue(ctx, &state, stop)
		if err != nil {
			return durable.RetryResult{}, a.forTemporal(ctx, err)
		}
		made.add(n)
		if made.attempts > 0 {
			fault.At(fault.BeforeArming)
		}
		select {
		case <-stop:
			n = tally{}
		case <-ctx.Done():
			return durable.RetryResult{}, ctx.Err()
		default:
		}
		if n.attempts == 0 || time.Now().After(end) {
			return retryResult(state, made, time.Now()), nil
		}
	}
}

// tally counts attempts.
type tally struct{ attempts, delivered int64 }

func (t *tally) add(other tally) {
	t.attempts += other.attempts
	t.delivered += other.delivered
}

// makeDue makes one round of attempts: with an open circuit one probe, else as many as are due and fit the endpoint's
// limits. It returns how many it made.
func (a *Activities) makeDue(ctx context.Context, state *webhook.RetryState, stop <-chan struct{}) (tally, error) {
	if state.NextDue == nil || state.NextDue.After(time.Now()) {
		return tally{}, nil
	}
	select {
	case <-stop:
		return tally{}, nil
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
		return tally{}, nil // it comes again in retryPause
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
	return tally{delivered + other, delivered}, err
}

func retryResult(state webhook.RetryState, made tally, now time.Time) durable.RetryResult {
	r := durable.RetryResult{
		Owed: state.Pending, Made: made.attempts, Delivered: made.delivered, FailingSince: state.Circuit.FailingSince,
		CircuitOpenedAt: state.Circuit.OpenedAt, Probes: state.Circuit.Probes,
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
