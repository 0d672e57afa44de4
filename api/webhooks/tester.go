package webhooks

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/fair"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// TestSender sends tests of webhooks (activities.Tester). SendTest returns within the limits of a webhook request.
type TestSender interface {
	SendTest(ctx context.Context, test webhook.WebhookTest) wire.Attempt
}

// The limits of tests: a test lets the caller have a request made at once, and wait for it, for up to the 10 s of a request.
const (
	testBurst      = 5  // in a row for one tenant; then one a second
	testsUnderWay  = 16 // at once in this process
	testsPerTenant = testsUnderWay / 4
	// testPatience is how long a test waits for its tenant's turn.
	testPatience = 2 * time.Second
)

// tests sends tests within the limits.
type tests struct {
	sender   TestSender
	limiters sync.Map // tenant → *rate.Limiter
	gate     *fair.Gate
}

func newTests(sender TestSender) *tests {
	return &tests{sender: sender, gate: fair.NewGate(testsUnderWay, testsPerTenant)}
}

// enter takes a place, which leave gives back. Errors: RATE_LIMITED when the tenant asks too often or has its share of tests
// under way; UNAVAILABLE when other tenants' tests take all places, or where nothing sends tests.
func (t *tests) enter(ctx context.Context, tenant uuid.UUID) error {
	if t.sender == nil {
		return problem.New(problem.Unavailable, problem.CodeUnavailable, "this process is not set up to send tests")
	}
	limiter, _ := t.limiters.LoadOrStore(tenant, rate.NewLimiter(1, testBurst))
	if !limiter.(*rate.Limiter).Allow() {
		return problem.New(problem.Limited, problem.CodeRateLimited, "too many tests of webhooks: one a second is fine")
	}
	ctx, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	switch t.gate.Enter(ctx, tenant) {
	case fair.Entered:
		return nil
	case fair.Share:
		return problem.New(problem.Limited, problem.CodeRateLimited,
			"%d tests of your webhooks are under way: wait until one has been answered", testsPerTenant)
	default:
		return problem.New(problem.Unavailable, problem.CodeUnavailable,
			"too many tests of webhooks are under way here; try again")
	}
}

func (t *tests) leave(tenant uuid.UUID) { t.gate.Leave(tenant) }

// TestWebhook implements POST /v1/webhooks/{id}/test.
func (h *Handlers) TestWebhook(ctx context.Context, r contract.TestWebhookRequestObject) (
	contract.TestWebhookResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	test, err := h.store.Webhooks.PrepareTest(ctx, p.TenantID, r.ID, p.MayReceive)
	if err != nil {
		return nil, err
	}
	if err := h.tests.enter(ctx, p.TenantID); err != nil {
		return nil, err
	}
	defer h.tests.leave(p.TenantID)
	attempt := h.tests.sender.SendTest(ctx, test)
	if attempt.Class == string(webhook.ClassOK) {
		if _, err := h.store.Webhooks.EndPause(ctx, test); err != nil {
			return nil, err
		}
	}
	return contract.TestWebhook200JSONResponse(attempt), nil
}
