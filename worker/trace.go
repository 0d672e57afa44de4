package worker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/traced"
)

const (
	// relayLinks bounds the links of a span of the relay: so many other traced requests that one call serves
	// are named.
	relayLinks = 32
	// signalTime is how long after a signal what its workflow does is in the signal's trace: it is at once,
	// and a database that is away for that long ends the trace. A timer that fires later is not what the
	// request did.
	signalTime = time.Minute
)

// beginSpan begins the span of a call to Temporal, beneath the span that caused the newest traced row and
// linked with those of the others. What none of has been traced has no span.
func (r *relay) beginSpan(ctx context.Context, t *target) (context.Context, trace.Span) {
	if len(t.traced) == 0 {
		return ctx, noop.Span{}
	}
	slices.SortFunc(
		t.traced,
		func(a, b outbox.Row) int { return cmp.Compare(b.ID, a.ID) },
	) // the newest first
	ctx, span := r.tracer.Start(traced.Within(ctx, *t.traced[0].Traceparent), "relay "+string(t.row.Kind))
	if !span.IsRecording() {
		return ctx, span
	}
	for _, other := range t.traced[1:min(len(t.traced), 1+relayLinks)] {
		span.AddLink(trace.Link{SpanContext: traced.Span(*other.Traceparent)})
	}
	span.SetAttributes(
		traced.UUID(traced.TenantID, t.row.TenantID), traced.OutboxKind.String(string(t.row.Kind)),
		traced.OutboxRows.Int(len(t.ids)), traced.OutboxTries.Int(t.row.Attempts),
	)
	return ctx, span
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		traced.Failed(span, "Temporal not told")
	}
	span.End()
}

// spanKey is where a workflow's context has its span.
type spanKey struct{}

// TraceInterceptors make the SDK of Temporal carry traces in the headers of signals, workflows and
// activities, and make spans of them. They are for the options of the client, whose workers have them, too. A
// worker without them runs the same workflows: headers that it does not know say nothing to it.
func TraceInterceptors(provider trace.TracerProvider) ([]interceptor.ClientInterceptor, error) {
	tracer, err := opentelemetry.NewTracer(opentelemetry.TracerOptions{
		Tracer:                  provider.Tracer(traced.Scope),
		DisableQueryTracing:     true, // Temporal's UI asks them all the time
		DisableUpdateTracing:    true, // there are none
		DisableBaggage:          true,
		AllowInvalidParentSpans: true, // a header that cannot be read must not fail a workflow
		TextMapPropagator:       propagation.TraceContext{},
		SpanContextKey:          spanKey{},
		SpanStarter:             startSDKSpan,
	})
	if err != nil {
		return nil, err
	}
	return []interceptor.ClientInterceptor{
		interceptor.NewTracingInterceptor(sdkTracer{tracer}),
		&signalTraces{},
	}, nil
}

// startSDKSpan begins a span of the SDK's where it goes on from another: what no traced request has caused is
// not traced, but for the tick, which begins a trace of what time does by itself. A run of a workflow is
// none: it takes as long as the conversation, and would be told of whenever it leaves a worker's cache; what
// it does is beneath the signal that made it.
func startSDKSpan(
	ctx context.Context,
	t trace.Tracer,
	name string,
	options ...trace.SpanStartOption,
) trace.Span {
	parent := trace.SpanFromContext(ctx)
	if strings.HasPrefix(name, "RunWorkflow:") ||
		!parent.SpanContext().IsValid() && name != "RunActivity:"+durable.TickActivity {
		return parent
	}
	_, span := t.Start(ctx, name, options...)
	return quietSpan{span}
}

// quietSpan keeps errors' texts to itself: they are not ours, and may quote anything.
type quietSpan struct{ trace.Span }

// RecordError implements trace.Span.
func (quietSpan) RecordError(error, ...trace.EventOption) {}

// SetStatus implements trace.Span.
func (s quietSpan) SetStatus(code codes.Code, _ string) {
	if code == codes.Error {
		traced.Failed(s.Span, "failed")
		return
	}
	s.Span.SetStatus(code, "")
}

// sdkTracer gives lines of workflows and activities the name that traces have in all others.
type sdkTracer struct{ interceptor.Tracer }

// GetLogger implements interceptor.Tracer.
func (sdkTracer) GetLogger(logger log.Logger, ref interceptor.TracerSpanRef) log.Logger {
	span, ok := ref.(interface{ SpanContext() trace.SpanContext })
	if !ok || !span.SpanContext().IsSampled() {
		return logger
	}
	return log.With(logger, logging.TraceID, span.SpanContext().TraceID().String())
}

// signalTraces puts the activities of a workflow into the trace of the signal that made it look, rather than
// into that of whatever started the workflow, perhaps weeks ago. It changes nothing but headers, which
// replays do not compare.
type signalTraces struct{ interceptor.InterceptorBase }

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*signalTraces) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	i := &signalInbound{}
	i.Next = next
	return i
}

type signalInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	span any       // of the latest signal
	at   time.Time // when that came; zero before the first
}

// Init implements interceptor.WorkflowInboundInterceptor.
func (i *signalInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	o := &signalOutbound{inbound: i}
	o.Next = outbound
	return i.Next.Init(o)
}

// HandleSignal implements interceptor.WorkflowInboundInterceptor. In a replay the signal has no span.
func (i *signalInbound) HandleSignal(ctx workflow.Context, in *interceptor.HandleSignalInput) error {
	i.span, i.at = nil, workflow.Now(ctx)
	if !workflow.IsReplaying(ctx) {
		i.span = ctx.Value(spanKey{})
	}
	return i.Next.HandleSignal(ctx, in)
}

// cause is ctx with the span that the workflow works for now: none, if that is too long ago.
func (i *signalInbound) cause(ctx workflow.Context) workflow.Context {
	span, at := i.span, i.at
	if info := workflow.GetInfo(ctx); at.IsZero() &&
		info.ContinuedExecutionRunID == "" { // what started it, then
		span, at = ctx.Value(spanKey{}), info.WorkflowStartTime
	}
	if workflow.Now(ctx).Sub(at) > signalTime {
		span = nil
	}
	return workflow.WithValue(ctx, spanKey{}, span)
}

type signalOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	inbound *signalInbound
}

// ExecuteActivity implements interceptor.WorkflowOutboundInterceptor.
func (o *signalOutbound) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	return o.Next.ExecuteActivity(o.inbound.cause(ctx), activity, args...)
}

// ExecuteLocalActivity implements interceptor.WorkflowOutboundInterceptor.
func (o *signalOutbound) ExecuteLocalActivity(
	ctx workflow.Context,
	activity string,
	args ...any,
) workflow.Future {
	return o.Next.ExecuteLocalActivity(o.inbound.cause(ctx), activity, args...)
}
