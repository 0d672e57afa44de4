package workflows_test

import (
	"context"
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

func TestDispatchRunsForEverOneActivityAtATime(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	runs := 0
	env.RegisterActivityWithOptions(func(_ context.Context, in durable.DispatchInput) (durable.DispatchResult, error) {
		require.Equal(t, 8, in.FromShard)
		runs++
		return durable.DispatchResult{Delivered: 10}, nil
	}, activity.RegisterOptions{Name: durable.DispatchActivity})
	env.ExecuteWorkflow(workflows.Dispatch, durable.DispatchInput{Dispatcher: 1, FromShard: 8, ToShard: 16, Runs: 3})
	require.True(t, workflow.IsContinueAsNewError(env.GetWorkflowError()))
	require.Equal(t, 3, runs)
}

// subscription stands for what one owes: each attempt happens when it is due.
type subscription struct {
	owed     []time.Time
	attempts []time.Time
}

func (s *subscription) retry(now time.Time) durable.RetryResult {
	var left []time.Time
	for _, due := range s.owed {
		if due.After(now) {
			left = append(left, due)
			continue
		}
		s.attempts = append(s.attempts, now)
	}
	s.owed = left
	r := durable.RetryResult{Owed: len(left)}
	for _, due := range left {
		if r.NextDue == nil || due.Before(*r.NextDue) {
			r.NextDue = &due
		}
	}
	return r
}

func retryScenario(t *testing.T, sub *subscription) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(noon)
	env.RegisterActivityWithOptions(func(context.Context, durable.RetryInput) (durable.RetryResult, error) {
		return sub.retry(env.Now().UTC()), nil
	}, activity.RegisterOptions{Name: durable.RetryActivity})
	return env
}

func TestRetriesAreMadeWhenDueAndThenTheWorkflowEnds(t *testing.T) {
	sub := &subscription{owed: []time.Time{*in(5 * time.Second), *in(2 * time.Minute)}}
	env := retryScenario(t, sub)
	env.ExecuteWorkflow(workflows.Retry, durable.RetryInput{TenantID: uuid.New(), SubscriptionID: uuid.New()})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []time.Time{*in(5 * time.Second), *in(2 * time.Minute)}, sub.attempts)
}

// P4.7: a failure that is recorded while the workflow sleeps for a later one is made in its own time.
func TestNewFailureThatIsDueEarlierIsNotSleptOver(t *testing.T) {
	sub := &subscription{owed: []time.Time{*in(time.Hour)}}
	env := retryScenario(t, sub)
	env.RegisterDelayedCallback(func() {
		sub.owed = append(sub.owed, env.Now().Add(5*time.Second))
		env.SignalWorkflow(durable.SignalRetriesOwed, nil)
	}, 10*time.Minute)
	env.ExecuteWorkflow(workflows.Retry, durable.RetryInput{TenantID: uuid.New(), SubscriptionID: uuid.New()})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []time.Time{*in(10*time.Minute + 5*time.Second), *in(time.Hour)}, sub.attempts)
}
