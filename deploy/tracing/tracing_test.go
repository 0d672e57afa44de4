package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/deploy/tracing"
	"github.com/atender/atender/tests/collector"
)

// environment has OpenTelemetry's variables as given, and no others.
func environment(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

func open(t *testing.T, log io.Writer, vars map[string]string) (*tracing.Tracing, error) {
	t.Helper()
	environment(t, vars)
	return tracing.Open(
		t.Context(),
		tracing.Options{Role: "api", Version: "1.2.3", Log: slog.New(slog.NewTextHandler(log, nil))},
	)
}

func TestNothingIsTracedUnlessItIsAskedFor(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"nothing set":       nil,
		"only a name":       {"OTEL_SERVICE_NAME": "support"},
		"switched off":      {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"},
		"exporter none":     {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
		"off, though wrong": {"OTEL_EXPORTER_OTLP_ENDPOINT": "what?", "OTEL_SDK_DISABLED": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			traces, err := open(t, io.Discard, vars)
			require.NoError(t, err)
			require.Nil(t, traces)
			require.Nil(t, traces.Provider(), "no provider: nothing to pay")
			traces.Close()
		})
	}
}

func TestWhatIsWrongStopsTheStartWithOneLineEach(t *testing.T) {
	_, err := open(t, io.Discard, map[string]string{
		"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "secret", "OTEL_BSP_MAX_QUEUE_SIZE": "many",
		"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key: secret", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file",
	})
	var wrong *config.Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, []string{
		"OTEL_TRACES_EXPORTER has to be otlp or none",
		"OTEL_EXPORTER_OTLP_ENDPOINT has to be a URL such as http://collector:4318, without a password: that goes into " +
			"OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_PROTOCOL has to be http/protobuf, which collectors take on port 4318",
		"OTEL_TRACES_SAMPLER_ARG has to be a share from 0 to 1, such as 0.01",
		"OTEL_EXPORTER_OTLP_HEADERS has to be name=value, more of them after a comma, with %2C for a comma in a value",
		"OTEL_EXPORTER_OTLP_CERTIFICATE names a file that cannot be read: stat /no/such/file: no such file or directory",
		"OTEL_BSP_MAX_QUEUE_SIZE has to be a whole number from 1 to 1000000",
	}, wrong.Lines)
	_, err = open(t, io.Discard, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_SAMPLER": "sometimes",
	})
	require.ErrorContains(t, err, "OTEL_TRACES_SAMPLER has to be one of")
	_, err = open(t, io.Discard, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:secret@collector:4318"})
	require.ErrorContains(t, err, "without a password")
	require.NotContains(t, err.Error(), "secret")
}

// What a process has not sent when it ends is sent then, with what the operator says of it.
func TestSpansComeToTheCollector(t *testing.T) {
	c := collector.Open(t)
	traces, err := open(t, io.Discard, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL(), "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=wrench",
		"OTEL_BSP_SCHEDULE_DELAY":  "600000",
		"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging",
	})
	require.NoError(t, err)
	_, span := traces.Provider().Tracer("test").Start(t.Context(), "request")
	span.End()
	traces.Close()
	arrived := c.Spans()
	require.Len(t, arrived, 1)
	require.Equal(t, "request", arrived[0].Name)
	require.Equal(t, "wrench", c.Header().Get("X-Api-Key"))
	for _, said := range []string{"atender-api", "1.2.3", "deployment.environment.name", "staging"} {
		require.Contains(t, c.Text(), `"`+said+`"`)
	}
}

func TestTheOperatorSaysHowManyAreTracedAndUnderWhichName(t *testing.T) {
	c := collector.Open(t)
	traces, err := open(t, io.Discard, map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL() + "/v1/traces", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
		"OTEL_TRACES_SAMPLER_ARG": "0.5", "OTEL_SERVICE_NAME": "support",
	})
	require.NoError(t, err)
	tracer := traces.Provider().Tracer("test")
	const n = 200
	for range n {
		ctx, span := tracer.Start(context.Background(), "request")
		_, child := tracer.Start(ctx, "transaction")
		child.End()
		span.End()
	}
	traces.Close()
	count := map[string]int{}
	for _, span := range c.Spans() {
		count[span.Name]++
	}
	require.Equal(t, count["request"], count["transaction"], "all of a trace, or nothing of it")
	require.Greater(t, count["request"], n/4)
	require.Less(t, count["request"], n*3/4)
	require.Contains(t, c.Text(), `"support"`)
	require.NotContains(t, c.Text(), `"atender-api"`)
}

// A collector that takes connections and never answers holds nothing up: what does not fit into the queue is
// dropped, and the end of the process waits for seconds, not for it.
func TestACollectorThatHangsHoldsNothingUp(t *testing.T) {
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = hanging.Close() })
	traces, err := open(t, io.Discard, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + hanging.Addr().String(), "OTEL_BSP_MAX_QUEUE_SIZE": "64",
		"OTEL_BSP_SCHEDULE_DELAY": "1",
	})
	require.NoError(t, err)
	tracer := traces.Provider().Tracer("test")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10_000 {
			_, span := tracer.Start(context.Background(), "request")
			span.End()
		}
	}()
	closed := make(chan struct{})
	select {
	case <-done:
	case <-time.After(20 * time.Second): // the exporter's own time is 10 s
		t.Fatal("spans wait for the collector")
	}
	go func() {
		defer close(closed)
		traces.Close()
	}()
	select {
	case <-closed:
	case <-time.After(5 * time.Second): // what SIGTERM leaves behind the 20 s of what runs
		t.Fatal("the end waits for the collector")
	}
}

// A collector that refuses everything is logged once, not each time.
func TestLostTracesAreLoggedOnceAMinute(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(3)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer asked.Done()
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, strings.Repeat("no ", 10_000))
	}))
	t.Cleanup(refusing.Close)
	log := &buffer{}
	traces, err := open(t, log, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": refusing.URL, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1", "OTEL_BSP_SCHEDULE_DELAY": "1",
	})
	require.NoError(t, err)
	for range 3 {
		_, span := traces.Provider().Tracer("test").Start(t.Context(), "request")
		span.End()
	}
	asked.Wait()
	traces.Close()
	require.Equal(t, 1, strings.Count(log.String(), "traces are lost"), log.String())
	require.Contains(t, log.String(), "spans=1")
	require.Less(t, len(log.String()), 1000, "the collector's words are cut")
}

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
