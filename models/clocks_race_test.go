package models_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
)

// Replies, customer messages, resolves, reopenings, snoozes and timers race, while time passes. Whatever order they come
// in, the row's lock gives them one, and the timeline shows it: what was crossed is what a plain reading of it in that
// order says, with one event and one delivery for each tripwire.
func TestRacingReplyResolveSnoozeAndTimers(t *testing.T) {
	targets := hours(1, 2, 3)
	b := slaSetup(t, map[sla.Metric]sla.Targets{
		sla.FirstReply: targets, sla.AllMessages: targets, sla.Resolution: hours(4, 8, 12),
	})
	b.step = time.Millisecond // no two changes at the same time: the timeline's order is that of time
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var ids []uuid.UUID
	for i := range 6 {
		ids = append(ids, b.conversation(fmt.Sprint("c", i)).ID)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(g))) //nolint:gosec // repeatable
			for range 40 {
				b.pass(time.Duration(rng.IntN(9)) * time.Minute)
				b.disturb(rng, ids[rng.IntN(len(ids))])
			}
		})
	}
	wg.Wait()
	b.step = 0
	b.pass(100 * time.Hour)
	all := 0
	for _, id := range ids {
		b.tick(id)
		b.tick(id)
		want := b.readTimeline(id)
		require.Equal(t, want, b.crossed(id), "conversation %s", id)
		all += len(want)
	}
	require.Positive(t, all)
	require.Equal(t, all, b.count(`SELECT count(*) FROM sla_crossings`))
	require.Equal(t, all, b.count(`SELECT count(*) FROM events WHERE type LIKE 'sla.%'`))
	require.Equal(t, all, b.count(`SELECT count(*) FROM deliveries WHERE event_type LIKE 'sla.%'`))
	require.Equal(t, all, b.count(`SELECT count(*) FROM timeline WHERE kind LIKE 'sla_%'`))
}

// disturb does one thing to a conversation; what is refused is refused.
func (b *slaBench) disturb(rng *rand.Rand, id uuid.UUID) {
	ctx, tenant := b.t.Context(), b.tenant.ID
	var err error
	switch rng.IntN(7) {
	case 0:
		_, err = b.Conversations.PostMessage(
			ctx,
			tenant,
			id,
			b.actor,
			conversation.NewMessage{Direction: conversation.Outbound, Text: text("Soon.")},
		)
	case 1, 2:
		_, err = b.Conversations.PostMessage(
			ctx,
			tenant,
			id,
			b.actor,
			conversation.NewMessage{Direction: conversation.Inbound, Text: text("When?")},
		)
	case 3:
		_, err = b.Conversations.Change(ctx, tenant, id, b.actor, conversation.Resolve{})
	case 4:
		_, err = b.Conversations.Change(ctx, tenant, id, b.actor, conversation.Reopen{})
	case 5:
		until := b.now().Add(time.Duration(1+rng.IntN(50)) * time.Minute)
		_, err = b.Conversations.Change(ctx, tenant, id, b.actor, conversation.Snooze{Until: until})
	default:
		_, err = b.Clocks.Tick(ctx, tenant, id, "")
	}
	if err != nil {
		require.Regexp(b.t, "INVALID_TRANSITION|must be in the future", err.Error())
	}
}

// crossed is what the database says was crossed, as "metric cycle tripwire due".
func (b *slaBench) crossed(id uuid.UUID) []string {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), `SELECT metric, cycle, tripwire, due_at FROM sla_crossings
		WHERE conversation_id = $1`, id)
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	found := []string{}
	for rows.Next() {
		var metric, tripwire string
		var cycle int
		var due time.Time
		require.NoError(b.t, rows.Scan(&metric, &cycle, &tripwire, &due))
		found = append(found, line(sla.Metric(metric), cycle, sla.Tripwire(tripwire), due))
	}
	require.NoError(b.t, rows.Err())
	slices.Sort(found)
	return found
}

func line(m sla.Metric, cycle int, wire sla.Tripwire, due time.Time) string {
	return fmt.Sprintf("%s %d %s %s", m, cycle, wire, due.UTC().Format(time.RFC3339Nano))
}

// plainClock is the rules of one metric in their simplest form: always open, one policy.
type plainClock struct {
	targets []time.Duration
	cycle   int
	since   *time.Time
}

func (c *plainClock) start(at time.Time) {
	if c.since == nil {
		c.cycle++
		c.since = &at
	}
}

// readTimeline says what must have been crossed, from who did what and when.
func (b *slaBench) readTimeline(id uuid.UUID) []string {
	b.t.Helper()
	hoursOf := func(hs ...int) (ds []time.Duration) {
		for _, h := range hs {
			ds = append(ds, time.Duration(h)*time.Hour)
		}
		return ds
	}
	clocks := map[sla.Metric]*plainClock{
		sla.FirstReply:  {targets: hoursOf(1, 2, 3)},
		sla.AllMessages: {targets: hoursOf(1, 2, 3)},
		sla.Resolution:  {targets: hoursOf(4, 8, 12)},
	}
	crossed := []string{}
	stop := func(m sla.Metric, at time.Time) {
		c := clocks[m]
		for i := 0; c.since != nil && i < 3; i++ {
			if due := c.since.Add(c.targets[i]); !due.After(at) {
				crossed = append(crossed, line(m, c.cycle, sla.Tripwires[i], due))
			}
		}
		c.since = nil
	}
	stopAll := func(at time.Time) {
		for _, m := range sla.Metrics {
			stop(m, at)
		}
	}
	open, answered := true, false
	entries, _, err := b.Lists.Timeline(b.t.Context(), b.tenant.ID, id, postgres.Page{Limit: 200})
	require.NoError(b.t, err)
	require.Less(b.t, len(entries), 200)
	for _, e := range entries {
		at := e.CreatedAt.Time
		switch lifecycle.Kind(e.Kind) {
		case lifecycle.Created:
			clocks[sla.FirstReply].start(at)
			clocks[sla.Resolution].start(at)
		case lifecycle.MessageReceived:
			if open {
				clocks[sla.AllMessages].start(at)
			}
		case lifecycle.MessageSent:
			answered = true
			stop(sla.FirstReply, at)
			stop(sla.AllMessages, at)
		case lifecycle.Resolved:
			open = false
			stopAll(at)
		case lifecycle.Reopened:
			open = true
			if !answered {
				clocks[sla.FirstReply].start(at)
			}
			if cause, _ := json.Marshal(e.Data["cause"]); string(cause) == `"customer_message"` {
				clocks[sla.AllMessages].start(at)
			}
			clocks[sla.Resolution].start(at)
		}
	}
	stopAll(b.now())
	slices.Sort(crossed)
	return crossed
}
