package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// docks stands for what docks have asked for: what the activity carries out.
type docks struct {
	away    int // how many more calls fail, because the database is away
	applied []uuid.UUID
	did     func(uuid.UUID)
}

func (s *scenario) docks(d *docks) *docks {
	s.RegisterActivityWithOptions(func(_ context.Context, in durable.DockActionInput) (durable.DockActionResult, error) {
		if d.away > 0 {
			d.away--
			return durable.DockActionResult{}, errors.New("the database does not answer")
		}
		d.applied = append(d.applied, in.ActionID)
		if d.did != nil {
			d.did(in.ActionID)
		}
		return durable.DockActionResult{State: "applied"}, nil
	}, activity.RegisterOptions{Name: durable.DockActionActivity})
	return d
}

func (s *scenario) ask(after time.Duration, actions ...uuid.UUID) {
	s.RegisterDelayedCallback(func() {
		for _, id := range actions {
			s.SignalWorkflow(durable.SignalDockAction, durable.DockActionSignal{ActionID: id})
		}
	}, after)
}

func TestDockActionsAreCarriedOutInOrderBeforeTheTick(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	one, two, three := uuid.New(), uuid.New(), uuid.New()
	d := s.docks(&docks{})
	d.did = func(id uuid.UUID) {
		if id == three {
			s.row.status = "done" // the action resolves it; the tick that follows sees that
		}
	}
	s.ask(time.Hour, one, two, three)
	require.NoError(t, s.run())
	require.Equal(t, []uuid.UUID{one, two, three}, d.applied)
	require.Equal(t, []time.Time{noon, noon.Add(time.Hour)}, s.row.ticks, "one tick for all")
}

func TestDockActionThatStartsTheWorkflowIsCarriedOut(t *testing.T) {
	s := newScenario(t, &row{status: "done"})
	id := uuid.New()
	d := s.docks(&docks{})
	s.ask(0, id)
	require.NoError(t, s.run())
	require.Equal(t, []uuid.UUID{id}, d.applied)
}

func TestDockActionWaitsForTheDatabase(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	id := uuid.New()
	d := s.docks(&docks{away: 4})
	s.ask(time.Hour, id)
	s.at(2*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Equal(t, []uuid.UUID{id}, d.applied)
}

// An action that cannot be carried out is left to the sweeper: it keeps neither the next one nor a snooze's end waiting.
func TestDockActionThatFailsHoldsNothingUp(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(90 * time.Minute)})
	d := s.docks(&docks{away: 1_000_000})
	s.ask(time.Hour, uuid.New())
	s.at(70*time.Minute, false, func(*row) { d.away = 0 })
	next := uuid.New()
	s.ask(80*time.Minute, next)
	s.at(2*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Equal(t, []uuid.UUID{next}, d.applied)
	require.Contains(t, s.row.ticks, noon.Add(90*time.Minute))
}

func TestContinuingAsNewLosesNoDockAction(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	s.SetCurrentHistoryLength(5_000)
	d := s.docks(&docks{})
	id := uuid.New()
	s.ask(0, id)
	require.True(t, workflow.IsContinueAsNewError(s.run()))
	require.Equal(t, []uuid.UUID{id}, d.applied)
}
