package retry_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/retry"
)

// FuzzNext asks any valid schedule for the attempt after any number of failures: it is later than now and bounded, and a
// delivery fails for good some time.
func FuzzNext(f *testing.F) {
	f.Add([]byte(`null`), 1, int64(0), int64(0), 0.5)
	f.Add([]byte(`[5,60,3600]`), 3, int64(86400), int64(7200), -1.0)
	f.Fuzz(func(t *testing.T, text []byte, attempt int, since, retryAfter int64, jitter float64) {
		var s retry.Schedule
		if json.Unmarshal(text, &s) != nil || s.Validate("retry") != nil {
			return
		}
		now := time.Date(2026, 5, 4, 7, 0, 0, 0, time.UTC)
		first := now.Add(-time.Duration(since&0xffffff) * time.Second)
		due, more := s.Next(attempt, first, now, time.Duration(retryAfter), jitter)
		if !more {
			return
		}
		require.True(t, due.After(now), "%s", due)
		require.LessOrEqual(t, due.Sub(now), 2*retry.MaxTotal)
		if attempt > retry.MaxSteps+1 {
			_, more := s.Next(attempt, now.Add(-retry.Window), now, time.Duration(retryAfter), jitter)
			require.False(t, more, "it ends")
		}
	})
}
