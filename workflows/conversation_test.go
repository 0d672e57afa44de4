package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/workflows"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// row stands for the conversation's.row: what the tick decides from. Scenarios change it as the API would.
type row struct {
	status string
	due    *time.Time
	away   int // how many more ticks fail, because the database is away
	ticks  []time.Time
}

func (r *row) tick(now time.Time) (durable.TickResult, error) {
	if r.away > 0 {
		r.away--
		return durable.TickResult{}, errors.New("the database does not answer")
	}
	r.ticks = append(r.ticks, now)
	if r.due != nil && !r.due.After(now) {
		r.status, r.due = "active", nil
	}
	return durable.TickResult{Status: r.status, NextDue: r.due, MayEnd: r.status == "done" || r.status == "archived"}, nil
}

// scenario runs a conversation's workflow on virtual time.
type scenario struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	row    *row
	timers int // running
	set    int // in all so far
}

func newScenario(t *testing.T, r *row) *scenario {
	var suite testsuite.WorkflowTestSuite
	s := &scenario{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, row: r}
	s.SetStartTime(noon)
	s.RegisterActivityWithOptions(func(context.Context, durable.TickInput) (durable.TickResult, error) {
		return r.tick(s.Now().UTC())
	}, activity.RegisterOptions{Name: durable.TickActivity})
	s.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: durable.ConversationWorkflow})
	s.SetOnTimerScheduledListener(func(string, time.Duration) {
		s.set++
		s.timers++
	})
	s.SetOnTimerFiredListener(func(string) { s.timers-- })
	s.SetOnTimerCanceledListener(func(string) { s.timers-- })
	return s
}

// at changes the row at a time and, if signalled, tells the workflow.
func (s *scenario) at(after time.Duration, signalled bool, change func(*row)) {
	s.RegisterDelayedCallback(func() {
		change(s.row)
		if signalled {
			s.SignalWorkflow(durable.SignalConversationChanged, nil)
		}
	}, after)
}

func (s *scenario) run() error {
	s.ExecuteWorkflow(workflows.Conversation, durable.ConversationInput{TenantID: uuid.New(), ConversationID: uuid.New()})
	require.True(s.t, s.IsWorkflowCompleted())
	return s.GetWorkflowError()
}

func in(d time.Duration) *time.Time {
	at := noon.Add(d)
	return &at
}

func TestSnoozeWakesOnTheSecond(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(90 * time.Minute)})
	s.at(2*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Equal(t, []time.Time{noon, noon.Add(90 * time.Minute), noon.Add(2 * time.Hour)}, s.row.ticks)
}

func TestEarlierSnoozeReplacesTheTimer(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(3 * time.Hour)})
	s.at(time.Hour, true, func(r *row) { r.due = in(2 * time.Hour) })
	s.at(90*time.Minute, false, func(*row) { require.Equal(t, 1, s.timers, "never more than one timer") })
	s.at(5*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Equal(t, []time.Time{noon, noon.Add(time.Hour), noon.Add(2 * time.Hour), noon.Add(5 * time.Hour)}, s.row.ticks)
	require.Equal(t, 2, s.set)
}

// P3, the lazy alarm: a due time that moves later signals no workflow. The old timer fires, the tick finds nothing due, and the
// new time is armed.
func TestLaterSnoozeCostsNothingUntilTheOldTimerFires(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(time.Hour)})
	s.at(30*time.Minute, false, func(r *row) { r.due = in(4 * time.Hour) })
	s.at(5*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Equal(t, []time.Time{noon, noon.Add(time.Hour), noon.Add(4 * time.Hour), noon.Add(5 * time.Hour)}, s.row.ticks)
	require.Equal(t, 2, s.set)
}

func TestUnsnoozedConversationHasNoTimer(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(time.Hour)})
	s.at(time.Minute, true, func(r *row) { r.status, r.due = "active", nil })
	s.at(24*time.Hour, true, func(r *row) { require.Zero(t, s.timers); r.status = "archived" })
	require.NoError(t, s.run())
	require.Len(t, s.row.ticks, 3)
}

func TestDoneConversationEndsItsWorkflowAtOnce(t *testing.T) {
	s := newScenario(t, &row{status: "done"})
	require.NoError(t, s.run())
	require.Len(t, s.row.ticks, 1)
}

func TestSignalsThatCameTogetherCostOneTick(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	s.RegisterDelayedCallback(func() {
		for range 10 {
			s.SignalWorkflow(durable.SignalConversationChanged, nil)
		}
	}, time.Hour)
	s.at(2*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.LessOrEqual(t, len(s.row.ticks), 4)
}

// A database that is away delays, and loses nothing.
func TestTickWaitsForTheDatabase(t *testing.T) {
	s := newScenario(t, &row{status: "snoozed", due: in(time.Hour), away: 6})
	s.at(2*time.Hour, true, func(r *row) { r.status = "done" })
	require.NoError(t, s.run())
	require.Contains(t, s.row.ticks, noon.Add(time.Hour))
}

func TestLongHistoryContinuesAsNew(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	s.SetCurrentHistoryLength(5_000)
	require.True(t, workflow.IsContinueAsNewError(s.run()))
}

func TestContinuingAsNewLosesNoSignal(t *testing.T) {
	s := newScenario(t, &row{status: "active"})
	s.SetCurrentHistoryLength(5_000)
	s.RegisterDelayedCallback(func() {
		s.row.status = "done"
		s.SignalWorkflow(durable.SignalConversationChanged, nil)
	}, 0)
	err := s.run()
	if err != nil { // it came after the workflow had looked: the next run begins with a tick
		require.True(t, workflow.IsContinueAsNewError(err))
	}
}
