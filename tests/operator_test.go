package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/proto"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// running is satisfied by exactly n running executions.
func running(n int) func([]*workflow.WorkflowExecutionInfo) bool {
	return func(found []*workflow.WorkflowExecutionInfo) bool {
		have := 0
		for _, f := range found {
			if f.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
				have++
			}
		}
		return have == n
	}
}

// currentDetails are what Temporal UI shows of a workflow.
func currentDetails(t *testing.T, s *stack.Stack, id string) (string, error) {
	t.Helper()
	value, err := s.Temporal.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	if err != nil {
		return "", err
	}
	var metadata sdkpb.WorkflowMetadata
	err = value.Get(&metadata)
	return metadata.CurrentDetails, err
}

// An operator finds a conversation in Temporal UI by its attributes and reads what it waits for.
func TestOperatorFindsAndReadsAConversation(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-1")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	snooze(t, s, c.ID, until)
	query := fmt.Sprintf(`AtenderTenant = '%s' AND AtenderConversation = '%s' AND AtenderStatus = 'snoozed'
		AND AtenderNextDue > '%s' AND AtenderNextDue < '%s'`, s.Tenant.Slug, c.ID,
		until.Add(-time.Second).Format(time.RFC3339), until.Add(time.Second).Format(time.RFC3339))
	found := workflows(t, s.Temporal, s.Namespace, query, running(1))
	require.Equal(t, s.ConversationID(c), found[0].Execution.WorkflowId)

	details, err := currentDetails(t, s, found[0].Execution.WorkflowId)
	require.NoError(t, err)
	require.Contains(t, details, "Snoozed until "+until.Format("2006-01-02 15:04:05Z"))

	answer, err := s.API.ResolveConversationWithResponse(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode())
	workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"'", running(0))
	answered, err := s.API.ReopenConversationWithResponse(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answered.StatusCode())
	workflows(t, s.Temporal, s.Namespace, "AtenderStatus = 'active' AND AtenderConversation = '"+c.ID.String()+"'", running(1))
}

// The budget: a conversation that is created, answered twice and resolved in time costs at most 30 history events.
func TestTemporalCostOfAConversation(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-1")
	workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"'", running(1))
	for range 2 {
		answer, err := s.API.PostMessageWithResponse(t.Context(), c.ID, apiclient.PostMessageJSONRequestBody{Text: ptr("Hello.")})
		require.NoError(t, err)
		require.NotNil(t, answer.JSON201)
	}
	_, err := s.API.ResolveConversationWithResponse(t.Context(), c.ID)
	require.NoError(t, err)
	found := workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"' AND ExecutionStatus = 'Completed'",
		func(f []*workflow.WorkflowExecutionInfo) bool { return len(f) == 1 })
	all := events(t, s.Temporal, found[0].Execution.WorkflowId, found[0].Execution.RunId)
	t.Logf("%d history events", len(all))
	require.LessOrEqual(t, len(all), 30)
}

// Nothing personal, and no secret, reaches Temporal: not in ids, inputs, signals, attributes, summaries or failures.
func TestTemporalKnowsNothingPersonal(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	in.Answer(func(d inbox.Delivery) int { // retries, and with them failures, are part of the story
		if d.Header.Get("X-Atender-Attempt") == "1" {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	sub := s.Subscribe(in, seconds(5), func(n *webhook.NewSubscription) {
		n.Name, n.Description = "SECRETNAME", "SECRETDESCRIPTION"
		n.URL += "?token=SECRETURL"
		n.Headers = map[string]string{"X-Token": "SECRETHEADER"}
	})
	agent, err := s.Store.Accounts.CreateAgent(
		t.Context(),
		s.Tenant.ID,
		account.NewAgent{Name: "SECRETAGENT", Email: "SECRETAGENT@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)
	answer, err := s.API.CreateOutboundConversationWithResponse(t.Context(), apiclient.CreateOutboundConversationJSONRequestBody{
		ExternalReference: "SECRETREFERENCE",
		Subject:           "SECRETSUBJECT",
		Contact: apiclient.NewContact{
			Email: "SECRETEMAIL@example.com",
			Name:  ptr("SECRETCONTACT"),
			Phone: ptr("+4570123456"),
		},
		OutboundContext: &apiclient.OutboundContext{
			OriginalMessage: ptr("SECRETTEXT"),
			OriginalHTML:    ptr("<p>SECRETHTML</p>"),
			Metadata:        &apiclient.Metadata{"k": "SECRETMETADATA"},
		},
		Tags: []string{"SECRETTAG"},
	})
	require.NoError(t, err)
	require.NotNil(t, answer.JSON201, "%s", answer.Body)
	c := answer.JSON201
	_, err = s.API.PostMessageWithResponse(
		t.Context(),
		c.ID,
		apiclient.PostMessageJSONRequestBody{Text: ptr("SECRETREPLY"), AgentID: &agent.ID},
	)
	require.NoError(t, err)
	snooze(t, s, c.ID, time.Now().Add(1500*time.Millisecond))
	in.Await(time.Minute, "the wake, after its retries", func(ds []inbox.Delivery) bool {
		n := 0
		for _, d := range ds {
			if d.Event == "conversation.updated" {
				n++
			}
		}
		return n == 2
	})
	workflows(t, s.Temporal, s.Namespace, "AtenderWebhook = '"+sub.ID.String()+"'", running(0))

	all := workflows(t, s.Temporal, s.Namespace, "", func(f []*workflow.WorkflowExecutionInfo) bool { return len(f) >= 4 })
	seen := map[string]bool{}
	for _, w := range all {
		seen[w.Type.Name] = true
		raw, err := proto.Marshal(w)
		require.NoError(t, err)
		for _, e := range events(t, s.Temporal, w.Execution.WorkflowId, w.Execution.RunId) {
			event, err := proto.Marshal(e) // payloads are in it as they are, not in base64
			require.NoError(t, err)
			raw = append(raw, event...)
		}
		for _, secret := range []string{"SECRET", "70123456", "whsec_", "sa_live_"} {
			require.False(
				t,
				bytes.Contains(bytes.ToUpper(raw), bytes.ToUpper([]byte(secret))),
				"%s in the history of %s",
				secret,
				w.Execution.WorkflowId,
			)
		}
		require.True(t, bytes.Contains(raw, []byte(w.Execution.WorkflowId)), "the search would have found it")
	}
	for _, kind := range []string{durable.ConversationWorkflow, durable.DispatchWorkflow, durable.RetryWorkflow} {
		require.True(t, seen[kind], kind)
	}
}
