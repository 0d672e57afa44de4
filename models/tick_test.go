package models_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
)

// clock is what a store takes the database's time for.
type clock struct{ ahead atomic.Int64 }

func (c *clock) option(o *models.Options) {
	o.Clock = func(database time.Time) time.Time { return database.Add(time.Duration(c.ahead.Load())) }
}

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func TestTickWakesWhenTheTimeHasComeAndOnlyThen(t *testing.T) {
	var time0 clock
	b := setupAlone(t, time0.option)
	c := b.conversation("a")
	c = b.change(c.ID, conversation.Snooze{Until: time.Now().Add(time.Hour)})

	tick, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, "")
	require.NoError(t, err)
	require.Equal(t, lifecycle.Snoozed, tick.Status)
	require.Empty(t, tick.Fired)
	require.WithinDuration(t, *c.SnoozedUntil, *tick.NextDue, 0)

	time0.pass(time.Hour + time.Second)
	before := len(b.events())
	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, "")
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1)
	require.Equal(t, lifecycle.Active, tick.Status)
	require.Nil(t, tick.NextDue)
	require.Equal(t, []lifecycle.EventType{lifecycle.ConversationUpdated}, kinds(b.events()[before:]))

	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, "")
	require.NoError(t, err)
	require.Empty(t, tick.Fired, "a repeated tick finds nothing due (P3.3)")
	require.Len(t, b.events(), before+1)
}

// One wake per snooze, whichever transaction comes first.
func TestRacingTicksAndCommandsWakeOnce(t *testing.T) {
	var time0 clock
	b := setupAlone(t, time0.option)
	c := b.conversation("a")
	b.change(c.ID, conversation.Snooze{Until: time.Now().Add(time.Minute)})
	time0.pass(time.Hour)
	before := len(b.events())
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, ""); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_, _ = b.Conversations.Change(
				t.Context(),
				b.tenant.ID,
				c.ID,
				b.actor,
				conversation.Unsnooze{},
			) // refused once it is awake
		})
	}
	wg.Wait()
	require.Equal(t, []lifecycle.EventType{lifecycle.ConversationUpdated}, kinds(b.events()[before:]))
	require.Equal(
		t,
		1,
		b.count(`SELECT count(*) FROM timeline WHERE conversation_id = $1 AND kind IN ('woken', 'unsnoozed')`, c.ID),
	)
}

// P3.1: the outbox hears of what the workflow must know, and of nothing else.
func TestOnlyEarlierDueTimesAndStatusChangesSignal(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	signals := func() int { return b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID) }
	tick := func() {
		_, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, "")
		require.NoError(t, err)
	}
	require.Equal(t, 1, signals(), "creation starts the workflow")
	tick()
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")})
	b.change(c.ID, conversation.AddTag{Name: "vip"})
	require.Equal(t, 1, signals(), "messages and tags cost Temporal nothing")

	soon := time.Now().Add(time.Hour)
	b.change(c.ID, conversation.Snooze{Until: soon})
	require.Equal(t, 2, signals())
	tick()
	b.change(c.ID, conversation.Snooze{Until: soon.Add(time.Hour)})
	require.Equal(t, 2, signals(), "later costs nothing")
	b.change(c.ID, conversation.Snooze{Until: soon.Add(-time.Minute)})
	require.Equal(t, 3, signals(), "earlier does")
}

// trips counts statements on the wire, BEGIN and COMMIT included.
type trips struct{ n atomic.Int64 }

func (c *trips) option(o *models.Options) { o.Tracer = c }

func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// The write path's cost is its round trips: the budgets are 6 for a creation, 5 for a message and for a transition.
func TestRoundTrips(t *testing.T) {
	var c trips
	b := setupAlone(t, c.option)
	b.subscribe()
	warm := b.conversation("warm up: the block of numbers")
	agent, err := b.Accounts.CreateAgent(
		t.Context(),
		b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "grace@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)
	b.post(warm.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("Its connection has its settings.")})
	for name, x := range map[string]struct {
		run  func()
		most int64
	}{
		"creation": {func() { b.conversation("another") }, 4},
		"message": {func() {
			b.post(warm.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")})
		}, 4},
		"an agent's": {func() {
			b.post(warm.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello"), AgentID: &agent.ID})
		}, 5},
		"transition":        {func() { b.change(warm.ID, conversation.Snooze{Until: time.Now().Add(time.Hour)}) }, 4},
		"assignment":        {func() { b.change(warm.ID, conversation.Assign{AssigneeID: wire.Some(agent.ID)}) }, 5},
		"nothing to do":     {func() { b.change(warm.ID, conversation.RemoveTag{Name: "x"}) }, 3},
		"tick, nothing due": {func() { _, _ = b.Clocks.Tick(t.Context(), b.tenant.ID, warm.ID, "") }, 4},
	} {
		before := c.n.Load()
		x.run()
		require.LessOrEqual(t, c.n.Load()-before, x.most, name)
	}
}
