package worker

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// An activity that does not heed its context is reported while it goes on, and no longer.
func TestAnActivityThatDoesNotComeBackIsReported(t *testing.T) {
	var log buffer
	stuck := prometheus.NewGauge(prometheus.GaugeOpts{Name: "stuck"})
	w := &watchdog{log: slog.New(slog.NewTextHandler(&log, nil)), stuck: stuck, after: time.Millisecond, every: time.Hour}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, callOff := context.WithCancel(t.Context())
	env.SetWorkerOptions(worker.Options{
		BackgroundActivityContext: ctx, Interceptors: []interceptor.WorkerInterceptor{w},
	})
	release := make(chan struct{})
	deaf := func(context.Context) error {
		callOff()
		<-release
		return nil
	}
	env.RegisterActivity(deaf)
	returned := make(chan error, 1)
	go func() {
		_, err := env.ExecuteActivity(deaf)
		returned <- err
	}()
	require.Eventually(t, func() bool { return testutil.ToFloat64(stuck) == 1 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("does not come back")) },
		10*time.Second, time.Millisecond)
	close(release)
	require.NoError(t, <-returned)
	require.Eventually(t, func() bool { return testutil.ToFloat64(stuck) == 0 }, 10*time.Second, time.Millisecond)
}

func TestAnActivityThatComesBackIsNotReported(t *testing.T) {
	var log buffer
	w := &watchdog{log: slog.New(slog.NewTextHandler(&log, nil)), stuck: prometheus.NewGauge(prometheus.GaugeOpts{}),
		after: time.Hour}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{w}})
	quick := func(context.Context) (string, error) { return "done", nil }
	env.RegisterActivity(quick)
	result, err := env.ExecuteActivity(quick)
	require.NoError(t, err)
	var said string
	require.NoError(t, result.Get(&said))
	require.Equal(t, "done", said)
	require.Empty(t, log.String())
}
