package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/retry"
	"github.com/atender/atender/models/webhook"
)

func TestWhatAnOutcomeMakesOfItsDelivery(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	first := now.Add(-time.Hour)
	long := now.Add(-retry.Window - time.Minute)
	for name, x := range map[string]struct {
		delivery webhook.Delivery
		outcome  sender.Outcome
		want     webhook.Result
	}{
		"delivered": {
			outcome: sender.Outcome{Result: sender.Delivered, Status: 204},
			want:    webhook.Result{State: webhook.DeliveryDelivered, Counted: true, Status: 204},
		},
		"first failure: 5 s": {
			outcome: sender.Outcome{Result: sender.Retry, Status: 500},
			want:    webhook.Result{State: webhook.DeliveryPending, Counted: true, Status: 500, DueAt: now.Add(5 * time.Second)},
		},
		"third failure: 2 min": {
			delivery: webhook.Delivery{Attempts: 2, FirstAttemptAt: &first}, outcome: sender.Outcome{Result: sender.Retry},
			want: webhook.Result{State: webhook.DeliveryPending, Counted: true, DueAt: now.Add(2 * time.Minute)},
		},
		"Retry-After": {
			outcome: sender.Outcome{Result: sender.Retry, Status: 429, RetryAfter: time.Hour},
			want:    webhook.Result{State: webhook.DeliveryPending, Counted: true, Status: 429, DueAt: now.Add(time.Hour)},
		},
		"72 hours are over": {
			delivery: webhook.Delivery{Attempts: 12, FirstAttemptAt: &long}, outcome: sender.Outcome{Result: sender.Retry},
			want: webhook.Result{State: webhook.DeliveryFailed, Counted: true, Failure: "RETRIES_EXHAUSTED"},
		},
		"410 ends the subscription": {
			outcome: sender.Outcome{Result: sender.Gone, Status: 410},
			want:    webhook.Result{State: webhook.DeliveryFailed, Counted: true, Status: 410, Failure: "GONE", Disable: "GONE"},
		},
		"our own fault is not charged": {
			outcome: sender.Outcome{Result: sender.OurFault},
			want:    webhook.Result{State: webhook.DeliveryPending, DueAt: now.Add(ourDelay)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := settle(x.delivery, &webhook.Endpoint{}, x.outcome, now, 0)
			x.want.Delivery, x.want.StartedAt = x.delivery, now
			require.Equal(t, x.want, got)
		})
	}
}
