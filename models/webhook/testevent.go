package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// TestEvent is the type of the event that is sent as a test, and never otherwise: no subscription can name it.
const TestEvent lifecycle.EventType = "webhook.test"

// WebhookTest is a test that is ready to be sent. Nothing of it is stored, and it changes nothing.
type WebhookTest struct {
	Endpoint   Endpoint
	EventID    uuid.UUID
	DeliveryID uuid.UUID
	Payload    string

	subscription Subscription
}

// PrepareTest makes a test of a webhook, whether it is switched on or not.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, those of may; a secret that the keyring cannot open.
func (s *Store) PrepareTest(ctx context.Context, tenantID, subscription uuid.UUID, may account.EventCheck) (WebhookTest, error) {
	sub, err := s.read(ctx, tenantID, subscription)
	if err == nil {
		err = may.Check(sub.Events...)
	}
	if err != nil {
		return WebhookTest{}, postgres.Doing(err, "prepare a test of webhook %s", subscription)
	}
	now := time.Now()
	t := WebhookTest{EventID: ident.New(), DeliveryID: ident.New(), subscription: sub}
	t.Payload = feed.Render(TestEvent, tenantID, now, feed.Data("webhook", map[string]any{"id": sub.ID, "name": sub.Name}))
	t.Endpoint, err = s.endpoint(sub, now)
	return t, postgres.Doing(err, "prepare a test of webhook %s", subscription)
}

// Wire is the JSON shape of the test's one attempt, with what was sent.
func (t WebhookTest) Wire(a Attempt) wire.Attempt {
	a.Number = 1
	out := a.Wire()
	out.RequestHeaders = requestHeaders(t.subscription, t.EventID, string(TestEvent), t.DeliveryID, a.Number, a.StartedAt)
	return out
}
