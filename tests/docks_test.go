package tests

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// embed is a dock that an agent has open in another agent UI.
type embed struct {
	t     *testing.T
	s     *stack.Stack
	agent account.Agent
	dock  wire.Dock
	wire.DockSession
}

func openDock(t *testing.T, s *stack.Stack, agent account.Agent, name string, conversation uuid.UUID) *embed {
	t.Helper()
	made, err := s.API.CreateDockWithResponse(t.Context(), apiclient.CreateDockJSONRequestBody{
		Name: name, URL: "https://tools.example.com",
	})
	require.NoError(t, err)
	require.NotNil(t, made.JSON201, "%s", made.Body)
	opened, err := s.API.OpenDockSessionWithResponse(t.Context(), apiclient.OpenDockSessionJSONRequestBody{
		DockID: made.JSON201.ID, ConversationID: conversation, AgentID: &agent.ID,
	})
	require.NoError(t, err)
	require.NotNil(t, opened.JSON201, "%s", opened.Body)
	return &embed{t: t, s: s, agent: agent, dock: *made.JSON201, DockSession: *opened.JSON201}
}

func newAgent(t *testing.T, s *stack.Stack) account.Agent {
	t.Helper()
	a, err := s.Store.Accounts.CreateAgent(t.Context(), s.Tenant.ID, account.NewAgent{
		Name: "Ada Lovelace", Email: "ada@acme.example", Role: account.RoleAgent,
	})
	require.NoError(t, err)
	return a
}

// browser sends the session's token instead of a key.
func (e *embed) browser(_ context.Context, r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+*e.SessionToken)
	return nil
}

func (e *embed) ask(request, action string, params map[string]any) (status int, a wire.DockAction) {
	e.t.Helper()
	answer, err := e.s.API.RequestDockActionWithResponse(e.t.Context(), e.ID, apiclient.RequestDockActionJSONRequestBody{
		RequestID: request, ContextID: e.ContextID, Action: action, Params: &params,
	}, e.browser)
	require.NoError(e.t, err)
	switch {
	case answer.JSON200 != nil:
		a = *answer.JSON200
	case answer.JSON202 != nil:
		a = *answer.JSON202
	default:
		require.Fail(e.t, "neither decided nor taken in", "%s", answer.Body)
	}
	return answer.StatusCode(), a
}

// await asks what became of an action until that is known.
func (e *embed) await(id uuid.UUID) (a wire.DockAction) {
	e.t.Helper()
	require.Eventually(e.t, func() bool {
		answer, err := e.s.API.GetDockActionWithResponse(e.t.Context(), id, e.browser)
		if err != nil || answer.JSON200 == nil {
			return false
		}
		a = *answer.JSON200
		return a.Status != "pending"
	}, time.Minute, 20*time.Millisecond, "the action is decided")
	return a
}

// A dock refunds, tags, tells the customer and resolves; the world hears that the agent did it, through the dock.
func TestDockActsForItsAgent(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	s.Subscribe(in)
	c := create(t, s, "order-4521")
	e := openDock(t, s, newAgent(t, s), "Refunds", c.ID)
	require.Equal(t, "ada@example.com", *e.Context.Contact.Email)

	for i, action := range []string{"addTag", "sendMessage", "resolve"} {
		params := []map[string]any{{"tag": "refunded"}, {"text": "The money is on its way."}, {}}[i]
		status, a := e.ask(action, action, params)
		require.Equal(t, []any{http.StatusOK, "applied"}, []any{status, a.Status}, action)
		require.NotNil(t, a.Conversation)
	}
	status, again := e.ask("again", "resolve", nil)
	require.Equal(t, []any{http.StatusOK, "rejected", "INVALID_TRANSITION"}, []any{status, again.Status, again.Error.Code})

	got := in.AwaitEvents(time.Minute, "tag.added", "message.sent", "conversation.resolved")
	require.NotEmpty(t, got)
	for _, d := range got {
		if d.Event == "tag.added" || d.Event == "message.sent" || d.Event == "conversation.resolved" {
			require.Contains(t, d.Body, `"actor":{"type":"agent","id":"`+e.agent.ID.String()+`","name":"Ada Lovelace",`+
				`"via":{"type":"dock","id":"`+e.dock.ID.String()+`","name":"Refunds"}}`)
		}
	}

	// Its workflow carried the actions out, and heard of them by their ids alone.
	told := 0
	for _, ev := range events(t, s.Temporal, s.ConversationID(c), "") {
		require.NotContains(t, ev.String(), "refunded")
		require.NotContains(t, ev.String(), "money")
		if ev.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == durable.SignalDockAction {
			told++
		}
	}
	require.Positive(t, told)
}

// Without a worker actions are taken in, and carried out in their order when one is back.
func TestDockActionsWaitForAWorker(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-4521")
	agent := newAgent(t, s)
	one, two := openDock(t, s, agent, "Refunds", c.ID), openDock(t, s, agent, "Shipping", c.ID)
	s.StopWorker()
	var asked sync.WaitGroup
	var ids [4]uuid.UUID
	for i := range ids {
		asked.Go(func() {
			e := []*embed{one, two}[i%2] // two docks at once
			status, a := e.ask(strconv.Itoa(i), "sendMessage", map[string]any{"text": strconv.Itoa(i)})
			if status != http.StatusAccepted || a.Status != "pending" {
				t.Errorf("%d: %d %s", i, status, a.Status)
			}
			ids[i] = a.ID
		})
	}
	asked.Wait()
	s.StartWorker()
	for i, id := range ids {
		require.Equal(t, "applied", []*embed{one, two}[i%2].await(id).Status)
	}
	messages, _, err := s.Store.Lists.Messages(t.Context(), s.Tenant.ID, c.ID, postgres.Page{})
	require.NoError(t, err)
	require.Len(t, messages, 1+len(ids), "each once")
}

// A conversation that is done has no workflow: an action starts one.
func TestDockActionReachesAConversationThatIsDone(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-4521")
	e := openDock(t, s, newAgent(t, s), "Refunds", c.ID)
	_, resolved := e.ask("1", "resolve", nil)
	require.Equal(t, "applied", resolved.Status)
	workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"' AND ExecutionStatus = 'Running'", running(0))
	_, tagged := e.ask("2", "addTag", map[string]any{"tag": "refunded"})
	require.Equal(t, "applied", tagged.Status)
	require.Equal(t, []string{"refunded"}, tagged.Conversation.Tags)
}
