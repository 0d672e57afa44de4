package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
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
	return detailsOf(t, s, &common.WorkflowExecution{WorkflowId: id})
}

// detailsOf are those of a run.
func detailsOf(t *testing.T, s *stack.Stack, of *common.WorkflowExecution) (string, error) {
	t.Helper()
	value, err := s.Temporal.QueryWorkflow(t.Context(), of.WorkflowId, of.RunId, "__temporal_workflow_metadata")
	if err != nil {
		return "", err
	}
	var metadata sdkpb.WorkflowMetadata
	err = value.Get(&metadata)
	return metadata.CurrentDetails, err
}

// summaries are those of a workflow's events, its own first.
func summaries(t *testing.T, s *stack.Stack, of *common.WorkflowExecution) (said []string) {
	t.Helper()
	for _, e := range events(t, s.Temporal, of.WorkflowId, of.RunId) {
		if payload := e.GetUserMetadata().GetSummary(); payload != nil {
			var text string
			require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &text))
			said = append(said, text)
		}
	}
	return said
}

// An operator finds a conversation in Temporal UI by its attributes and reads what it waits for.
func TestOperatorFindsAndReadsAConversation(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-1")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	snooze(t, s, c.ID, until)
	query := fmt.Sprintf(`AtenderTenant = '%s' AND AtenderNumber = %d AND AtenderConversation = '%s' AND AtenderStatus = 'snoozed'
		AND AtenderNextDue > '%s' AND AtenderNextDue < '%s'`, s.Tenant.Slug, c.Number, c.ID,
		until.Add(-time.Second).Format(time.RFC3339), until.Add(time.Second).Format(time.RFC3339))
	found := workflows(t, s.Temporal, s.Namespace, query, running(1))
	require.Equal(t, s.ConversationID(c), found[0].Execution.WorkflowId)

	details, err := currentDetails(t, s, found[0].Execution.WorkflowId)
	require.NoError(t, err)
	at := until.Format("2006-01-02 15:04:05Z")
	require.Contains(t, details, "Snoozed until "+at)
	said := summaries(t, s, found[0].Execution)
	require.Equal(t, fmt.Sprintf("Conversation %d of acme: snoozes, SLA, archiving; what docks ask for", c.Number), said[0])
	require.Contains(t, said, "snooze ends "+at)

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

	_, err = s.API.ArchiveConversationWithResponse(t.Context(), c.ID)
	require.NoError(t, err)
	startReplay(t, s, sub.ID, apiclient.NewReplay{Since: time.Now().Add(-time.Hour)})
	allKinds := func(f []*workflow.WorkflowExecutionInfo) bool {
		has := map[string]bool{}
		for _, w := range f {
			has[w.Type.Name] = true
		}
		return has[durable.ConversationWorkflow] && has[durable.RetryWorkflow] && has[durable.ReplayWorkflow]
	}
	ended := workflows(t, s.Temporal, s.Namespace, "ExecutionStatus = 'Completed'", allKinds)
	requireFigures(t, s, ended)

	all := workflows(t, s.Temporal, s.Namespace, "", func(f []*workflow.WorkflowExecutionInfo) bool { return len(f) >= 5 })
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
		details, err := detailsOf(t, s, w.Execution)
		require.NoError(t, err)
		require.True(t, details != "" || w.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, w.Execution.WorkflowId)
		raw = append(raw, details...)
		require.NotContains(t, w.Execution.WorkflowId, in.URL()[len("http://127.0.0.1"):], "of the URL, the host alone")
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
	for _, kind := range []string{
		durable.ConversationWorkflow, durable.DispatchWorkflow, durable.RetryWorkflow, durable.ReplayWorkflow,
	} {
		require.True(t, seen[kind], kind)
	}
}

var nextRetry = regexp.MustCompile(`^next retry at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$`)

// requireFigures holds the results of workflows that have ended against what happened in TestTemporalKnowsNothingPersonal: a
// snooze ended, each of some deliveries needed a second attempt, all events were replayed.
func requireFigures(t *testing.T, s *stack.Stack, ended []*workflow.WorkflowExecutionInfo) {
	t.Helper()
	var retries durable.RetryOutcome
	for _, w := range ended {
		result := func(into any) {
			run := s.Temporal.GetWorkflow(t.Context(), w.Execution.WorkflowId, w.Execution.RunId)
			require.NoError(t, run.Get(t.Context(), into))
		}
		switch w.Type.Name {
		case durable.ConversationWorkflow:
			var outcome durable.ConversationOutcome
			result(&outcome)
			require.Equal(t, durable.ConversationOutcome{Status: "archived", Wakes: 1}, outcome)
		case durable.RetryWorkflow:
			var outcome durable.RetryOutcome
			result(&outcome)
			require.NotZero(t, outcome.Since)
			retries.Made += outcome.Made
			retries.Delivered += outcome.Delivered
			said := summaries(t, s, w.Execution)
			require.Regexp(t, `^Failing webhook at 127\.0\.0\.1: `, said[0])
			require.Equal(t, "first look at what is owed", said[1])
			// Before it may have looked again, at what failed while it looked first.
			require.True(t, slices.ContainsFunc(said[2:], nextRetry.MatchString), "%q", said)
		case durable.ReplayWorkflow:
			var outcome durable.ReplayOutcome
			result(&outcome)
			require.Equal(t, webhook.ReplayCompleted, outcome.Status)
			require.Positive(t, outcome.Queued)
			require.Zero(t, outcome.Missing)
		}
	}
	require.GreaterOrEqual(t, retries.Made, int64(5), "each event was refused once")
	require.Equal(t, retries.Made, retries.Delivered)
}
