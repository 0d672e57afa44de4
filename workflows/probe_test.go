package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/workflows"
)

func TestAProbeSaysWhatBecameOfEachQueue(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	tried := 0
	env.RegisterActivityWithOptions(func(ctx context.Context, _ durable.ProbeInput) error {
		if activity.GetInfo(ctx).TaskQueue == durable.DeliveriesQueue("default-test-taskqueue") {
			tried++
			return errors.New("no")
		}
		return nil
	}, activity.RegisterOptions{Name: durable.ProbeActivity})
	env.ExecuteWorkflow(workflows.Probe, durable.ProbeInput{})
	require.NoError(t, env.GetWorkflowError(), "a queue that fails is a result")
	var result durable.ProbeResult
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, []durable.ProbedQueue{
		{Queue: "default-test-taskqueue"}, {Queue: "default-test-taskqueue-deliveries", Failed: true},
	}, result.Queues)
	require.Equal(t, 1, tried, "a probe is over soon")
}
