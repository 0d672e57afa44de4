package worker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sweep"
)

const (
	// overdueEvery and overdueAfter are P3.5's: how often the sweeper looks, and how long it leaves to Temporal.
	overdueEvery = 250 * time.Millisecond
	overdueAfter = 1200 * time.Millisecond
	// overdueBatch is how many it ticks before it looks again: few, so that what another tenant has due meanwhile does not wait
	// behind one tenant's hundred thousand.
	overdueBatch = 64
	// overdueWorkers is how many conversations it ticks at a time: few, since Temporal, which is behind, needs the machine.
	overdueWorkers = 4
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
	// recomputesEvery and recomputesAfter are the same for recomputes of a tenant's clocks, most of which are through by then.
	recomputesEvery = 15 * time.Second
	recomputesAfter = time.Minute
	// formerEvery is how often it looks for workflows of conversations that run under ids of an earlier version, and formerBatch
	// how many of them it signals then (P12.3).
	formerEvery = 30 * time.Second
	formerBatch = 500
	// namespaceEvery is how often it looks whether Temporal still has its data.
	namespaceEvery = 5 * time.Second
	// sweepEvery is how often the next few of all conversations are signalled (P3.6).
	sweepEvery = time.Minute
)

// sweeper bounds the lag when Temporal is slow, saturated or away, and makes workflows again that were lost. Temporal stays
// the clock: on an idle machine the sweeper has next to nothing to do (P3.5, P3.6).
type sweeper struct {
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

func (s *sweeper) run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { every(ctx, overdueEvery, s.tickOverdue) })
	loops.Go(func() { every(ctx, retriesEvery, s.signalRetries) })
	loops.Go(func() { every(ctx, retriesEvery, s.cancelSwitchedOff) })
	loops.Go(func() { every(ctx, actionsEvery, s.applyDockActions) })
	loops.Go(func() { every(ctx, replaysEvery, s.signalReplays) })
	loops.Go(func() { every(ctx, recomputesEvery, s.signalRecomputes) })
	loops.Go(func() { every(ctx, namespaceEvery, s.checkNamespace) })
	loops.Go(func() { every(ctx, sweepEvery, s.sweep) })
	loops.Go(func() { every(ctx, formerEvery, s.signalFormer) })
	loops.Wait()
}

// every calls f again and again, with the given pause in between.
func every(ctx context.Context, pause time.Duration, f func(context.Context)) {
	for sleep(ctx, pause) {
		f(ctx)
	}
}

// tickOverdue ticks what is overdue, until nothing is.
func (s *sweeper) tickOverdue(ctx context.Context) {
	for {
		overdue, err := s.store.Sweep.Overdue(ctx, overdueAfter, overdueBatch)
		if err != nil {
			s.complain(ctx, "overdue conversations not read", err)
			return
		}
		var workers sync.WaitGroup
		work := make(chan sweep.Ref)
		for range overdueWorkers {
			workers.Go(func() {
				for ref := range work {
					s.tick(ctx, ref)
				}
			})
		}
		for _, ref := range overdue {
			work <- ref
		}
		close(work)
		workers.Wait()
		if len(overdue) < overdueBatch || ctx.Err() != nil {
			return
		}
	}
}

func (s *sweeper) tick(ctx context.Context, ref sweep.Ref) {
	ctx = logging.With(ctx,
		slog.String(logging.TenantID, ref.TenantID.String()), slog.String(logging.ConversationID, ref.ID.String()))
	tick, err := s.store.Clocks.TickOverdue(ctx, ref.TenantID, ref.ID)
	switch {
	case err != nil && !postgres.IsNotFound(err):
		s.complain(ctx, "overdue conversation not ticked", err)
	case tick.SetAside != "":
		s.metrics.acts.CountSetAside(tick)
	case len(tick.Fired) > 0: // else its workflow, or a caller, was quicker
		s.metrics.sweeperTicks.Inc()
		for _, f := range tick.Fired {
			s.metrics.acts.TimerLag.WithLabelValues(f.Kind, "sweeper").Observe(f.Lag.Seconds())
		}
	}
}

func (s *sweeper) signalRetries(ctx context.Context) {
	n, err := s.store.Webhooks.SignalLateRetries(ctx, retriesAfter)
	if err != nil {
		s.complain(ctx, "late retries not signalled", err)
		return
	}
	s.metrics.sweeperSignals.Add(float64(n))
}

// cancelSwitchedOff cancels what is pending for tenants whose webhooks were switched off (P4.10).
func (s *sweeper) cancelSwitchedOff(ctx context.Context) {
	n, err := s.store.Webhooks.CancelSwitchedOff(ctx)
	if n > 0 {
		s.log.Info("cancelled what was pending for webhooks that were switched off", "deliveries", n)
	}
	if err != nil {
		s.complain(ctx, "deliveries of webhooks that are off not cancelled", err)
	}
}

func (s *sweeper) signalReplays(ctx context.Context) {
	n, err := s.store.Replays.SignalLate(ctx, replaysAfter)
	if err != nil {
		s.complain(ctx, "late replays not signalled", err)
		return
	}
	s.metrics.sweeperSignals.Add(float64(n))
}

func (s *sweeper) signalRecomputes(ctx context.Context) {
	if _, err := s.store.Clocks.SignalLateRecomputes(ctx, recomputesAfter); err != nil {
		s.complain(ctx, "late recomputes not signalled", err)
	}
}

// applyDockActions carries out the actions of docks that their workflows are late for, in the order of arrival.
func (s *sweeper) applyDockActions(ctx context.Context) {
	late, err := s.store.Docks.LateActions(ctx, actionsAfter, actionsBatch)
	if err != nil {
		s.complain(ctx, "late dock actions not read", err)
		return
	}
	for _, ref := range late {
		ctx := logging.With(ctx,
			slog.String(logging.TenantID, ref.TenantID.String()), slog.String("dockActionId", ref.ID.String()))
		_, decided, err := s.store.Docks.ApplyAction(ctx, ref.TenantID, ref.ID)
		s.metrics.acts.CountDockActions("sweeper", decided)
		if err != nil {
			s.complain(ctx, "late dock action not carried out", err)
		}
	}
}

func (s *sweeper) checkNamespace(ctx context.Context) {
	err := s.meetNamespace(ctx)
	if _, away := errors.AsType[serviceerror.ServiceError](err); err != nil && !away {
		s.complain(ctx, "Temporal namespace not remembered", err)
	} // others report that Temporal is away; when it is back this asks again
}

// meetNamespace prepares a namespace that this worker has not met: the first one, or one without data in its place
// (P3.6). Nothing may be told to Temporal before, or a loss of it could not be noticed. It registers first and remembers
// then: ✗ in between, another worker does both again.
func (s *sweeper) meetNamespace(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	call, cancel := context.WithTimeout(ctx, relayCall)
	defer cancel()
	answer, err := s.client.WorkflowService().DescribeNamespace(call,
		&workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
	if err != nil {
		return err
	}
	id := answer.GetNamespaceInfo().GetId()
	if id == s.met {
		return nil
	}
	if err := s.register(call); err != nil {
		return err
	}
	replaced, err := s.store.Sweep.RememberNamespace(ctx, s.namespace, id)
	if err != nil {
		return err
	}
	s.met = id
	if replaced {
		s.log.Warn("Temporal has lost its data: making all workflows again", "namespace", s.namespace)
	}
	return nil
}

func (s *sweeper) sweep(ctx context.Context) {
	if _, err := s.store.Sweep.Step(ctx); err != nil {
		s.complain(ctx, "sweep over conversations failed", err)
	}
}

// signalFormer signals workflows of conversations that an earlier version began, under ids with UUIDs: one in which
// nothing is due waits for a signal that comes under the conversation's new id, and would be there for ever. It asks for
// what those have not, a number; that Temporal's list may be behind does no harm, since the row decides whether one ends (P12.3).
func (s *sweeper) signalFormer(ctx context.Context) {
	s.mu.Lock()
	met := s.met != ""
	s.mu.Unlock()
	if !met {
		return // the attribute may not be registered
	}
	list, err := s.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: s.namespace, PageSize: formerBatch, Query: "WorkflowType = '" + durable.ConversationWorkflow +
			"' AND ExecutionStatus = 'Running' AND " + durable.AttributeNumber + " IS NULL",
	})
	for _, info := range list.GetExecutions() {
		id := info.GetExecution().GetWorkflowId()
		if _, notFormer := uuid.Parse(id[strings.LastIndexByte(id, '/')+1:]); notFormer != nil {
			continue
		}
		call, cancel := context.WithTimeout(ctx, relayCall)
		err = signalFormer(call, s.client, id, durable.SignalConversationChanged)
		cancel()
		if err != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "workflows under former ids not signalled; they will be", "error", err)
	}
}

func (s *sweeper) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, what, "error", err)
	}
}
