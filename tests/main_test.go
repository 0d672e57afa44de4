// Package tests holds what crosses packages: the product as its users and operators meet it, on a real PostgreSQL and a
// real Temporal.
package tests

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/stack"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// inTime is how late what is due may be: the promise, and in the small form, which shares the machine with other tests,
// three times as much.
var inTime = deps.Sized(6*time.Second, 2*time.Second)

func ptr[T any](v T) *T { return &v }

// create makes a conversation over the API.
func create(t *testing.T, s *stack.Stack, reference string, tags ...string) wire.Conversation {
	t.Helper()
	answer, err := s.API.CreateOutboundConversationWithResponse(t.Context(), apiclient.CreateOutboundConversationJSONRequestBody{
		ExternalReference: reference, Subject: "Where is my order?",
		Contact:         apiclient.NewContact{Email: "ada@example.com", Name: ptr("Ada")},
		OutboundContext: &apiclient.OutboundContext{OriginalMessage: ptr("It has not come.")},
		Tags:            tags,
	})
	require.NoError(t, err)
	require.NotNil(t, answer.JSON201, "%s", answer.Body)
	return *answer.JSON201
}

func snooze(t *testing.T, s *stack.Stack, id uuid.UUID, until time.Time) {
	t.Helper()
	answer, err := s.API.SnoozeConversationWithResponse(
		t.Context(),
		id,
		apiclient.SnoozeConversationJSONRequestBody{Until: until},
	)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON200, "%s", answer.Body)
}

// workflows lists the executions that match a query, as soon as they satisfy the condition: visibility lags behind.
func workflows(
	t *testing.T,
	c client.Client,
	namespace, query string,
	condition func([]*workflow.WorkflowExecutionInfo) bool,
) []*workflow.WorkflowExecutionInfo {
	t.Helper()
	var found []*workflow.WorkflowExecutionInfo
	require.Eventually(t, func() bool {
		answer, err := c.ListWorkflow(
			t.Context(),
			&workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: query},
		)
		if err != nil {
			return false
		}
		found = answer.Executions
		return condition(found)
	}, time.Minute, 50*time.Millisecond, "workflows with %s", query)
	return found
}

// events reads a whole history.
func events(t *testing.T, c client.Client, id, run string) []*history.HistoryEvent {
	t.Helper()
	var all []*history.HistoryEvent
	iter := c.GetWorkflowHistory(t.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		e, err := iter.Next()
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}
