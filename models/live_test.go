package models_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
)

// listen listens as an agent of the tenant.
func (b *bench) listen(s *models.Store, after string) *feed.Stream {
	b.t.Helper()
	l, err := s.Feed.Listen(b.t.Context(), b.tenant.ID, ident.New(), postgres.CursorList{}, after)
	require.NoError(b.t, err)
	b.t.Cleanup(l.Close)
	return l
}

func nextBatch(t *testing.T, l *feed.Stream) feed.NewsBatch {
	t.Helper()
	select {
	case batch, ok := <-l.C:
		require.True(t, ok, "it was ended")
		return batch
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing was told")
		return feed.NewsBatch{}
	}
}

// until collects news until one of the kind about the thing comes, and returns that and the last cursor.
func until(t *testing.T, l *feed.Stream, id uuid.UUID, want func(feed.News) bool) (feed.News, string) {
	t.Helper()
	cursor := ""
	for {
		batch := nextBatch(t, l)
		if batch.Cursor != "" {
			cursor = batch.Cursor
		}
		for _, n := range batch.News {
			if n.ID != nil && *n.ID == id && want(n) {
				return n, cursor
			}
		}
	}
}

// reaches waits until what this process notices reaches the listener in another one, whose connection may just be made.
func (b *bench) reaches(l *feed.Stream) {
	b.t.Helper()
	probe := ident.New()
	require.Eventually(b.t, func() bool {
		b.Wakeups().Mark(feed.Notice(b.tenant.ID, "dock_action", probe, 0))
		for {
			select {
			case batch := <-l.C:
				for _, n := range batch.News {
					if n.ID != nil && *n.ID == probe {
						return true
					}
				}
			default:
				return false
			}
		}
	}, 20*time.Second, 20*time.Millisecond, "the other process hears nothing")
}

func anything(feed.News) bool { return true }

func TestConsolesHearOfEveryChange(t *testing.T) {
	b := setupAlone(t)
	b.sequence(b.Store, feed.Sequencer{})
	other := b.open() // another process
	here, there := b.listen(b.Store, ""), b.listen(other, "")
	for _, l := range []*feed.Stream{here, there} {
		first := nextBatch(t, l)
		require.Equal(t, feed.NewsReady, first.News[0].Type)
		require.NotEmpty(t, first.Cursor)
	}
	c := b.conversation("a")
	for _, l := range []*feed.Stream{here, there} {
		n, _ := until(t, l, c.ID, anything)
		require.Equal(t, "conversation", n.Type)
		require.Equal(t, []string{"conversation.created", "message.received"}, n.Events)
		require.Equal(t, int64(1), *n.Version)
	}
	posted := b.post(c.ID, conversation.NewMessage{Direction: conversation.Note, Text: text("Internal")})
	for _, l := range []*feed.Stream{here, there} {
		n, _ := until(t, l, c.ID, func(n feed.News) bool { return len(n.Events) == 0 })
		require.Equal(t, posted.Conversation.Version, *n.Version, "a note is no event, but something to see")
	}
	thing := ident.New()
	b.Wakeups().Mark(feed.Notice(b.tenant.ID, "dock_action", thing, 0))
	n, _ := until(t, here, thing, anything)
	require.Equal(t, feed.News{Type: "dock_action", ID: &thing}, n)
}

func TestConsolesHearOfDocksThatAreMadeChangedAndDeleted(t *testing.T) {
	b := setupAlone(t)
	other := b.open() // another process
	l := b.listen(other, "")
	b.reaches(l)
	d := b.dock()
	told := func() {
		t.Helper()
		n, _ := until(t, l, d.ID, anything)
		require.Equal(t, feed.News{Type: "docks", ID: &d.ID}, n)
	}
	told()
	_, err := b.Docks.Update(t.Context(), b.tenant.ID, d.ID, dock.Update{IsActive: ptr(false)})
	require.NoError(t, err)
	told()
	require.NoError(t, b.Docks.Delete(t.Context(), b.tenant.ID, d.ID))
	told()
	_, err = b.Docks.Update(t.Context(), b.tenant.ID, d.ID, dock.Update{IsActive: ptr(true)})
	require.Equal(t, "NOT_FOUND", code(err))
}

// Deadlines that an edit has moved raise no versions; consoles are told when all of the tenant's have moved.
func TestConsolesHearThatDeadlinesHaveMoved(t *testing.T) {
	b := setupAlone(t)
	l := b.listen(b.Store, "")
	nextBatch(t, l)
	b.assign(b.policy("P", byMetric{sla.FirstReply: slow}).ID, nil, nil)
	done, err := b.Clocks.Recompute(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.False(t, done.Left)
	n, _ := until(t, l, b.tenant.ID, anything)
	require.Equal(t, "time", n.Type)
}

func TestConsolesHearOfTheirOwnTenantOnly(t *testing.T) {
	b := setupAlone(t)
	b.sequence(b.Store, feed.Sequencer{})
	second, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Second"})
	require.NoError(t, err)
	l, err := b.Feed.Listen(t.Context(), second.ID, ident.New(), postgres.CursorList{}, "")
	require.NoError(t, err)
	t.Cleanup(l.Close)
	nextBatch(t, l)
	b.conversation("not-theirs")
	b.Wakeups().Mark(feed.Notice(b.tenant.ID, "dock_action", ident.New(), 0))
	own, err := b.Conversations.Create(t.Context(), second.ID, b.actor, b.newConversation("theirs"))
	require.NoError(t, err)
	for {
		batch := nextBatch(t, l)
		for _, n := range batch.News {
			require.Contains(t, []uuid.UUID{own.ID, own.Contact.ID}, *n.ID)
		}
		if *batch.News[len(batch.News)-1].ID == own.ID {
			return
		}
	}
}

func TestWhoComesBackHearsWhatWasMissed(t *testing.T) {
	b := setupAlone(t)
	b.sequence(b.Store, feed.Sequencer{})
	l := b.listen(b.Store, "")
	nextBatch(t, l)
	first := b.conversation("a")
	_, cursor := until(t, l, first.ID, anything)
	l.Close()

	b.change(first.ID, conversation.Resolve{})
	missed := b.conversation("b")
	b.sequenced()
	again := b.listen(b.open(), cursor)
	batch := nextBatch(t, again)
	require.Equal(t, feed.NewsReady, batch.News[0].Type)
	require.Equal(t, first.ID, *batch.News[1].ID)
	require.Equal(t, []string{"conversation.updated", "conversation.resolved"}, batch.News[1].Events)
	require.Equal(t, missed.ID, *batch.News[len(batch.News)-1].ID)

	b.exec(`INSERT INTO feed_floors (tenant_id, position) SELECT $1, last_position FROM feed`, b.tenant.ID)
	expired := nextBatch(t, b.listen(b.Store, cursor))
	require.Equal(t, feed.NewsResync, expired.News[1].Type, "what was dropped cannot be told")
	_, err := b.Feed.Listen(t.Context(), b.tenant.ID, ident.New(), postgres.CursorList{}, "nonsense")
	requireField(t, err, "after")
}

// A console that does not read is let go before it fills the memory; the others are not held up.
func TestASlowConsoleIsLetGo(t *testing.T) {
	b := setupAlone(t)
	slow, quick := b.listen(b.Store, ""), b.listen(b.Store, "")
	nextBatch(t, quick)
	var last uuid.UUID
	for range 100 {
		last = ident.New()
		b.Wakeups().Mark(feed.Notice(b.tenant.ID, "dock_action", last, 0))
		until(t, quick, last, anything)
	}
	n := 0
	for range slow.C {
		n++
	}
	require.Less(t, n, 50)
}

func TestOneAgentCannotTakeAllConnections(t *testing.T) {
	b := setupAlone(t)
	agent := ident.New()
	for range 20 {
		l, err := b.Feed.Listen(t.Context(), b.tenant.ID, agent, postgres.CursorList{}, "")
		require.NoError(t, err)
		t.Cleanup(l.Close)
	}
	_, err := b.Feed.Listen(t.Context(), b.tenant.ID, agent, postgres.CursorList{}, "")
	requireProblem(t, err, "TOO_MANY_CONSOLES")
	b.listen(b.Store, "")
}

func TestConsolesHearOfWebhooksInTrouble(t *testing.T) {
	b := setupAlone(t)
	l := b.listen(b.Store, "")
	sub, _ := b.openCircuit()
	n, _ := until(t, l, sub.ID, anything)
	require.Equal(t, feed.News{Type: "webhook", ID: &sub.ID}, n)
	b.probe(sub.ID, true)
	until(t, l, sub.ID, anything)
}

func TestConsolesHearWhatBecameOfADocksAction(t *testing.T) {
	b := setupAlone(t)
	e := b.embed(account.RoleAgent, func(d *dock.NewDock) { d.Name = "Refunds/Returns \"50 % off\"" })
	here, there := b.listen(b.Store, ""), b.listen(b.open(), "")
	b.reaches(there)
	done, refused := e.apply(e.ask("resolve", nil)), e.apply(e.ask("resolve", nil))
	for _, l := range []*feed.Stream{here, there} {
		for _, a := range []dock.Action{done, refused} {
			n, _ := until(t, l, a.ID, anything)
			require.Equal(t, feed.News{Type: "dock_action", ID: &a.ID, ActionNews: &feed.ActionNews{
				ConversationID: e.conversation.ID, DockID: e.dock.ID, Dock: e.dock.Name, AgentID: e.agent.ID,
				Action: "resolve", Status: string(a.State),
			}}, n)
		}
	}
}
