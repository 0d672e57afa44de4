// Package worker is the process that keeps time and sends webhooks: it runs the workflows and activities, and relays the
// outbox to Temporal.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/activities"
	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/workflows"
)

// Config are a worker's values.
type Config struct {
	MetricsAddr string // where /metrics, /healthz, /readyz and /debug/pprof are served; nowhere when empty
	TaskQueue   string // of the workflows; the queue of deliveries is derived from it
	Namespace   string // Temporal's, for the registration of search attributes
	Dispatchers int    // dispatch workflows, 1 to 64; 8 when 0. All workers must agree.
	// RetentionDays is how long events, deliveries and attempts are kept (P10), 1 or more; 30 when 0.
	RetentionDays int
	// Version is that of this binary, which Temporal shows with those who poll a queue; empty for none.
	Version    string
	Sender     sender.Config
	Activities activities.Config
	// Registry collects the worker's metrics beside those that all roles have (roles.Registry) and, perhaps, those of the SDK
	// (SDKMetrics); one of its own when nil.
	Registry *prometheus.Registry
}

// Deps are what a worker works with.
type Deps struct {
	Store    *models.Store
	Temporal client.Client
	Logger   *slog.Logger
	// Tracing makes the spans of the relay and of attempts; nil where nothing is traced. Those of Temporal's SDK are made by the
	// client's interceptors (TraceInterceptors).
	Tracing trace.TracerProvider
}

// Worker is one worker process's work.
type Worker struct {
	cfg      Config
	deps     Deps
	registry *prometheus.Registry
	metrics  *metrics
	backlog  *backlog
	acts     *activities.Activities
	identity string                // of its polls
	isUp     atomic.Bool           // the polls have begun
	waitsFor atomic.Pointer[error] // what it cannot begin without; nil for nothing
	// isStopping is set when the worker takes no more work, before it finishes what runs.
	isStopping atomic.Bool
	readiness  readiness
}

// stopTimeout is how long running activities may go on after a stop: a webhook request's 10 s, its record, a margin. It
// is below the 25 s in which the process must be gone.
const stopTimeout = 20 * time.Second

// New makes a worker. Errors: a dependency or value that is missing.
func New(cfg Config, deps Deps) (*Worker, error) {
	if deps.Store == nil || deps.Temporal == nil || deps.Logger == nil {
		return nil, errors.New("worker: Store, Temporal and Logger are needed")
	}
	if cfg.TaskQueue == "" {
		return nil, errors.New("worker: TaskQueue is needed")
	}
	if cfg.Dispatchers == 0 {
		cfg.Dispatchers = 8
	}
	if cfg.RetentionDays == 0 {
		cfg.RetentionDays = 30
	}
	if cfg.RetentionDays < 1 {
		return nil, errors.New("worker: RetentionDays must be 1 or more")
	}
	if cfg.Dispatchers < 1 || cfg.Dispatchers > webhook.Shards {
		return nil, fmt.Errorf("worker: dispatchers must be 1 to %d", webhook.Shards)
	}
	registry := cfg.Registry
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	w := &Worker{cfg: cfg, deps: deps, registry: registry, identity: identity()}
	w.acts = &activities.Activities{
		Config:  cfg.Activities,
		Store:   deps.Store,
		Sender:  sender.New(cfg.Sender),
		Metrics: activities.NewMetrics(registry),
		Log:     deps.Logger,
	}
	if deps.Tracing == nil {
		w.deps.Tracing = noop.NewTracerProvider()
	} else {
		w.acts.Tracer = deps.Tracing.Tracer(traced.Scope)
	}
	w.metrics = newMetrics(registry, w.acts.Metrics)
	w.backlog = newBacklog(deps.Store, deps.Logger)
	registry.MustRegister(w.backlog)
	return w, nil
}

// Run works until ctx ends, then stops taking work and finishes or hands back what runs, within 25 s. Temporal and the
// database may be away when it starts: it waits for them. Errors: Temporal refuses the worker for good, such as a namespace
// that is not there two minutes after it was; the supervisor of the process starts it anew.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer w.acts.Sender.Close()
	// The SDK stops a worker for good when Temporal refuses it, and says so nowhere else: the process would look well.
	refused := make(chan error, 2)
	fatal := func(err error) {
		select {
		case refused <- fmt.Errorf("refused by Temporal: %w", err):
		default:
		}
	}
	closeMetrics, err := w.serveMetrics(ctx)
	if err != nil {
		return err
	}
	defer closeMetrics() // the last: while it stops the worker says so
	defer context.AfterFunc(ctx, func() { w.isStopping.Store(true) })()
	var background sync.WaitGroup
	defer background.Wait()
	if !w.retry(ctx, "wait for the database", w.deps.Store.DB.Ready) {
		return nil
	}
	background.Go(func() { w.backlog.watch(ctx) })
	background.Go(func() { w.maintain(ctx) })
	background.Go(func() { w.sequence(ctx) })
	background.Go(func() { w.propagateTags(ctx) })
	sweeper := &sweeper{
		store: w.deps.Store, client: w.deps.Temporal, namespace: w.cfg.Namespace, log: w.deps.Logger, metrics: w.metrics,
		register: w.registerAttributes,
	}
	background.Go(func() { sweeper.run(ctx) }) // before Temporal is there: what is due while it is away is the sweeper's

	if !w.retry(ctx, "prepare the namespace", sweeper.meetNamespace) {
		return nil
	}
	// With other keys it would take deliveries that it cannot send, and others could. What is due meanwhile is the sweeper's.
	if !w.retry(ctx, "open what is sealed", w.deps.Store.CheckKeys) {
		return nil
	}
	workers := []sdkworker.Worker{w.workflowWorker(fatal), w.deliveryWorker(fatal)}
	started := 0
	defer func() {
		for _, sdk := range workers[:started] {
			background.Go(sdk.Stop)
		}
	}()
	if !w.retry(ctx, "start", func(context.Context) error {
		for ; started < len(workers); started++ {
			if err := workers[started].Start(); err != nil {
				return err
			}
		}
		return nil
	}) {
		return nil
	}
	relay := relay{
		store: w.deps.Store, client: w.deps.Temporal, queue: w.cfg.TaskQueue, log: w.deps.Logger, metrics: w.metrics,
		tracer: w.deps.Tracing.Tracer(traced.Scope),
	}
	background.Go(func() { relay.run(ctx) })
	background.Go(func() { w.keepDispatchers(ctx) })
	w.isUp.Store(true)
	w.deps.Logger.Info("worker is up", "taskQueue", w.cfg.TaskQueue, "dispatchers", w.cfg.Dispatchers)

	select {
	case <-ctx.Done():
	case err = <-refused:
		stop()
	}
	w.deps.Logger.Info("worker stops: finishing what runs")
	return err
}

func (w *Worker) workflowWorker(fatal func(error)) sdkworker.Worker {
	sdk := sdkworker.New(w.deps.Temporal, w.cfg.TaskQueue, sdkworker.Options{
		OnFatalError:                fatal,
		Identity:                    w.identity,
		Interceptors:                w.interceptors(),
		WorkerStopTimeout:           stopTimeout,
		DeploymentOptions:           w.build(),
		DisableRegistrationAliasing: true,
		WorkflowTaskPollerBehavior:  sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior:  sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{}),
	})
	sdk.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: durable.ConversationWorkflow})
	sdk.RegisterWorkflowWithOptions(workflows.Dispatch, workflow.RegisterOptions{Name: durable.DispatchWorkflow})
	sdk.RegisterWorkflowWithOptions(workflows.Retry, workflow.RegisterOptions{Name: durable.RetryWorkflow})
	sdk.RegisterWorkflowWithOptions(workflows.Recompute, workflow.RegisterOptions{Name: durable.RecomputeWorkflow})
	sdk.RegisterWorkflowWithOptions(workflows.Replay, workflow.RegisterOptions{Name: durable.ReplayWorkflow})
	sdk.RegisterWorkflowWithOptions(workflows.Probe, workflow.RegisterOptions{Name: durable.ProbeWorkflow})
	sdk.RegisterActivityWithOptions(w.acts.Probe, activity.RegisterOptions{Name: durable.ProbeActivity})
	sdk.RegisterActivityWithOptions(w.acts.TickConversation, activity.RegisterOptions{Name: durable.TickActivity})
	sdk.RegisterActivityWithOptions(w.acts.ApplyDockAction, activity.RegisterOptions{Name: durable.DockActionActivity})
	sdk.RegisterActivityWithOptions(w.acts.RecomputeClocks, activity.RegisterOptions{Name: durable.RecomputeActivity})
	return sdk
}

// spareRuns are the places for runs of a tenant that has its share of activities.LongRuns: each takes milliseconds.
const spareRuns = 56

// deliveryWorker sends webhooks, on a queue of its own: its activities are few, long and slow.
func (w *Worker) deliveryWorker(fatal func(error)) sdkworker.Worker {
	sdk := sdkworker.New(w.deps.Temporal, durable.DeliveriesQueue(w.cfg.TaskQueue), sdkworker.Options{
		OnFatalError:                fatal,
		Identity:                    w.identity,
		Interceptors:                w.interceptors(),
		WorkerStopTimeout:           stopTimeout,
		DeploymentOptions:           w.build(),
		DisableRegistrationAliasing: true,
		DisableWorkflowWorker:       true,
		// All dispatchers, the runs of retries and replays, and some that are only told that it is not their tenant's turn.
		MaxConcurrentActivityExecutionSize: w.cfg.Dispatchers + activities.LongRuns + spareRuns,
		ActivityTaskPollerBehavior:         sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{}),
	})
	sdk.RegisterActivityWithOptions(w.acts.Probe, activity.RegisterOptions{Name: durable.ProbeActivity})
	sdk.RegisterActivityWithOptions(w.acts.DispatchDeliveries, activity.RegisterOptions{Name: durable.DispatchActivity})
	sdk.RegisterActivityWithOptions(w.acts.RetryDeliveries, activity.RegisterOptions{Name: durable.RetryActivity})
	sdk.RegisterActivityWithOptions(w.acts.ReplayDeliveries, activity.RegisterOptions{Name: durable.ReplayActivity})
	sdk.RegisterActivityWithOptions(w.acts.AbandonReplay, activity.RegisterOptions{Name: durable.AbandonActivity})
	return sdk
}

// build tells Temporal which build this process is of, and nothing more: work goes to workers of any build.
func (w *Worker) build() (o sdkworker.DeploymentOptions) {
	if w.cfg.Version != "" {
		o.Version = sdkworker.WorkerDeploymentVersion{DeploymentName: deploymentName, BuildID: w.cfg.Version}
	}
	return o
}

// deploymentName is how Temporal calls all workers of the product together.
const deploymentName = "atender"

func (w *Worker) interceptors() []interceptor.WorkerInterceptor {
	return []interceptor.WorkerInterceptor{
		&lines{}, // before all others: what they log is within it
		&watchdog{log: w.deps.Logger, stuck: w.metrics.stuck, after: watchdogAfter, every: watchdogEvery},
	}
}

// waitsAgain is how often a worker that waits says the same once more.
const waitsAgain = 10 * time.Second

// retry runs f every second until it succeeds; false when ctx ended first. What it waits for is in the log and in what /readyz
// says.
func (w *Worker) retry(ctx context.Context, what string, f func(context.Context) error) bool {
	said, at := "", time.Time{}
	for {
		err := f(ctx)
		if err == nil {
			w.waitsFor.Store(nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		w.waitsFor.Store(&err)
		if text := err.Error(); text != said || time.Since(at) > waitsAgain {
			said, at = text, time.Now()
			w.deps.Logger.Warn("the worker waits; trying again", "step", what, "error", err)
		}
		if !sleep(ctx, time.Second) {
			return false
		}
	}
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// registerAttributes makes the search attributes known to the namespace. Those that are there stay. A server on which they are
// administered elsewhere refuses that, as Temporal Cloud does: there they have been made before, or `atender doctor` names what
// is missing.
func (w *Worker) registerAttributes(ctx context.Context) error {
	request := &operatorservice.AddSearchAttributesRequest{
		Namespace:        w.cfg.Namespace,
		SearchAttributes: workflows.AttributeTypes(),
	}
	_, err := w.deps.Temporal.OperatorService().AddSearchAttributes(ctx, request)
	if _, known := errors.AsType[*serviceerror.AlreadyExists](err); known {
		return nil
	}
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, unknown := errors.AsType[*serviceerror.Unimplemented](err)
	if denied || unknown {
		w.deps.Logger.Warn("search attributes may not be registered by the worker here: make those that are missing",
			"namespace", w.cfg.Namespace, "attributes", request.GetSearchAttributes(), "error", err)
		return nil
	}
	return err
}

// keepDispatchers sees to it that the dispatch workflows run, also after Temporal lost its data.
func (w *Worker) keepDispatchers(ctx context.Context) {
	for {
		wait := 15 * time.Second
		if err := ensureDispatchers(ctx, w.deps.Temporal, w.cfg.TaskQueue, w.cfg.Dispatchers); err != nil && ctx.Err() == nil {
			w.deps.Logger.Warn("dispatch workflows not ensured", "error", err)
			wait = time.Second
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// serveMetrics begins to serve metrics and probes, until the function that it returns is called.
func (w *Worker) serveMetrics(ctx context.Context) (stop func(), err error) {
	if w.cfg.MetricsAddr == "" {
		return func() {}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap, goroutine and the like
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", w.serveReadiness)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", w.cfg.MetricsAddr)
	if err != nil {
		return nil, fmt.Errorf(
			"listen for metrics and probes: %w: set ATENDER_WORKER_METRICS_ADDR, or stop what listens there", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			w.deps.Logger.ErrorContext(ctx, "metrics are not served", "address", w.cfg.MetricsAddr, "error", err)
		}
	}()
	return func() {
		_ = server.Close() // a scrape that is under way comes again, elsewhere
		<-done
	}, nil
}
