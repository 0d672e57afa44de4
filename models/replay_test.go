package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// sendAll delivers everything that is owed, and returns the events in the order in which they were claimed.
func (b *bench) sendAll() []uuid.UUID {
	b.t.Helper()
	var events []uuid.UUID
	for owner := uuid.New(); ; {
		claimed := b.claim(owner, 100)
		if len(claimed) == 0 {
			return events
		}
		for _, d := range claimed {
			events = append(events, d.EventID)
			b.record(owner, delivered(d))
		}
	}
}

func (b *bench) replay(sub uuid.UUID, in webhook.NewReplay) wire.Replay {
	b.t.Helper()
	if in.Since.IsZero() {
		in.Since = time.Now().Add(-time.Hour)
	}
	r, err := b.Replays.Start(b.t.Context(), b.tenant.ID, sub, in)
	require.NoError(b.t, err)
	require.Equal(b.t, webhook.ReplayRunning, r.Status)
	return r
}

// advance makes steps until the replay has ended or must wait.
func (b *bench) advance(r wire.Replay) webhook.ReplayStep {
	b.t.Helper()
	for {
		step, err := b.Replays.Advance(b.t.Context(), b.tenant.ID, r.ID, "")
		require.NoError(b.t, err)
		if step.Full || step.Replay.NextLookAt == nil || step.Replay.NextLookAt.After(time.Now()) {
			return step
		}
	}
}

func (b *bench) ids() []uuid.UUID {
	var ids []uuid.UUID
	for _, e := range b.events() {
		ids = append(ids, e.id)
	}
	return ids
}

// P4.8: the same event once more, by the rules of a first attempt.
func TestRedeliveryIsTheSameEventWithNewAttempts(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	d := b.claim(owner, 100)[0]
	_, err := b.Webhooks.Redeliver(t.Context(), b.tenant.ID, sub.ID, d.ID, nil)
	refusedWith(t, "DELIVERY_PENDING", err)
	b.record(owner, lost(d))

	again, err := b.Webhooks.Redeliver(t.Context(), b.tenant.ID, sub.ID, d.ID, nil)
	require.NoError(t, err)
	require.Equal(t, []any{"pending", 0, d.EventID}, []any{again.Status, again.Attempts, again.EventID})
	require.Nil(t, again.FinishedAt)
	claimed := b.claim(owner, 100)
	require.Len(t, claimed, 1)
	c := claimed[0]
	require.Equal(t, []any{d.ID, d.EventID, d.Payload, 0}, []any{c.ID, c.EventID, c.Payload, c.Attempts})
	require.Nil(t, c.FirstAttemptAt, "its 72 hours begin anew")
	b.record(owner, delivered(c))
	shown, err := b.Webhooks.Delivery(t.Context(), b.tenant.ID, sub.ID, d.ID, nil)
	require.NoError(t, err)
	require.Len(t, shown.AttemptLog, 2, "what came of it before is kept")
}

func TestRedeliveryThatCannotBe(t *testing.T) {
	b := setup(t)
	sub, other := b.subscribe(), b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	var d webhook.Delivery
	for _, c := range b.claim(owner, 100) {
		b.record(owner, delivered(c))
		if c.SubscriptionID == sub.ID {
			d = c
		}
	}
	redeliver := func(tenant, webhook, delivery uuid.UUID) error {
		_, err := b.Webhooks.Redeliver(t.Context(), tenant, webhook, delivery, nil)
		return err
	}
	refusedWith(t, "NOT_FOUND", redeliver(b.tenant.ID, sub.ID, uuid.New()))
	refusedWith(t, "NOT_FOUND", redeliver(b.tenant.ID, other.ID, d.ID))
	refusedWith(t, "NOT_FOUND", redeliver(uuid.New(), sub.ID, d.ID))
	off := false
	_, err := b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{IsActive: &off})
	require.NoError(t, err)
	refusedWith(t, "WEBHOOK_INACTIVE", redeliver(b.tenant.ID, sub.ID, d.ID))
	on := true
	_, err = b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{IsActive: &on})
	require.NoError(t, err)
	b.exec(`DELETE FROM events`)
	refusedWith(t, "EVENT_EXPIRED", redeliver(b.tenant.ID, sub.ID, d.ID))
}

// P4.9: everything again, what was delivered and what was never owed, each once and in order.
func TestReplaySendsWhatWasDeliveredAndWhatWasNot(t *testing.T) {
	b := setup(t)
	b.conversation("before") // before there was a subscription
	sub := b.subscribe()
	b.conversation("after")
	all := b.ids()
	require.Len(t, b.sendAll(), 3)

	r := b.replay(sub.ID, webhook.NewReplay{})
	step := b.advance(r)
	require.Equal(t, webhook.ReplayCompleted, step.Replay.State)
	require.EqualValues(t, len(all), step.Replay.Queued)
	require.Equal(t, all, b.sendAll())
	require.Equal(t, len(all), b.count(`SELECT count(*) FROM deliveries`), "one for each event, however often it is sent")

	shown, err := b.Replays.Get(t.Context(), b.tenant.ID, sub.ID, r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"completed", 1.0, int64(len(all))}, []any{shown.Status, shown.Progress, shown.Queued})
	require.NotNil(t, shown.FinishedAt)
	b.advance(b.replay(sub.ID, webhook.NewReplay{}))
	require.Equal(t, all, b.sendAll(), "again, from the deliveries that the first replay made")
	require.Equal(t, len(all), b.count(`SELECT count(*) FROM deliveries`))
	require.Equal(t, len(all), len(b.log(sub.ID, webhook.DeliveryFilter{})))
}

func TestReplayOfOnlyWhatFailed(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	for i := range 4 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	owner := uuid.New()
	var want []uuid.UUID
	claimed := b.claim(owner, 100)
	for i, d := range claimed {
		switch i % 4 {
		case 0:
			b.record(owner, delivered(d))
		case 1:
			b.record(owner, failed(d, time.Now().Add(time.Hour)))
		default:
			b.record(owner, lost(d))
			want = append(want, d.EventID)
		}
	}
	b.exec(`UPDATE deliveries SET state = 'cancelled', failure = 'DISABLED' WHERE event_id = $1`, want[1])
	b.exec(`DELETE FROM events WHERE id = $1`, want[0])
	step := b.advance(b.replay(sub.ID, webhook.NewReplay{OnlyFailed: true}))
	require.Equal(t, webhook.ReplayCompleted, step.Replay.State)
	require.Equal(t, []int64{int64(len(want) - 1), 1}, []int64{step.Replay.Queued, step.Replay.Missing})
	require.Equal(t, want[1:], b.sendAll())
	require.Equal(t, 1, b.count(`SELECT count(*) FROM deliveries WHERE state = 'failed'`))
	require.Equal(t, len(claimed)/4+1, b.count(`SELECT count(*) FROM deliveries WHERE state = 'pending'`)+1, "retries stay as they were")
}

func TestReplayKeepsToItsTimesTypesAndTheFilter(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(n *webhook.NewSubscription) {
		n.Filter = &wire.Filter{Channels: []string{"sms"}, Tags: []string{"vip"}}
		n.Events = []string{"message.received", "conversation.created"}
	})
	create := func(reference, channel string, tags ...string) conversation.Conversation {
		in := b.newConversation(reference)
		in.Channel, in.Tags = channel, tags
		c, err := b.Conversations.Create(t.Context(), b.tenant.ID, b.actor, in)
		require.NoError(t, err)
		return c
	}
	create("early", "sms", "vip")
	from := create("first", "sms", "vip", "x").CreatedAt
	create("other", "email", "vip")
	create("plain", "sms")
	create("last", "sms", "vip")
	until := create("late", "sms", "vip").CreatedAt
	require.Len(t, b.sendAll(), 8)
	b.exec(`DELETE FROM deliveries`) // as if the webhook had been off

	r := b.replay(sub.ID, webhook.NewReplay{Since: from, Until: &until, Events: []string{"message.received"}})
	require.EqualValues(t, 2, b.advance(r).Replay.Queued)
	b.sendAll()
	for _, d := range b.log(sub.ID, webhook.DeliveryFilter{}) {
		require.Equal(t, "message.received", d.Event)
	}
	until = time.Now().Add(time.Hour)
	r = b.replay(sub.ID, webhook.NewReplay{Until: &until})
	require.False(t, r.Until.After(time.Now()), "what has not happened needs no replay")
	require.EqualValues(t, 8, b.advance(r).Replay.Queued)

	instant := from.Add(time.Nanosecond) // less than PostgreSQL can tell apart
	for _, wrong := range []struct {
		in    webhook.NewReplay
		field string
	}{
		{webhook.NewReplay{Since: time.Now().Add(time.Minute)}, "since"},
		{webhook.NewReplay{Since: from, Until: &from}, "since"},
		{webhook.NewReplay{Since: from, Until: &instant}, "since"},
		{webhook.NewReplay{Since: from, Events: []string{"tag.added"}}, "events"},
	} {
		_, err := b.Replays.Start(t.Context(), b.tenant.ID, sub.ID, wrong.in)
		message, _ := refusedWith(t, "VALIDATION_FAILED", err)
		require.Contains(t, message, wrong.field)
	}
}

// P4.5 holds for what is replayed, too: a conversation's events come one at a time, in order.
func TestReplayOfAnOrderedWebhook(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	b.change(c.ID, conversation.Resolve{})
	sub := b.subscribe(func(n *webhook.NewSubscription) {
		n.Ordering = webhook.OrderingConversation
	})
	b.change(c.ID, conversation.Reopen{})
	b.advance(b.replay(sub.ID, webhook.NewReplay{}))
	var got []uuid.UUID
	owner := uuid.New()
	for {
		claimed := b.claim(owner, 100)
		if len(claimed) == 0 {
			break
		}
		ofConversation := 0
		for _, d := range claimed {
			if d.Ordered {
				ofConversation++
			}
			got = append(got, d.EventID)
		}
		require.LessOrEqual(t, ofConversation, 1)
		for _, d := range claimed {
			b.record(owner, delivered(d))
		}
	}
	require.Equal(t, b.ids(), got)
}

// What happens now must not wait behind a long replay.
func TestReplayWaitsForTheBacklog(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	b.sendAll()
	b.exec(`INSERT INTO events (id, tenant_id, type, payload, created_at)
		SELECT (left(e.id::text, 18) || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid, e.tenant_id, e.type, e.payload, e.created_at
		FROM (SELECT * FROM events ORDER BY id LIMIT 1) e, generate_series(1, 2000) n`)
	r := b.replay(sub.ID, webhook.NewReplay{})
	step := b.advance(r)
	require.True(t, step.Full)
	require.InDelta(t, 1500, step.Replay.Queued, 1, "500 at a time, until there are more than 1,000")
	shown, err := b.Replays.Get(t.Context(), b.tenant.ID, sub.ID, r.ID)
	require.NoError(t, err)
	require.Equal(t, "running", shown.Status)
	b.sendAll()
	require.Equal(t, webhook.ReplayCompleted, b.advance(r).Replay.State)
	b.sendAll()
	require.Equal(t, 2003, b.count(`SELECT count(*) FROM deliveries WHERE state = 'delivered'`))

	b.exec(`UPDATE subscriptions SET failures = 10, circuit_opened_at = now(), next_probe_at = now()`)
	r = b.replay(sub.ID, webhook.NewReplay{})
	step = b.advance(r)
	require.True(t, step.Replay.NextLookAt.After(time.Now()), "an open circuit: later")
	require.Zero(t, step.Replay.Queued)
}

func TestOneReplayAtATimeWhichCanBeCancelled(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	b.sendAll()
	r := b.replay(sub.ID, webhook.NewReplay{})
	_, err := b.Replays.Start(t.Context(), b.tenant.ID, sub.ID, webhook.NewReplay{Since: r.Since.Time})
	_, details := refusedWith(t, "REPLAY_RUNNING", err)
	require.Equal(t, r.ID, details["replayId"])
	_, err = b.Replays.Cancel(t.Context(), b.tenant.ID, b.subscribe().ID, r.ID)
	refusedWith(t, "NOT_FOUND", err)
	for range 2 {
		r, err = b.Replays.Cancel(t.Context(), b.tenant.ID, sub.ID, r.ID)
		require.NoError(t, err)
		require.Equal(t, "cancelled", r.Status)
	}
	require.Zero(t, b.advance(r).Replay.Queued)
	require.Empty(t, b.sendAll())

	second := b.replay(sub.ID, webhook.NewReplay{})
	require.NoError(t, b.Replays.Abandon(t.Context(), b.tenant.ID, second.ID))
	third := b.replay(sub.ID, webhook.NewReplay{})
	off := false
	_, err = b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{IsActive: &off})
	require.NoError(t, err)
	require.Equal(t, webhook.ReplayCancelled, b.advance(third).Replay.State)
	_, err = b.Replays.Start(t.Context(), b.tenant.ID, sub.ID, webhook.NewReplay{Since: r.Since.Time})
	refusedWith(t, "WEBHOOK_INACTIVE", err)

	var reasons []string
	for cursor := ""; ; {
		page, next, err := b.Replays.List(t.Context(), b.tenant.ID, sub.ID, postgres.Page{Limit: 1, Cursor: cursor})
		require.NoError(t, err)
		for _, r := range page {
			reason := "asked"
			if r.Reason != nil {
				reason = *r.Reason
			}
			reasons = append(reasons, reason)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	require.Equal(t, "DISABLED OPERATOR asked", strings.Join(reasons, " "))
}

func TestReplayWhoseWorkflowWasLostIsSignaled(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.replay(sub.ID, webhook.NewReplay{})
	late := func() int64 {
		n, err := b.Replays.SignalLate(t.Context(), 30*time.Second)
		require.NoError(t, err)
		return n
	}
	b.exec(`UPDATE replays SET next_look_at = next_look_at - interval '1 minute'`)
	require.Zero(t, late(), "its row in the outbox has not been told yet")
	b.exec(`DELETE FROM outbox`)
	require.EqualValues(t, 1, late())
	require.Zero(t, late())
}

// P10.6: an event cannot be dropped between the look for it and the commit that makes its delivery owed again.
func TestRetentionAndRedeliveryDoNotMeet(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	b.sendAll()
	d := b.log(sub.ID, webhook.DeliveryFilter{})[0]
	conn, err := b.db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), `BEGIN; SELECT pg_advisory_xact_lock(hashtext('atender partitions'))`)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := b.Webhooks.Redeliver(t.Context(), b.tenant.ID, sub.ID, d.ID, nil)
		done <- err
	}()
	require.Eventually(t, func() bool {
		return b.count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 1
	}, 10*time.Second, 10*time.Millisecond, "it waits for retention")
	_, err = conn.ExecContext(t.Context(), `DELETE FROM events; COMMIT`)
	require.NoError(t, err)
	refusedWith(t, "EVENT_EXPIRED", <-done)
}
