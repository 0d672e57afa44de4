package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/fault"
)

// embed is a dock that an agent has open beside a conversation.
type embed struct {
	w                           *world
	conversation                uuid.UUID
	session, contextID, browser string // browser is the session's token
}

// embed opens a dock beside a new conversation.
func (w *world) embed() *embed {
	w.t.Helper()
	return w.embeds(1)[0]
}

// embeds opens a dock beside each of n new conversations.
func (w *world) embeds(n int) (open []*embed) {
	w.t.Helper()
	agent, err := w.store.Accounts.CreateAgent(w.t.Context(), w.tenant.ID, account.NewAgent{
		Name: "Ada", Email: "ada@example.com", Role: account.RoleAgent,
	})
	require.NoError(w.t, err)
	dock, err := w.store.Docks.Create(w.t.Context(), w.tenant.ID, dock.NewDock{Name: "Refunds", URL: "https://tools.example.com"})
	require.NoError(w.t, err)
	c := w.writer(0)
	for i := range n {
		e := &embed{w: w}
		e.conversation, err = c.create(w.t.Context(), fmt.Sprintf("embedded-%d", i))
		require.NoError(w.t, err)
		opened, err := c.call(w.t.Context(), http.MethodPost, "/v1/dock-sessions", object{
			"dockId": dock.ID, "conversationId": e.conversation, "agentId": agent.ID,
		})
		require.NoError(w.t, err)
		require.Equal(w.t, http.StatusCreated, opened.status, "%s", opened.body)
		e.session, e.contextID, e.browser = opened.field("id"), opened.field("contextId"), opened.field("sessionToken")
		open = append(open, e)
	}
	return open
}

// ask asks for a message to the customer, of all actions the one that shows when it happens twice.
func (e *embed) ask(request string) (reply, error) {
	return e.askAs(e.w.t.Context(), e.w.writer(1), request)
}

func (e *embed) askAs(ctx context.Context, c *writer, request string) (reply, error) {
	return c.callAs(ctx, e.browser, http.MethodPost, "/v1/dock-sessions/"+e.session+"/actions", object{
		"requestId": request, "contextId": e.contextID, "action": "sendMessage", "params": object{"text": request},
	})
}

// insist asks until it is told that the action is known, or that the session asks too often: then it is not.
func (e *embed) insist(ctx context.Context, c *writer, request string) error {
	r, _, err := c.untilAnswered(ctx, func() (reply, error) { return e.askAs(ctx, c, request) })
	switch {
	case err != nil:
		return err
	case r.ok():
		c.w.ledger.asked(request)
		return nil
	case r.status == http.StatusTooManyRequests:
		return nil
	default:
		return fmt.Errorf("action %s: %d %s", request, r.status, r.body)
	}
}

// actions finds dock actions that were not carried out once.
var actions = map[string]string{
	"a dock action that was not applied": `SELECT concat_ws(' ', id, state, error_code) FROM dock_actions WHERE state <> 'applied'`,
	"a dock action without its one message": `SELECT a.id::text FROM dock_actions a LEFT JOIN messages m
		ON m.conversation_id = a.conversation_id AND m.text = a.request_id GROUP BY a.id HAVING count(m.id) <> 1`,
	"a dock's message that nobody asked for": `SELECT m.id::text FROM messages m
		WHERE m.direction = 'outbound' AND m.conversation_id IN (SELECT conversation_id FROM dock_sessions)
			AND NOT EXISTS (SELECT FROM dock_actions a WHERE a.conversation_id = m.conversation_id AND a.request_id = m.text)`,
}

func (e *embed) sent() int {
	return row[int](e.w, `SELECT count(*) FROM messages WHERE direction = 'outbound' AND conversation_id = $1`, e.conversation)
}

// appliedOnce waits until everything asked for is decided, and checks that the customer got each message once.
func (e *embed) appliedOnce(messages int) {
	e.w.t.Helper()
	eventually(e.w.t, time.Minute, "the actions are carried out", func() bool {
		return row[int](e.w, `SELECT count(*) FROM dock_actions WHERE state = 'applied' AND conversation_id = $1`,
			e.conversation) == messages
	})
	require.Equal(e.w.t, messages, e.sent())
	require.Equal(e.w.t, messages, row[int](e.w, `SELECT count(*) FROM conversation_timeline WHERE kind = 'message_sent'
		AND conversation_id = $1`, e.conversation))
}

// Crashes around a dock action, each beside a conversation of its own. A scene begins and ends without a worker.
func TestCrashOfADockAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startAPI()
	worker := w.start("worker")
	docks := w.embeds(4)
	for _, e := range docks {
		eventually(t, time.Minute, "Temporal knows the conversation", func() bool { return w.idle(e.conversation) })
	}
	w.retire(worker)
	w.scene(string(fault.DockActionStored), func(t *testing.T) { docks[0].crashWhenStored(t) })
	w.scene(string(fault.BeforeDockCommit), func(t *testing.T) { docks[1].crashBeforeCommit(t) })
	w.scene(string(fault.AfterActing), func(t *testing.T) { docks[2].crashWhenCarriedOut(t) })
	w.scene(string(fault.AfterTelling), func(t *testing.T) { docks[3].crashWhenTold(t) })
}

// ✗ P8.1: the action is stored, and its workflow does not know. The relay tells its workflow.
func (e *embed) crashWhenStored(t *testing.T) {
	w := e.w
	running := w.apis
	dying := w.armed("api", fault.DockActionStored)
	dying.awaitReady()
	w.apis = []*process{dying}
	_, err := e.ask("one")
	w.apis = running
	require.Error(t, err, "no answer")
	w.awaitEnd(dying)
	require.Equal(t, 1, row[int](w, `SELECT count(*) FROM dock_actions WHERE state = 'pending'`))

	w.expireLeases()
	worker := w.start("worker")
	e.appliedOnce(1)
	again, err := e.ask("one")
	require.NoError(t, err)
	require.Equal(t, []any{http.StatusOK, "applied"}, []any{again.status, again.field("status")}, "whoever asks again is told")
	require.Equal(t, 1, e.sent())
	w.retire(worker)
}

// ✗ P8.3: the change is made and not committed. It is made again, once.
func (e *embed) crashBeforeCommit(t *testing.T) {
	w := e.w
	dying := w.armed("worker", fault.BeforeDockCommit)
	waiting, err := e.ask("one")
	require.NoError(t, err)
	require.Equal(t, []any{http.StatusAccepted, "pending"}, []any{waiting.status, waiting.field("status")})
	w.awaitEnd(dying)
	require.Zero(t, e.sent(), "nothing happened")

	w.expireLeases()
	worker := w.start("worker")
	e.appliedOnce(1)
	w.retire(worker)
}

// ✗ P8.2: the action is carried out, and the workflow does not know. It asks again, and finds it decided. The worker stops
// only where the activity has decided it, not the sweeper.
func (e *embed) crashWhenCarriedOut(t *testing.T) {
	w := e.w
	dying := w.armed("worker", fault.AfterActing)
	asked := 0
	for dying.running() && asked < 5 { // on a busy machine the sweeper may have been quicker
		asked++
		_, err := e.ask(fmt.Sprintf("action-%d", asked))
		require.NoError(t, err)
		within(2*time.Second, func() bool { return !dying.running() })
	}
	w.awaitEnd(dying)
	require.Equal(t, asked, e.sent())

	w.expireLeases()
	w.exec(`UPDATE outbox SET available_at = clock_timestamp()`)
	worker := w.start("worker")
	eventually(t, time.Minute, "the workflow asks again, and waits", func() bool { return w.idle(e.conversation) })
	require.Zero(t, worker.counted("atender_dock_actions_decided_total"), "it was decided")
	e.goesOn(asked)
	w.retire(worker)
}

// ✗ P8.2: the workflow is told of the action a second time, and finds it decided.
func (e *embed) crashWhenTold(t *testing.T) {
	w := e.w
	dying := w.armed("worker", fault.AfterTelling)
	_, err := e.ask("action-1")
	require.NoError(t, err)
	w.awaitEnd(dying)
	require.Equal(t, 1, row[int](w, `SELECT count(*) FROM outbox WHERE kind = 'dock_action'`), "it will be told again")

	w.expireLeases()
	w.exec(`UPDATE outbox SET available_at = clock_timestamp()`)
	w.start("worker")
	e.goesOn(1)
}

// goesOn checks that what was asked for has happened once, and that the next action does, too.
func (e *embed) goesOn(asked int) {
	t := e.w.t
	t.Helper()
	e.appliedOnce(asked)
	eventually(t, time.Minute, "all is told", func() bool { return row[int](e.w, `SELECT count(*) FROM outbox`) == 0 })
	next, err := e.ask("the next")
	require.NoError(t, err)
	require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, next.status)
	e.appliedOnce(asked + 1)
}
