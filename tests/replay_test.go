package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/tests/deps"
	flows "github.com/atender/atender/workflows"
)

// record adds what is missing in tests/histories:
//
//	go test ./tests -run RecordedHistories -record
//
// A history that is there is never recorded anew: it stands for workflows that run somewhere since an older version.
// After a change of a workflow behind workflow.GetVersion, add scenarios that go through the new branch.
var record = flag.Bool("record", false, "record the histories that tests/histories does not have yet")

const histories = "histories"

var quiet = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))

// Workflows that were begun by an older version of the code go on with this one: every recorded history replays.
func TestRecordedHistoriesReplay(t *testing.T) {
	if *record {
		recordMissing(t)
	}
	for _, s := range scenarios() {
		require.FileExists(t, s.path(), "record it: go test ./tests -run RecordedHistories -record")
	}
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			traced := newReplayer(t, flows.Conversation, tracing(t)...)
			require.NoError(t, traced.ReplayWorkflowHistory(nil, readHistory(t, file)))
			replayer, recorded := newReplayer(t, flows.Conversation), readHistory(t, file)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, recorded))
			// The SDK does not compare what they end with.
			end := recorded.Events[len(recorded.Events)-1].GetWorkflowExecutionCompletedEventAttributes()
			if end == nil {
				return
			}
			var have, want map[string]any
			results, ok := replayer.(interface {
				GetWorkflowResult(id string, result any) error
			})
			require.True(t, ok)
			require.NoError(t, results.GetWorkflowResult("", &have))
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(end.GetResult(), &want))
			require.Equal(t, want, have)
		})
	}
}

// A replay that found everything right would be of no use.
func TestReplayNoticesCommandsInAnotherOrder(t *testing.T) {
	t.Parallel()
	timerFirst := func(ctx workflow.Context, in durable.ConversationInput) error {
		timer := workflow.NewTimer(ctx, time.Second)
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
		return timer.Get(ctx, nil)
	}
	recorded := readHistory(t, filepath.Join(histories, "conversation", "snooze-wakes.json"))
	err := newReplayer(t, timerFirst).ReplayWorkflowHistory(quiet, recorded)
	require.ErrorContains(t, err, "TMPRL1100", "Temporal's code for what is not deterministic")
}

// newReplayer has the workflows under the names by which histories know them.
func newReplayer(t *testing.T, conversation any, interceptors ...interceptor.WorkerInterceptor) sdkworker.WorkflowReplayer {
	t.Helper()
	replayer, err := sdkworker.NewWorkflowReplayerWithOptions(sdkworker.WorkflowReplayerOptions{
		DisableRegistrationAliasing: true, Interceptors: interceptors,
	})
	require.NoError(t, err)
	for name, f := range map[string]any{
		durable.ConversationWorkflow: conversation,
		durable.DispatchWorkflow:     flows.Dispatch,
		durable.RetryWorkflow:        flows.Retry,
		durable.ReplayWorkflow:       flows.Replay,
		durable.RecomputeWorkflow:    flows.Recompute,
		durable.ProbeWorkflow:        flows.Probe,
	} {
		replayer.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	return replayer
}

func readHistory(t *testing.T, path string) *history.History {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return h
}

// foreign is what a history must not tell of where it was recorded: addresses, paths.
var foreign = regexp.MustCompile(`@|://|"/|/(home|root|tmp|work|Users)/`)

// identity is where histories say who did something. The Temporal SDK would put the process and the host there.
var identity = regexp.MustCompile(`(?i)identity": *"([^"]*)"`)

func TestRecordedHistoriesAreSmallAndTellNothing(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		content := string(raw)
		require.Less(t, len(content), 64<<10, file)
		require.Empty(t, foreign.FindString(content), file)
		identities := identity.FindAllStringSubmatch(content, -1)
		require.NotEmpty(t, identities, file)
		for _, found := range identities {
			require.Contains(t, []string{recorder, "history-service"}, found[1], file)
		}
	}
}

// What the scenarios are for is in the histories: a scripted activity that was not asked would go unnoticed.
func TestRecordedHistoriesTellTheirStories(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.path(), func(t *testing.T) {
			t.Parallel()
			have := map[enums.EventType]int{}
			for _, e := range readHistory(t, s.path()).Events {
				have[e.EventType]++
			}
			for kind, n := range s.has {
				require.Equal(t, n, have[kind], kind.String())
			}
		})
	}
}

// recording is a scenario to record: a workflow, what its activity answers call by call, and when signals come.
type recording struct {
	kind   string // the workflow's type
	folder string
	name   string
	limit  int // of history, or of runs: what makes the workflow continue as new
	story  []step
	has    map[enums.EventType]int // how many events of some types show that the story was told
	// reports: it ends with a result, as all do that are begun since ids are read (P12); the older ones ended with none.
	reports bool
}

// reporting makes the scenario one of a workflow that ends with a result.
func (r recording) reporting() recording {
	r.reports = true
	return r
}

// conversation is the input of a conversation's workflow.
func (r recording) conversation(tenant, target uuid.UUID) durable.ConversationInput {
	return durable.ConversationInput{TenantID: tenant, ConversationID: target, MaxHistory: r.limit, Reports: r.reports}
}

func (r recording) path() string { return filepath.Join(histories, r.folder, r.name+".json") }

// step is one call of the activity.
type step struct {
	answer func(now time.Time) (any, error)
	signal moment
	docks  int // how many actions of docks the signal is, rather than another
}

// moment is when a signal comes.
type moment int

const (
	never  moment = iota
	during        // while the activity works
	after         // when the workflow waits again, or has ended
	cancel        // then, too; but the workflow is cancelled instead
)

func ticked(status string, due time.Duration, signal moment) step {
	return step{signal: signal, answer: func(now time.Time) (any, error) {
		return durable.TickResult{
			Status: status, NextDue: dueIn(now, due), MayEnd: status == "done" || status == "archived",
		}, nil
	}}
}

// told is a tick that says more.
func told(result durable.TickResult, due time.Duration, signal moment) step {
	return step{signal: signal, answer: func(now time.Time) (any, error) {
		said := result
		said.NextDue = dueIn(now, due)
		return said, nil
	}}
}

// thenDocks makes the step's signal so many actions of docks.
func (s step) thenDocks(n int) step {
	s.docks = n
	return s
}

func acted(state string) step {
	return step{answer: func(time.Time) (any, error) { return durable.DockActionResult{State: state}, nil }}
}

// clocked is a tick of a conversation with SLA clocks.
func clocked(status, state string, due time.Duration, signal moment) step {
	return step{signal: signal, answer: func(now time.Time) (any, error) {
		return durable.TickResult{Status: status, NextDue: dueIn(now, due), SLAState: state, MayEnd: status == "archived"}, nil
	}}
}

func walked(visited int, left int64, signal moment) step {
	return step{signal: signal, answer: func(time.Time) (any, error) {
		return durable.RecomputeResult{Visited: visited, Left: left}, nil
	}}
}

func retried(owed int, due time.Duration, signal moment) step {
	return step{signal: signal, answer: func(now time.Time) (any, error) {
		result := durable.RetryResult{Owed: owed, NextDue: dueIn(now, due), Made: 1}
		if owed > 0 {
			result.Failures = []durable.Failure{{At: now, Reason: "answered 503 Service Unavailable"}}
		}
		return result, nil
	}}
}

func replayed(status string, progress float64, due time.Duration, signal moment) step {
	return step{signal: signal, answer: func(now time.Time) (any, error) {
		return durable.ReplayResult{
			SubscriptionID: uuid.NewSHA1(uuid.Nil, []byte("subscription")), Status: status, Reached: now.Add(-time.Hour),
			Progress: progress, Queued: int64(1000 * progress), NextLook: dueIn(now, due),
		}, nil
	}}
}

func abandoned() step { return step{answer: func(time.Time) (any, error) { return nil, nil }} }

func dispatched() step {
	return step{answer: func(time.Time) (any, error) { return durable.DispatchResult{Delivered: 3, Failed: 1}, nil }}
}

// away is a call that meets a database which does not answer.
func away() step {
	return step{answer: func(time.Time) (any, error) {
		return nil, temporal.NewApplicationError("failed; the worker's log says why", "INTERNAL")
	}}
}

func dueIn(now time.Time, d time.Duration) *time.Time {
	if d == 0 {
		return nil
	}
	return ptr(now.Add(d))
}

// scenarios are the histories that there have to be.
func scenarios() []recording {
	const (
		set       = enums.EVENT_TYPE_TIMER_STARTED
		fired     = enums.EVENT_TYPE_TIMER_FIRED
		cancelled = enums.EVENT_TYPE_TIMER_CANCELED
		signalled = enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
		local     = enums.EVENT_TYPE_MARKER_RECORDED
		scheduled = enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
		completed = enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
		continued = enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
		ended     = enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED
		attribute = enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
		refused   = enums.EVENT_TYPE_WORKFLOW_TASK_FAILED
	)
	type events = map[enums.EventType]int
	conversation := func(name string, limit int, has events, story ...step) recording {
		return recording{durable.ConversationWorkflow, "conversation", name, limit, story, has, false}
	}
	retry := func(name string, limit int, has events, story ...step) recording {
		return recording{durable.RetryWorkflow, "webhook-retry", name, limit, story, has, false}
	}
	replay := func(name string, limit int, has events, story ...step) recording {
		return recording{durable.ReplayWorkflow, "webhook-replay", name, limit, story, has, false}
	}
	recompute := func(name string, limit int, has events, story ...step) recording {
		return recording{durable.RecomputeWorkflow, "recompute", name, limit, story, has, false}
	}
	return []recording{
		conversation("snooze-wakes", 0, events{local: 3, set: 1, fired: 1, attribute: 3, completed: 1},
			ticked("snoozed", time.Second, never), ticked("active", 0, after), ticked("done", 0, never)),
		conversation("earlier-snooze-replaces-timer", 0, events{local: 4, set: 2, cancelled: 1, fired: 1, completed: 1},
			ticked("snoozed", time.Hour, after), ticked("snoozed", time.Second, never),
			ticked("active", 0, after), ticked("done", 0, never)),
		conversation("done-at-once", 0, events{local: 1, set: 0, completed: 1}, ticked("done", 0, never)),
		conversation("continued-as-new", 5, events{local: 2, signalled: 2, continued: 1},
			ticked("active", 0, after), ticked("active", 0, never), ticked("done", 0, never)),
		conversation("database-away", 0, events{local: 2, scheduled: 1, completed: 1}, away(), away(), away(),
			ticked("active", 0, after), ticked("done", 0, never)),
		// The workflow has ended; a signal starts it again under the same id. That run is the one kept.
		conversation("reopened", 0, events{local: 2, set: 0, signalled: 2, completed: 1},
			ticked("done", 0, after), ticked("active", 0, after), ticked("done", 0, never)),
		// Temporal refuses the end of a workflow with an unread signal, and the task is done again.
		conversation("reopened-while-it-ends", 0, events{signalled: 3, refused: 1, completed: 1},
			ticked("done", 0, during), ticked("active", 0, after), ticked("done", 0, never), ticked("done", 0, never)),

		conversation("dock-actions", 0, events{local: 5, signalled: 4, completed: 1},
			ticked("active", 0, during).thenDocks(2), acted("applied"), acted("rejected"),
			ticked("active", 0, after), ticked("done", 0, never)),
		// The workflow has ended; the action that resolved conversations still get starts it again.
		conversation("dock-action-starts", 0, events{local: 2, signalled: 1, completed: 1},
			ticked("done", 0, after).thenDocks(1), acted("applied"), ticked("done", 0, never)),
		conversation("dock-action-database-away", 0, events{local: 3, scheduled: 1, completed: 1},
			ticked("snoozed", time.Hour, after).thenDocks(1), away(), away(), away(), acted("applied"), ticked("done", 0, never)),
		// Tripwires, a reply that puts them off, done; then it archives itself.
		conversation("tripwires-and-archive", 0, events{local: 5, set: 3, fired: 3, completed: 1},
			clocked("active", "ok", time.Second, never), clocked("active", "at_risk", time.Second, never),
			clocked("active", "urgent", 0, after), clocked("done", "urgent", time.Second, never),
			clocked("archived", "urgent", 0, never)),
		// Its policy is gone, and with it the search attribute.
		conversation("clocks-end", 0, events{local: 2, attribute: 2, completed: 1},
			clocked("active", "breached", 0, after), clocked("archived", "", 0, never)),

		retry("fails-then-delivered", 0, events{scheduled: 2, set: 1, fired: 1, completed: 1},
			retried(1, time.Second, never), retried(0, 0, never)),
		retry("new-failure-due-earlier", 0, events{scheduled: 3, set: 2, cancelled: 1, fired: 1, completed: 1},
			retried(1, time.Hour, after), retried(2, time.Second, never), retried(0, 0, never)),
		retry("continued-as-new", 12, events{scheduled: 2, set: 1, signalled: 2, continued: 1},
			retried(1, time.Hour, after), retried(2, time.Hour, never), retried(0, 0, never)),

		replay("waits-and-completes", 0, events{scheduled: 2, set: 1, fired: 1, attribute: 1, completed: 1},
			replayed("running", 0.5, time.Second, never), replayed("completed", 1, 0, never)),
		replay("cancelled-by-its-row", 0, events{scheduled: 2, signalled: 2, completed: 1},
			replayed("running", 0.5, time.Hour, after), replayed("cancelled", 0.5, 0, never)),
		replay("cancelled-by-an-operator", 0, events{scheduled: 2, cancelled: 1, ended: 1},
			replayed("running", 0.5, time.Hour, cancel), abandoned()),
		replay("continued-as-new", 12, events{scheduled: 2, set: 1, signalled: 2, continued: 1},
			replayed("running", 0.2, time.Hour, after), replayed("running", 0.4, time.Hour, never),
			replayed("completed", 1, 0, never)),

		recompute("walks-and-looks-again", 0, events{scheduled: 3, set: 1, fired: 1, completed: 1},
			walked(200, 100, never), walked(100, 0, never), walked(0, 0, never)),
		recompute("edited-meanwhile", 0, events{scheduled: 3, set: 2, cancelled: 1, signalled: 2, fired: 1, completed: 1},
			walked(300, 0, after), walked(300, 0, never), walked(0, 0, never)),
		recompute("continued-as-new", 5, events{scheduled: 1, continued: 1},
			walked(200, 100, never), walked(100, 0, never), walked(0, 0, never)),

		{durable.DispatchWorkflow, "webhook-dispatch", "runs-and-continues", 2,
			[]step{dispatched(), dispatched()}, events{scheduled: 2, signalled: 0, continued: 1}, false},
		{durable.ProbeWorkflow, "probe", "both-queues", 0,
			[]step{abandoned(), abandoned()}, events{scheduled: 2, completed: 1}, false}, // its activities answer nothing, too

		// Ends with figures (P12).
		conversation("ends-with-figures", 0, events{local: 4, set: 2, fired: 2, signalled: 2, completed: 1},
			told(durable.TickResult{Status: "snoozed", Next: "snooze ends", SLAState: "ok"}, time.Second, never),
			told(durable.TickResult{Status: "active", Next: "SLA first_reply becomes breached", SLAState: "at_risk",
				Fired: []durable.Fired{{What: "wake"}}}, time.Second, never),
			told(durable.TickResult{Status: "active", SLAState: "breached",
				Fired: []durable.Fired{{What: "breach", Metric: "first_reply"}}}, 0, after),
			told(durable.TickResult{Status: "archived", SLAState: "breached", MayEnd: true}, 0, never)).reporting(),
		conversation("figures-continued-as-new", 5, events{local: 2, signalled: 2, continued: 1},
			told(durable.TickResult{Status: "active", Fired: []durable.Fired{{What: "wake"}}}, 0, after),
			ticked("active", 0, never), ticked("done", 0, never)).reporting(),
		// Its id is not the conversation's any more.
		conversation("moved", 0, events{local: 2, set: 1, fired: 1, attribute: 2, completed: 1},
			ticked("snoozed", time.Second, never),
			told(durable.TickResult{Status: "snoozed", MayEnd: true, MovedTo: "conversation/acme/7"}, 0, never)).reporting(),
		retry("ends-with-figures", 0, events{scheduled: 2, set: 1, fired: 1, completed: 1},
			retried(1, time.Second, never), retried(0, 0, never)).reporting(),
		retry("figures-continued-as-new", 12, events{scheduled: 2, set: 1, signalled: 2, continued: 1},
			retried(1, time.Hour, after), retried(2, time.Hour, never), retried(0, 0, never)).reporting(),
		replay("ends-with-figures", 0, events{scheduled: 2, set: 1, fired: 1, attribute: 1, completed: 1},
			replayed("running", 0.5, time.Second, never), replayed("completed", 1, 0, never)).reporting(),
		recompute("ends-with-figures", 0, events{scheduled: 3, set: 1, fired: 1, completed: 1},
			walked(200, 100, never), walked(100, 0, never), walked(0, 0, never)).reporting(),
	}
}

// recorder is how worker and client call themselves in histories.
const recorder = "recorder"

// recordMissing runs the workflows on a real Temporal with activities that follow the scenarios.
func recordMissing(t *testing.T) {
	t.Helper()
	var missing []recording
	for _, r := range scenarios() {
		if _, err := os.Stat(r.path()); os.IsNotExist(err) {
			missing = append(missing, r)
		}
	}
	if len(missing) == 0 {
		return
	}
	s := newStudio(t)
	for _, r := range missing {
		t.Logf("recording %s", r.path())
		s.record(r)
	}
}

// studio is a namespace of its own, with the real workflows and scripted activities.
type studio struct {
	t       *testing.T
	client  client.Client
	mu      sync.Mutex
	scripts map[string]*script // by workflow id
}

// script is a recording under way.
type script struct {
	recording
	next   int
	played []chan struct{} // closed when the step's answer is given
	signal func(context.Context, step) (run string, err error)
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	address, _ := deps.Temporal(t)
	options := client.Options{
		HostPort: address, Namespace: "record-" + uuid.NewString(), Identity: recorder,
		Logger: quiet,
	}
	namespaces, err := client.NewNamespaceClient(options)
	require.NoError(t, err)
	defer namespaces.Close()
	require.NoError(t, namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: options.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}))
	s := &studio{t: t, scripts: map[string]*script{}}
	s.client, err = client.NewLazyClient(options)
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	s.soon("the namespace is known", func() error {
		_, err := s.client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
			Namespace: options.Namespace, SearchAttributes: flows.AttributeTypes(),
		})
		return err
	})
	for _, queue := range []string{recorder, durable.DeliveriesQueue(recorder)} {
		w := s.worker(queue)
		s.soon("a worker starts", w.Start)
		t.Cleanup(w.Stop)
	}
	return s
}

func (s *studio) worker(queue string) sdkworker.Worker {
	w := sdkworker.New(s.client, queue, sdkworker.Options{DisableRegistrationAliasing: true, Identity: recorder})
	for name, f := range map[string]any{
		durable.ConversationWorkflow: flows.Conversation,
		durable.DispatchWorkflow:     flows.Dispatch,
		durable.RetryWorkflow:        flows.Retry,
		durable.ReplayWorkflow:       flows.Replay,
		durable.RecomputeWorkflow:    flows.Recompute,
		durable.ProbeWorkflow:        flows.Probe,
	} {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	for _, name := range []string{
		durable.TickActivity, durable.DockActionActivity, durable.DispatchActivity, durable.RetryActivity, durable.ReplayActivity,
		durable.AbandonActivity, durable.RecomputeActivity, durable.ProbeActivity,
	} {
		w.RegisterActivityWithOptions(s.play, activity.RegisterOptions{Name: name})
	}
	return w
}

// soon waits for what Temporal needs a moment for.
func (s *studio) soon(what string, f func() error) {
	s.t.Helper()
	var err error
	require.Eventually(s.t, func() bool { err = f(); return err == nil }, 30*time.Second, 50*time.Millisecond,
		"%s: %v", what, &err)
}

// play is every activity: the next step of the workflow's script.
func (s *studio) play(ctx context.Context, _ any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	script := s.scripts[activity.GetInfo(ctx).WorkflowExecution.ID]
	if script.next == len(script.story) { // the run after the one that is kept: it may end as it likes
		return nil, temporal.NewNonRetryableApplicationError("the story is over", "OVER", nil)
	}
	step := script.story[script.next]
	if step.signal == during {
		if _, err := script.signal(ctx, step); err != nil {
			return nil, err
		}
	}
	defer close(script.played[script.next])
	script.next++
	return step.answer(time.Now().UTC().Truncate(time.Microsecond))
}

// record plays one scenario and keeps the history of the run that the last signal has reached.
func (s *studio) record(r recording) {
	s.t.Helper()
	script := &script{recording: r}
	for range r.story {
		script.played = append(script.played, make(chan struct{}))
	}
	id, start := s.prepare(r)
	s.mu.Lock()
	script.signal = func(ctx context.Context, step step) (run string, err error) {
		if step.docks == 0 {
			return start(ctx)
		}
		for n := 1; n <= step.docks && err == nil; n++ {
			run, err = s.ask(ctx, r, id, n)
		}
		return run, err
	}
	s.scripts[id] = script
	s.mu.Unlock()
	run, err := start(s.t.Context())
	require.NoError(s.t, err)
	for i, step := range r.story {
		if step.signal != after && step.signal != cancel {
			continue
		}
		select {
		case <-script.played[i]:
		case <-time.After(30 * time.Second):
			require.Fail(s.t, "a step was not played", "%s, step %d", r.path(), i)
		}
		s.soon("the workflow waits", func() error { return s.busy(id) })
		if step.signal == cancel {
			require.NoError(s.t, s.client.CancelWorkflow(s.t.Context(), id, run))
			continue
		}
		run, err = script.signal(s.t.Context(), step)
		require.NoError(s.t, err)
	}
	s.keep(r, id, run)
}

// ask signals the n-th action of a dock, as the relay does.
func (s *studio) ask(ctx context.Context, r recording, id string, n int) (run string, err error) {
	tenant, target := uuid.NewSHA1(uuid.Nil, []byte("tenant")), uuid.NewSHA1(uuid.Nil, []byte(r.path()))
	action := uuid.NewSHA1(target, []byte{byte(n)})
	started, err := s.client.SignalWithStartWorkflow(ctx, id, durable.SignalDockAction,
		durable.DockActionSignal{ActionID: action}, client.StartWorkflowOptions{ID: id, TaskQueue: recorder},
		durable.ConversationWorkflow, r.conversation(tenant, target))
	if err != nil {
		return "", err
	}
	return started.GetRunID(), nil
}

// prepare returns the workflow's id, and what starts it, or signals it if it runs, as the relay does.
func (s *studio) prepare(r recording) (id string, start func(context.Context) (run string, err error)) {
	tenant := uuid.NewSHA1(uuid.Nil, []byte("tenant"))
	target := uuid.NewSHA1(uuid.Nil, []byte(r.path()))
	var signal string
	var input any
	attributes := []temporal.SearchAttributeUpdate{flows.AttributeTenant.ValueSet(tenant.String())}
	named := durable.Tenant{ID: tenant, Slug: "acme"}
	number := int64(len(r.path())) // whatever it is
	endpoint := durable.Endpoint{ID: target, URL: "https://crm.example.com/hooks"}
	switch r.kind {
	case durable.ConversationWorkflow:
		id, signal = durable.ConversationID(named, target, number), durable.SignalConversationChanged
		input = r.conversation(tenant, target)
		attributes = append(attributes, flows.AttributeConversation.ValueSet(target.String()),
			flows.AttributeNumber.ValueSet(number), flows.AttributeStatus.ValueSet("active"))
	case durable.RetryWorkflow:
		id, signal = durable.RetryID(named, endpoint), durable.SignalRetriesOwed
		input = durable.RetryInput{TenantID: tenant, SubscriptionID: target, MaxHistory: r.limit, Reports: r.reports}
		attributes = append(attributes, flows.AttributeWebhook.ValueSet(target.String()))
	case durable.ReplayWorkflow:
		id, signal = durable.ReplayID(named, endpoint, target), durable.SignalReplayChanged
		input = durable.ReplayInput{TenantID: tenant, ReplayID: target, MaxHistory: r.limit, Reports: r.reports}
	case durable.RecomputeWorkflow:
		id, signal = durable.RecomputeID(named), durable.SignalTimeRulesChanged
		input = durable.RecomputeInput{TenantID: target, MaxHistory: r.limit, Reports: r.reports}
	case durable.ProbeWorkflow:
		id, input, attributes = durable.ProbeID("recorded"), durable.ProbeInput{}, nil
	default:
		id = durable.DispatchID(0)
		input = durable.DispatchInput{Dispatcher: 0, FromShard: 0, ToShard: 8, Runs: r.limit}
		attributes = nil
	}
	options := client.StartWorkflowOptions{
		ID: id, TaskQueue: recorder, TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
		StaticSummary: r.folder + ": " + r.name,
	}
	return id, func(ctx context.Context) (string, error) {
		var run client.WorkflowRun
		var err error
		if signal == "" {
			run, err = s.client.ExecuteWorkflow(ctx, options, r.kind, input)
		} else {
			run, err = s.client.SignalWithStartWorkflow(ctx, id, signal, nil, options, r.kind, input)
		}
		if err != nil {
			return "", err
		}
		return run.GetRunID(), nil
	}
}

// busy is an error for as long as the workflow has something to do.
func (s *studio) busy(id string) error {
	d, err := s.client.DescribeWorkflowExecution(s.t.Context(), id, "")
	if err == nil && (d.PendingWorkflowTask != nil || len(d.PendingActivities) > 0) {
		err = fmt.Errorf("%s is busy", id)
	}
	return err
}

// keep waits for the end of a run and writes its history.
func (s *studio) keep(r recording, id, run string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	end := s.client.GetWorkflowHistory(ctx, id, run, true, enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	_, err := end.Next()
	require.NoError(s.t, err)
	recorded := &history.History{Events: events(s.t, s.client, id, run)}
	for _, e := range recorded.Events {
		// The queue by which a worker gets the next tasks of what it has in memory is named after the host.
		queue := e.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue()
		if queue.GetKind() == enums.TASK_QUEUE_KIND_STICKY {
			queue.Name = recorder + "-sticky"
		}
	}
	raw, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(recorded)
	require.NoError(s.t, err)
	var text bytes.Buffer
	require.NoError(s.t, json.Indent(&text, raw, "", " "))
	text.WriteByte('\n')
	require.NoError(s.t, os.MkdirAll(filepath.Dir(r.path()), 0o755))
	require.NoError(s.t, os.WriteFile(r.path(), text.Bytes(), 0o644))
}
