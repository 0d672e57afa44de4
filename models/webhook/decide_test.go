package webhook

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/retry"
)

// noon is when the attempts of these tests start.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestWhatAnAttemptMakesOfItsDelivery(t *testing.T) {
	t.Parallel()
	first, long := noon.Add(-time.Hour), noon.Add(-retry.Window-time.Minute)
	exhausted := Decision{State: DeliveryFailed, Counted: true, Failure: "RETRIES_EXHAUSTED"}
	again := func(wait time.Duration) Decision {
		return Decision{State: DeliveryPending, Counted: true, DueAt: noon.Add(wait)}
	}
	answer := func(class Class, status int, retryAfter time.Duration) Attempt {
		return Attempt{Class: class, Status: status, RetryAfter: retryAfter}
	}
	for name, x := range map[string]struct {
		delivery Delivery
		schedule retry.Schedule
		attempt  Attempt
		want     Decision
	}{
		"taken": {attempt: Attempt{Class: ClassOK, Status: 204}, want: Decision{State: DeliveryDelivered, Counted: true}},
		"410 ends the subscription": {
			attempt: Attempt{Class: ClassHTTP4xx, Status: 410},
			want:    Decision{State: DeliveryFailed, Counted: true, Failure: "GONE", Disable: "GONE"},
		},
		"410 ends it whatever attempt it is": {
			delivery: Delivery{Attempts: 99, FirstAttemptAt: &long}, attempt: answer(ClassHTTP4xx, 410, 1),
			want: Decision{State: DeliveryFailed, Counted: true, Failure: "GONE", Disable: "GONE"},
		},
		"first failure: 5 s": {attempt: Attempt{Class: ClassHTTP5xx, Status: 500}, want: again(5 * time.Second)},
		"the wait begins when the attempt ended": {
			attempt: Attempt{Class: ClassTimeout, Duration: 10 * time.Second}, want: again(15 * time.Second),
		},
		"third failure: 2 min": {
			delivery: Delivery{Attempts: 2, FirstAttemptAt: &first}, attempt: Attempt{Class: ClassReset},
			want: again(2 * time.Minute),
		},
		"a refusal may be mended": {attempt: Attempt{Class: ClassHTTP4xx, Status: 404}, want: again(5 * time.Second)},
		"a redirect is a failure": {attempt: Attempt{Class: ClassHTTP3xx, Status: 301}, want: again(5 * time.Second)},
		"a blocked address, too":  {attempt: Attempt{Class: ClassDNS}, want: again(5 * time.Second)},
		"a blocked URL, too":      {attempt: Attempt{Class: ClassBlocked}, want: again(5 * time.Second)},
		"2xx that came to no end": {attempt: Attempt{Class: ClassTimeout, Status: 200}, want: again(5 * time.Second)},
		"Retry-After of a 429":    {attempt: answer(ClassHTTP4xx, 429, time.Hour), want: again(time.Hour)},
		"Retry-After of a 503":    {attempt: answer(ClassHTTP5xx, 503, time.Hour), want: again(time.Hour)},
		"Retry-After of a 500":    {attempt: answer(ClassHTTP5xx, 500, time.Hour), want: again(5 * time.Second)},
		"Retry-After has a bound": {attempt: answer(ClassHTTP4xx, 429, 99*time.Hour), want: again(24 * time.Hour)},
		"72 hours are over": {
			delivery: Delivery{Attempts: 12, FirstAttemptAt: &long}, attempt: Attempt{Class: ClassConnect}, want: exhausted,
		},
		"a schedule of its own": {
			delivery: Delivery{Attempts: 1, FirstAttemptAt: &long}, schedule: retry.FromSeconds([]int{1, 60}),
			attempt: Attempt{Class: ClassTLS}, want: again(time.Minute),
		},
		"and its end": {
			delivery: Delivery{Attempts: 2, FirstAttemptAt: &first}, schedule: retry.FromSeconds([]int{1, 60}),
			attempt: Attempt{Class: ClassProtocol, Status: 777}, want: exhausted,
		},
		"our own fault is not charged": {
			attempt: Attempt{Class: ClassOwnFault}, want: Decision{State: DeliveryPending, DueAt: noon.Add(OwnFaultWait)},
		},
		"not even when the schedule is at its end": {
			delivery: Delivery{Attempts: 12, FirstAttemptAt: &long},
			attempt:  Attempt{Class: ClassOwnFault, Duration: time.Second},
			want:     Decision{State: DeliveryPending, DueAt: noon.Add(time.Second + OwnFaultWait)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x.attempt.StartedAt = noon
			require.Equal(t, x.want, Decide(x.delivery, x.schedule, x.attempt, 0))
		})
	}
}

// FuzzDecide holds what is true of every attempt: its delivery ends or is due later, and never both; what is charged and what
// is switched off is what the rules say.
func FuzzDecide(f *testing.F) {
	classes := []Class{
		ClassOK, ClassHTTP3xx, ClassHTTP4xx, ClassHTTP5xx, ClassTimeout, ClassConnect, ClassDNS, ClassTLS, ClassBlocked,
		ClassReset, ClassProtocol, ClassOwnFault,
	}
	for i := range classes {
		f.Add(uint8(i), uint16(410), int64(10*time.Second), int64(time.Hour), uint16(i), int64(time.Hour), 0.5, uint8(i))
	}
	f.Add(uint8(2), uint16(429), int64(math.MaxInt64), int64(math.MinInt64), uint16(65535), int64(math.MaxInt64), -1.0,
		uint8(255))
	f.Fuzz(func(
		t *testing.T, class uint8, status uint16, took, asked int64, attempts uint16, age int64, jitter float64, steps uint8,
	) {
		a := Attempt{
			StartedAt: noon, Class: classes[int(class)%len(classes)], Status: int(status),
			Duration: time.Duration(took) % time.Minute, RetryAfter: time.Duration(asked),
		}
		a.Duration = max(a.Duration, 0)
		d := Delivery{Attempts: int(attempts)}
		if age != 0 {
			first := noon.Add(-max(time.Duration(age)%(1000*time.Hour), 0))
			d.FirstAttemptAt = &first
		}
		var schedule retry.Schedule
		if n := int(steps) % (retry.MaxSteps + 1); n > 0 {
			waits := make([]int, n)
			for i := range waits {
				waits[i] = 1 + i*int(steps)
			}
			schedule = retry.FromSeconds(waits)
		}
		if math.IsNaN(jitter) {
			jitter = 0
		}
		jitter = max(-1, min(jitter, 1))
		got := Decide(d, schedule, a, jitter)
		require.Equal(t, got, Decide(d, schedule, a, jitter), "the same of the same")
		require.Equal(t, a.Class == ClassOK, got.State == DeliveryDelivered)
		require.Equal(t, a.Class == ClassOwnFault, !got.Counted)
		require.Equal(t, a.IsGone(), got.Disable != "")
		switch got.State {
		case DeliveryPending:
			require.Empty(t, got.Failure)
			require.False(t, got.DueAt.Before(a.EndedAt()), "%s is before the attempt has ended", got.DueAt)
			require.False(t, got.DueAt.After(a.EndedAt().Add(retry.MaxTotal+retry.MaxRetryAfter)), "%s is too late", got.DueAt)
			if got.Counted && !schedule.IsDefault() {
				require.LessOrEqual(t, d.Attempts, len(schedule.Seconds()), "attempts have an end")
			}
		case DeliveryFailed:
			require.NotEmpty(t, got.Failure)
			require.Zero(t, got.DueAt)
		case DeliveryDelivered:
			require.Empty(t, got.Failure)
		default:
			t.Fatalf("a delivery is %s after an attempt", got.State)
		}
	})
}
