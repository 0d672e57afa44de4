package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/logging"
)

const (
	// readyTime bounds what /readyz asks of the database and of Temporal, so that it answers within a second, which is what
	// Kubernetes waits for a probe unless it is told otherwise.
	readyTime = 900 * time.Millisecond
	// readyFor is how long an answer serves for those that come after it: a probe must not be a load.
	readyFor = time.Second
	// unreadyFor is the same for a worker that is not ready, which is soon, as a rule: those who start a stack wait for it.
	unreadyFor = 200 * time.Millisecond
)

// Why a worker is not ready that works as it should.
var (
	errStarting = errors.New("the worker starts")
	errStopping = errors.New("the worker stops: it finishes what runs and takes nothing new")
)

// identity is what Temporal knows this process's workers by: process and machine, as the SDK would say.
func identity() string {
	host, _ := os.Hostname() // without one the number of the process has to do
	return fmt.Sprintf("%d@%s", os.Getpid(), host)
}

// readiness remembers what was found a moment ago. The zero value is ready to use.
type readiness struct {
	mu    sync.Mutex // held while it is looked, so that one looks for all that ask
	until time.Time  // when to look again
	err   error      // what was found: nil for ready
}

// serveReadiness implements GET /readyz of the worker: whether it takes work. That is when the database answers and has the
// migrations of this version, Temporal sees this process poll, and nothing has told it to stop.
func (w *Worker) serveReadiness(rw http.ResponseWriter, r *http.Request) {
	if err := w.ready(r.Context()); err != nil {
		http.Error(rw, logging.ErrorText(err), http.StatusServiceUnavailable)
		return
	}
	_, _ = rw.Write([]byte("ok\n")) // a prober that is gone asks again
}

// ready is nil if the worker takes work. A stop is seen at once, all else is looked up once in a while.
func (w *Worker) ready(ctx context.Context) error {
	if w.isStopping.Load() {
		return errStopping
	}
	known := &w.readiness
	known.mu.Lock()
	defer known.mu.Unlock()
	if time.Now().After(known.until) {
		// A prober that hangs up must not make others believe that the worker is not ready.
		known.err = w.look(context.WithoutCancel(ctx))
		known.until = time.Now().Add(readyFor)
		if known.err != nil {
			known.until = time.Now().Add(unreadyFor)
		}
	}
	if w.isStopping.Load() {
		return errStopping
	}
	return known.err
}

// look asks the database and Temporal, at the same time. Errors: what is not as it must be, of both.
func (w *Worker) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var database error
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if err := w.deps.Store.DB.Ready(ctx); err != nil {
			database = fmt.Errorf("database: %w", err)
		}
	}()
	temporal := w.polls(ctx)
	select {
	case <-asked:
		return errors.Join(database, temporal)
	default: // it has not answered yet, or the time was Temporal's
	}
	select {
	case <-asked:
		return errors.Join(database, temporal)
	case <-ctx.Done(): // a connection that is being made does not always heed its context in time
		return errors.Join(fmt.Errorf("database: it did not answer within %s", readyTime), temporal)
	}
}

// polls tells whether this process polls each of its queues. Errors: it does not, or Temporal does not say.
func (w *Worker) polls(ctx context.Context) error {
	if !w.isUp.Load() {
		if waits := w.waitsFor.Load(); waits != nil {
			return fmt.Errorf("%w: it waits: %w", errStarting, *waits)
		}
		return errStarting
	}
	queues, ctx := errgroup.WithContext(ctx)
	for _, queue := range []struct {
		name string
		of   enumspb.TaskQueueType
	}{
		{w.cfg.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{w.cfg.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{durable.DeliveriesQueue(w.cfg.TaskQueue), enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		queues.Go(func() error {
			state, err := w.deps.Temporal.DescribeTaskQueue(ctx, queue.name, queue.of)
			if err != nil {
				return fmt.Errorf("temporal: ask who polls %s: %w", queue.name, err)
			}
			if !slices.ContainsFunc(
				state.GetPollers(),
				func(p *taskqueue.PollerInfo) bool { return p.GetIdentity() == w.identity },
			) {
				return fmt.Errorf("the worker does not poll %s yet", queue.name)
			}
			return nil
		})
	}
	return queues.Wait()
}
