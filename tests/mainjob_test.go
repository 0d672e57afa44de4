package tests

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// The main job: a client pushes a conversation in, hears of everything by signed webhook, and a snooze wakes on time.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	sub := s.Subscribe(in)
	c := create(t, s, "order-4521", "vip")
	got := in.AwaitEvents(time.Minute, "contact.created", "conversation.created", "message.received", "tag.added")
	require.Equal(t, 4, len(got), "%v", inbox.Events(got))
	for _, d := range got {
		requireGenuine(t, d, *sub.Secret)
	}

	until := time.Now().Add(2 * time.Second).Truncate(time.Millisecond)
	snooze(t, s, c.ID, until)
	got = in.Await(time.Minute, "the wake", func(ds []inbox.Delivery) bool {
		last := ds[len(ds)-1]
		return last.Event == "conversation.updated" && last.Data.Conversation.Status == "active"
	})
	woke := got[len(got)-1]
	require.WithinRange(t, woke.Data.Conversation.UpdatedAt.Time, until, until.Add(inTime))
	require.WithinRange(t, woke.At, until, until.Add(inTime), "it also arrives by then")
	require.Equal(t, map[string]any{"from": "snoozed", "to": "active"}, woke.Data.Changes["status"])

	answer, err := s.API.PostMessageWithResponse(
		t.Context(),
		c.ID,
		apiclient.PostMessageJSONRequestBody{Text: ptr("On its way."), Resolve: ptr(true)},
	)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, answer.StatusCode(), "%s", answer.Body)
	got = in.Await(time.Minute, "the last three", func(ds []inbox.Delivery) bool { return len(ds) >= 9 })
	require.ElementsMatch(t, []string{
		"contact.created",
		"conversation.created",
		"message.received",
		"tag.added",
		"conversation.updated",
		"conversation.updated",
		"conversation.updated",
		"message.sent",
		"conversation.resolved",
	}, inbox.Events(got))
	require.EqualValues(t, 4, got[len(got)-1].Data.Conversation.Version)
}

// What a Go program sends with our client is what it said: a field it left out stays, null takes away.
func TestTheClientTellsAbsentFromNull(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	c := create(t, s, "order-4521")
	update := func(body apiclient.UpdateContactJSONRequestBody) *wire.Contact {
		answer, err := s.API.UpdateContactWithResponse(t.Context(), c.Contact.ID, body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode(), "%s", answer.Body)
		return answer.JSON200
	}
	changed := update(apiclient.UpdateContactJSONRequestBody{Name: wire.Some("Ada"), Phone: wire.Some("+4520123456")})
	require.Equal(t, c.Contact.Email, changed.Email)
	changed = update(apiclient.UpdateContactJSONRequestBody{Phone: wire.Null[string]()})
	require.Equal(t, "Ada", *changed.Name)
	require.Nil(t, changed.Phone)
}

// requireGenuine checks what a receiver can: both signatures, and the headers that the documentation promises.
func requireGenuine(t *testing.T, d inbox.Delivery, secret string) {
	t.Helper()
	require.True(t, d.Verified, "the official library verifies %s", d.Event)
	key, err := signature.ParseSecret(secret)
	require.NoError(t, err)
	require.NoError(
		t,
		signature.VerifyAtender(d.Header.Get("X-Atender-Signature"), []byte(d.Body), time.Now(), signature.Tolerance, key),
	)
	require.Equal(t, d.Event, d.Header.Get("X-Atender-Event"))
	require.Equal(t, "application/json", d.Header.Get("Content-Type"))
	require.Regexp(t, `^Atender-Webhooks/`, d.Header.Get("User-Agent"))
	for _, name := range []string{"webhook-id", "X-Atender-Delivery"} {
		_, err := uuid.Parse(d.Header.Get(name))
		require.NoError(t, err, name)
	}
}

// seconds is a retry schedule of one second after each attempt.
func seconds(steps int) func(*webhook.NewSubscription) {
	return func(s *webhook.NewSubscription) {
		for range steps {
			s.Retry = append(s.Retry, 1)
		}
	}
}

// A receiver that was down gets everything, each event once, under the id of the first attempt.
func TestReceiverThatWasDownGetsEverything(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	var down atomic.Bool
	down.Store(true)
	in.Answer(func(inbox.Delivery) int {
		if down.Load() {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	sub := s.Subscribe(in, seconds(20))
	const n = 10
	for i := range n {
		create(t, s, "order-"+strconv.Itoa(i))
	}
	const owed = 1 + 2*n // contact.created once, then two events for each conversation
	trouble := workflows(t, s.Temporal, s.Namespace, "AtenderWebhook = '"+sub.ID.String()+"'", running(1))
	require.Regexp(t, `^webhook/`+s.Tenant.Slug+`/127\.0\.0\.1-[0-9a-f]{8}$`, trouble[0].Execution.WorkflowId)
	require.Eventually(t, func() bool { // until it has been tried again, or, with the circuit open, probed
		return slices.ContainsFunc(in.All(), func(d inbox.Delivery) bool { return d.Header.Get("X-Atender-Attempt") > "1" })
	}, time.Minute, 20*time.Millisecond, "it is tried again")
	down.Store(false)
	got := in.Await(time.Minute, "all that was owed", func(ds []inbox.Delivery) bool { return len(ds) >= owed })

	attempts := map[string][]inbox.Delivery{}
	for _, d := range in.All() {
		attempts[d.Header.Get("webhook-id")] = append(attempts[d.Header.Get("webhook-id")], d)
	}
	require.Len(t, attempts, owed)
	require.Equal(t, owed, len(got), "each exactly once")
	for _, tries := range attempts {
		for i, d := range tries {
			require.True(t, d.Verified, "each attempt has a signature and time of its own")
			require.Equal(t, strconv.Itoa(i+1), d.Header.Get("X-Atender-Attempt"))
			require.Equal(t, tries[0].Body, d.Body)
		}
	}
	workflows(t, s.Temporal, s.Namespace, "AtenderWebhook = '"+sub.ID.String()+"'", running(0))
}

func TestGoneEndsTheSubscriptionAtOnce(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	in.Answer(func(inbox.Delivery) int { return http.StatusGone })
	sub := s.Subscribe(in, func(n *webhook.NewSubscription) { n.MaxInFlight = ptr(1) })
	create(t, s, "order-1")
	require.Eventually(t, func() bool {
		answer, err := s.API.GetWebhookWithResponse(t.Context(), sub.ID)
		return err == nil && answer.JSON200 != nil && !answer.JSON200.IsActive && *answer.JSON200.DisabledReason == "GONE"
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, 1, len(in.All()), "what else was owed is cancelled")
}

// A slow endpoint holds only its own slots.
func TestSlowEndpointDoesNotDelayAnother(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	slow, quick := inbox.Open(t), inbox.Open(t)
	release := make(chan struct{})
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	hang := http.NewServeMux()
	hang.HandleFunc("/", func(http.ResponseWriter, *http.Request) { <-release })
	slow.Replace(hang)
	s.Subscribe(slow)
	s.Subscribe(quick)
	for i := range 40 {
		create(t, s, "order-"+strconv.Itoa(i))
	}
	started := time.Now()
	quick.Await(8*time.Second, "all events", func(ds []inbox.Delivery) bool { return len(ds) >= 81 })
	require.Less(t, time.Since(started), 8*time.Second)
}

// Regression: a dispatcher that met 128 webhooks in trouble, one after the other, never looked at those behind them.
func TestManyDeadEndpointsDoNotDelayAnother(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	well := inbox.Open(t)
	const inTrouble = 130 // more than one claim looks at
	s.Exec(`UPDATE tenants SET max_webhooks = 200`)
	for range inTrouble {
		s.Subscribe(well)
	}
	s.Exec(`UPDATE subscriptions SET circuit_opened_at = now(), next_probe_at = now() + interval '1 hour', failures = 10, shard = 0`)
	s.Subscribe(well)
	s.Exec(`UPDATE subscriptions SET shard = 0`)
	create(t, s, "order-1")
	create(t, s, "order-2")
	well.Await(time.Minute, "the events of the one that is well", func(ds []inbox.Delivery) bool { return len(ds) >= 5 })
}

func TestHundredIdenticalCallsMakeOneConversation(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	s.Subscribe(in)
	var created, conflicts atomic.Int64
	ids := sync.Map{}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			answer, err := s.API.CreateOutboundConversationWithResponse(
				t.Context(),
				apiclient.CreateOutboundConversationJSONRequestBody{
					ExternalReference: "order-1", Subject: "Hello", Contact: apiclient.NewContact{Email: "ada@example.com"},
				},
			)
			switch {
			case err != nil:
				t.Error(err)
			case answer.JSON201 != nil:
				created.Add(1)
				ids.Store(answer.JSON201.ID.String(), true)
			case answer.JSON409 != nil:
				conflicts.Add(1)
				ids.Store(answer.JSON409.Error.Details["conversationId"], true)
			default:
				t.Errorf("unexpected %d: %s", answer.StatusCode(), answer.Body)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, created.Load())
	require.EqualValues(t, 99, conflicts.Load())
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 1, n, "all name the one conversation")
	got := in.AwaitEvents(time.Minute, "contact.created", "conversation.created")
	require.Equal(t, 2, len(got), "%v", inbox.Events(got))
}

// A worker that is told to stop finishes or hands back what it has; another carries on. Nothing is lost or doubled.
func TestStoppingWorkerHandsOver(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	s.Subscribe(in)
	s.StartWorker()
	const n = 150
	for i := range n {
		create(t, s, "order-"+strconv.Itoa(i))
		if i == n/3 {
			go s.StopWorker()
		}
	}
	got := in.Await(time.Minute, "everything", func(ds []inbox.Delivery) bool { return len(ds) >= 1+2*n })
	seen := map[string]int{}
	for _, d := range got {
		seen[d.Header.Get("webhook-id")]++
	}
	require.Len(t, seen, 1+2*n)
	require.Equal(t, 1+2*n, len(got), "none twice")
}
