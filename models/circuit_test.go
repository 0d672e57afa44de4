package models_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// open lets an endpoint fail until its circuit opens. It returns the subscription and the deliveries that failed.
func (b *bench) openCircuit() (wire.Subscription, []webhook.Delivery) {
	b.t.Helper()
	sub := b.subscribe()
	for i := range 5 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	owner := uuid.New()
	claimed := b.claim(owner, 10)
	require.Len(b.t, claimed, 10)
	for _, d := range claimed {
		b.record(owner, failed(d, time.Now().Add(time.Hour)))
	}
	return sub, claimed
}

func (b *bench) arm(id uuid.UUID) webhook.RetryState {
	b.t.Helper()
	st, err := b.Webhooks.ArmRetries(b.t.Context(), id, "")
	require.NoError(b.t, err)
	return st
}

// probe makes the probe of an open circuit, with the given outcome.
func (b *bench) probe(id uuid.UUID, ok bool) webhook.Delivery {
	b.t.Helper()
	owner := uuid.New()
	st := b.arm(id)
	claimed, err := b.Webhooks.ClaimProbe(b.t.Context(), owner, &st.Endpoint)
	require.NoError(b.t, err)
	require.Len(b.t, claimed, 1)
	r := failed(claimed[0], time.Now().Add(time.Hour))
	if ok {
		r = delivered(claimed[0])
	}
	r.Probe = true
	b.record(owner, r)
	return claimed[0]
}

// P5.1, P5.2: the dispatchers leave it alone; the retry workflow is signaled, and owns all that is owed.
func TestOpenCircuitBelongsToTheRetryWorkflow(t *testing.T) {
	b := setup(t)
	sub, _ := b.openCircuit()
	require.Empty(t, b.claim(uuid.New(), 100))
	require.Positive(t, b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`))
	st := b.arm(sub.ID)
	require.True(t, st.Circuit.Open())
	require.Equal(t, 15, st.Pending, "first attempts included")
	require.WithinDuration(t, time.Now().Add(5*time.Second), *st.NextDue, 2*time.Second)
}

func TestEachProbeTakesAnotherDelivery(t *testing.T) {
	b := setup(t)
	sub, _ := b.openCircuit()
	seen := map[uuid.UUID]bool{}
	for range 15 {
		d := b.probe(sub.ID, false)
		require.False(t, seen[d.ID], "all have their turn before one is tried again")
		seen[d.ID] = true
	}
	require.True(t, seen[b.probe(sub.ID, false).ID])
	require.Equal(t, 16, b.arm(sub.ID).Circuit.Probes)
}

// P5.3, P5.4: a success closes it; what waited is due at once, and the 72 hours stood still.
func TestSuccessfulProbeLetsEverythingGo(t *testing.T) {
	b := setup(t)
	sub, failedBefore := b.openCircuit()
	b.exec(`UPDATE subscriptions SET circuit_opened_at = circuit_opened_at - interval '10 hours'`)
	b.exec(`UPDATE deliveries SET first_attempt_at = first_attempt_at - interval '11 hours' WHERE attempts > 0`)
	b.exec(`DELETE FROM outbox`)
	probed := b.probe(sub.ID, true)
	st := b.arm(sub.ID)
	require.False(t, st.Circuit.Open())
	require.Positive(t, b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`), "retries are due now")
	retries, err := b.Webhooks.ClaimRetries(t.Context(), uuid.New(), sub.ID, 100)
	require.NoError(t, err)
	for _, d := range retries {
		require.WithinDuration(t, time.Now().Add(-time.Hour), *d.FirstAttemptAt, time.Minute, "10 of the 11 hours do not count")
	}
	fresh := b.claim(uuid.New(), 100)
	require.Len(t, fresh, 15-len(failedBefore)-boolToInt(probed.Attempts == 0))
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A straggler that succeeds closes it just as well, in a batch that has nothing but successes.
func TestLateSuccessClosesTheCircuit(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	for i := range 6 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	owner := uuid.New()
	claimed := b.claim(owner, 20)
	for _, d := range claimed[:10] {
		b.record(owner, failed(d, time.Now().Add(time.Hour)))
	}
	require.True(t, b.arm(sub.ID).Circuit.Open())
	b.record(owner, delivered(claimed[10]))
	require.False(t, b.arm(sub.ID).Circuit.Open())
	require.Zero(t, b.count(`SELECT failures FROM subscriptions`))
}

// P5.5
func TestFiveDaysOfFailuresDisable(t *testing.T) {
	b := setup(t)
	sub, _ := b.openCircuit()
	b.exec(`UPDATE subscriptions SET failing_since = now() - interval '5 days'`)
	b.probe(sub.ID, false)
	got, err := b.Webhooks.Get(t.Context(), b.tenant.ID, sub.ID)
	require.NoError(t, err)
	require.False(t, got.IsActive)
	require.Equal(t, "FAILING", *got.DisabledReason)
	require.Nil(t, b.arm(sub.ID).NextDue)
	require.Equal(t, map[string]int{"failed": 15}, b.states(), "kept as failed: they can be replayed")
	require.Equal(t, 15, b.count(`SELECT count(*) FROM deliveries WHERE failure = 'ENDPOINT_DISABLED'`))
}

func TestNewAddressClosesTheCircuit(t *testing.T) {
	b := setup(t)
	sub, _ := b.openCircuit()
	moved := "http://127.0.0.1:9/moved"
	_, err := b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &moved})
	require.NoError(t, err)
	require.False(t, b.arm(sub.ID).Circuit.Open())
	require.Len(t, b.claim(uuid.New(), 100), 5)
}

// P5.6
func TestOwnFaultsDoNotOpenTheCircuit(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	for i := range 5 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	owner := uuid.New()
	for _, d := range b.claim(owner, 100) {
		r := failed(d, time.Now().Add(time.Hour))
		r.Counted = false
		b.record(owner, r)
	}
	require.False(t, b.arm(sub.ID).Circuit.Open())
}

func ordered(s *webhook.NewSubscription) { s.Ordering = webhook.OrderingConversation }

// P4.5: one at a time for each conversation, in order; conversations do not wait for each other.
func TestOrderedSubscriptionGetsOneAtATimeOfEachConversation(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(ordered)
	first, second := b.conversation("a"), b.conversation("b")
	for i := range 3 {
		b.change(first.ID, conversation.AddTag{Name: fmt.Sprintf("t%d", i)})
	}
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	require.ElementsMatch(t, []string{
		"contact.created", "contact.created", "conversation.created", "conversation.created",
	}, types(claimed))
	require.Empty(t, b.claim(owner, 100))

	var head webhook.Delivery
	for _, d := range claimed {
		if d.EventType == "conversation.created" && conversationOf(b, d) == first.ID {
			head = d
			continue
		}
		b.record(owner, delivered(d))
	}
	next := b.claim(owner, 100)
	require.Len(t, next, 1, "the second goes on")
	require.Equal(t, second.ID, conversationOf(b, next[0]))

	b.record(owner, failed(head, time.Now().Add(-time.Second)))
	require.Empty(t, b.claim(owner, 100), "the first waits for the retry of its head")
	retries, err := b.Webhooks.ClaimRetries(t.Context(), owner, sub.ID, 100)
	require.NoError(t, err)
	require.Len(t, retries, 1)
	r := failed(retries[0], time.Time{})
	r.State, r.Failure = webhook.DeliveryFailed, "RETRIES_EXHAUSTED"
	b.record(owner, r)
	require.Equal(t, []string{"message.received"}, types(b.claim(owner, 100)), "finally failed, it releases the next")
}

func types(ds []webhook.Delivery) []string {
	ts := make([]string, len(ds))
	for i, d := range ds {
		ts[i] = d.EventType
	}
	return ts
}

func conversationOf(b *bench, d webhook.Delivery) uuid.UUID {
	b.t.Helper()
	var id uuid.UUID
	require.NoError(b.t, b.db.QueryRowContext(b.t.Context(), `SELECT conversation_id FROM events WHERE id = $1`, d.EventID).Scan(&id))
	return id
}

// However many workers claim and record at once, an ordered conversation's events go out strictly in order.
func TestOrderHoldsUnderConcurrentWorkers(t *testing.T) {
	b := setup(t)
	b.subscribe(ordered)
	conversations := []uuid.UUID{b.conversation("a").ID, b.conversation("b").ID}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			tag := conversation.AddTag{Name: fmt.Sprintf("t%02d", i)}
			_, err := b.Conversations.Change(t.Context(), b.tenant.ID, conversations[i%2], b.actor, tag)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total := b.count(`SELECT count(*) FROM deliveries`)
	var mu sync.Mutex
	went := map[uuid.UUID][]uuid.UUID{} // events by conversation, in the order in which they were sent
	sent := 0
	for range 4 {
		wg.Go(func() {
			owner := uuid.New()
			for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
				mu.Lock()
				done := sent == total
				mu.Unlock()
				if done {
					return
				}
				for _, d := range b.claim(owner, 10) {
					id := uuid.Nil
					_ = b.db.QueryRowContext(t.Context(), `SELECT conversation_id FROM events WHERE id = $1`, d.EventID).Scan(&id)
					mu.Lock()
					went[id] = append(went[id], d.EventID)
					sent++
					mu.Unlock()
					b.record(owner, delivered(d))
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, total, sent)
	for _, id := range conversations {
		var want []uuid.UUID
		for _, e := range b.events() {
			var conversation *uuid.UUID
			require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT conversation_id FROM events WHERE id = $1`, e.id).Scan(&conversation))
			if conversation != nil && *conversation == id {
				want = append(want, e.id)
			}
		}
		require.Equal(t, want, went[id])
	}
}

// A test that the endpoint took ends the pause (P5.3): what waits goes out at once. One of another URL does not, nor one
// of a webhook that is off.
func TestATestThatSucceedsEndsThePause(t *testing.T) {
	b := setup(t)
	sub, _ := b.openCircuit()
	prepared := func() webhook.WebhookTest {
		test, err := b.Webhooks.PrepareTest(t.Context(), b.tenant.ID, sub.ID, func(...string) error { return nil })
		require.NoError(t, err)
		return test
	}
	end := func(test webhook.WebhookTest) bool {
		ended, err := b.Webhooks.EndPause(t.Context(), test)
		require.NoError(t, err)
		return ended
	}
	stale := prepared()
	b.exec(`UPDATE subscriptions SET url = url || '/elsewhere' WHERE id = $1`, sub.ID)
	require.False(t, end(stale), "another URL was tested")
	fresh := prepared()
	b.exec(`UPDATE subscriptions SET is_active = false WHERE id = $1`, sub.ID)
	require.False(t, end(fresh), "it is off")
	b.exec(`UPDATE subscriptions SET is_active = true WHERE id = $1`, sub.ID)
	require.Zero(t, b.count(`SELECT count(circuit_closed_at) FROM subscriptions`))
	require.Empty(t, b.claim(uuid.New(), 100))

	require.True(t, end(fresh))
	require.False(t, end(fresh), "once")
	st := b.arm(sub.ID)
	require.False(t, st.Circuit.Open())
	require.WithinDuration(t, time.Now(), *st.NextDue, 2*time.Second, "retries are due at once")
	require.Len(t, b.claim(uuid.New(), 100), 5, "the dispatchers have what was not tried yet")
	require.Equal(t, 1, b.count(`SELECT count(circuit_closed_at) FROM subscriptions`))
}
