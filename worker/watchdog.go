package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// watchdogAfter is how long an activity whose time is up, or that was called off, may take to come back before the
// watchdog reports it, and watchdogEvery how often it does so again.
const (
	watchdogAfter = 10 * time.Second
	watchdogEvery = time.Minute
)

// watchdog reports activities that do not come back: their context has ended, and they go on all the same, each with a
// slot of the worker. Nothing else shows that: Temporal has given the attempt up and starts another one.
type watchdog struct {
	interceptor.WorkerInterceptorBase
	log          *slog.Logger
	stuck        prometheus.Gauge
	after, every time.Duration
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (w *watchdog) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	i := &watchedActivity{watchdog: w}
	i.Next = next
	return i
}

type watchedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	watchdog *watchdog
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *watchedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	returned := make(chan struct{})
	info := activity.GetInfo(ctx)
	stop := context.AfterFunc(ctx, func() { a.watchdog.watch(ctx, info, returned) })
	defer func() {
		stop()
		close(returned)
	}()
	return a.Next.ExecuteActivity(ctx, in)
}

// watch reports an activity, whose context has ended, until it returns.
func (w *watchdog) watch(ctx context.Context, info activity.Info, returned <-chan struct{}) {
	ended := time.Now()
	for wait, reported := w.after, false; ; wait = w.every {
		timer := time.NewTimer(wait)
		select {
		case <-returned:
			timer.Stop()
			if reported {
				w.stuck.Dec()
			}
			return
		case <-timer.C:
		}
		if !reported {
			reported = true
			w.stuck.Inc()
		}
		w.log.ErrorContext(ctx, "an activity does not come back", "started", info.StartedTime,
			"overdue", time.Since(ended))
	}
}
