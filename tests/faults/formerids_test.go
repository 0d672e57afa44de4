package faults

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/workflows"
)

// earlier is a worker of a version before P12: it ticks conversations without looking at the id of the workflow that asks.
func (w *world) earlier() (stop func()) {
	w.t.Helper()
	sdk := sdkworker.New(w.temporal, "atender", sdkworker.Options{DisableRegistrationAliasing: true})
	sdk.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: durable.ConversationWorkflow})
	sdk.RegisterActivityWithOptions(func(ctx context.Context, in durable.TickInput) (durable.TickResult, error) {
		tick, err := w.store.Clocks.Tick(ctx, in.TenantID, in.ConversationID, "")
		return durable.TickResult{Status: string(tick.Status), NextDue: tick.NextDue, MayEnd: tick.MayEnd}, err
	}, activity.RegisterOptions{Name: durable.TickActivity})
	require.NoError(w.t, sdk.Start())
	return sdk.Stop
}

// formerly starts a workflow as such a version did: under an id of UUIDs, with the input of that time, and without the
// attribute that it did not know.
func (w *world) formerly(kind, id, signal string, input any) string {
	w.t.Helper()
	_, err := w.temporal.SignalWithStartWorkflow(w.t.Context(), id, signal, nil, client.StartWorkflowOptions{
		ID: id, TaskQueue: "atender",
	}, kind, input)
	require.NoError(w.t, err)
	return id
}

// is tells whether the last run under an id has a status.
func (w *world) is(id string, status enums.WorkflowExecutionStatus) bool {
	w.t.Helper()
	d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), id, "")
	return err == nil && d.WorkflowExecutionInfo.Status == status
}

// awaitAttributes registers the search attributes, as workers do.
func (w *world) awaitAttributes() {
	w.t.Helper()
	eventually(w.t, time.Minute, "the search attributes are registered", func() bool {
		_, err := w.temporal.OperatorService().AddSearchAttributes(w.t.Context(), &operatorservice.AddSearchAttributesRequest{
			Namespace: w.namespace, SearchAttributes: map[string]enums.IndexedValueType{
				durable.AttributeStatus:  enums.INDEXED_VALUE_TYPE_KEYWORD,
				durable.AttributeNextDue: enums.INDEXED_VALUE_TYPE_DATETIME,
			},
		})
		return err == nil
	})
}

// Workflows that an earlier version began, under other ids, meet those of this one: each ends at its next look, what is due
// happens once, and the ones under the ids of now go on (P12.3).
func TestWorkflowsUnderFormerIDs(t *testing.T) {
	t.Parallel()
	const running, completed = enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	w := newWorld(t)
	refused := map[string]int{} // fewer different deliveries than would open the circuit
	in, sub := w.subscribe(func(s *webhook.NewSubscription) { s.Retry = []int{6, 6, 6, 6} })
	refuse := func(d inbox.Delivery) int {
		if d.Event == "conversation.created" && refused[d.Delivery] < 2 && (len(refused) < 3 || refused[d.Delivery] > 0) {
			refused[d.Delivery]++
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	in.Answer(refuse)
	w.startAPI()
	c := w.writer(-1)
	w.awaitAttributes()
	stop := w.earlier()
	// Of these the outbox tells nothing any more: only the workflows of the earlier version know them.
	known := w.sleep(c, "known", 3, 20*time.Second)
	idle, err := c.create(t.Context(), "idle") // nothing is due in it: its workflow waits for a signal
	require.NoError(t, err)
	w.exec(`DELETE FROM outbox`)
	// Of these the outbox will tell: there will be two, the one of the earlier version and the one of this.
	both := w.sleep(c, "both", 3, 20*time.Second)
	all := slices.Concat([]uuid.UUID{idle}, known, both)
	former := map[uuid.UUID]string{}
	for _, id := range all {
		former[id] = w.formerly(durable.ConversationWorkflow, "conversation/"+w.tenant.ID.String()+"/"+id.String(),
			durable.SignalConversationChanged, durable.ConversationInput{TenantID: w.tenant.ID, ConversationID: id})
	}
	for _, id := range all {
		eventually(t, time.Minute, "the workflow of the earlier version waits", func() bool { return w.waits(former[id]) })
	}
	stop()
	w.logf("the earlier version is gone")
	w.start("worker")
	retries := durable.RetryID(w.named(), durable.Endpoint{ID: sub.ID, URL: sub.URL})
	eventually(t, time.Minute, "the retry workflow runs", func() bool { return w.is(retries, running) })
	formerRetries := w.formerly(durable.RetryWorkflow, "webhook/"+w.tenant.ID.String()+"/"+sub.ID.String(),
		durable.SignalRetriesOwed, durable.RetryInput{TenantID: w.tenant.ID, SubscriptionID: sub.ID})
	for _, id := range all {
		eventually(t, 2*time.Minute, "a workflow under its former id ends", func() bool { return w.is(former[id], completed) })
		eventually(t, time.Minute, "the one under the id of now waits", func() bool { return w.idle(id) })
	}
	eventually(t, time.Minute, "that of the retries ends, too", func() bool { return w.is(formerRetries, completed) })
	w.logf("those under former ids have ended")
	w.settle(2 * time.Minute)
	require.Equal(t, len(known)+len(both), row[int](w, `SELECT count(*) FROM timeline WHERE kind = 'woken'`), "each once")
	require.Len(t, refused, 3)
	require.Equal(t, []int{3, 3, 3}, rows[int](w, `SELECT attempts FROM deliveries WHERE attempts <> 1`),
		"those that were refused, twice, as the one owner of their retries tries them")

	// Another host is another id.
	clear(refused)
	_, err = c.create(t.Context(), "last")
	require.NoError(t, err)
	eventually(t, time.Minute, "a retry is owed, and its workflow waits", func() bool {
		return w.waits(retries) &&
			row[int](w, `SELECT count(*) FROM subscriptions WHERE retry_armed_for > now()`) == 1
	})
	elsewhere := strings.Replace(sub.URL, "127.0.0.1", "127.0.0.2", 1)
	_, err = w.store.Webhooks.Update(t.Context(), w.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &elsewhere})
	require.NoError(t, err)
	moved := durable.RetryID(w.named(), durable.Endpoint{ID: sub.ID, URL: elsewhere})
	eventually(t, time.Minute, "it moves", func() bool { return w.is(retries, completed) && w.is(moved, running) })
	back := sub.URL
	_, err = w.store.Webhooks.Update(t.Context(), w.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &back})
	require.NoError(t, err)
	in.Answer(nil)
	w.settle(2 * time.Minute)
	require.Zero(t, w.balance("a snooze that ended more or less than once"), "duplicates without a killed worker")
}
