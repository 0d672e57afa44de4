package activities

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// Tester sends tests of webhooks, from whichever process was asked for one: with the same sender, and so under the same
// rules, as deliveries.
type Tester struct{ Sender *sender.Sender }

// SendTest makes the one attempt of a test and says what came of it, within the sender's limits. A test whose asker goes
// away is broken off.
func (t Tester) SendTest(ctx context.Context, test webhook.WebhookTest) wire.Attempt {
	e := &test.Endpoint
	ctx, span := traced.Start(ctx, attemptSpan, trace.WithSpanKind(trace.SpanKindClient))
	startedAt := time.Now()
	attempt := t.Sender.Post(ctx, t.Sender.Build(sender.Delivery{
		URL: e.URL, Body: []byte(test.Payload), EventID: test.EventID.String(), Event: string(webhook.TestEvent),
		DeliveryID: test.DeliveryID.String(), Attempt: 1, Signers: e.Signers, Secrets: e.Secrets, Custom: e.Headers,
		Traceparent: traced.Parent(ctx),
	}, startedAt))
	attempt.StartedAt = startedAt
	endAttempt(span, webhook.Delivery{
		ID: test.DeliveryID, TenantID: e.TenantID, SubscriptionID: e.ID, EventID: test.EventID,
		EventType: string(webhook.TestEvent),
	}, attempt)
	return test.Wire(attempt)
}
