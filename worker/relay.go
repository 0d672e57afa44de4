package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/workflows"
)

const (
	// relayCall bounds one call to Temporal.
	relayCall = 5 * time.Second
	// relayPoll is the floor under lost wake-ups (P9).
	relayPoll = 250 * time.Millisecond
	// relayAway is the pause after a batch in which Temporal did not answer.
	relayAway = time.Second
	// relayUnknown is how long a row of an unknown kind is left to others: where workers of two versions run, one that knows
	// the kind takes it soon after, and where none does, its error comes twice a minute.
	relayUnknown = 30 * time.Second
)

// pace is how hard a relay works: the calls to Temporal under way at once, the pause after each, in times of what it took,
// and how many outbox rows one claim takes, besides others for the same workflows. They are few, so that what comes next does
// not wait behind a long batch, and so that all are told within the 30 s that they are claimed for, also where a call takes
// half a second.
type pace struct{ calls, rest, batch int }

// Starting a workflow costs the machine more than the conversation did: a flood of new ones, for which Temporal has nothing
// to do yet, must not take it from the API. The slower Temporal answers, the longer the calm relay lets it be.
var (
	urgentPace = pace{calls: 8, batch: 64}
	calmPace   = pace{calls: 1, rest: 2, batch: 16}
)

// relay tells Temporal what the outbox says (P1.9). The calls are idempotent: a signal says only that there is something to
// look at. Rows are deleted after the call; a crash in between repeats it. Several relays share the work.
type relay struct {
	store   *models.Store
	client  client.Client
	queue   string
	log     *slog.Logger
	metrics *metrics
	tracer  trace.Tracer
}

// run works until ctx ends: what is urgent and what is not beside each other.
func (r *relay) run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { r.drain(ctx, outbox.Urgent, urgentPace) })
	loops.Go(func() { r.drain(ctx, outbox.Calm, calmPace) })
	loops.Wait()
}

func (r *relay) drain(ctx context.Context, which outbox.Urgency, at pace) {
	woken, stop := r.store.Wakeups().Listen(outbox.Topic)
	defer stop()
	for ctx.Err() == nil {
		rows, err := r.store.Outbox.Claim(ctx, which, at.batch)
		wait := relayPoll
		switch {
		case err != nil && ctx.Err() == nil:
			r.log.Error("outbox not read", "error", err)
			wait = time.Second
		case len(rows) > 0:
			wait = r.tell(ctx, rows, at)
		}
		if len(rows) > 0 && wait == relayPoll {
			continue // there may be more: a claim takes of each tenant only its turn
		}
		timer := time.NewTimer(wait)
		select {
		case <-woken:
			if wait > relayPoll { // Temporal or the database is away: news does not bring it back
				<-timer.C
			}
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// target is one workflow to tell, with all the rows that say so: one call serves them all.
type target struct {
	row     outbox.Row // the newest of them
	message outbox.Message
	ids     []int64
	traced  []outbox.Row // those of the rows that were traced
	err     error
}

// coalesce makes targets of the rows. Rows of a kind that is not in the registry tell nothing to any workflow: they are
// returned as they are.
func coalesce(rows []outbox.Row) (targets []*target, unknown []outbox.Row) {
	type key struct {
		kind   outbox.Kind
		id     uuid.UUID
		action uuid.UUID // each action of a dock is told of by itself
		former bool      // and so is a workflow under an id that it had before
	}
	byKey := map[key]*target{}
	for _, row := range rows {
		message, known := row.Message()
		if !known {
			unknown = append(unknown, row)
			continue
		}
		k := key{kind: row.Kind, id: row.TargetID, former: message.Former}
		if row.DockActionID != nil {
			k.action = *row.DockActionID
		}
		t := byKey[k]
		if t == nil {
			t = &target{}
			byKey[k] = t
			targets = append(targets, t)
		}
		if row.ID >= t.row.ID {
			t.row, t.message = row, message
		}
		if row.Traceparent != nil {
			t.traced = append(t.traced, row)
		}
		t.ids = append(t.ids, row.ID)
	}
	return targets, unknown
}

// tell makes the calls, and deletes the rows or leaves them for later. It returns how long to wait before the next claim.
func (r *relay) tell(ctx context.Context, rows []outbox.Row, at pace) time.Duration {
	targets, unknown := coalesce(rows)
	slots := make(chan struct{}, at.calls)
	var wg sync.WaitGroup
	for _, t := range targets {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			call, cancel := context.WithTimeout(ctx, relayCall)
			defer cancel()
			began := time.Now()
			call, span := r.beginSpan(call, t)
			t.err = r.signal(call, t.row, t.message)
			endSpan(span, t.err)
			sleep(ctx, time.Duration(at.rest)*time.Since(began))
		})
	}
	wg.Wait()
	fault.At(fault.AfterTelling)

	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayCall)
	defer cancel()
	var done, failed []int64
	var firstErr error
	for _, t := range targets {
		if t.err == nil {
			done = append(done, t.ids...)
			continue
		}
		failed = append(failed, t.ids...)
		firstErr = t.err
	}
	r.metrics.relayed.WithLabelValues("ok").Add(float64(len(done)))
	r.metrics.relayed.WithLabelValues("failed").Add(float64(len(failed)))
	err := errors.Join(
		r.store.Outbox.Delete(after, done), r.store.Outbox.Defer(after, failed, relayAway), r.deferUnknown(after, unknown),
	)
	if err != nil {
		r.log.Error("outbox rows not finished; they will be told again", "error", err)
	}
	if firstErr != nil && ctx.Err() == nil {
		r.log.Warn("Temporal not told; the rows stay in the outbox", "rows", len(failed), "error", firstErr)
		return relayAway
	}
	return relayPoll
}

// deferUnknown leaves rows for later whose kind this version does not know: a newer one has written them, or they are
// damaged. They are not deleted, since a version that knows them will tell them, and the operator is told.
func (r *relay) deferUnknown(ctx context.Context, rows []outbox.Row) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
		r.log.Error("outbox row of an unknown kind: written by a newer version, or damaged; Temporal is not told of it",
			"id", row.ID, "kind", row.Kind, logging.TenantID, row.TenantID, "targetId", row.TargetID, "attempts", row.Attempts)
	}
	r.metrics.unknownKinds.Add(float64(len(rows)))
	return r.store.Outbox.Defer(ctx, ids, relayUnknown)
}

// signal tells the row's workflow, starting it if it does not run, unless it is told under an id that it had before.
func (r *relay) signal(ctx context.Context, row outbox.Row, m outbox.Message) error {
	if m.Former {
		return signalFormer(ctx, r.client, m.WorkflowID, m.Signal)
	}
	attributes := []temporal.SearchAttributeUpdate{workflows.AttributeTenant.ValueSet(m.Tenant)}
	if m.ConversationID != nil {
		attributes = append(attributes, workflows.AttributeConversation.ValueSet(m.ConversationID.String()))
	}
	if m.Number != nil {
		attributes = append(attributes, workflows.AttributeNumber.ValueSet(*m.Number))
	}
	if m.WebhookID != nil {
		attributes = append(attributes, workflows.AttributeWebhook.ValueSet(m.WebhookID.String()))
	}
	if row.Status != nil {
		attributes = append(attributes, workflows.AttributeStatus.ValueSet(*row.Status))
	}
	if row.DueAt != nil {
		attributes = append(attributes, workflows.AttributeNextDue.ValueSet(row.DueAt.UTC()))
	}
	_, err := r.client.SignalWithStartWorkflow(ctx, m.WorkflowID, m.Signal, m.Payload, client.StartWorkflowOptions{
		ID:                       m.WorkflowID,
		TaskQueue:                r.queue,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            m.Summary,
		TypedSearchAttributes:    temporal.NewSearchAttributes(attributes...),
	}, m.Workflow, m.Input)
	if err != nil {
		return fmt.Errorf("signal %s: %w", m.WorkflowID, err)
	}
	return nil
}

// signalFormer tells a workflow that runs under an id that it had before, and that so ends (P12.3). If none runs, all is well.
func signalFormer(ctx context.Context, c client.Client, id, signal string) error {
	err := c.SignalWorkflow(ctx, id, "", signal, nil)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err == nil || gone {
		return nil
	}
	return fmt.Errorf("signal %s, a former id: %w", id, err)
}

// ensureDispatchers starts the dispatch workflows that do not run; they run for ever.
func ensureDispatchers(ctx context.Context, c client.Client, queue string, dispatchers int) error {
	for i := range dispatchers {
		in := durable.DispatchInput{
			Dispatcher: i, FromShard: i * webhook.Shards / dispatchers, ToShard: (i + 1) * webhook.Shards / dispatchers,
		}
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: durable.DispatchID(i), TaskQueue: queue,
			WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary: fmt.Sprintf("First attempts of webhooks, dispatcher %d of %d: shards %d to %d",
				i, dispatchers, in.FromShard, in.ToShard-1),
		}, durable.DispatchWorkflow, in)
		if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); err != nil && !running {
			return fmt.Errorf("start %s: %w", durable.DispatchID(i), err)
		}
	}
	return nil
}
