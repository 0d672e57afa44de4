// Package traced carries traces through what waits in the database: a row of the outbox, an event. It is the
// W3C traceparent of the span that caused them, and nothing else: neither tracestate nor baggage, which
// others could fill. Spans here are children of the context's span, made by its own provider, so that where
// nothing is traced there is nothing to configure and nothing to pay.
package traced

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Scope is the name under which Atender's spans are made.
const Scope = "github.com/atender/atender"

// Header is the name of the header, and of the columns, that carry a span (W3C Trace Context, section 3.2).
const Header = "traceparent"

// Parent is the traceparent of ctx's span, 55 characters, for what is to be its child later or elsewhere; ""
// where there is no span or where it is not sampled, since nothing that follows would be recorded.
func Parent(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() || !span.IsSampled() {
		return ""
	}
	return "00-" + span.TraceID().String() + "-" + span.SpanID().String() + "-01"
}

// Within is ctx for the work that the span of a traceparent caused. One that is not valid is none.
func Within(ctx context.Context, traceparent string) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, Span(traceparent))
}

// Span is the span that a traceparent names; not a valid one if that is not valid. Only what this version of
// the format knows is read: tracestate, which would come in a header of its own, is not.
func Span(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{Header: traceparent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// Start begins a span beneath the one of ctx, which the caller ends. Where that is not recorded it returns
// ctx as it is and a span that does nothing.
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noop.Span{}
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, options...)
}

// Failed marks a span as failed, with a word of ours that says how: never with an error's text, which may
// quote what is in the database.
func Failed(span trace.Span, how string) { span.SetStatus(codes.Error, how) }
