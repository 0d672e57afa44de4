// Package collector is a receiver of traces for tests: it takes OTLP over HTTP, as collectors do, and
// remembers the spans.
package collector

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Collector is a receiver.
type Collector struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	received []*v1.ResourceSpans
	header   http.Header // of the last request
}

// maxBody bounds what one request may bring.
const maxBody = 16 << 20

// Open starts a receiver, which is closed when the test ends.
func Open(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t}
	c.server = httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(c.server.Close)
	return c
}

// URL is its address, for OTEL_EXPORTER_OTLP_ENDPOINT.
func (c *Collector) URL() string { return c.server.URL }

func (c *Collector) receive(w http.ResponseWriter, r *http.Request) {
	spans, err := decode(r)
	if err != nil {
		c.t.Errorf("what came to the collector: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.received, c.header = append(c.received, spans...), r.Header.Clone()
	c.mu.Unlock()
	answer, err := proto.Marshal(&collectortrace.ExportTraceServiceResponse{})
	if err != nil {
		c.t.Errorf("answer of the collector: %v", err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func decode(r *http.Request) ([]*v1.ResourceSpans, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" ||
		r.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s %s of %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil, err
	}
	var request collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &request); err != nil {
		return nil, err
	}
	return request.ResourceSpans, nil
}

// Header is that of the last request.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header
}

// Spans are all that arrived, in the order of their arrival.
func (c *Collector) Spans() (all []*v1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range c.received {
		for _, scope := range resource.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all
}

// Await waits for spans that satisfy the condition.
func (c *Collector) Await(within time.Duration, condition func([]*v1.Span) bool) []*v1.Span {
	c.t.Helper()
	require.Eventually(
		c.t,
		func() bool { return condition(c.Spans()) },
		within,
		20*time.Millisecond,
		"spans at the collector",
	)
	return c.Spans()
}

// Text is all that arrived, resources and all, as JSON: for what must not be in it.
func (c *Collector) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := ""
	for _, resource := range c.received {
		raw, err := protojson.Marshal(resource)
		if err != nil {
			c.t.Errorf("spans as JSON: %v", err)
		}
		text += string(raw) + "\n"
	}
	return text
}
