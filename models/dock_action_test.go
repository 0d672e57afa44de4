package models_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// embed is an agent with a dock open beside a conversation.
type embed struct {
	*bench
	agent        account.Agent
	who          account.Principal
	dock         wire.Dock
	conversation conversation.Conversation
	session      wire.DockSession
	requests     int
}

func (b *bench) embed(role account.Role, change ...func(*dock.NewDock)) *embed {
	b.t.Helper()
	e := &embed{bench: b, agent: b.agent("ada", role), dock: b.dock(change...), conversation: b.conversation("order-1")}
	e.who = b.as(e.agent)
	e.session = b.openDock(e.who, e.dock.ID, e.conversation.ID)
	return e
}

type params = map[string]any

func (e *embed) ask(action string, p params) dock.Action {
	e.t.Helper()
	e.requests++
	a, err := e.Docks.RequestAction(e.t.Context(), e.who, e.session.ID, dock.NewAction{
		RequestID: strconv.Itoa(e.requests), ContextID: e.session.ContextID, Action: action, Params: p,
	})
	require.NoError(e.t, err)
	return a
}

// apply carries the action out as the workflow would, and returns it.
func (e *embed) apply(a dock.Action) dock.Action {
	e.t.Helper()
	_, _, err := e.Docks.ApplyAction(e.t.Context(), e.tenant.ID, a.ID)
	require.NoError(e.t, err)
	return e.read(a)
}

func (e *embed) read(a dock.Action) dock.Action {
	e.t.Helper()
	now, err := e.Docks.Action(e.t.Context(), e.who, a.ID)
	require.NoError(e.t, err)
	return now
}

// now is the conversation as it is.
func (e *embed) now() conversation.Conversation {
	e.t.Helper()
	c, err := e.Conversations.Get(e.t.Context(), e.tenant.ID, e.conversation.ID)
	require.NoError(e.t, err)
	return c
}

func (e *embed) rejected(code string, a dock.Action) {
	e.t.Helper()
	require.Equal(e.t, dock.DockActionRejected, a.State)
	require.Equal(e.t, code, *a.ErrorCode, *a.ErrorMessage)
}

func TestActionIsTheAgentsThroughTheDock(t *testing.T) {
	b := setup(t)
	b.subscribe()
	e := b.embed(account.RoleAgent)
	a := e.ask("addTag", params{"tag": "refunded"})
	require.Equal(t, dock.DockActionPending, a.State)
	require.Empty(t, e.now().Tags, "its workflow carries it out, nobody else")
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE kind = 'dock_action' AND dock_action_id = $1 AND target_id = $2
		AND priority < ALL (SELECT priority FROM outbox WHERE kind <> 'dock_action')`, a.ID, e.conversation.ID))

	a = e.apply(a)
	require.Equal(t, dock.DockActionApplied, a.State)
	c := e.now()
	require.Equal(t, []string{"refunded"}, []string(c.Tags))
	require.Equal(t, c.Version, *a.Version)

	line, _, err := b.Lists.Timeline(t.Context(), b.tenant.ID, c.ID, postgres.Page{})
	require.NoError(t, err)
	last := line[len(line)-1]
	require.Equal(t, "tag_added", last.Kind)
	require.Equal(t, wire.Actor{
		Type: wire.ActorAgent, ID: &e.agent.ID, Name: "ada", Via: &wire.Via{Type: wire.ActorDock, ID: e.dock.ID, Name: "Refunds"},
	}, last.Actor)
	events := b.events()
	require.Equal(t, lifecycle.TagAddedEvent, events[len(events)-1].kind)
	require.Contains(t, events[len(events)-1].payload, `"via":{"type":"dock","id":"`+e.dock.ID.String()+`","name":"Refunds"}`)
}

func TestEveryActionDoesWhatItSays(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	bob := e.bench.agent("bob", account.RoleLead)
	team, err := e.Accounts.CreateTeam(t.Context(), e.tenant.ID, account.NewTeam{Name: "Refunds"})
	require.NoError(t, err)
	applied := func(action string, p params) conversation.Conversation {
		require.Equal(t, dock.DockActionApplied, e.apply(e.ask(action, p)).State, action)
		return e.now()
	}
	c := applied("assign", params{"agentEmail": "BOB@example.com", "teamName": "Refunds"})
	require.Equal(t, []uuid.UUID{bob.ID, team.ID}, []uuid.UUID{*c.AssigneeID, *c.TeamID})
	c = applied("assign", params{"agentId": e.agent.ID.String()})
	require.Equal(t, []uuid.UUID{e.agent.ID, team.ID}, []uuid.UUID{*c.AssigneeID, *c.TeamID}, "what is not named stays")

	c = applied("sendMessage", params{"text": "The money is on its way.", "html": "<p>The money is on its way.</p>"})
	require.NotNil(t, c.FirstReplyAt, "it is the agent's reply")
	messages, _, err := e.Lists.Messages(t.Context(), e.tenant.ID, c.ID, postgres.Page{})
	require.NoError(t, err)
	sent := messages[len(messages)-1]
	require.Equal(t, conversation.Outbound, sent.Direction)
	require.Equal(t, []any{wire.ActorAgent, e.agent.ID}, []any{sent.AuthorType, *sent.AuthorID})

	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	c = applied("snooze", params{"until": until.Format(time.RFC3339)})
	require.True(t, c.SnoozedUntil.Equal(until))
	c = applied("resolve", nil)
	require.Equal(t, lifecycle.Done, c.Status)

	e.rejected("INVALID_TRANSITION", e.apply(e.ask("resolve", nil)))
	e.rejected("INVALID_PARAMS", e.apply(e.ask("assign", params{"teamName": "refunds"})))
	e.rejected("INVALID_PARAMS", e.apply(e.ask("assign", params{"agentId": uuid.NewString()})))
	require.Equal(t, c.Version, e.now().Version, "what is rejected changes nothing")
}

func TestSnoozeIntoThePastIsRejectedWhenItsTurnComes(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	a := e.apply(e.ask("snooze", params{"until": time.Now().Add(-time.Minute).Format(time.RFC3339)}))
	e.rejected("INVALID_PARAMS", a)
	require.Contains(t, *a.ErrorMessage, "in the future")
}

func TestWhatCannotBeRightIsRejectedAtOnce(t *testing.T) {
	e := setup(t).embed(account.RoleAgent, func(d *dock.NewDock) { d.Actions = &[]string{"addTag"} })
	e.rejected("NOT_ALLOWED", e.ask("resolve", nil))
	e.rejected("UNKNOWN_ACTION", e.ask("deleteEverything", params{"really": "yes"}))
	e.rejected("INVALID_PARAMS", e.ask("addTag", params{"name": "refunded"}))
	require.Zero(t, e.count(`SELECT count(*) FROM outbox WHERE kind = 'dock_action'`), "no workflow hears of it")
	require.Zero(t, e.count(`SELECT count(*) FROM dock_actions WHERE params <> '{}'`), "and what it said is not kept")
}

// Regression: a dock's tag of unseen characters was applied, where the API refuses it.
func TestATagOfWhichNothingIsSeenIsRejected(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	for _, unseen := range []string{"   ", "\u200b", "\u3164"} {
		e.rejected("INVALID_PARAMS", e.apply(e.ask("addTag", params{"tag": unseen})))
	}
}

func TestReaderLooksAndDoesNotTouch(t *testing.T) {
	e := setup(t).embed(account.RoleReader)
	e.rejected("NOT_ALLOWED", e.ask("addTag", params{"tag": "refunded"}))
}

func TestAnalystOpensNoDock(t *testing.T) {
	b := setup(t)
	_, err := b.Docks.OpenSession(t.Context(), b.as(b.agent("ann", account.RoleAnalytics)), dock.NewSession{
		DockID: b.dock().ID, ConversationID: b.conversation("order-1").ID,
	})
	require.Equal(t, "VALIDATION_FAILED", code(err))
}

// P8.3: the right is looked at again when the action's turn comes.
func TestRightThatIsLostMeanwhileIsLost(t *testing.T) {
	for name, loss := range map[string]string{
		"role":            `UPDATE agents SET role = 'reader'`,
		"left":            `UPDATE agents SET is_active = false`,
		"dock off":        `UPDATE docks SET is_active = false`,
		"dock deleted":    `UPDATE docks SET deleted_at = now()`,
		"not its action":  `UPDATE docks SET actions = '{resolve}'`,
		"not his role":    `UPDATE docks SET roles = '{owner,lead}'`,
		"not his team":    `UPDATE docks SET team_ids = ARRAY[gen_random_uuid()]`,
		"not its channel": `UPDATE docks SET channels = '{sms}'`,
	} {
		t.Run(name, func(t *testing.T) {
			e := setup(t).embed(account.RoleAgent)
			a := e.ask("addTag", params{"tag": "refunded"})
			e.exec(loss)
			e.rejected("NOT_ALLOWED", e.apply(a))
			require.Empty(t, e.now().Tags)
		})
	}
}

// A session outlives the agent's place in a team; what is asked for in it then is refused at once.
func TestDockThatIsNotSeenAnyMoreActsNoMore(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	team, err := e.Accounts.CreateTeam(
		t.Context(),
		e.tenant.ID,
		account.NewTeam{Name: "Refunds", MemberIDs: []uuid.UUID{e.agent.ID}},
	)
	require.NoError(t, err)
	_, err = e.Docks.Update(t.Context(), e.tenant.ID, e.dock.ID, dock.Update{
		TeamIDs: &[]uuid.UUID{team.ID}, Roles: &[]string{"agent"}, Channels: &[]string{"email"},
	})
	require.NoError(t, err)
	require.Equal(t, dock.DockActionApplied, e.apply(e.ask("addTag", params{"tag": "seen"})).State)

	waiting := e.ask("addTag", params{"tag": "waiting"})
	e.exec(`DELETE FROM team_members WHERE agent_id = $1`, e.agent.ID)
	for _, a := range []dock.Action{e.ask("addTag", params{"tag": "late"}), e.apply(waiting)} {
		e.rejected("NOT_ALLOWED", a)
		require.Equal(t, "the agent does not see this dock beside this conversation any more", *a.ErrorMessage)
	}
	require.Equal(t, []string{"seen"}, []string(e.now().Tags))
}

func TestClosedSessionStillGetsWhatItAskedFor(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	a := e.ask("addTag", params{"tag": "refunded"})
	require.NoError(t, e.Docks.CloseSession(t.Context(), e.who, e.session.ID))
	require.Equal(t, dock.DockActionApplied, e.apply(a).State)
}

func TestActionExpiresAfterAQuarterOfAnHour(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	in, late := e.ask("addTag", params{"tag": "in time"}), e.ask("addTag", params{"tag": "late"})
	e.exec(`UPDATE dock_actions SET created_at = created_at - interval '14 minutes 50 seconds' WHERE id = $1`, in.ID)
	e.exec(`UPDATE dock_actions SET created_at = created_at - interval '15 minutes 1 second' WHERE id = $1`, late.ID)
	require.Equal(t, dock.DockActionApplied, e.apply(in).State)
	late = e.apply(late)
	require.Equal(t, dock.DockActionExpired, late.State)
	require.Equal(t, "EXPIRED", *late.ErrorCode)
	require.Equal(t, []string{"in time"}, []string(e.now().Tags))
}

func TestActionForTheConversationBeforeIsStale(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	other := e.bench.conversation("order-2")
	waiting := e.ask("addTag", params{"tag": "refunded"})
	_, err := e.Docks.MoveSession(t.Context(), e.who, e.session.ID, other.ID)
	require.NoError(t, err)
	_, err = e.Docks.RequestAction(t.Context(), e.who, e.session.ID, dock.NewAction{
		RequestID: "late", ContextID: e.session.ContextID, Action: "resolve",
	})
	require.Equal(t, "STALE_CONTEXT", code(err))
	require.Zero(t, e.count(`SELECT count(*) FROM dock_actions WHERE request_id = 'late'`))

	require.Equal(t, dock.DockActionApplied, e.apply(waiting).State, "what was asked for in time happens")
	require.Equal(t, []string{"refunded"}, []string(e.now().Tags), "where it was meant to")
	untouched, err := e.Conversations.Get(t.Context(), e.tenant.ID, other.ID)
	require.NoError(t, err)
	require.Equal(t, other.Version, untouched.Version)
}

func TestSameRequestIsTheSameAction(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	ask := func(action string, p params) dock.Action {
		a, err := e.Docks.RequestAction(t.Context(), e.who, e.session.ID, dock.NewAction{
			RequestID: "refund-1", ContextID: e.session.ContextID, Action: action, Params: p,
		})
		require.NoError(t, err)
		return a
	}
	first := ask("addTag", params{"tag": "refunded"})
	require.Equal(t, first.ID, ask("addTag", params{"tag": "refunded"}).ID)
	e.apply(first)
	again := ask("addTag", params{"tag": "refunded"})
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, dock.DockActionApplied, again.State, "with its outcome")
	for _, other := range []dock.NewAction{
		{Action: "resolve"}, {Action: "addTag", Params: params{"tag": "paid"}}, {Action: "addTag"},
	} {
		other.RequestID, other.ContextID = "refund-1", e.session.ContextID
		_, err := e.Docks.RequestAction(t.Context(), e.who, e.session.ID, other)
		require.Equal(t, "REQUEST_ID_REUSED", code(err))
	}
	e.exec(`UPDATE dock_actions SET request_hash = NULL`) // one from before there were hashes
	require.Equal(t, first.ID, ask("addTag", params{"tag": "paid"}).ID)

	e.session.ContextID = uuid.New() // the agent has moved on, and the dock asks once more what became of it
	require.Equal(t, first.ID, ask("addTag", params{"tag": "refunded"}).ID)
	require.Equal(t, 1, e.count(`SELECT count(*) FROM dock_actions`))
	require.Equal(t, 1, e.count(`SELECT count(*) FROM outbox WHERE kind = 'dock_action'`))
}

// ✗ anywhere in P8.3: the activity is repeated, by its workflow, by the sweeper, by both at once.
func TestActionIsAppliedOnceHoweverOftenItIsTried(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	a := e.ask("sendMessage", params{"text": "The money is on its way."})
	var all sync.WaitGroup
	var mu sync.Mutex
	decided := 0
	for range 12 {
		all.Go(func() {
			_, now, err := e.Docks.ApplyAction(t.Context(), e.tenant.ID, a.ID)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("apply: %v", err)
			}
			decided += len(now)
		})
	}
	all.Wait()
	require.Equal(t, 1, decided)
	require.Equal(t, 1, e.count(`SELECT count(*) FROM messages WHERE direction = 'outbound'`))
	require.Equal(t, 1, e.count(`SELECT count(*) FROM conversation_timeline WHERE kind = 'message_sent'`))
}

// Signals can overtake each other on their way to the workflow.
func TestActionsAreCarriedOutInTheOrderOfArrival(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	b := e.bench
	two := b.openDock(e.who, b.dock().ID, e.conversation.ID) // another dock at the same conversation
	first := e.ask("sendMessage", params{"text": "one"})
	second, err := e.Docks.RequestAction(t.Context(), e.who, two.ID, dock.NewAction{
		RequestID: "1", ContextID: two.ContextID, Action: "sendMessage", Params: params{"text": "two"},
	})
	require.NoError(t, err)
	third := e.ask("sendMessage", params{"text": "three"})

	_, decided, err := e.Docks.ApplyAction(t.Context(), e.tenant.ID, third.ID)
	require.NoError(t, err)
	require.Len(t, decided, 3, "those before it go first")
	for _, a := range []dock.Action{first, second, third} {
		require.Equal(t, dock.DockActionApplied, e.apply(a).State)
	}
	messages, _, err := e.Lists.Messages(t.Context(), e.tenant.ID, e.conversation.ID, postgres.Page{})
	require.NoError(t, err)
	var sent []string
	for _, m := range messages[1:] {
		sent = append(sent, *m.Text)
	}
	require.Equal(t, []string{"one", "two", "three"}, sent)
}

func TestThirtyActionsAMinute(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	for range account.DockActionsPerMinute {
		e.ask("addTag", params{"tag": "refunded"})
	}
	again := dock.NewAction{RequestID: "31", ContextID: e.session.ContextID, Action: "resolve"}
	_, err := e.Docks.RequestAction(t.Context(), e.who, e.session.ID, again)
	require.Equal(t, "RATE_LIMITED", code(err))
	_, err = e.Docks.RequestAction(t.Context(), e.who, e.session.ID, dock.NewAction{
		RequestID: "1", ContextID: e.session.ContextID, Action: "addTag", Params: params{"tag": "refunded"},
	})
	require.NoError(t, err, "asking again is not asking for more")
	e.exec(`UPDATE dock_actions SET created_at = created_at - interval '61 seconds' WHERE request_id = '1'`)
	_, err = e.Docks.RequestAction(t.Context(), e.who, e.session.ID, again)
	require.NoError(t, err)
}

func TestWhoWaitsIsWokenByTheDecision(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	a := e.ask("addTag", params{"tag": "refunded"})
	other := e.open() // the worker's, in another process
	woken := make(chan dock.Action, 1)
	go func() {
		now, err := e.Docks.AwaitAction(t.Context(), a, 20*time.Second)
		if err != nil {
			t.Errorf("await: %v", err)
		}
		woken <- now
	}()
	_, _, err := other.Docks.ApplyAction(t.Context(), e.tenant.ID, a.ID)
	require.NoError(t, err)
	require.Equal(t, dock.DockActionApplied, (<-woken).State)

	b := e.ask("addTag", params{"tag": "refunded"})
	now, err := e.Docks.AwaitAction(t.Context(), b, 10*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, dock.DockActionPending, now.State, "patience has an end")
}

func TestLateActionsAreTheSweepers(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	late, fresh := e.ask("addTag", params{"tag": "late"}), e.ask("addTag", params{"tag": "fresh"})
	e.exec(`UPDATE dock_actions SET created_at = created_at - interval '6 seconds' WHERE id = $1`, late.ID)
	found, err := e.Docks.LateActions(t.Context(), 5*time.Second, 10)
	require.NoError(t, err)
	require.Equal(t, []dock.ActionRef{{TenantID: e.tenant.ID, ID: late.ID}}, found)
	require.Equal(t, dock.DockActionPending, e.read(fresh).State)
}
