package tests

import (
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// deliveryLog reads the first page of a webhook's delivery log.
func deliveryLog(t *testing.T, s *stack.Stack, sub uuid.UUID, params *apiclient.ListDeliveriesParams) []wire.Delivery {
	t.Helper()
	answer, err := s.API.ListDeliveriesWithResponse(t.Context(), sub, params)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON200, "%s", answer.Body)
	return answer.JSON200.Data
}

func startReplay(t *testing.T, s *stack.Stack, sub uuid.UUID, in apiclient.NewReplay) wire.Replay {
	t.Helper()
	answer, err := s.API.StartReplayWithResponse(t.Context(), sub, in)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON202, "%s", answer.Body)
	return *answer.JSON202
}

// replayEnds waits for a replay's end and returns it.
func replayEnds(t *testing.T, s *stack.Stack, r wire.Replay) wire.Replay {
	t.Helper()
	var now wire.Replay
	require.Eventually(t, func() bool {
		answer, err := s.API.GetReplayWithResponse(t.Context(), r.WebhookID, r.ID)
		if err != nil || answer.JSON200 == nil {
			return false
		}
		now = *answer.JSON200
		return now.Status != webhook.ReplayRunning
	}, time.Minute, 20*time.Millisecond)
	return now
}

// The integrator's story: test the endpoint, see what failed and why, repair, redeliver one, replay the rest.
func TestIntegratorRepairsAnEndpoint(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	var broken atomic.Bool
	broken.Store(true)
	in.Answer(func(inbox.Delivery) int {
		if broken.Load() {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	sub := s.Subscribe(in, seconds(1), func(n *webhook.NewSubscription) { n.Headers = map[string]string{"X-Token": "s3cr3t"} })

	tested, err := s.API.TestWebhookWithResponse(t.Context(), sub.ID)
	require.NoError(t, err)
	require.NotNil(t, tested.JSON200, "%s", tested.Body)
	require.Equal(t, []any{"http_4xx", 400, "the endpoint answered 400 Bad Request"},
		[]any{tested.JSON200.Class, *tested.JSON200.Status, *tested.JSON200.Error})
	require.Equal(t, "webhook.test", in.All()[0].Event)
	require.True(t, in.All()[0].Verified, "a test is signed like any other")
	for name, value := range tested.JSON200.RequestHeaders {
		if value != "[hidden]" {
			require.Equal(t, in.All()[0].Header.Get(name), value, name)
		}
	}
	require.NotContains(t, string(tested.Body), "s3cr3t")

	create(t, s, "order-1")
	const owed = 3
	failed := apiclient.DeliveryStatusFailed
	require.Eventually(t, func() bool {
		return len(deliveryLog(t, s, sub.ID, &apiclient.ListDeliveriesParams{Status: &failed})) == owed
	}, time.Minute, 50*time.Millisecond)
	broken.Store(false)
	all := deliveryLog(t, s, sub.ID, nil)
	require.Len(t, all, owed, "the test is not among them")
	one := all[0]
	require.Equal(t, "RETRIES_EXHAUSTED", *one.Reason)
	detail, err := s.API.GetDeliveryWithResponse(t.Context(), sub.ID, one.ID)
	require.NoError(t, err)
	require.Len(t, detail.JSON200.AttemptLog, 2)

	again, err := s.API.RedeliverWithResponse(t.Context(), sub.ID, one.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, again.StatusCode(), "%s", again.Body)
	got := in.Await(time.Minute, "the redelivery", func(ds []inbox.Delivery) bool { return len(ds) == 1 })
	require.Equal(t, one.EventID.String(), got[0].ID, "under the old webhook-id")
	require.Equal(t, string(detail.JSON200.Payload), got[0].Body)

	whatFailed := apiclient.NewReplay{Since: time.Now().Add(-time.Hour), OnlyFailed: ptr(true)}
	r := replayEnds(t, s, startReplay(t, s, sub.ID, whatFailed))
	require.Equal(t, []any{webhook.ReplayCompleted, int64(owed - 1)}, []any{r.Status, r.Queued})
	in.Await(time.Minute, "the rest", func(ds []inbox.Delivery) bool { return len(ds) == owed })
	require.Eventually(t, func() bool {
		answer, err := s.API.GetWebhookWithResponse(t.Context(), sub.ID)
		return err == nil && answer.JSON200 != nil && answer.JSON200.Health.State == "ok" && answer.JSON200.Health.Backlog == 0
	}, time.Minute, 20*time.Millisecond)
}

// A receiver that was not there yet gets everything that it would have got, each event once, and an operator can read of it.
func TestNewReceiverCatchesUpByReplay(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	const n = 30
	for i := range n {
		create(t, s, "order-"+strconv.Itoa(i))
	}
	sub := s.Subscribe(in)
	r := replayEnds(t, s, startReplay(t, s, sub.ID, apiclient.NewReplay{Since: time.Now().Add(-time.Hour)}))
	require.EqualValues(t, 1+2*n, r.Queued)
	got := in.Await(time.Minute, "all of them", func(ds []inbox.Delivery) bool { return len(ds) >= 1+2*n })
	seen := map[string]bool{}
	for _, d := range got {
		require.True(t, d.Verified)
		seen[d.ID] = true
	}
	require.Len(t, seen, 1+2*n)
	found := workflows(t, s.Temporal, s.Namespace, "AtenderWebhook = '"+sub.ID.String()+"' AND ExecutionStatus = 'Completed'",
		func(f []*workflow.WorkflowExecutionInfo) bool { return len(f) == 1 })
	require.Equal(t, s.ReplayID(sub, r.ID), found[0].Execution.WorkflowId)
}

// A replay that waits can be cancelled, over the API or by an operator in Temporal; its row and its workflow both end.
func TestReplayIsCancelled(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	var down atomic.Bool
	in.Answer(func(inbox.Delivery) int {
		if down.Load() {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	sub := s.Subscribe(in)
	down.Store(true)
	for i := range 12 {
		create(t, s, "order-"+strconv.Itoa(i))
	}
	require.Eventually(t, func() bool { // with an open circuit a replay waits
		answer, err := s.API.GetWebhookWithResponse(t.Context(), sub.ID)
		return err == nil && answer.JSON200 != nil && answer.JSON200.Health.State == "open"
	}, time.Minute, 20*time.Millisecond)
	for _, cancel := range []func(r wire.Replay){
		func(r wire.Replay) {
			answer, err := s.API.CancelReplayWithResponse(t.Context(), sub.ID, r.ID)
			require.NoError(t, err)
			require.Equal(t, webhook.ReplayCancelled, answer.JSON200.Status)
		},
		func(r wire.Replay) {
			require.NoError(t, s.Temporal.CancelWorkflow(t.Context(), s.ReplayID(sub, r.ID), ""))
		},
	} {
		r := startReplay(t, s, sub.ID, apiclient.NewReplay{Since: time.Now().Add(-time.Hour)})
		id := s.ReplayID(sub, r.ID)
		workflows(t, s.Temporal, s.Namespace, "WorkflowId = '"+id+"'", running(1))
		cancel(r)
		require.Equal(t, webhook.ReplayCancelled, replayEnds(t, s, r).Status)
		require.Eventually(t, func() bool {
			d, err := s.Temporal.DescribeWorkflowExecution(t.Context(), id, "")
			return err == nil && d.WorkflowExecutionInfo.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		}, time.Minute, 20*time.Millisecond)
	}
}

func TestTestsOfWebhooksAreLimited(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	sub := s.Subscribe(in, func(n *webhook.NewSubscription) { n.IsActive = ptr(false) })
	var statuses []int
	for range 10 {
		answer, err := s.API.TestWebhookWithResponse(t.Context(), sub.ID)
		require.NoError(t, err)
		statuses = append(statuses, answer.StatusCode())
		if answer.StatusCode() == http.StatusTooManyRequests {
			require.Equal(t, "1", answer.HTTPResponse.Header.Get("Retry-After"))
		}
	}
	require.Equal(t, http.StatusOK, statuses[0], "also while it is switched off")
	require.True(t, slices.Contains(statuses, http.StatusTooManyRequests), "%v", statuses)
	require.Empty(t, deliveryLog(t, s, sub.ID, nil))
}
