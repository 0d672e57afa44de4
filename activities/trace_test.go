package activities

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
)

// A retry is in the trace of the request that caused its event, whatever the activity is part of that makes
// it.
func TestEachAttemptIsInTheTraceOfItsEvent(t *testing.T) {
	t.Parallel()
	seen := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(seen)).Tracer("test")
	activity, span := tracer.Start(t.Context(), "RunActivity")
	t.Cleanup(func() { span.End() })
	a := &Activities{Tracer: tracer}
	cause := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	d := webhook.Delivery{
		ID: uuid.New(), TenantID: uuid.New(), SubscriptionID: uuid.New(), EventID: uuid.New(), EventType: "message.sent",
		Attempts: 2, Traceparent: &cause,
	}
	ctx, attempt := a.beginAttempt(activity, d)
	sent := traced.Parent(ctx)
	endAttempt(attempt, d, webhook.Attempt{
		Status: 503, Class: webhook.ClassHTTP5xx, Error: "private", Excerpt: "private", Duration: 1500 * time.Millisecond,
	})
	spans := seen.GetSpans()
	require.Len(t, spans, 1)
	got := spans[0]
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", got.SpanContext.TraceID().String())
	require.Equal(t, "b7ad6b7169203331", got.Parent.SpanID().String())
	require.Equal(
		t,
		traced.Span(sent).SpanID(),
		got.SpanContext.SpanID(),
		"receivers are told of the attempt",
	)
	require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "http_5xx"}, got.Status)
	attributes := map[string]any{}
	for _, a := range got.Attributes {
		attributes[string(a.Key)] = a.Value.AsInterface()
	}
	require.Equal(t, map[string]any{
		"atender.tenant.id": d.TenantID.String(), "atender.webhook.id": d.SubscriptionID.String(),
		"atender.delivery.id": d.ID.String(), "atender.event.id": d.EventID.String(), "atender.event.type": "message.sent",
		"atender.attempt.number": int64(
			3,
		), "atender.attempt.class": "http_5xx", "atender.attempt.duration_ms": int64(1500),
		"http.response.status_code": int64(503),
	}, attributes)

	d.Traceparent = nil
	ctx, attempt = a.beginAttempt(activity, d)
	endAttempt(attempt, d, webhook.Attempt{})
	require.Empty(t, traced.Parent(ctx), "the activity makes the attempts of many")
	require.Len(t, seen.GetSpans(), 1)
	ctx, attempt = (&Activities{}).beginAttempt(t.Context(), webhook.Delivery{Traceparent: &cause})
	require.False(t, attempt.IsRecording())
	require.Empty(t, traced.Parent(ctx), "a worker that traces nothing tells of nothing")
}
