package api

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// TestSender sends tests of webhooks (activities.Tester). SendTest returns within the limits of a webhook request.
type TestSender interface {
	SendTest(ctx context.Context, test models.WebhookTest) wire.Attempt
}

// The limits of tests: a test lets the caller have a request made at once, and wait for it.
const (
	testBurst     = 5  // in a row for one tenant; then one a second
	testsUnderWay = 16 // at once in this process
)

// tests sends tests within the limits.
type tests struct {
	sender   TestSender
	limiters sync.Map // tenant → *rate.Limiter
	slots    chan struct{}
}

func newTests(sender TestSender) *tests {
	return &tests{sender: sender, slots: make(chan struct{}, testsUnderWay)}
}

// enter takes a slot, which leave gives back. Errors: RATE_LIMITED, UNAVAILABLE where nothing sends tests.
func (t *tests) enter(tenant uuid.UUID) error {
	if t.sender == nil {
		return problem.New(problem.Unavailable, codeUnavailable, "this process is not set up to send tests")
	}
	limiter, _ := t.limiters.LoadOrStore(tenant, rate.NewLimiter(1, testBurst))
	if limiter.(*rate.Limiter).Allow() {
		select {
		case t.slots <- struct{}{}:
			return nil
		default:
		}
	}
	return problem.New(problem.Limited, codeRateLimited, "too many tests of webhooks: one a second is fine")
}

func (t *tests) leave() { <-t.slots }

// TestWebhook implements POST /v1/webhooks/{id}/test.
func (h *handlers) TestWebhook(ctx context.Context, r contract.TestWebhookRequestObject) (
	contract.TestWebhookResponseObject, error,
) {
	ctx, p := caller(ctx)
	test, err := h.store.PrepareTest(ctx, p.TenantID, r.ID, p.MayReceive)
	if err != nil {
		return nil, err
	}
	if err := h.tests.enter(p.TenantID); err != nil {
		return nil, err
	}
	defer h.tests.leave()
	return contract.TestWebhook200JSONResponse(h.tests.sender.SendTest(ctx, test)), nil
}
