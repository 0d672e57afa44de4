package activities

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/retry"
)

func rooms(n ...int) ([]models.Endpoint, func(*models.Endpoint) int) {
	endpoints := make([]models.Endpoint, len(n))
	room := map[uuid.UUID]int{}
	for i := range n {
		endpoints[i].ID = uuid.New()
		room[endpoints[i].ID] = n[i]
	}
	return endpoints, func(e *models.Endpoint) int { return room[e.ID] }
}

func shared(quotas []models.Quota) (rows []int) {
	for _, q := range quotas {
		rows = append(rows, q.Rows)
	}
	return rows
}

func TestOneEndpointAloneGetsAllItsRoom(t *testing.T) {
	endpoints, room := rooms(32)
	require.Equal(t, []int{32}, shared(share(endpoints, room, 256)))
}

func TestFloodedEndpointDoesNotCrowdOutTheOthers(t *testing.T) {
	endpoints, room := rooms(250, 5, 250, 1)
	require.Equal(t, []int{47, 5, 47, 1}, shared(share(endpoints, room, 100)))
}

func TestEndpointsWithoutRoomAreLeftOut(t *testing.T) {
	endpoints, room := rooms(0, 3, 0)
	quotas := share(endpoints, room, 100)
	require.Len(t, quotas, 1)
	require.Equal(t, endpoints[1].ID, quotas[0].Endpoint.ID)
}

func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.SliceOfN(rapid.IntRange(0, 300), 0, 130).Draw(t, "room")
		free := rapid.IntRange(1, 600).Draw(t, "free")
		endpoints, roomOf := rooms(room...)
		quotas := share(endpoints, roomOf, free)
		sum, most := 0, 0
		for _, q := range quotas {
			require.Positive(t, q.Rows)
			require.LessOrEqual(t, q.Rows, roomOf(q.Endpoint), "never more than the endpoint's own limits leave")
			sum += q.Rows
			most = max(most, q.Rows)
		}
		require.LessOrEqual(t, sum, min(free, models.ClaimRows))
		wanted := 0
		for _, r := range room {
			wanted += r
		}
		if wanted <= min(free, models.ClaimRows) {
			require.Equal(t, wanted, sum, "what all want fits")
		}
		for _, q := range quotas { // whoever was cut got as much as anybody, but for what is left over in the end
			if q.Rows < roomOf(q.Endpoint) && len(quotas) <= free {
				require.GreaterOrEqual(t, q.Rows, most-1)
			}
		}
	})
}

func TestWhatAnOutcomeMakesOfItsDelivery(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	first := now.Add(-time.Hour)
	long := now.Add(-retry.Window - time.Minute)
	for name, x := range map[string]struct {
		delivery models.Delivery
		outcome  sender.Outcome
		want     models.Result
	}{
		"delivered": {
			outcome: sender.Outcome{Result: sender.Delivered, Status: 204},
			want:    models.Result{State: models.DeliveryDelivered, Counted: true, Status: 204},
		},
		"first failure: 5 s": {
			outcome: sender.Outcome{Result: sender.Retry, Status: 500},
			want:    models.Result{State: models.DeliveryPending, Counted: true, Status: 500, DueAt: now.Add(5 * time.Second)},
		},
		"third failure: 2 min": {
			delivery: models.Delivery{Attempts: 2, FirstAttemptAt: &first}, outcome: sender.Outcome{Result: sender.Retry},
			want: models.Result{State: models.DeliveryPending, Counted: true, DueAt: now.Add(2 * time.Minute)},
		},
		"Retry-After": {
			outcome: sender.Outcome{Result: sender.Retry, Status: 429, RetryAfter: time.Hour},
			want:    models.Result{State: models.DeliveryPending, Counted: true, Status: 429, DueAt: now.Add(time.Hour)},
		},
		"72 hours are over": {
			delivery: models.Delivery{Attempts: 12, FirstAttemptAt: &long}, outcome: sender.Outcome{Result: sender.Retry},
			want: models.Result{State: models.DeliveryFailed, Counted: true, Failure: "RETRIES_EXHAUSTED"},
		},
		"410 ends the subscription": {
			outcome: sender.Outcome{Result: sender.Gone, Status: 410},
			want:    models.Result{State: models.DeliveryFailed, Counted: true, Status: 410, Failure: "GONE", Disable: "GONE"},
		},
		"our own fault is not charged": {
			outcome: sender.Outcome{Result: sender.OurFault},
			want:    models.Result{State: models.DeliveryPending, DueAt: now.Add(ourDelay)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := settle(x.delivery, &models.Endpoint{}, x.outcome, now, 0)
			x.want.Delivery, x.want.StartedAt = x.delivery, now
			require.Equal(t, x.want, got)
		})
	}
}
