package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/collector"
	"github.com/atender/atender/tests/inbox"
)

// listening is where a process says that it serves the API.
var listening = regexp.MustCompile(`msg=listening .*for=api addr=(\S+)`)

// An API process that is told of a collector sends it what it has done, the last of it when it stops, beside
// processes that trace nothing: those go on with what it has written, and no receiver is told.
func TestAProcessSendsItsTracesToACollector(t *testing.T) {
	t.Parallel()
	c := collector.Open(t)
	in := shared.inbox(t)
	said := &output{}
	api := exec.Command(
		"sh",
		"-c",
		`. "$0" && ATENDER_HTTP_ADDR=127.0.0.1:0 ATENDER_METRICS_ADDR=127.0.0.1:0 exec "$1" api`,
		filepath.Join(shared.dir, "env"),
		binary,
	)
	api.Env = append(environment(), "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL(), "OTEL_BSP_SCHEDULE_DELAY=600000")
	api.Stdout, api.Stderr = said, said
	require.NoError(t, api.Start())
	exited := make(chan error, 1)
	go func() { exited <- api.Wait() }()
	t.Cleanup(func() { _ = api.Process.Kill() })
	address := ""
	eventually(t, startWithin, func() error {
		found := listening.FindStringSubmatch(said.tail())
		if found == nil {
			return fmt.Errorf("it does not listen yet:\n%s", said.tail())
		}
		address = found[1]
		return nil
	})

	const trace = "0af7651916cd43dd8448eb211c80319c"
	request, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		"http://"+address+"/v1/conversations/outbound",
		strings.NewReader(order("traced-1", "traced@example.com")),
	)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+shared.APIKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusCreated, answer.StatusCode)
	for _, d := range in.Await(time.Minute, "the traced conversation", func(got []inbox.Delivery) bool {
		return slices.ContainsFunc(got, func(d inbox.Delivery) bool { return strings.Contains(d.Body, "traced@example.com") })
	}) {
		require.NotContains(t, d.Header, "Traceparent", "the worker is not told to send it")
	}
	require.Empty(t, c.Spans(), "it sends what it has every ten minutes")

	require.NoError(t, api.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-exited:
		require.NoError(t, err, said.tail())
	case <-time.After(stopWithin):
		t.Fatalf("it still runs %s after SIGTERM", stopWithin)
	}
	names := map[string]int{}
	for _, span := range c.Spans() {
		require.Equal(t, trace, fmt.Sprintf("%x", span.TraceId))
		names[span.Name]++
	}
	require.Equal(t, 1, names["POST /v1/conversations/outbound"])
	require.Equal(t, 1, names["write in a group"])
	require.Contains(t, c.Text(), `"atender-api"`)
	require.NotContains(t, c.Text(), "traced@example.com")
	require.Contains(t, said.tail(), "traceId="+trace, "its lines lead to the trace")
}
