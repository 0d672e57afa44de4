package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// TestEvent is the type of the event that is sent as a test, and never otherwise: no subscription can name it.
const TestEvent lifecycle.EventType = "webhook.test"

// WebhookTest is a test that is ready to be sent. Nothing of it is stored.
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

// EndPause closes the circuit of the webhook whose test the endpoint took: it is well, and what waits goes out at once instead
// of after the next probe (P5.3). A failed test says nothing, and neither does one of a webhook that has another URL since, or
// is off. It reports whether there was a pause to end.
func (s *Store) EndPause(ctx context.Context, test WebhookTest) (ended bool, err error) {
	tested := test.subscription
	if !tested.circuit().Open() {
		return false, nil
	}
	var topics []string
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		ended = false
		sub, err := s.lock(tx, tested.TenantID, tested.ID)
		if err != nil || !sub.circuit().Open() || !sub.IsActive || sub.URL != tested.URL {
			return err
		}
		now := time.Now()
		if topics, err = resumeDeliveries(tx, []Subscription{sub}, now); err != nil {
			return err
		}
		ended = true
		sub.closeCircuit(now)
		return saveSubscription(tx, &sub)
	})
	if err != nil {
		return false, postgres.Doing(err, "end the pause of webhook %s", tested.ID)
	}
	s.db.Wakeups.Mark(topics...)
	return ended, nil
}

// Wire is the JSON shape of the test's one attempt, with what was sent.
func (t WebhookTest) Wire(a Attempt) wire.Attempt {
	a.Number = 1
	out := a.Wire()
	out.RequestHeaders = requestHeaders(t.subscription, t.EventID, string(TestEvent), t.DeliveryID, a.Number, a.StartedAt)
	return out
}
