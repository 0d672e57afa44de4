package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/workflows"
)

// replayScenario runs a replay whose activity answers with what step returns.
func replayScenario(
	t *testing.T, step func(now time.Time) durable.ReplayResult,
) (env *testsuite.TestWorkflowEnvironment, abandoned *bool) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env = suite.NewTestWorkflowEnvironment()
	env.SetStartTime(noon)
	env.RegisterActivityWithOptions(func(context.Context, durable.ReplayInput) (durable.ReplayResult, error) {
		return step(env.Now().UTC()), nil
	}, activity.RegisterOptions{Name: durable.ReplayActivity})
	abandoned = new(bool)
	env.RegisterActivityWithOptions(func(context.Context, durable.ReplayInput) error {
		*abandoned = true
		return nil
	}, activity.RegisterOptions{Name: durable.AbandonActivity})
	return env, abandoned
}

var replayInput = durable.ReplayInput{TenantID: uuid.New(), ReplayID: uuid.New()}

func TestReplayGoesOnUntilItHasEnded(t *testing.T) {
	var looks []time.Time
	env, abandoned := replayScenario(t, func(now time.Time) durable.ReplayResult {
		looks = append(looks, now)
		r := durable.ReplayResult{SubscriptionID: uuid.New(), Status: "running", NextLook: in(30 * time.Second)}
		if len(looks) == 2 {
			r.Status, r.NextLook = "completed", nil
		}
		return r
	})
	env.ExecuteWorkflow(workflows.Replay, replayInput)
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []time.Time{noon.UTC(), *in(30 * time.Second)}, looks)
	require.False(t, *abandoned)
}

// The row says that the replay is cancelled; the signal has it looked at.
func TestReplayThatIsCancelledEndsAtOnce(t *testing.T) {
	var cancelledAt time.Time
	cancelled := false
	env, _ := replayScenario(t, func(now time.Time) durable.ReplayResult {
		if cancelled {
			cancelledAt = now
			return durable.ReplayResult{Status: "cancelled"}
		}
		return durable.ReplayResult{Status: "running", NextLook: in(time.Hour)}
	})
	env.RegisterDelayedCallback(func() {
		cancelled = true
		env.SignalWorkflow(durable.SignalReplayChanged, nil)
	}, time.Minute)
	env.ExecuteWorkflow(workflows.Replay, replayInput)
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, *in(time.Minute), cancelledAt)
}

// An operator cancels the workflow; the row says so.
func TestCancelledReplayWorkflowEndsTheReplay(t *testing.T) {
	env, abandoned := replayScenario(t, func(time.Time) durable.ReplayResult {
		return durable.ReplayResult{Status: "running", NextLook: in(time.Hour)}
	})
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(workflows.Replay, replayInput)
	require.True(t, temporal.IsCanceledError(env.GetWorkflowError()), "%v", env.GetWorkflowError())
	require.True(t, *abandoned)
}

func TestLongReplayContinuesAsNew(t *testing.T) {
	env, _ := replayScenario(t, func(now time.Time) durable.ReplayResult {
		next := now.Add(time.Second)
		return durable.ReplayResult{Status: "running", NextLook: &next}
	})
	env.SetContinueAsNewSuggested(true)
	env.ExecuteWorkflow(workflows.Replay, replayInput)
	require.True(t, workflow.IsContinueAsNewError(env.GetWorkflowError()))
}
