package conversation

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Tick is what a tick found and did.
type Tick struct {
	Status   lifecycle.Status
	NextDue  *time.Time // what the workflow is armed for from now on
	MayEnd   bool       // nothing can become due any more (P3.4)
	SLAState string     // worst state of its SLA clocks, "" without any
	Fired    []Fired    // what was due
	SetAside string     // why the conversation was set aside by this tick (P3.8); "" if it was not
}

// Fired is one thing that time did: a snooze that ended ("wake"), a tripwire that was crossed ("warning", "breach"), a
// conversation that archived itself ("archive").
type Fired struct {
	Kind string
	Lag  time.Duration // how late it was done
}

// Tick applies what is due in a conversation, for its workflow, and notes what that is armed for from now on (P3.3). It is
// idempotent: repeated after a crash it finds nothing due. It never signals the workflow, which is the one that asks.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Clocks) Tick(ctx context.Context, tenantID, id uuid.UUID) (Tick, error) {
	return s.tick(ctx, tenantID, id, true)
}

// TickOverdue applies what is due in a conversation whose workflow is late (P3.5), and signals the workflow, which
// was not there: it arms for nothing. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Clocks) TickOverdue(ctx context.Context, tenantID, id uuid.UUID) (Tick, error) {
	return s.tick(ctx, tenantID, id, false)
}

// busyMachine is how many times as long a computation may take at its second try. Its time is the wall clock's, which a
// busy machine takes from it: a conversation that is set aside for that would wait for a minute. No caller waits for a tick.
const busyMachine = 10

// tick is tryTick for conversations whose tick may fail through their own fault. One whose computation has used up its
// time is tried once more, with more of it.
func (s *Clocks) tick(ctx context.Context, tenantID, id uuid.UUID, byWorkflow bool) (Tick, error) {
	tick, err := s.tryTick(ctx, tenantID, id, byWorkflow, s.conversations.computeTime)
	if errors.Is(err, errComputeTime) && ctx.Err() == nil {
		tick, err = s.tryTick(ctx, tenantID, id, byWorkflow, busyMachine*s.conversations.computeTime)
	}
	if reason, faulty := tickFault(ctx, err); faulty {
		return s.noteTickFailure(ctx, tenantID, id, reason, err)
	}
	return tick, err
}

func (s *Clocks) tryTick(
	ctx context.Context, tenantID, id uuid.UUID, byWorkflow bool, computeIn time.Duration,
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
		after := w.change.After
		tick = Tick{
			Status: after.Status, NextDue: after.NextDue(), MayEnd: after.MayEnd(), SLAState: after.SLAState, Fired: w.fired(),
		}
		if !byWorkflow {
			w.forceSignal = len(w.change.Facts) > 0
			return w, w.save(ctx)
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

// fired lists what time did in this write. A tripwire's lag counts from when it was crossed: a policy that was edited
// crosses none before its edit.
func (w *write) fired() []Fired {
	var fired []Fired
	late := func(kind string, due time.Time) { fired = append(fired, Fired{kind, w.now.Sub(due)}) }
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
	}
	return fired
}
