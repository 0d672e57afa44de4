package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/fault"
)

// embed is a dock that an agent has open beside a conversation.
type embed struct {
	w                           *world
	conversation                uuid.UUID
	session, contextID, browser string // browser is the session's token
}

func (w *world) embed() *embed {
	w.t.Helper()
	e := &embed{w: w}
	agent, err := w.store.CreateAgent(w.t.Context(), w.tenant.ID, models.NewAgent{
		Name: "Ada", Email: "ada@example.com", Role: models.RoleAgent,
	})
	require.NoError(w.t, err)
	dock, err := w.store.CreateDock(w.t.Context(), w.tenant.ID, models.NewDock{Name: "Refunds", URL: "https://tools.example.com"})
	require.NoError(w.t, err)
	c := w.writer(0)
	e.conversation, err = c.create(w.t.Context(), "order-1")
	require.NoError(w.t, err)
	opened, err := c.call(w.t.Context(), http.MethodPost, "/v1/dock-sessions", object{
		"dockId": dock.ID, "conversationId": e.conversation, "agentId": agent.ID,
	})
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusCreated, opened.status, "%s", opened.body)
	e.session, e.contextID, e.browser = opened.field("id"), opened.field("contextId"), opened.field("sessionToken")
	return e
}

// ask asks for a message to the customer, of all actions the one that shows when it happens twice.
func (e *embed) ask(request string) (reply, error) {
	return e.w.writer(1).callAs(e.w.t.Context(), e.browser, http.MethodPost, "/v1/dock-sessions/"+e.session+"/actions", object{
		"requestId": request, "contextId": e.contextID, "action": "sendMessage", "params": object{"text": request},
	})
}

func (e *embed) sent() int {
	return row[int](e.w, `SELECT count(*) FROM messages WHERE direction = 'outbound'`)
}

// appliedOnce waits until everything asked for is decided, and checks that the customer got each message once.
func (e *embed) appliedOnce(messages int) {
	e.w.t.Helper()
	eventually(e.w.t, 40*time.Second, "the actions are carried out", func() bool {
		return row[int](e.w, `SELECT count(*) FROM dock_actions WHERE state = 'applied'`) == messages
	})
	require.Equal(e.w.t, messages, e.sent())
	require.Equal(e.w.t, messages, row[int](e.w, `SELECT count(*) FROM timeline WHERE kind = 'message_sent'`))
}

// ✗ P8.1: the action is stored, and nobody knows. The relay tells its workflow.
func TestCrashAfterADockActionIsStored(t *testing.T) {
	w := newWorld(t)
	w.startAPI()
	worker := w.start("worker")
	e := w.embed()
	w.killWorker(worker)
	w.apis[0].kill()
	dying := w.armed("api", fault.DockActionStored)
	dying.awaitReady()
	w.apis = []*process{dying}
	_, err := e.ask("one")
	require.Error(t, err, "no answer")
	w.awaitEnd(dying)
	require.Equal(t, 1, row[int](w, `SELECT count(*) FROM dock_actions WHERE state = 'pending'`))

	w.expireLeases()
	w.start("worker")
	e.appliedOnce(1)
	w.apis = nil
	w.startAPI()
	again, err := e.ask("one")
	require.NoError(t, err)
	require.Equal(t, []any{http.StatusOK, "applied"}, []any{again.status, again.field("status")}, "whoever asks again is told")
	require.Equal(t, 1, e.sent())
}

// ✗ P8.3: the change is made and not committed. It is made again, once.
func TestCrashBeforeADockActionIsCommitted(t *testing.T) {
	w := newWorld(t)
	w.startAPI()
	worker := w.start("worker")
	e := w.embed()
	w.killWorker(worker)
	dying := w.armed("worker", fault.BeforeDockCommit)
	waiting, err := e.ask("one")
	require.NoError(t, err)
	require.Equal(t, []any{http.StatusAccepted, "pending"}, []any{waiting.status, waiting.field("status")})
	w.awaitEnd(dying)
	require.Zero(t, e.sent(), "nothing happened")

	w.expireLeases()
	w.start("worker")
	e.appliedOnce(1)
}

// While Temporal is away docks go on working, a little slower: the guard carries out what they ask for. What was told to
// Temporal before, or is told when it is back, happens no second time.
func TestDockActionsWhileTemporalIsAway(t *testing.T) {
	w := newWorld(t)
	w.startAPI()
	w.start("worker")
	e := w.embed()
	before, err := e.ask("before")
	require.NoError(t, err)
	require.Equal(t, "applied", before.field("status"))

	stop(t, temporal)
	away, err := e.ask("away")
	require.NoError(t, err)
	if away.status != http.StatusOK { // 5 s are the API's patience, and the guard's
		require.Equal(t, []any{http.StatusAccepted, "pending"}, []any{away.status, away.field("status")})
	}
	e.appliedOnce(2)
	give(t, temporal)
	back, err := e.ask("back")
	require.NoError(t, err)
	require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, back.status)
	e.appliedOnce(3)
	eventually(t, time.Minute, "Temporal is told of everything", func() bool {
		return row[int](w, `SELECT count(*) FROM outbox WHERE kind = 'dock_action'`) == 0
	})
	require.Equal(t, 3, e.sent())
}
