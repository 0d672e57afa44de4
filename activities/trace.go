package activities

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
)

// attemptSpan is the name of an attempt's span: the type of its event is an attribute.
const attemptSpan = "webhook attempt"

// beginAttempt begins the span of an attempt, beneath the one that caused the event: a retry is in the same
// trace as the first attempt, however much later. Events that were not traced have no spans, and ctx then has
// none either: that of the activity, which makes the attempts of many, is none of theirs.
func (a *Activities) beginAttempt(ctx context.Context, d webhook.Delivery) (context.Context, trace.Span) {
	if a.Tracer == nil {
		return ctx, noop.Span{}
	}
	caused := traced.Within(ctx, postgres.Deref(d.Traceparent))
	if !trace.SpanContextFromContext(caused).IsValid() {
		return trace.ContextWithSpan(ctx, noop.Span{}), noop.Span{}
	}
	return a.Tracer.Start(caused, attemptSpan, trace.WithSpanKind(trace.SpanKindClient))
}

// endAttempt ends the span with what came of the attempt. Neither the URL nor what the endpoint said is in
// it.
func endAttempt(span trace.Span, d webhook.Delivery, attempt webhook.Attempt) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		traced.UUID(traced.TenantID, d.TenantID), traced.UUID(traced.WebhookID, d.SubscriptionID),
		traced.UUID(traced.DeliveryID, d.ID), traced.UUID(traced.EventID, d.EventID),
		traced.EventType.String(d.EventType), traced.Attempt.Int(d.Attempts+1),
		traced.AttemptClass.String(string(attempt.Class)),
		traced.Milliseconds(traced.AttemptTime, attempt.Duration),
	)
	if attempt.Status != 0 {
		span.SetAttributes(traced.StatusCode.Int(attempt.Status))
	}
	if !attempt.IsDelivered() {
		traced.Failed(span, string(attempt.Class))
	}
}
