package conversation

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Tick is what a tick found and did.
type Tick struct {
	Status   lifecycle.Status
	NextDue  *time.Time // what the workflow is armed for from now on
	MayEnd   bool       // nothing can become due any more (P3.4)
	SLAState string     // worst state of its SLA clocks, "" without any
	Next     string     // what NextDue is of, in words
	// Clocks are those that run, and SnoozedUntil is when it wakes; for people.
	Clocks       []sla.Clock
	SnoozedUntil *time.Time
	Fired        []Fired // what was due
	SetAside     string  // why the conversation was set aside by this tick (P3.8); "" if it was not
	// MovedTo is the id of the conversation's workflow, if it is another than that of the one that asked (P12.3).
	MovedTo string
}

// Fired is one thing that time did: a snooze that ended ("wake"), a tripwire that was crossed ("warning", "breach"), a
// conversation that archived itself ("archive").
type Fired struct {
	Kind   string
	Metric sla.Metric // of a tripwire, and the state that it brought
	State  sla.State
	DueAt  time.Time
	Lag    time.Duration // how late it was done
}

// Tick applies what is due in a conversation, for its workflow, and notes what that is armed for from now on (P3.3). It is
// idempotent: repeated after a crash it finds nothing due. It never signals the workflow, which is the one that asks; unless
// that has another id than the conversation's workflow has now. Then it arms for nothing, may end, and the other is signalled
// (P12.3). The id is that of the one that asks; "" for a caller that stands for it.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Clocks) Tick(ctx context.Context, tenantID, id uuid.UUID, workflow string) (Tick, error) {
	return s.tick(ctx, tenantID, id, &workflow)
}

// TickOverdue applies what is due in a conversation whose workflow is late (P3.5), and signals the workflow, which
// was not there: it arms for nothing. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Clocks) TickOverdue(ctx context.Context, tenantID, id uuid.UUID) (Tick, error) {
	return s.tick(ctx, tenantID, id, nil)
}

// busyMachine is how many times as long a computation may take at its second try. Its time is the wall clock's, which a
// busy machine takes from it: a conversation that is set aside for that would wait for a minute. No caller waits for a tick.
const busyMachine = 10

// tick is tryTick for conversations whose tick may fail through their own fault. One whose computation has used up its
// time is tried once more, with more of it.
func (s *Clocks) tick(ctx context.Context, tenantID, id uuid.UUID, workflow *string) (Tick, error) {
	tick, err := s.tryTick(ctx, tenantID, id, workflow, s.conversations.computeTime)
	if errors.Is(err, errComputeTime) && ctx.Err() == nil {
		tick, err = s.tryTick(ctx, tenantID, id, workflow, busyMachine*s.conversations.computeTime)
	}
	if reason, faulty := tickFault(ctx, err); faulty {
		return s.noteTickFailure(ctx, tenantID, id, reason, err)
	}
	return tick, err
}

func (s *Clocks) tryTick(
	ctx context.Context, tenantID, id uuid.UUID, workflow *string, computeIn time.Duration,
) (tick Tick, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.db.Log.ErrorContext(ctx, "panic in a conversation's tick", logging.TenantID, tenantID, logging.ConversationID, id,
				logging.Panic(p), "stack", string(debug.Stack()))
			tick, err = Tick{}, fmt.Errorf("tick a conversation: %w", errTickPanic)
		}
	}()
	_, err = s.conversations.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, _, err := s.conversations.lock(ctx, tx, tenantID, id, wire.System, lockOptions{computeIn: computeIn})
		if err != nil {
			return nil, err
		}
		if err := w.applyFacts(ctx); err != nil {
			return nil, err
		}
		tick = w.ticked()
		if workflow == nil {
			w.forceSignal = len(w.change.Facts) > 0
			return w, w.save(ctx)
		}
		if tick.MovedTo, err = w.movedTo(ctx, *workflow); err != nil {
			return nil, err
		}
		if tick.MovedTo != "" {
			w.forceSignal, tick.NextDue, tick.MayEnd = !tick.MayEnd, nil, true
			return w, w.saveTick(ctx)
		}
		w.suppressSignal = true
		armed := w.conversation.ArmedFor
		w.conversation.ArmedFor = tick.NextDue
		if w.happened() || w.clocksMoved {
			return w, w.save(ctx)
		}
		if wire.SameTime(armed, tick.NextDue) {
			return nil, nil
		}
		return nil, tx.Exec(`UPDATE conversations SET armed_for = ? WHERE tenant_id = ? AND id = ?`, tick.NextDue, tenantID, id).Error
	})
	return tick, err
}

// saveTick saves a tick that may have found nothing to do, but has the workflow signalled.
func (w *write) saveTick(ctx context.Context) error {
	if w.happened() || w.clocksMoved {
		return w.save(ctx)
	}
	if !w.needsSignal() {
		return nil
	}
	var st postgres.Statement
	w.insertSignal(&st)
	return st.Exec(w.tx)
}

// ticked is what a tick says of the change that it has made.
func (w *write) ticked() Tick {
	after := w.change.After
	tick := Tick{
		Status: after.Status, NextDue: after.NextDue(), MayEnd: after.MayEnd(), SLAState: after.SLAState, Fired: w.fired(),
		SnoozedUntil: after.SnoozedUntil,
	}
	if w.board != nil {
		for _, c := range w.board.Clocks() {
			if c.Running() {
				tick.Clocks = append(tick.Clocks, c)
			}
		}
	}
	switch due := tick.NextDue; {
	case due == nil:
	case after.Status == lifecycle.Snoozed && wire.SameTime(due, after.SnoozedUntil):
		tick.Next = "snooze ends"
	case after.Status == lifecycle.Done:
		tick.Next = "archives itself"
	default:
		for _, c := range tick.Clocks {
			if wire.SameTime(due, c.NextDue()) {
				tick.Next = "SLA " + string(c.Metric) + " becomes " + strings.ReplaceAll(string(c.NextState()), "_", " ")
				break
			}
		}
	}
	return tick
}

// movedTo is the id of the conversation's workflow, if the given one is not; "" else. A conversation's number and its tenant's
// slug never change, so one that ends with the number is the current one, and the tenant needs not be read.
func (w *write) movedTo(ctx context.Context, workflow string) (string, error) {
	c := &w.conversation
	if workflow == "" || strings.HasSuffix(workflow, "/"+strconv.FormatInt(c.Number, 10)) {
		return "", nil
	}
	tenant := durable.Tenant{ID: c.TenantID}
	err := w.tx.WithContext(ctx).Raw(`SELECT slug FROM tenants WHERE id = ?`, c.TenantID).Scan(&tenant.Slug).Error
	if err != nil {
		return "", postgres.Doing(err, "read the slug of tenant %s", c.TenantID)
	}
	if current := durable.ConversationID(tenant, c.ID, c.Number); current != workflow {
		return current, nil
	}
	return "", nil
}

// fired lists what time did in this write. A tripwire's lag counts from when it was crossed: a policy that was edited
// crosses none before its edit.
func (w *write) fired() []Fired {
	var fired []Fired
	late := func(kind string, due time.Time) {
		fired = append(fired, Fired{Kind: kind, DueAt: due, Lag: w.now.Sub(due)})
	}
	for _, f := range w.change.Facts {
		switch {
		case f.Kind == lifecycle.Woken:
			late("wake", *w.change.Before.SnoozedUntil)
		case f.Kind == lifecycle.ArchivedFact && f.ByUs:
			late("archive", *w.change.Before.AutoArchiveAt)
		}
	}
	for _, x := range w.crossings {
		kind := "warning"
		if x.Tripwire == sla.TripBreached {
			kind = "breach"
		}
		late(kind, x.CrossedAt)
		last := &fired[len(fired)-1]
		last.Metric, last.State = x.Metric, x.State
	}
	return fired
}
