package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// tracedAPI is a harness whose requests are traced, with where their spans are, and what makes a request and
// returns its span.
func tracedAPI(t *testing.T) (
	h *harness, seen *tracetest.InMemoryExporter, span func(make func()) *tracetest.SpanStub,
) {
	t.Helper()
	h = newHarness(t)
	seen = tracetest.NewInMemoryExporter()
	var err error
	h.server, err = New(Config{Version: "test"}, Deps{
		Store: h.store, Logger: loggerTo(h.log), Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(seen)),
	})
	require.NoError(t, err)
	return h, seen, func(make func()) *tracetest.SpanStub {
		seen.Reset()
		make()
		spans := seen.GetSpans()
		if len(spans) == 0 {
			return nil
		}
		return &spans[len(spans)-1] // the request's ends last
	}
}

func TestARequestGoesOnFromItsCallersSpan(t *testing.T) {
	h, _, span := tracedAPI(t)
	me := func(headers ...string) *tracetest.SpanStub {
		return span(func() { h.call("GET", "/v1/me", nil, append(headers, "X-Request-Id", "the-id")...) })
	}
	named := "00-" + callersTrace + "-" + callersSpan + "-01"
	got := me("Traceparent", named, "Tracestate", "private=1", "Baggage", "private=1")
	require.Equal(t, "GET /v1/me", got.Name)
	require.Equal(t, callersTrace, got.SpanContext.TraceID().String())
	require.Equal(t, callersSpan, got.Parent.SpanID().String())
	require.Empty(t, got.SpanContext.TraceState().String())
	attributes := map[string]any{}
	for _, a := range got.Attributes {
		attributes[string(a.Key)] = a.Value.AsInterface()
	}
	require.Equal(t, map[string]any{
		"http.request.method": "GET", "http.route": "/v1/me", "http.response.status_code": int64(200),
		"atender.request.id": "the-id", "atender.tenant.id": h.live.ID.String(),
	}, attributes)

	require.Nil(
		t,
		me("Traceparent", named[:54]+"0"),
		"the caller has decided that this trace is not recorded",
	)
	for _, wrong := range []string{"", named + "0", "00-" + callersTrace, "ada@example.com"} {
		got := me("Traceparent", wrong)
		require.False(t, got.Parent.IsValid(), wrong)
		require.NotEqual(t, callersTrace, got.SpanContext.TraceID().String(), wrong)
	}
}

func TestOnlyCallsOfTheAPIAreTraced(t *testing.T) {
	h, _, span := tracedAPI(t)
	for _, path := range []string{"/healthz", "/readyz", "/version", "/docs", "/console", "/private-path", "/v1/private-path"} {
		require.Nil(t, span(func() { h.call("GET", path, nil) }), path)
	}
	unknown := span(
		func() { h.call("GET", "/v1/me", nil, "Authorization", "Bearer private").want(http.StatusUnauthorized) },
	)
	require.Equal(t, codes.Unset, unknown.Status.Code, "the caller's mistake is no failure of ours")
	other := span(func() { h.call("GET", "/api/v1/conversations?q=private", nil) })
	require.Equal(t, "GET /v1/conversations", other.Name)
}

// What people have written, are called, or have been tagged with is in no span, whether the call succeeds or
// is refused.
func TestSpansHaveNoPersonalData(t *testing.T) {
	h, seen, _ := tracedAPI(t)
	a := h.call(
		"POST",
		"/v1/conversations/outbound",
		least("private-reference"),
		"Idempotency-Key",
		"private-key",
	).want(
		201,
	)
	h.call(
		"POST",
		"/v1/conversations/outbound",
		least("private-reference"),
		"Idempotency-Key",
		"private-other",
	).want(
		409,
	)
	h.call("GET", "/v1/conversations?q=private%40example.com", nil).want(200)
	h.call("PUT", "/v1/conversations/"+a.string("id")+"/tags/private-tag", nil).want(200)
	h.call("GET", "/v1/conversations/private-id", nil)
	h.call("POST", "/v1/conversations/outbound", `{"subject":"private"}`).wrong()
	spans := seen.GetSpans()
	require.GreaterOrEqual(t, len(spans), 9)
	names := map[string]int{}
	for _, span := range spans {
		names[span.Name]++
		raw, err := json.Marshal([]any{span.Name, span.Attributes, span.Events, span.Status})
		require.NoError(t, err)
		require.NotContains(t, string(raw), "private")
		require.NotContains(t, string(raw), "example.com")
		if span.Name == "POST /v1/conversations/outbound" && names[span.Name] == 1 {
			require.Contains(
				t,
				string(raw),
				a.string("id"),
				"a creation's span has the conversation that it has made",
			)
		}
	}
	require.Equal(t, 3, names["POST /v1/conversations/outbound"])
	require.Positive(t, names["write in a group"])
	require.Positive(t, names["transaction of a group"])
	require.Positive(t, names["unit of work"], "of the call that was refused")
}
