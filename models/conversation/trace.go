package conversation

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/models/traced"
)

// beginSpan begins the span of a group's transaction (P1.10): it is in the trace of the first of the members
// that are traced, and linked with those of the others, in both directions. Where none is traced it does
// nothing.
func beginSpan(ctx context.Context, group []*member) (context.Context, trace.Span) {
	span := trace.SpanFromContext(ctx)
	for _, m := range group {
		switch {
		case !m.span.IsRecording():
			continue
		case !span.IsRecording():
			ctx, span = traced.Start(trace.ContextWithSpan(ctx, m.span), "transaction of a group")
			span.SetAttributes(traced.GroupSize.Int(len(group)))
		default:
			span.AddLink(trace.Link{SpanContext: m.span.SpanContext()})
		}
		m.span.AddLink(trace.Link{SpanContext: span.SpanContext()})
	}
	return ctx, span
}
