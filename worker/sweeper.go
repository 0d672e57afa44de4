package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

const (
	// guardEvery and guardAfter are P3.5's: how often the guard looks, and how long it leaves to Temporal.
	guardEvery = 250 * time.Millisecond
	guardAfter = 1200 * time.Millisecond
	// guardBatch is how many it ticks before it looks again: few, so that what another tenant has due meanwhile does not wait
	// behind one tenant's hundred thousand.
	guardBatch = 64
	// guardWorkers is how many conversations it ticks at a time: few, since Temporal, which is behind, needs the machine.
	guardWorkers = 4
	// retriesEvery and retriesAfter are the same for retry workflows, whose waits are longer.
	retriesEvery = 5 * time.Second
	retriesAfter = 5 * time.Second
	// actionsEvery and actionsAfter are the same for actions of docks (P8.5): the API has stopped waiting by then.
	actionsEvery = time.Second
	actionsAfter = 5 * time.Second
	actionsBatch = 500
	// replaysEvery and replaysAfter are the same for replays, whose steps may have to wait for Temporal.
	replaysEvery = 15 * time.Second
	replaysAfter = 30 * time.Second
	// walksEvery and walksAfter are the same for walks over a tenant's clocks, most of which are through by then.
	walksEvery = 15 * time.Second
	walksAfter = time.Minute
	// namespaceEvery is how often it looks whether Temporal still has its data.
	namespaceEvery = 5 * time.Second
	walkEvery      = time.Minute
)

// guard bounds the lag when Temporal is slow, saturated or away, and makes workflows again that were lost. Temporal stays
// the clock: on an idle machine the guard has next to nothing to do (P3.5, P3.6).
type guard struct {
	store     *models.Store
	client    client.Client
	namespace string
	log       *slog.Logger
	metrics   *metrics
	// register makes the search attributes known to the namespace.
	register func(context.Context) error

	mu  sync.Mutex
	met string // id of the namespace that has the search attributes and is remembered
}

func (g *guard) run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { every(ctx, guardEvery, g.tickOverdue) })
	loops.Go(func() { every(ctx, retriesEvery, g.pokeRetries) })
	loops.Go(func() { every(ctx, retriesEvery, g.cancelSwitchedOff) })
	loops.Go(func() { every(ctx, actionsEvery, g.applyDockActions) })
	loops.Go(func() { every(ctx, replaysEvery, g.pokeReplays) })
	loops.Go(func() { every(ctx, walksEvery, g.pokeWalks) })
	loops.Go(func() { every(ctx, namespaceEvery, g.checkNamespace) })
	loops.Go(func() { every(ctx, walkEvery, g.walk) })
	loops.Wait()
}

// every calls f again and again, with the given pause in between.
func every(ctx context.Context, pause time.Duration, f func(context.Context)) {
	for sleep(ctx, pause) {
		f(ctx)
	}
}

// tickOverdue ticks what is overdue, until nothing is.
func (g *guard) tickOverdue(ctx context.Context) {
	for {
		overdue, err := g.store.Clocks.Overdue(ctx, guardAfter, guardBatch)
		if err != nil {
			g.complain(ctx, "overdue conversations not read", err)
			return
		}
		var workers sync.WaitGroup
		work := make(chan conversation.Ref)
		for range guardWorkers {
			workers.Go(func() {
				for ref := range work {
					g.tick(ctx, ref)
				}
			})
		}
		for _, ref := range overdue {
			work <- ref
		}
		close(work)
		workers.Wait()
		if len(overdue) < guardBatch || ctx.Err() != nil {
			return
		}
	}
}

func (g *guard) tick(ctx context.Context, ref conversation.Ref) {
	tick, err := g.store.Clocks.TickOverdue(ctx, ref.TenantID, ref.ID)
	switch {
	case err != nil && !postgres.IsNotFound(err):
		g.complain(ctx, "overdue conversation not ticked", err)
	case tick.SetAside != "":
		g.metrics.acts.CountSetAside(tick)
	case len(tick.Fired) > 0: // else its workflow, or somebody, was quicker
		g.metrics.guardTicks.Inc()
		for _, f := range tick.Fired {
			g.metrics.acts.TimerLag.WithLabelValues(f.Kind, "guard").Observe(f.Lag.Seconds())
		}
	}
}

func (g *guard) pokeRetries(ctx context.Context) {
	n, err := g.store.Webhooks.SignalLateRetries(ctx, retriesAfter)
	if err != nil {
		g.complain(ctx, "late retries not poked", err)
		return
	}
	g.metrics.guardPokes.Add(float64(n))
}

// cancelSwitchedOff cancels what tenants are owed whose webhooks were switched off (P4.10).
func (g *guard) cancelSwitchedOff(ctx context.Context) {
	n, err := g.store.Webhooks.CancelSwitchedOff(ctx)
	if n > 0 {
		g.log.Info("cancelled what was owed to webhooks that were switched off", "deliveries", n)
	}
	if err != nil {
		g.complain(ctx, "deliveries of webhooks that are off not cancelled", err)
	}
}

func (g *guard) pokeReplays(ctx context.Context) {
	n, err := g.store.Replays.SignalLate(ctx, replaysAfter)
	if err != nil {
		g.complain(ctx, "late replays not poked", err)
		return
	}
	g.metrics.guardPokes.Add(float64(n))
}

func (g *guard) pokeWalks(ctx context.Context) {
	if _, err := g.store.Clocks.SignalLateRecomputes(ctx, walksAfter); err != nil {
		g.complain(ctx, "late walks over clocks not poked", err)
	}
}

// applyDockActions carries out the actions of docks that their workflows are late for, in the order of arrival.
func (g *guard) applyDockActions(ctx context.Context) {
	late, err := g.store.Docks.LateActions(ctx, actionsAfter, actionsBatch)
	if err != nil {
		g.complain(ctx, "late dock actions not read", err)
		return
	}
	for _, ref := range late {
		_, decided, err := g.store.Docks.ApplyAction(ctx, ref.TenantID, ref.ID)
		g.metrics.acts.CountDockActions("guard", decided)
		if err != nil {
			g.complain(ctx, "late dock action not carried out", err)
		}
	}
}

func (g *guard) checkNamespace(ctx context.Context) {
	err := g.meetNamespace(ctx)
	if _, away := errors.AsType[serviceerror.ServiceError](err); err != nil && !away {
		g.complain(ctx, "Temporal namespace not remembered", err)
	} // Temporal being away others say; when it is back this asks again
}

// meetNamespace prepares a namespace that this worker has not met: the first one, or one without data in its place
// (P3.6). Nothing may be told to Temporal before, or a loss of it could not be noticed. It registers first and remembers
// then: ✗ in between, somebody does both again.
func (g *guard) meetNamespace(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	call, cancel := context.WithTimeout(ctx, relayCall)
	defer cancel()
	answer, err := g.client.WorkflowService().DescribeNamespace(call,
		&workflowservice.DescribeNamespaceRequest{Namespace: g.namespace})
	if err != nil {
		return err
	}
	id := answer.GetNamespaceInfo().GetId()
	if id == g.met {
		return nil
	}
	if err := g.register(call); err != nil {
		return err
	}
	replaced, err := g.store.Clocks.RememberNamespace(ctx, g.namespace, id)
	if err != nil {
		return err
	}
	g.met = id
	if replaced {
		g.log.Warn("Temporal has lost its data: making all workflows again", "namespace", g.namespace)
	}
	return nil
}

func (g *guard) walk(ctx context.Context) {
	if _, err := g.store.Clocks.Sweep(ctx); err != nil {
		g.complain(ctx, "walk over conversations failed", err)
	}
}

func (g *guard) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		g.log.Error(what, "error", err)
	}
}
