// Package activities is what workflows do to the world: transitions in the database, and webhooks over HTTP. Each is
// idempotent, or says in the database what it did before it can be asked again.
package activities

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/time/rate"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
)

// Config are the values that activities need.
type Config struct {
	// InFlight is how many requests one dispatcher has under way at most, over all subscriptions, and so have all retries of
	// a process together; 256 when 0.
	InFlight int
	// RunFor is how long one run of a dispatcher lasts; 5 minutes when 0.
	RunFor time.Duration
}

// Activities are the activities, with what they need. The exported fields are set before use.
type Activities struct {
	Config  Config
	Store   *models.Store
	Sender  *sender.Sender
	Metrics *Metrics
	Log     *slog.Logger
	Tracer  trace.Tracer // of attempts; nil where nothing is traced

	limiters sync.Map // subscription → *rate.Limiter: dispatcher and retries share the endpoint's maxPerSecond
	paces    paces    // of all endpoints that this process sends to
	turns    turns
}

// TickConversation applies what is due in a conversation (P3.3), when it is its tenant's turn. A conversation that is not
// there has nothing due.
func (a *Activities) TickConversation(ctx context.Context, in durable.TickInput) (durable.TickResult, error) {
	ticks := a.turns.of(a).ticks
	if !ticks.Wait(ctx, in.TenantID) { // the SDK bounds how many wait, and for how long
		return durable.TickResult{}, ctx.Err()
	}
	defer ticks.Leave(in.TenantID)
	tick, err := a.Store.Clocks.Tick(ctx, in.TenantID, in.ConversationID, workflowID(ctx))
	if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
		return durable.TickResult{Status: "archived", MayEnd: true}, nil
	}
	if err != nil {
		return durable.TickResult{}, a.forTemporal(ctx, err)
	}
	if len(tick.Fired) > 0 {
		fault.At(fault.AfterTick)
	}
	a.Metrics.CountSetAside(tick)
	for _, f := range tick.Fired {
		a.Metrics.TimerLag.WithLabelValues(f.Kind, "workflow").Observe(f.Lag.Seconds())
	}
	return tickResult(tick), nil
}

func tickResult(tick conversation.Tick) durable.TickResult {
	r := durable.TickResult{
		Status: string(tick.Status), NextDue: tick.NextDue, MayEnd: tick.MayEnd, SLAState: tick.SLAState, Next: tick.Next,
		SnoozedUntil: tick.SnoozedUntil, MovedTo: tick.MovedTo,
	}
	for _, c := range tick.Clocks {
		r.Clocks = append(r.Clocks, durable.Clock{Metric: string(c.Metric), State: string(c.State), BreachAt: c.BreachAt()})
	}
	for _, f := range tick.Fired {
		r.Fired = append(r.Fired, durable.Fired{
			What: f.Kind, Metric: string(f.Metric), State: string(f.State), DueAt: f.DueAt.UTC(),
		})
	}
	return r
}

// workflowID is the id of the workflow that an activity is of.
func workflowID(ctx context.Context) string { return activity.GetInfo(ctx).WorkflowExecution.ID }

// forTemporal is the one place that says which errors a workflow tries again: all but those that cannot change. Their
// texts do not travel, since an error of the database may quote what is in it; the log has them, as far as they quote nothing.
func (a *Activities) forTemporal(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	p, ok := problem.As(err)
	switch {
	case ctx.Err() != nil: // called off: the error says no more than that
	case !ok || p.Kind == problem.Internal:
		a.Log.ErrorContext(ctx, "activity failed", "error", err)
	default:
		a.Log.WarnContext(ctx, "activity failed", "error", err)
	}
	if !ok {
		return temporal.NewApplicationError("failed; the worker's log says why", "INTERNAL")
	}
	switch p.Kind {
	case problem.Unavailable, problem.Internal, problem.Limited:
		return temporal.NewApplicationError(p.Code, p.Code)
	default:
		return temporal.NewNonRetryableApplicationError(p.Code, p.Code, nil)
	}
}

// limiter is the endpoint's maxPerSecond in this process; nil without one.
func (a *Activities) limiter(e *webhook.Endpoint) *rate.Limiter {
	if e.MaxPerSecond == nil {
		a.limiters.Delete(e.ID)
		return nil
	}
	perSecond := rate.Limit(*e.MaxPerSecond)
	if have, ok := a.limiters.Load(e.ID); ok {
		l := have.(*rate.Limiter)
		if l.Limit() != perSecond {
			l.SetLimit(perSecond)
			l.SetBurst(*e.MaxPerSecond)
		}
		return l
	}
	l, _ := a.limiters.LoadOrStore(e.ID, rate.NewLimiter(perSecond, *e.MaxPerSecond))
	return l.(*rate.Limiter)
}

func jitter() float64 { return 2*rand.Float64() - 1 } //nolint:gosec // spreads retries; nothing is gained by guessing it
