package worker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/traced"
)

// cause is a traceparent of a request.
func cause(i int) string { return fmt.Sprintf("00-%032x-%016x-01", i, i) }

func TestOneCallForManyRequestsIsInTheTraceOfTheLastAndLinkedWithTheOthers(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	seen := tracetest.NewInMemoryExporter()
	r.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(seen)).Tracer("test")
	tenant, target, untraced := ident.New(), ident.New(), ident.New()
	add := func(e outbox.Entry, traceparent string) {
		t.Helper()
		e.Kind, e.TenantID = outbox.Retry, tenant
		require.NoError(
			t,
			outbox.AddNow(r.store.DB.Main.WithContext(traced.Within(t.Context(), traceparent)), e),
		)
	}
	const rows = relayLinks + 5
	for i := range rows {
		add(outbox.Entry{TargetID: target}, cause(i+1))
	}
	add(outbox.Entry{TargetID: untraced}, "")
	r.temporal.On(
		"SignalWithStartWorkflow",
		mock.Anything,
		durable.RetryID(named(tenant), durable.Endpoint{ID: target}),
		mock.Anything,
		mock.Anything,
		mock.Anything,
		mock.Anything,
		mock.Anything,
	).Return(
		nil,
		errors.New("private"),
	).Once()
	r.temporal.On(
		"SignalWithStartWorkflow",
		mock.Anything,
		durable.RetryID(named(tenant), durable.Endpoint{ID: untraced}),
		mock.Anything,
		mock.Anything,
		mock.Anything,
		mock.Anything,
		mock.Anything,
	).Return(
		nil,
		nil,
	).Once()
	r.round()
	spans := seen.GetSpans()
	require.Len(t, spans, 1, "what nobody traces has no span")
	require.Equal(t, "relay retry", spans[0].Name)
	require.Equal(t, traced.Span(cause(rows)).SpanID(), spans[0].Parent.SpanID())
	require.Len(t, spans[0].Links, relayLinks)
	require.Equal(t, traced.Span(cause(rows-1)).SpanID(), spans[0].Links[0].SpanContext.SpanID())
	require.Contains(t, spans[0].Attributes, traced.OutboxRows.Int(rows))
	require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "Temporal not told"}, spans[0].Status)
}

// Temporal's SDK makes spans where there is something to go on from, and its spans keep errors' texts to
// themselves.
func TestSpansOfTheSDKGoOnFromOthersAndQuoteNothing(t *testing.T) {
	t.Parallel()
	seen := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(seen)).Tracer("test")
	begin := func(name, traceparent string) {
		span := startSDKSpan(traced.Within(t.Context(), traceparent), tracer, name)
		span.RecordError(errors.New("private"))
		span.SetStatus(codes.Error, "private")
		span.End()
	}
	begin("RunActivity:"+durable.DispatchActivity, "")
	begin("RunWorkflow:"+durable.ConversationWorkflow, cause(1))
	begin("HandleSignal:"+durable.SignalConversationChanged, "")
	require.Empty(t, seen.GetSpans())
	begin("RunActivity:"+durable.TickActivity, "")
	begin("RunActivity:"+durable.DockActionActivity, cause(1))
	spans := seen.GetSpans()
	require.Len(t, spans, 2)
	require.False(t, spans[0].Parent.IsValid(), "time by itself begins a trace")
	require.Equal(t, traced.Span(cause(1)).SpanID(), spans[1].Parent.SpanID())
	for _, span := range spans {
		require.Empty(t, span.Events)
		require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "failed"}, span.Status)
	}
}
