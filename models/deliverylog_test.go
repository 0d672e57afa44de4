package models_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// log reads the whole delivery log of a webhook, page by page.
func (b *bench) log(sub uuid.UUID, f webhook.DeliveryFilter) []wire.Delivery {
	b.t.Helper()
	var all []wire.Delivery
	for cursor := ""; ; {
		found, next, err := b.Webhooks.Deliveries(b.t.Context(), b.tenant.ID, sub, f, postgres.Page{Limit: 2, Cursor: cursor})
		require.NoError(b.t, err)
		require.LessOrEqual(b.t, len(found), 2)
		all = append(all, found...)
		if cursor = next; cursor == "" {
			return all
		}
	}
}

func lost(d webhook.Delivery) webhook.Outcome {
	r := failed(d, time.Now())
	r.State, r.Failure = webhook.DeliveryFailed, "RETRIES_EXHAUSTED"
	return r
}

// refusedWith checks that err is the problem with the code, and returns its message and details.
func refusedWith(t *testing.T, code string, err error) (message string, details map[string]any) {
	t.Helper()
	p, ok := problem.As(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, p.Code)
	return p.Message, p.Details
}

func TestDeliveryLogShowsEachDeliveryOnceTheNewestFirst(t *testing.T) {
	b := setup(t)
	sub, other := b.subscribe(), b.subscribe()
	var conversations []conversation.Conversation
	for i := range 4 {
		conversations = append(conversations, b.conversation(fmt.Sprintf("c%d", i)))
	}
	events := b.events()
	owner := uuid.New()
	for i, d := range b.claim(owner, 100) {
		switch i % 3 {
		case 0:
			b.record(owner, delivered(d))
		case 1:
			b.record(owner, lost(d))
		default:
			b.record(owner, failed(d, time.Now().Add(time.Hour)))
		}
	}
	all := b.log(sub.ID, webhook.DeliveryFilter{})
	require.Len(t, all, len(events))
	for i, d := range all {
		require.Equal(t, events[len(events)-1-i].id, d.EventID)
		require.Equal(t, sub.ID, d.WebhookID)
		require.NotNil(t, d.LastAttempt)
	}
	require.Len(t, b.log(other.ID, webhook.DeliveryFilter{}), len(events))

	byStatus := map[string]int{}
	for _, d := range all {
		byStatus[d.Status]++
	}
	for _, status := range []string{"pending", "sending", "delivered", "failed", "cancelled"} {
		found := b.log(sub.ID, webhook.DeliveryFilter{Status: status})
		require.Len(t, found, byStatus[status], status)
		for _, d := range found {
			require.Equal(t, status, d.Status)
			require.Equal(t, status == "pending", d.NextAttemptAt != nil)
			require.Equal(t, status == "failed" || status == "delivered", d.FinishedAt != nil)
		}
	}
	require.Len(t, byStatus, 3)

	for _, d := range b.log(sub.ID, webhook.DeliveryFilter{Event: "contact.created"}) {
		require.Equal(t, "contact.created", d.Event)
	}
	of := b.log(sub.ID, webhook.DeliveryFilter{ConversationID: &conversations[1].ID})
	require.Len(t, of, 2, "conversation.created and message.received")
	for _, d := range of {
		require.Equal(t, conversations[1].ID, *d.ConversationID)
	}
	nobody := uuid.New()
	require.Empty(t, b.log(sub.ID, webhook.DeliveryFilter{ConversationID: &nobody}))
	since := conversations[2].CreatedAt
	require.Len(t, b.log(sub.ID, webhook.DeliveryFilter{Since: &since}), 6)
}

func TestDeliveryIsShownWithItsAttemptsAndPayload(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(func(n *webhook.NewSubscription) { n.Headers = map[string]string{"X-Token": "s3cr3t"} })
	b.conversation("a")
	owner := uuid.New()
	first := b.claim(owner, 1)[0]
	b.record(owner, failed(first, time.Now().Add(-time.Second)))
	again, err := b.Webhooks.ClaimRetries(t.Context(), owner, sub.ID, 1)
	require.NoError(t, err)
	b.record(owner, delivered(again[0]))

	d, err := b.Webhooks.Delivery(t.Context(), b.tenant.ID, sub.ID, first.ID, nil)
	require.NoError(t, err)
	require.Equal(t, "delivered", d.Status)
	require.Equal(t, b.events()[0].payload, string(d.Payload))
	require.Len(t, d.AttemptLog, 2)
	require.Equal(t, "http_5xx", d.AttemptLog[0].Class)
	require.Equal(t, "answered 500", *d.AttemptLog[0].Error)
	require.Equal(t, "ok", d.LastAttempt.Class)
	h := d.AttemptLog[1].RequestHeaders
	require.Equal(t, d.EventID.String(), h["webhook-id"])
	require.Equal(t, "2", h["X-Atender-Attempt"])
	require.Equal(t, fmt.Sprint(d.AttemptLog[1].StartedAt.Unix()), h["webhook-timestamp"])
	for _, secret := range []string{"X-Token", "webhook-signature", "X-Atender-Signature"} {
		require.Equal(t, "[hidden]", h[secret])
	}

	for _, strange := range [][3]uuid.UUID{
		{b.tenant.ID, sub.ID, uuid.New()}, {b.tenant.ID, b.subscribe().ID, first.ID}, {uuid.New(), sub.ID, first.ID},
	} {
		_, err := b.Webhooks.Delivery(t.Context(), strange[0], strange[1], strange[2], nil)
		refusedWith(t, "NOT_FOUND", err)
	}
	b.exec(`DELETE FROM events`)
	d, err = b.Webhooks.Delivery(t.Context(), b.tenant.ID, sub.ID, first.ID, nil)
	require.NoError(t, err)
	require.Nil(t, d.Payload, "the delivery outlives the event")
}

// Attempts of a time when an unknown name, name servers that fail and an address inside were told apart are shown alike.
func TestStoredAttemptsDoNotTellWhichNamesExistInside(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	shown := map[string]int{}
	owner := uuid.New()
	for i, old := range []webhook.Attempt{
		{Class: "dns", Error: "the endpoint's host name does not exist or has no address", Duration: 35 * time.Millisecond},
		{Class: "dns", Error: "the name servers of the endpoint's domain do not answer", Duration: 900 * time.Millisecond},
		{Class: "blocked", Error: "the endpoint's address is not allowed: webhooks go to public addresses only",
			Duration: time.Millisecond},
		{Class: "dns", Error: target.NoAddress, Duration: time.Second},
	} {
		var d webhook.Delivery
		if i == 0 {
			d = b.claim(owner, 1)[0]
		} else {
			again, err := b.Webhooks.ClaimRetries(t.Context(), owner, sub.ID, 1)
			require.NoError(t, err)
			d = again[0]
		}
		r := failed(d, time.Now().Add(-time.Second))
		r.Class, r.Error, r.Status, r.Duration = old.Class, old.Error, 0, old.Duration
		b.record(owner, r)
		log, err := b.Webhooks.Delivery(t.Context(), b.tenant.ID, sub.ID, d.ID, nil)
		require.NoError(t, err)
		for _, a := range append(log.AttemptLog, *log.LastAttempt) {
			shown[fmt.Sprint(a.Class, " ", *a.Error, " ", a.DurationMs)]++
		}
	}
	require.Equal(t, []string{"dns " + target.NoAddress + " 1000"}, slices.Collect(maps.Keys(shown)))
}

func TestHealthTellsWhatIsOwedAndHowItHasGone(t *testing.T) {
	b := setup(t)
	sub, idle := b.subscribe(), b.subscribe()
	b.conversation("a")
	created := b.events()
	health := func(id uuid.UUID) wire.Health {
		w, err := b.Webhooks.Get(t.Context(), b.tenant.ID, id)
		require.NoError(t, err)
		return w.Health
	}
	require.Equal(t, len(created), health(sub.ID).Backlog)
	require.Nil(t, health(sub.ID).SuccessRate24h)
	owner := uuid.New()
	var mine []webhook.Delivery
	for _, d := range b.claim(owner, 100) {
		if d.SubscriptionID == sub.ID {
			mine = append(mine, d)
		}
	}
	require.Equal(t, len(created), health(sub.ID).Backlog, "what is being sent is owed")
	ours := failed(mine[2], time.Now())
	ours.Class, ours.Counted = "own_fault", false
	b.record(owner, delivered(mine[0]), failed(mine[1], time.Now().Add(time.Hour)), ours)
	h := health(sub.ID)
	require.Equal(t, 2, h.Backlog)
	require.InDelta(t, 0.5, *h.SuccessRate24h, 0.001, "of two; our own fault is not the endpoint's")
	require.WithinDuration(t, time.Now(), h.LastSuccessAt.Time, time.Minute)
	oldest, err := b.Webhooks.Delivery(t.Context(), b.tenant.ID, sub.ID, mine[1].ID, nil)
	require.NoError(t, err)
	require.Equal(t, oldest.CreatedAt, *h.OldestOwedAt)

	listed, _, err := b.Webhooks.List(t.Context(), b.tenant.ID, postgres.Page{})
	require.NoError(t, err)
	require.Equal(t, []wire.Health{h, health(idle.ID)}, []wire.Health{listed[0].Health, listed[1].Health})
}

// What is read of an endpoint's health is read from the ends of indexes, however much there is.
func TestHealthReadsOnlyTheEndsOfIndexes(t *testing.T) {
	b := setupAlone(t)
	for name, query := range map[string]string{
		"deliveries_fresh": `SELECT created_at FROM deliveries WHERE shard = 1 AND subscription_id = $1 AND $2::uuid IS NOT NULL
			AND state = 'pending' AND attempts = 0 ORDER BY id LIMIT 1`,
		"deliveries_retry_oldest": `SELECT created_at FROM deliveries WHERE subscription_id = $1 AND $2::uuid IS NOT NULL
			AND state = 'pending' AND attempts > 0 ORDER BY id LIMIT 1`,
		"attempts_recent": `SELECT class FROM attempts WHERE subscription_id = $1 AND id > $2 ORDER BY id DESC LIMIT 1000`,
		"deliveries_unsuccessful": `SELECT * FROM deliveries WHERE tenant_id = $1 AND subscription_id = $2
			AND state IN ('failed', 'cancelled') ORDER BY id DESC LIMIT 5000`,
	} {
		b.inGenericMode(name, query, func(plan string) {
			require.NotContains(t, plan, "Sort  (", "%s\n%s", query, plan)
			require.NotContains(t, plan, "Seq Scan", "%s\n%s", query, plan)
			require.Contains(t, plan, "Index")
		})
	}
}
