package activities

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
)

const (
	// recordEvery and recordRows say when outcomes are written: together, so that a transaction serves many (P4.3), and
	// soon, since a crash before it repeats what was sent.
	recordEvery = 100 * time.Millisecond
	recordRows  = 200
	// recordAgain is the pause before outcomes are recorded again that could not be.
	recordAgain = time.Second
)

// courier posts claimed deliveries and records what came of them, for one run of an activity.
type courier struct {
	a     *Activities
	owner uuid.UUID // of this run's leases
	ctx   context.Context
	freed chan struct{} // there are slots again that are worth a claim
	slots *slots

	mu   sync.Mutex
	gone map[uuid.UUID]bool // answered 410; not yet recorded

	posting          sync.WaitGroup
	outcomes         chan webhook.Outcome
	recorded         chan struct{}
	delivered, other int64 // written by the recorder
}

// newCourier starts a courier that posts within the given slots. Requests outlive the activity's cancellation, so that a
// shutdown does not cut them off: close waits for them.
func (a *Activities) newCourier(ctx context.Context, s *slots) *courier {
	c := &courier{
		a:        a,
		owner:    uuid.New(),
		ctx:      context.WithoutCancel(ctx),
		freed:    make(chan struct{}, 1),
		slots:    s,
		gone:     map[uuid.UUID]bool{},
		outcomes: make(chan webhook.Outcome, recordRows),
		recorded: make(chan struct{}),
	}
	go c.record()
	return c
}

// beat keeps telling Temporal that the activity lives, until the function it returns is called. That one waits for what is
// being told: the end of the activity would break it off, and the SDK complain.
func beat(ctx context.Context) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}

// room is how many more requests the endpoint may have for now, besides what slots leave it.
func (c *courier) room(e *webhook.Endpoint) int {
	c.mu.Lock()
	gone := c.gone[e.ID]
	c.mu.Unlock()
	if gone {
		return 0
	}
	rows := webhook.ClaimRows
	if l := c.a.limiter(e); l != nil {
		rows = min(rows, int(l.Tokens()))
		if rows < 1 {
			c.a.paces.full(e.ID, time.Now())
		}
	}
	return max(rows, 0)
}

// giveUnused gives back the slots of a claim that came back with fewer rows than it might have.
func (c *courier) giveUnused(quotas []webhook.Quota, claimed map[uuid.UUID]int) {
	for _, q := range quotas {
		c.slots.give(q.Endpoint, q.Rows-claimed[q.Endpoint.ID])
	}
}

func (a *Activities) inFlightLimit() int {
	if a.Config.InFlight > 0 {
		return a.Config.InFlight
	}
	return 256
}

// post sends one delivery in the background, in a slot that was reserved for it. held says what may have held it back, and
// whether it is a probe, which is to find out whether the endpoint is well again.
func (c *courier) post(d webhook.Delivery, e *webhook.Endpoint, held restraint) {
	if l := c.a.limiter(e); l != nil {
		l.AllowN(time.Now(), 1) // the claim kept within the tokens
	}
	startedAt := time.Now()
	if d.Attempts == 0 {
		c.a.Metrics.firstDelay.WithLabelValues(held.heldBy(d, e)).Observe(startedAt.Sub(d.DueAt).Seconds())
	}
	c.slots.begin(e, startedAt)
	c.a.Metrics.inFlight.Inc()
	c.posting.Go(func() {
		ctx, span := c.a.beginAttempt(c.ctx, d)
		request := c.a.Sender.Build(sender.Delivery{
			URL: e.URL, Body: []byte(d.Payload), EventID: d.EventID.String(), Event: d.EventType, DeliveryID: d.ID.String(),
			Attempt: d.Attempts + 1, Signers: e.Signers, Secrets: e.Secrets, Custom: e.Headers,
			Traceparent: traced.Parent(ctx),
		}, startedAt)
		attempt := c.a.Sender.Post(ctx, request)
		attempt.StartedAt = startedAt
		endAttempt(span, d, attempt)
		c.finish(e, attempt)
		spread := jitter()
		c.outcomes <- webhook.Outcome{
			Delivery: d, Attempt: attempt, Decision: webhook.Decide(d, e.Schedule, attempt, spread), Probe: held.probe,
			Jitter: spread,
		}
		c.observe(d, attempt)
	})
}

// finish gives the slot back, and asks for more work once there is room for some.
func (c *courier) finish(e *webhook.Endpoint, attempt webhook.Attempt) {
	if attempt.IsGone() {
		c.mu.Lock()
		c.gone[e.ID] = true
		c.mu.Unlock()
	}
	c.a.paces.answered(e.ID, attempt, time.Now())
	isWorthAClaim := c.slots.end(e, attempt.StartedAt)
	c.a.Metrics.inFlight.Dec()
	if isWorthAClaim {
		select {
		case c.freed <- struct{}{}:
		default:
		}
	}
}

func (c *courier) observe(d webhook.Delivery, attempt webhook.Attempt) {
	c.a.Metrics.requests.Observe(attempt.Duration.Seconds())
	if attempt.IsDelivered() {
		if d.Attempts == 0 {
			c.a.Metrics.eventLag.Observe(time.Since(d.DueAt).Seconds())
		}
		return
	}
	if attempt.Cause != nil {
		c.a.Log.DebugContext(c.ctx, "webhook attempt failed",
			"deliveryId", d.ID, logging.WebhookID, d.SubscriptionID, "class", attempt.Class, "error", attempt.Cause)
	}
}

// record writes outcomes in batches until outcomes is closed.
func (c *courier) record() {
	defer close(c.recorded)
	var batch []webhook.Outcome
	var due <-chan time.Time
	urgent := false
	for {
		select {
		case o, open := <-c.outcomes:
			if !open {
				c.flush(batch)
				return
			}
			batch = append(batch, o)
			if due == nil {
				due = time.After(recordEvery)
			}
			// What ends a subscription, or lets the next of a conversation go, is written at once, with what is there.
			urgent = urgent || o.Disable != "" || o.Delivery.Ordered
			if len(batch) < recordRows && (!urgent || len(c.outcomes) > 0) {
				continue
			}
		case <-due:
		}
		c.flush(batch)
		batch, due, urgent = nil, nil, false
	}
}

// flush records a batch, patiently: what is not recorded before its lease ends is sent again (P4.3).
func (c *courier) flush(batch []webhook.Outcome) {
	began := time.Now()
	for try := 1; len(batch) > 0; try++ {
		fault.At(fault.BeforeRecord)
		err := c.a.Store.Webhooks.RecordOutcomes(c.ctx, c.owner, batch)
		if err == nil {
			break
		}
		c.a.Log.ErrorContext(c.ctx, "outcomes of webhooks not recorded", "deliveries", len(batch), "try", try, "error", err)
		if time.Since(began) > webhook.LeaseTime {
			c.a.Log.ErrorContext(c.ctx, "outcomes of webhooks given up, as their leases have run out", "deliveries", len(batch))
			return
		}
		<-time.After(recordAgain)
	}
	c.mu.Lock()
	clear(c.gone)
	c.mu.Unlock()
	for _, o := range batch {
		attempt := "retry"
		if o.Delivery.Attempts == 0 {
			attempt = "first"
		}
		c.a.Metrics.deliveries.WithLabelValues(attempt, string(o.State), string(o.Class)).Inc()
		if o.State == webhook.DeliveryDelivered {
			c.delivered++
		} else {
			c.other++
		}
	}
}

// close waits for the requests under way and records them. It returns what this run did.
func (c *courier) close() (delivered, other int64) {
	c.posting.Wait() // each request ends within the sender's limit
	close(c.outcomes)
	<-c.recorded
	return c.delivered, c.other
}
