package traced

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of spans: ids, words of a vocabulary, numbers. deploy/tracing.md says which span has which;
// what people have written or are called is in none.
const (
	TenantID       = attribute.Key("atender.tenant.id")
	ConversationID = attribute.Key("atender.conversation.id")
	RequestID      = attribute.Key("atender.request.id")
	WebhookID      = attribute.Key("atender.webhook.id")
	DeliveryID     = attribute.Key("atender.delivery.id")
	EventID        = attribute.Key("atender.event.id")
	EventType      = attribute.Key("atender.event.type")
	Attempt        = attribute.Key("atender.attempt.number") // as X-Atender-Attempt has it, from 1
	AttemptClass   = attribute.Key("atender.attempt.class")
	AttemptTime    = attribute.Key("atender.attempt.duration_ms")
	OutboxKind     = attribute.Key("atender.outbox.kind")
	OutboxRows     = attribute.Key("atender.outbox.rows") // told by one call
	OutboxTries    = attribute.Key("atender.outbox.tries")
	GroupSize      = attribute.Key("atender.group.size") // calls that one transaction wrote
	Tries          = attribute.Key("atender.transaction.tries")

	// OpenTelemetry's own names (semantic conventions for HTTP).
	Method     = attribute.Key("http.request.method")
	Route      = attribute.Key("http.route")
	StatusCode = attribute.Key("http.response.status_code")
)

// UUID is an attribute that has an id.
func UUID(key attribute.Key, id uuid.UUID) attribute.KeyValue { return key.String(id.String()) }

// Milliseconds is an attribute that has a duration.
func Milliseconds(key attribute.Key, d time.Duration) attribute.KeyValue {
	return key.Int64(d.Milliseconds())
}

// OfConversation notes on ctx's span which conversation the work is about.
func OfConversation(ctx context.Context, id uuid.UUID) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(UUID(ConversationID, id))
	}
}
