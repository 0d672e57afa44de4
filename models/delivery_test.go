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

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/wire"
)

// claim claims first attempts as a dispatcher of all shards would.
func (b *bench) claim(owner uuid.UUID, rows int) []models.Delivery {
	b.t.Helper()
	endpoints, _, err := b.FreshEndpoints(b.t.Context(), 0, models.Shards, models.ClaimPosition{})
	require.NoError(b.t, err)
	quotas := make([]models.Quota, len(endpoints))
	for i := range endpoints {
		quotas[i] = models.Quota{Endpoint: &endpoints[i], Rows: rows}
	}
	claimed, err := b.ClaimFresh(b.t.Context(), owner, quotas)
	require.NoError(b.t, err)
	return claimed
}

func (b *bench) record(owner uuid.UUID, results ...models.Result) {
	b.t.Helper()
	require.NoError(b.t, b.Record(b.t.Context(), owner, results))
}

func delivered(d models.Delivery) models.Result {
	return models.Result{
		Delivery:  d,
		State:     models.DeliveryDelivered,
		Status:    200,
		Class:     "ok",
		Counted:   true,
		StartedAt: time.Now(),
	}
}

func failed(d models.Delivery, due time.Time) models.Result {
	return models.Result{
		Delivery: d, State: models.DeliveryPending, Status: 500, Class: "http_5xx", Error: "answered 500", Counted: true,
		StartedAt: time.Now(), DueAt: due,
	}
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
	_, err := b.SetTenantLimits(t.Context(), b.tenant.ID, models.TenantLimits{MaxWebhooks: &most})
	require.NoError(t, err)
	for range most {
		b.subscribe()
	}
	b.conversation("a")
	seen := map[uuid.UUID]bool{}
	var at models.ClaimPosition
	for range 10 {
		endpoints, next, err := b.FreshEndpoints(t.Context(), 0, models.Shards, at)
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
	n, err := b.ReleaseExpired(t.Context(), 0, models.Shards)
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
	_, err := b.ReleaseExpired(t.Context(), 0, models.Shards)
	require.NoError(t, err)
	b.record(owner, delivered(claimed[0]))
	require.Len(t, b.claim(uuid.New(), 100), len(claimed)-1, "it is not sent twice")
}

func TestFailureBecomesARetryAndPokesOnce(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	pokes := func() int { return b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`) }
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	due := time.Now().Add(time.Hour)
	b.record(owner, failed(claimed[0], due), failed(claimed[1], due.Add(time.Minute)))
	require.Equal(t, 1, pokes(), "one for the subscription, not one for each delivery")

	state, err := b.ArmRetries(t.Context(), sub.ID)
	require.NoError(t, err)
	require.Equal(t, 2, state.Owed)
	require.WithinDuration(t, due, *state.NextDue, time.Millisecond)
	require.Len(t, state.Failures, 2)
	require.Equal(t, "http_5xx", state.Failures[0].Class)
	retries, err := b.ClaimRetries(t.Context(), owner, sub.ID, 100)
	require.NoError(t, err)
	require.Empty(t, retries, "not due yet")

	b.record(owner, failed(claimed[2], due.Add(time.Hour)))
	require.Equal(t, 1, pokes(), "the workflow is armed for earlier")
	b.exec(`UPDATE deliveries SET due_at = clock_timestamp() - interval '1 second' WHERE attempts > 0`)
	retries, err = b.ClaimRetries(t.Context(), owner, sub.ID, 100)
	require.NoError(t, err)
	require.Len(t, retries, 3)
	require.Equal(t, 1, retries[0].Attempts)
	for _, d := range retries {
		b.record(owner, delivered(d))
	}
	state, err = b.ArmRetries(t.Context(), sub.ID)
	require.NoError(t, err)
	require.Zero(t, state.Owed)
	require.Zero(
		t,
		b.count(`SELECT count(*) FROM subscriptions WHERE retry_armed_for IS NOT NULL`),
		"the next failure pokes again",
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
		// the workflow is armed for long before: the failure would not poke it
		b.exec(`UPDATE subscriptions SET retry_armed_for = now() - interval '1 day'`)
		var wg sync.WaitGroup
		var state models.RetryState
		wg.Go(func() { b.record(owner, failed(claimed[0], time.Now().Add(time.Hour))) })
		wg.Go(func() {
			var err error
			state, err = b.ArmRetries(t.Context(), sub.ID)
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		poked := b.count(`SELECT count(*) FROM outbox WHERE kind = 'retry'`) > 0
		require.True(t, poked || state.Owed > 0, "round %d", round)
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
	b.record(owner, models.Result{
		Delivery:  claimed[0],
		State:     models.DeliveryPending,
		Class:     "own_fault",
		StartedAt: time.Now(),
		DueAt:     time.Now().Add(time.Hour),
	})
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
	i := slices.IndexFunc(claimed, func(d models.Delivery) bool { return d.SubscriptionID == gone.ID })
	b.record(owner, models.Result{
		Delivery:  claimed[i],
		State:     models.DeliveryFailed,
		Failure:   "GONE",
		Disable:   "GONE",
		Status:    410,
		Class:     "http_4xx",
		Counted:   true,
		StartedAt: time.Now(),
	})
	sub, err := b.Subscription(t.Context(), b.tenant.ID, gone.ID)
	require.NoError(t, err)
	require.False(t, sub.IsActive)
	require.Equal(t, "GONE", *sub.DisabledReason)

	no, yes := false, true
	_, err = b.UpdateSubscription(t.Context(), b.tenant.ID, off.ID, models.SubscriptionUpdate{IsActive: &no})
	require.NoError(t, err)
	require.NoError(t, b.DeleteSubscription(t.Context(), b.tenant.ID, deleted.ID))
	require.Empty(t, b.claim(owner, 100))
	require.Equal(t, map[string]int{"failed": 1, "leased": 2, "cancelled": 6}, b.states())

	sub, err = b.UpdateSubscription(t.Context(), b.tenant.ID, gone.ID, models.SubscriptionUpdate{IsActive: &yes})
	require.NoError(t, err)
	require.Nil(t, sub.DisabledReason)
	b.conversation("b")
	require.Len(t, b.claim(owner, 100), 3, "it gets what happens from now on")
}

func TestNewAddressAndSecretAreUsedFromTheNextClaim(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(s *models.NewSubscription) { s.Headers = map[string]string{"X-Token": "t0p"} })
	b.conversation("a")
	endpoints := func() models.Endpoint {
		all, _, err := b.FreshEndpoints(t.Context(), 0, models.Shards, models.ClaimPosition{})
		require.NoError(t, err)
		return all[0]
	}
	require.Equal(t, map[string]string{"X-Token": "t0p"}, endpoints().Headers)
	require.Len(t, endpoints().Signers, 1)
	moved := "http://127.0.0.1:9/moved"
	_, err := b.UpdateSubscription(t.Context(), b.tenant.ID, sub.ID, models.SubscriptionUpdate{URL: &moved})
	require.NoError(t, err)
	rotated, err := b.RotateSecret(t.Context(), b.tenant.ID, sub.ID, time.Hour, nil)
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
	sub := b.subscribe(func(s *models.NewSubscription) { s.Headers = map[string]string{"X-Token": "t0psecret"} })
	got, err := b.Subscription(t.Context(), b.tenant.ID, sub.ID)
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
	team, err := b.CreateTeam(t.Context(), b.tenant.ID, models.NewTeam{Name: "Billing"})
	require.NoError(t, err)
	named := b.subscribe(func(s *models.NewSubscription) { s.Events = []string{"conversation.resolved", "tag.added"} })
	vip := b.subscribe(func(s *models.NewSubscription) { s.Filter = &wire.Filter{Tags: []string{"vip"}} })
	sms := b.subscribe(func(s *models.NewSubscription) { s.Filter = &wire.Filter{Channels: []string{"sms"}} })
	billing := b.subscribe(func(s *models.NewSubscription) { s.Filter = &wire.Filter{TeamIDs: []uuid.UUID{team.ID}} })
	no := false
	b.subscribe(func(s *models.NewSubscription) { s.IsActive = &no })
	c := b.conversation("a")
	b.change(c.ID, models.AddTag{Name: "vip"})
	b.change(c.ID, models.Assign{TeamID: models.Some(team.ID)})
	b.change(c.ID, models.Resolve{})
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
			_, _ = b.CreateSubscription(
				t.Context(),
				b.tenant.ID,
				models.NewSubscription{Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"}},
			)
		})
	}
	wg.Wait()
	require.Equal(t, b.tenant.MaxWebhooks, b.count(`SELECT count(*) FROM subscriptions`))
	_, err := b.CreateSubscription(
		t.Context(),
		b.tenant.ID,
		models.NewSubscription{Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"}},
	)
	requireProblem(t, err, "WEBHOOK_LIMIT_REACHED")
}

func TestWebhooksCanBeSwitchedOffForATenant(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	no := false
	_, err := b.SetTenantLimits(t.Context(), b.tenant.ID, models.TenantLimits{WebhooksEnabled: &no})
	require.NoError(t, err)
	_, err = b.Subscription(t.Context(), b.tenant.ID, sub.ID)
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	_, _, err = b.Subscriptions(t.Context(), b.tenant.ID, models.Page{})
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	_, err = b.RotateSecret(t.Context(), b.tenant.ID, sub.ID, 0, nil)
	requireProblem(t, err, "WEBHOOKS_DISABLED")
	requireProblem(t, b.DeleteSubscription(t.Context(), b.tenant.ID, sub.ID), "WEBHOOKS_DISABLED")
}
