package activities

import (
	"context"
	"time"

	"github.com/atender/atender/activities/sender"
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
	startedAt := time.Now()
	o := t.Sender.Post(ctx, t.Sender.Build(sender.Delivery{
		URL: e.URL, Body: []byte(test.Payload), EventID: test.EventID.String(), Event: string(webhook.TestEvent),
		DeliveryID: test.DeliveryID.String(), Attempt: 1, Signers: e.Signers, Secrets: e.Secrets, Custom: e.Headers,
	}, startedAt))
	a := wire.Attempt{StartedAt: wire.At(startedAt), DurationMs: int(o.Duration.Milliseconds()), Class: string(o.Class)}
	if o.Status != 0 {
		a.Status = &o.Status
	}
	if o.Error != "" {
		a.Error = &o.Error
	}
	if o.Excerpt != "" {
		a.Excerpt = &o.Excerpt
	}
	return test.Attempt(a)
}
