package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"

	"github.com/atender/atender/models/durable"
)

// readyTime bounds what /readyz asks of Temporal: it is less than what probes usually wait.
const readyTime = 2 * time.Second

// identity is what Temporal knows this process's workers by: process and machine, as the SDK would say.
func identity() string {
	host, _ := os.Hostname() // without one the number of the process has to do
	return fmt.Sprintf("%d@%s", os.Getpid(), host)
}

// serveReadiness implements GET /readyz of the worker: whether it takes work, as Temporal sees it.
func (w *Worker) serveReadiness(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := w.polls(ctx); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = rw.Write([]byte("ok\n")) // a prober that is gone asks again
}

// polls tells whether this process polls each of its queues. Errors: it does not, or Temporal does not say.
func (w *Worker) polls(ctx context.Context) error {
	if !w.isUp.Load() {
		return errors.New("the worker starts: it waits for Temporal")
	}
	for _, queue := range []struct {
		name string
		of   enumspb.TaskQueueType
	}{
		{w.cfg.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{w.cfg.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{durable.DeliveriesQueue(w.cfg.TaskQueue), enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		state, err := w.deps.Temporal.DescribeTaskQueue(ctx, queue.name, queue.of)
		if err != nil {
			return fmt.Errorf("ask Temporal who polls %s: %w", queue.name, err)
		}
		if !slices.ContainsFunc(state.GetPollers(), func(p *taskqueue.PollerInfo) bool { return p.GetIdentity() == w.identity }) {
			return fmt.Errorf("the worker does not poll %s yet", queue.name)
		}
	}
	return nil
}
