package tests

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// firstReply makes a policy over the API that expects first replies within so many seconds, and has it apply to everything.
func firstReply(t *testing.T, s *stack.Stack, normal, high, urgent int64) wire.SLAPolicy {
	t.Helper()
	made, err := s.API.CreateSLAPolicyWithResponse(t.Context(), apiclient.CreateSLAPolicyJSONRequestBody{
		Name: "Standard", Targets: apiclient.SLATargets{sla.FirstReply: {Normal: normal, High: high, Urgent: urgent}},
	})
	require.NoError(t, err)
	require.NotNil(t, made.JSON201, "%s", made.Body)
	assigned, err := s.API.CreateSLAAssignmentWithResponse(t.Context(),
		apiclient.CreateSLAAssignmentJSONRequestBody{PolicyID: made.JSON201.ID})
	require.NoError(t, err)
	require.NotNil(t, assigned.JSON201, "%s", assigned.Body)
	return *made.JSON201
}

// createMany makes conversations, several at a time.
func createMany(t *testing.T, s *stack.Stack, n int) {
	t.Helper()
	var group sync.WaitGroup
	work := make(chan int)
	for range 8 {
		group.Go(func() {
			for i := range work {
				_, err := s.Store.Conversations.Create(t.Context(), s.Tenant.ID, s.Actor, conversation.NewConversation{
					ExternalReference: fmt.Sprint("order-", i), Subject: "Where is my order?",
					Contact: contact.Identity{Email: "ada@example.com"},
				})
				if err != nil {
					t.Errorf("conversation %d: %v", i, err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
}

// awake waits until Temporal, whose namespace is new, runs the first conversation's workflow: what is due before is the
// guard's.
func awake(t *testing.T, s *stack.Stack) {
	t.Helper()
	c := create(t, s, "the first")
	workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"'", running(1))
	answer, err := s.API.ArchiveConversationWithResponse(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode(), "%s", answer.Body)
}

// slaOnly is a webhook for tripwires alone, those of a conversation in their order.
func slaOnly(in *webhook.NewSubscription) {
	in.Events, in.Ordering = []string{"sla.warning", "sla.breached"}, "conversation"
}

// No reply comes: warnings and the breach arrive when they are due, and the conversation's workflow is the one that
// noticed.
func TestWarningsAndBreachArriveOnTime(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	awake(t, s)
	in := inbox.Open(t)
	s.Subscribe(in, slaOnly)
	policy := firstReply(t, s, 2, 3, 4)
	c := create(t, s, "order-1")
	got := in.Await(time.Minute, "two warnings and a breach", func(ds []inbox.Delivery) bool { return len(ds) >= 3 })
	require.Equal(t, []string{"sla.warning", "sla.warning", "sla.breached"}, inbox.Events(got))
	for i, state := range []sla.State{sla.AtRisk, sla.Urgent, sla.Breached} {
		x, due := got[i].Data.SLA, c.CreatedAt.Add(time.Duration(2+i)*time.Second)
		require.WithinDuration(t, due, x.DueAt.Time, time.Millisecond)
		require.True(t, x.CrossedAt.Equal(x.DueAt.Time), "when it was due, not when somebody noticed")
		require.WithinDuration(t, c.CreatedAt.Time, x.StartedAt.Time, time.Millisecond)
		require.Equal(t, inbox.Crossing{
			Metric: sla.FirstReply, PolicyID: policy.ID, PolicyName: "Standard", State: state, Cycle: 1,
			StartedAt: x.StartedAt, DueAt: x.DueAt, CrossedAt: x.CrossedAt,
		}, x)
		require.WithinRange(t, got[i].At, due.Add(-time.Millisecond), due.Add(inTime), "it arrives in time")
		require.False(t, sla.Worse(state, got[i].Data.Conversation.SLA.State), "or worse, if two were noticed together")
		require.True(t, got[i].Verified)
	}
	require.Equal(t, 2, s.Fired("warning")["workflow"]+s.Fired("warning")["sweeper"])
	require.Equal(t, 1, s.Fired("breach")["workflow"]+s.Fired("breach")["sweeper"])
	require.Positive(t, s.Fired("warning")["workflow"]+s.Fired("breach")["workflow"], "the sweeper is for when Temporal is late")
	found := workflows(t, s.Temporal, s.Namespace, "AtenderSlaState = 'breached'", running(1))
	require.Equal(t, s.ConversationID(c), found[0].Execution.WorkflowId)
	details, err := currentDetails(t, s, found[0].Execution.WorkflowId)
	require.NoError(t, err)
	require.Contains(t, details, "SLA first_reply breached since ")
}

// An edited policy reaches all the conversations whose clocks run, and an operator reads how far it has come.
func TestEditedPolicyReachesEveryRunningClock(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	s.Subscribe(in, slaOnly)
	policy := firstReply(t, s, 3600, 7200, 10800)
	n := deps.Sized(60, 300) // more than a step of the recompute takes
	createMany(t, s, n)
	require.Eventually(t, func() bool {
		answer, err := s.Temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: s.Namespace, Query: "AtenderSlaState = 'ok'",
		})
		return err == nil && answer.Count == int64(n)
	}, 60*time.Second, 100*time.Millisecond, "every workflow is armed for the first of the old targets")

	edited, err := s.API.UpdateSLAPolicyWithResponse(t.Context(), policy.ID, apiclient.UpdateSLAPolicyJSONRequestBody{
		Targets: &apiclient.SLATargets{sla.FirstReply: {Normal: 1, High: 36000, Urgent: 72000}},
	})
	require.NoError(t, err)
	require.NotNil(t, edited.JSON200, "%s", edited.Body)
	got := in.Await(60*time.Second, "a warning for each", func(ds []inbox.Delivery) bool { return len(ds) >= n })
	warned := map[uuid.UUID]bool{}
	for _, d := range got {
		x := d.Data.SLA
		require.Equal(t, sla.AtRisk, x.State)
		require.WithinDuration(t, x.StartedAt.Add(time.Second), x.DueAt.Time, 0)
		crossed := x.DueAt.Time
		if crossed.Before(edited.JSON200.UpdatedAt.Time) {
			crossed = edited.JSON200.UpdatedAt.Time
		}
		require.WithinDuration(t, crossed, x.CrossedAt.Time, 0, "no policy has warned of anything before it was made")
		warned[d.Data.Conversation.ID] = true
	}
	require.Len(t, warned, n)
	require.Len(t, got, n, "each once")
	require.Eventually(t, func() bool { return s.Fired("warning")["recompute"] == n }, time.Minute, 50*time.Millisecond,
		"by the walk alone, which counts them when its step has ended")
	require.Eventually(t, func() bool {
		details, err := currentDetails(t, s, durable.RecomputeID(s.NamedTenant()))
		return err == nil && strings.HasPrefix(details,
			strconv.Itoa(n)+" conversations brought up to the policies and hours in force, 0 left")
	}, time.Minute, 50*time.Millisecond)
	behind, err := s.Store.Clocks.Behind(t.Context(), s.Tenant.ID)
	require.NoError(t, err)
	require.Zero(t, behind)
	workflows(t, s.Temporal, s.Namespace, "WorkflowType = '"+durable.RecomputeWorkflow+"'", running(0))
}

// P3.6: an edit whose walk was lost on its way reaches the conversations all the same.
func TestALostWalkIsMadeUpFor(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	firstReply(t, s, 3600, 7200, 10800)
	createMany(t, s, 20)
	walks := "WorkflowType = '" + durable.RecomputeWorkflow + "'"
	workflows(t, s.Temporal, s.Namespace, walks, func(begun []*workflow.WorkflowExecutionInfo) bool { return len(begun) > 0 })
	require.Eventually(t, func() bool {
		answer, err := s.Temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: s.Namespace, Query: walks + " AND ExecutionStatus = 'Running'",
		})
		return err == nil && answer.Count == 0
	}, 60*time.Second, 100*time.Millisecond, "the walk of the policy's creation ends")
	s.Exec(`UPDATE tenants SET time_version = time_version + 1, time_changed_at = now() - interval '1 hour'`)
	require.Eventually(t, func() bool {
		behind, err := s.Store.Clocks.Behind(t.Context(), s.Tenant.ID)
		return err == nil && behind == 0
	}, 60*time.Second, 100*time.Millisecond)
}

// No worker runs while a thousand tripwires pass, or in the short form some hundred. On return
// all of them are crossed at once, as of when they were due.
func TestTripwiresThatPassWhileTheWorkerIsAwayAllFireOnReturn(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	in := inbox.Open(t)
	s.Subscribe(in, slaOnly)
	policy := firstReply(t, s, 1, 2, 3)
	s.StopWorker()
	n := deps.Sized(80, 334)
	createMany(t, s, n)
	back := time.Now().Add(4 * time.Second)
	require.Eventually(t, func() bool { return time.Now().After(back) }, 10*time.Second, 50*time.Millisecond)
	require.Empty(t, in.All())

	s.StartWorker()
	got := in.Await(90*time.Second, "every tripwire", func(ds []inbox.Delivery) bool { return len(ds) >= 3*n })
	crossed := map[uuid.UUID][]inbox.Crossing{}
	for _, d := range got {
		id := d.Data.Conversation.ID
		crossed[id] = append(crossed[id], d.Data.SLA)
	}
	require.Len(t, crossed, n)
	for id, xs := range crossed {
		require.Len(t, xs, 3, "conversation %s: each once", id)
		for i, state := range []sla.State{sla.AtRisk, sla.Urgent, sla.Breached} {
			require.Equal(t, state, xs[i].State, "in order")
			require.Equal(t, policy.ID, xs[i].PolicyID)
			require.WithinDuration(t, xs[i].StartedAt.Add(time.Duration(1+i)*time.Second), xs[i].DueAt.Time, 0)
			require.WithinDuration(t, xs[i].DueAt.Time, xs[i].CrossedAt.Time, 0)
		}
	}
	warnings, breaches := 0, 0
	for _, count := range s.Fired("warning") {
		warnings += count
	}
	for _, count := range s.Fired("breach") {
		breaches += count
	}
	require.Equal(t, 2*n, warnings)
	require.Equal(t, n, breaches)
	require.Len(t, in.All(), 3*n)
}

// A conversation that is done archives itself when its time has come, and its workflow ends then.
func TestDoneConversationArchivesItself(t *testing.T) {
	t.Parallel()
	s := stack.Start(t)
	awake(t, s)
	in := inbox.Open(t)
	s.Subscribe(in)
	set, err := s.API.UpdateSettingsWithBodyWithResponse(t.Context(), "application/json",
		strings.NewReader(`{"autoArchive": {"minutes": 1}}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, set.StatusCode(), "%s", set.Body)
	// A minute is the least there is. A process whose clock is behind by most of it made the conversation and
	// resolved it.
	past := s.OpenStore(func(o *models.Options) {
		o.Clock = func(now time.Time) time.Time { return now.Add(-57 * time.Second) }
	})
	c, err := past.Conversations.Create(t.Context(), s.Tenant.ID, s.Actor, conversation.NewConversation{
		ExternalReference: "order-1", Subject: "Thank you", Contact: contact.Identity{Email: "ada@example.com"},
	})
	require.NoError(t, err)
	done, err := past.Conversations.Change(t.Context(), s.Tenant.ID, c.ID, s.Actor, conversation.Resolve{})
	require.NoError(t, err)
	due := *done.AutoArchiveAt
	require.WithinDuration(t, done.ResolvedAt.Add(time.Minute), due, 0)
	got := in.Await(time.Minute, "that it is archived", func(ds []inbox.Delivery) bool {
		return len(ds) > 0 && ds[len(ds)-1].Data.Conversation.Status == "archived"
	})
	last := got[len(got)-1]
	require.WithinRange(t, last.At, due, due.Add(inTime))
	require.Equal(t, wire.System, last.Data.Actor)
	require.Equal(t, map[string]any{"from": "done", "to": "archived"}, last.Data.Changes["status"])
	require.Equal(t, 1, s.Fired("archive")["workflow"]+s.Fired("archive")["sweeper"], "once; the sweeper is for a late Temporal")
	workflows(t, s.Temporal, s.Namespace, "AtenderConversation = '"+c.ID.String()+"' AND ExecutionStatus = 'Completed'",
		func(found []*workflow.WorkflowExecutionInfo) bool { return len(found) > 0 })
}
