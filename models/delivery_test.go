package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/retry"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// claim claims first attempts as a dispatcher of all shards would.
func (b *bench) claim(owner uuid.UUID, rows int) []webhook.Delivery {
	b.t.Helper()
	endpoints, _, err := b.Webhooks.FreshEndpoints(b.t.Context(), 0, webhook.Shards, webhook.ClaimPosition{})
	require.NoError(b.t, err)
	quotas := make([]webhook.Quota, len(endpoints))
	for i := range endpoints {
		quotas[i] = webhook.Quota{Endpoint: &endpoints[i], Rows: rows}
	}
	claimed, err := b.Webhooks.ClaimFresh(b.t.Context(), owner, quotas)
	require.NoError(b.t, err)
	return claimed
}

func (b *bench) record(owner uuid.UUID, outcomes ...webhook.Outcome) {
	b.t.Helper()
	require.NoError(b.t, b.Webhooks.RecordOutcomes(b.t.Context(), owner, outcomes))
}

func delivered(d webhook.Delivery) webhook.Outcome {
	return decided(d, webhook.Attempt{Status: 200, Class: webhook.ClassOK})
}

// decided is what an attempt that starts now makes of a delivery.
func decided(d webhook.Delivery, a webhook.Attempt) webhook.Outcome {
	a.StartedAt = time.Now()
	return webhook.Outcome{Delivery: d, Attempt: a, Decision: webhook.Decide(d, retry.Schedule{}, a, 0)}
}

func failed(d webhook.Delivery, due time.Time) webhook.Outcome {
	o := decided(d, webhook.Attempt{Status: 500, Class: webhook.ClassHTTP5xx, Error: "answered 500"})
	o.DueAt = due
	return o
}

func (b *bench) states() map[string]int {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), `SELECT state, count(*) FROM deliveries GROUP BY 1`)
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	states := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		require.NoError(b.t, rows.Scan(&state, &n))
		states[state] = n
	}
	require.NoError(b.t, rows.Err())
	return states
}

func TestClaimedDeliveriesCarryTheStoredBytes(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("a")
	claimed := b.claim(uuid.New(), 100)
	events := b.events()
	require.Len(t, claimed, len(events))
	for i, d := range claimed {
		require.Equal(t, events[i].id, d.EventID, "in the order in which they happened")
		require.Equal(t, events[i].payload, d.Payload)
	}
	require.Equal(t, map[string]int{"leased": len(events)}, b.states())
}

// Two workers never hold the same row.
func TestConcurrentClaimsShareTheWork(t *testing.T) {
	b := setup(t)
	b.subscribe()
	for i := range 20 {
		b.conversation(fmt.Sprintf("c%d", i))
	}
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				for _, d := range b.claim(uuid.New(), 3) {
					mu.Lock()
					seen[d.ID]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 60)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
}

func TestRoundOverManySubscriptionsVisitsAll(t *testing.T) {
	b := setup(t)
	most := 300
	_, err := b.Webhooks.SetLimits(t.Context(), b.tenant.ID, webhook.TenantLimits{MaxWebhooks: &most})
	require.NoError(t, err)
	for range most {
		b.subscribe()
	}
	b.conversation("a")
	seen := map[uuid.UUID]bool{}
	var at webhook.ClaimPosition
	for range 10 {
		endpoints, next, err := b.Webhooks.FreshEndpoints(t.Context(), 0, webhook.Shards, at)
		require.NoError(t, err)
		for _, e := range endpoints {
			require.False(t, seen[e.ID], "nobody has two turns in a round")
			seen[e.ID] = true
		}
		if at = next; next.Subscription == uuid.Nil {
			break
		}
	}
	require.Len(t, seen, most)
}

// P4.4: what a worker took and did not record comes back when the lease has run out.
func TestExpiredLeaseIsClaimableAgain(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("a")
	lost, found := uuid.New(), uuid.New()
	first := b.claim(lost, 100)
	require.Empty(t, b.claim(found, 100))
	b.exec(`UPDATE deliveries SET leased_until = clock_timestamp() - interval '1 second'`)
	n, err := b.Webhooks.ReleaseExpired(t.Context(), 0, webhook.Shards)
	require.NoError(t, err)
	require.EqualValues(t, len(first), n)
	second := b.claim(found, 100)
	require.Len(t, second, len(first))

	b.record(lost, delivered(first[0]))
	require.Equal(t, map[string]int{"leased": len(first)}, b.states(), "who lost the lease changes no state")
	require.Equal(t, 1, b.count(`SELECT count(*) FROM attempts`), "but the attempt was made")
	b.record(found, delivered(second[0]))
	require.Equal(t, map[string]int{"leased": len(first) - 1, "delivered": 1}, b.states())
}

func TestLateRecordCountsWhileNobodyElseClaimed(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	b.exec(`UPDATE deliveries SET leased_until = clock_timestamp() - interval '1 second'`)
	_, err := b.Webhooks.ReleaseExpired(t.Context(), 0, webhook.Shards)
	require.NoError(t, err)
	b.record(owner, delivered(claimed[0]))
	require.Len(t, b.claim(uuid.New(), 100), len(claimed)-1, "it is not sent twice")
}

func TestFailureBecomesARetryAndSignalsOnce(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	signals := func() int { return b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`) }
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	due := time.Now().Add(time.Hour)
	b.record(owner, failed(claimed[0], due), failed(claimed[1], due.Add(time.Minute)))
	require.Equal(t, 1, signals(), "one for the subscription, not one for each delivery")

	state, err := b.Webhooks.ArmRetries(t.Context(), sub.ID, "")
	require.NoError(t, err)
	require.Equal(t, 2, state.Pending)
	require.WithinDuration(t, due, *state.NextDue, time.Millisecond)
	require.Len(t, state.Failures, 2)
	require.Equal(t, "http_5xx", state.Failures[0].Class)
	retries, err := b.Webhooks.ClaimRetries(t.Context(), owner, sub.ID, 100)
	require.NoError(t, err)
	require.Empty(t, retries, "not due yet")

	b.record(owner, failed(claimed[2], due.Add(time.Hour)))
	require.Equal(t, 1, signals(), "the workflow is armed for earlier")
	b.exec(`UPDATE deliveries SET due_at = clock_timestamp() - interval '1 second' WHERE attempts > 0`)
	retries, err = b.Webhooks.ClaimRetries(t.Context(), owner, sub.ID, 100)
	require.NoError(t, err)
	require.Len(t, retries, 3)
	require.Equal(t, 1, retries[0].Attempts)
	for _, d := range retries {
		b.record(owner, delivered(d))
	}
	state, err = b.Webhooks.ArmRetries(t.Context(), sub.ID, "")
	require.NoError(t, err)
	require.Zero(t, state.Pending)
	require.Zero(
		t,
		b.count(`SELECT count(*) FROM subscriptions WHERE retry_armed_for IS NOT NULL`),
		"the next failure signals again",
	)
}

// P4.7: whatever the interleaving of a workflow that ends and a failure that is recorded, one of them knows of the other.
func TestNoRetryIsOrphaned(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	for round := range 20 {
		b.conversation(fmt.Sprintf("c%d", round))
		owner := uuid.New()
		claimed := b.claim(owner, 1)
		b.exec(`DELETE FROM outbox`)
		// the workflow is armed for long before: the failure would not signal it
		b.exec(`UPDATE subscriptions SET retry_armed_for = now() - interval '1 day'`)
		var wg sync.WaitGroup
		var state webhook.RetryState
		wg.Go(func() { b.record(owner, failed(claimed[0], time.Now().Add(time.Hour))) })
		wg.Go(func() {
			var err error
			state, err = b.Webhooks.ArmRetries(t.Context(), sub.ID, "")
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		signaled := b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`) > 0
		require.True(t, signaled || state.Pending > 0, "round %d", round)
		b.exec(`UPDATE deliveries SET state = 'delivered'`)
		b.exec(`UPDATE subscriptions SET failures = 0`) // the circuit is another test's
	}
}

func TestOwnFaultUsesUpNoAttempt(t *testing.T) {
	b := setup(t)
	b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 1)
	ours := decided(claimed[0], webhook.Attempt{Class: webhook.ClassOwnFault})
	ours.DueAt = time.Now().Add(time.Hour)
	b.record(owner, ours)
	require.Equal(t, 0, b.count(`SELECT attempts FROM deliveries WHERE id = $1`, claimed[0].ID))
	for _, d := range b.claim(owner, 100) {
		require.NotEqual(t, claimed[0].ID, d.ID, "it waits for its time")
	}
	require.Zero(t, b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`))
}

// P4.6
func TestWhatIsOwedToASubscriptionThatIsOffIsCancelled(t *testing.T) {
	b := setup(t)
	gone, off, deleted := b.subscribe(), b.subscribe(), b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 1)
	i := slices.IndexFunc(claimed, func(d webhook.Delivery) bool { return d.SubscriptionID == gone.ID })
	b.record(owner, decided(claimed[i], webhook.Attempt{Status: 410, Class: webhook.ClassHTTP4xx}))
	sub, err := b.Webhooks.Get(t.Context(), b.tenant.ID, gone.ID)
	require.NoError(t, err)
	require.False(t, sub.IsActive)
	require.Equal(t, "GONE", *sub.DisabledReason)

	no, yes := false, true
	_, err = b.Webhooks.Update(t.Context(), b.tenant.ID, off.ID, webhook.SubscriptionUpdate{IsActive: &no})
	require.NoError(t, err)
	require.NoError(t, b.Webhooks.Delete(t.Context(), b.tenant.ID, deleted.ID))
	require.Empty(t, b.claim(owner, 100))
	require.Equal(t, map[string]int{"failed": 1, "leased": 2, "cancelled": 6}, b.states())

	sub, err = b.Webhooks.Update(t.Context(), b.tenant.ID, gone.ID, webhook.SubscriptionUpdate{IsActive: &yes})
	require.NoError(t, err)
	require.Nil(t, sub.DisabledReason)
	b.conversation("b")
	require.Len(t, b.claim(owner, 100), 3, "it gets what happens from now on")
}

func TestNewAddressAndSecretAreUsedFromTheNextClaim(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(s *webhook.NewSubscription) { s.Headers = map[string]string{"X-Token": "t0p"} })
	b.conversation("a")
	endpoints := func() webhook.Endpoint {
		all, _, err := b.Webhooks.FreshEndpoints(t.Context(), 0, webhook.Shards, webhook.ClaimPosition{})
		require.NoError(t, err)
		return all[0]
	}
	require.Equal(t, map[string]string{"X-Token": "t0p"}, endpoints().Headers)
	require.Len(t, endpoints().Signers, 1)
	moved := "http://127.0.0.1:9/moved"
	_, err := b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &moved})
	require.NoError(t, err)
	rotated, err := b.Webhooks.RotateSecret(t.Context(), b.tenant.ID, sub.ID, time.Hour, nil)
	require.NoError(t, err)
	e := endpoints()
	require.Equal(t, moved, e.URL)
	require.Len(t, e.Secrets, 2, "both sign during the grace")
	require.Equal(t, *rotated.Secret, e.Secrets[0].Reveal(), "the newest first")
	require.Equal(t, *sub.Secret, e.Secrets[1].Reveal())
	b.exec(`UPDATE subscriptions SET previous_until = now() - interval '1 second'`)
	require.Len(t, endpoints().Secrets, 1)
}

func TestSecretsAreSealedAndNeverReadAgain(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(s *webhook.NewSubscription) { s.Headers = map[string]string{"X-Token": "t0psecret"} })
	got, err := b.Webhooks.Get(t.Context(), b.tenant.ID, sub.ID)
	require.NoError(t, err)
	shown, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "t0psecret")
	require.NotContains(t, string(shown), "whsec_")
	require.Contains(t, string(shown), `"headers":["X-Token"]`)
	var row string
	require.NoError(
		t,
		b.db.QueryRowContext(t.Context(), `SELECT encode(secret, 'escape') || encode(headers, 'escape') FROM subscriptions`).
			Scan(&row),
	)
	require.NotContains(t, row, "t0psecret")
	require.NotContains(t, row, "whsec_")
}

func TestSubscriptionsHearWhatTheyAskedFor(t *testing.T) {
	b := setup(t)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Billing"})
	require.NoError(t, err)
	named := b.subscribe(func(s *webhook.NewSubscription) { s.Events = []string{"conversation.resolved", "tag.added"} })
	vip := b.subscribe(func(s *webhook.NewSubscription) { s.Filter = &wire.Filter{Tags: []string{"vip"}} })
	sms := b.subscribe(func(s *webhook.NewSubscription) { s.Filter = &wire.Filter{Channels: []string{"sms"}} })
	billing := b.subscribe(func(s *webhook.NewSubscription) { s.Filter = &wire.Filter{TeamIDs: []uuid.UUID{team.ID}} })
	no := false
	b.subscribe(func(s *webhook.NewSubscription) { s.IsActive = &no })
	c := b.conversation("a")
	b.change(c.ID, conversation.AddTag{Name: "vip"})
	b.change(c.ID, conversation.Assign{TeamID: wire.Some(team.ID)})
	b.change(c.ID, conversation.Resolve{})
	heard := func(id uuid.UUID) []string {
		rows, err := b.db.QueryContext(
			t.Context(),
			`SELECT event_type FROM deliveries WHERE subscription_id = $1 ORDER BY id`,
			id,
		)
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		types := []string{}
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			types = append(types, s)
		}
		require.NoError(t, rows.Err())
		return types
	}
	require.Equal(t, []string{"tag.added", "conversation.resolved"}, heard(named.ID))
	afterTag := []string{
		"conversation.updated",
		"tag.added",
		"conversation.updated",
		"assignment.changed",
		"conversation.updated",
		"conversation.resolved",
	}
	require.Equal(t, afterTag, heard(vip.ID), "as the conversation is after the change; contact events match no filter")
	require.Empty(t, heard(sms.ID))
	require.Equal(t, afterTag[2:], heard(billing.ID))
}

func TestMaxWebhooksHoldsUnderARace(t *testing.T) {
	b := setup(t)
	var wg sync.WaitGroup
	for range 25 {
		wg.Go(func() {
			_, _ = b.Webhooks.Create(
				t.Context(),
				b.tenant.ID,
				webhook.NewSubscription{Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"}},
			)
		})
	}
	wg.Wait()
	require.Equal(t, b.tenant.MaxWebhooks, b.count(`SELECT count(*) FROM subscriptions`))
	_, err := b.Webhooks.Create(
		t.Context(),
		b.tenant.ID,
		webhook.NewSubscription{Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"}},
	)
	requireProblem(t, err, "WEBHOOK_LIMIT_REACHED")
}

func TestWebhooksCanBeSwitchedOffForATenant(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	no := false
	_, err := b.Webhooks.SetLimits(t.Context(), b.tenant.ID, webhook.TenantLimits{WebhooksEnabled: &no})
	require.NoError(t, err)
	_, err = b.Webhooks.Get(t.Context(), b.tenant.ID, sub.ID)
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	_, _, err = b.Webhooks.List(t.Context(), b.tenant.ID, postgres.Page{})
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	_, err = b.Webhooks.RotateSecret(t.Context(), b.tenant.ID, sub.ID, 0, nil)
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	requireProblem(t, b.Webhooks.Delete(t.Context(), b.tenant.ID, sub.ID), "WEBHOOKS_DISABLED")
}
