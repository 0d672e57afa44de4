package retry_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/retry"
)

var start = time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)

// run lets a delivery fail until it is given up, and returns the waits and the time it took.
func run(s retry.Schedule, retryAfter time.Duration, jitter func() float64) (
	waits []time.Duration, total time.Duration,
) {
	now := start
	for attempt := 1; ; attempt++ {
		due, ok := s.Next(attempt, start, now, retryAfter, jitter())
		if !ok {
			return waits, now.Sub(start)
		}
		waits = append(waits, due.Sub(now))
		now = due
	}
}

func none() float64 { return 0 }

func TestTheDefaultScheduleIsThatOfTheDocumentation(t *testing.T) {
	waits, total := run(retry.Schedule{}, 0, none)
	listed := 5*time.Second + 30*time.Second + 2*time.Minute + 10*time.Minute + 30*time.Minute + 15*time.Hour
	require.Equal(t, []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
		12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour,
		72*time.Hour - 48*time.Hour - listed, // the last attempt is at the end of the window
	}, waits)
	require.Equal(t, 72*time.Hour, total)
}

func TestTheWindowMovesWithTheFirstAttempt(t *testing.T) {
	now := start.Add(80 * time.Hour)
	_, ok := retry.Schedule{}.Next(9, start, now, 0, 0)
	require.False(t, ok)
	due, ok := retry.Schedule{}.Next(9, start.Add(70*time.Hour), now, 0, 0) // the circuit was open for 70 hours
	require.True(t, ok)
	require.Equal(t, now.Add(8*time.Hour), due)
}

func TestTheEndOfTheWindow(t *testing.T) {
	end := start.Add(72 * time.Hour)
	due, ok := retry.Schedule{}.Next(13, start, end.Add(-time.Minute), 0, 1)
	require.True(t, ok)
	require.Equal(t, end, due)
	_, ok = retry.Schedule{}.Next(13, start, end, 0, -1)
	require.False(t, ok)
	_, ok = retry.Schedule{}.Next(13, start, end.Add(-time.Minute), 2*time.Minute, 0)
	require.False(t, ok, "an attempt at the end would be before what the endpoint asked for")
	due, ok = retry.Schedule{}.Next(13, start, end.Add(-time.Minute), time.Minute, 0)
	require.True(t, ok)
	require.Equal(t, end, due)
}

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		attempt int
		asked   time.Duration
		jitter  float64
		want    time.Duration
	}{
		"nothing asked":                        {1, 0, 0, 5 * time.Second},
		"negative":                             {1, -time.Hour, 0, 5 * time.Second},
		"longer than the schedule":             {1, time.Minute, 0, time.Minute},
		"shorter than the schedule":            {7, time.Minute, 0, time.Minute},
		"no negative jitter":                   {1, time.Minute, -1, time.Minute},
		"no positive jitter":                   {1, time.Minute, 1, time.Minute},
		"capped":                               {1, 48 * time.Hour, 0, 24 * time.Hour},
		"late attempts are no longer hastened": {21, time.Second, 0, 12 * time.Hour},
		"late attempts are still put off":      {21, 13 * time.Hour, 0, 13 * time.Hour},
		"attempt 20 is hastened":               {20, time.Second, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			due, ok := retry.Schedule{}.Next(c.attempt, start, start, c.asked, c.jitter)
			require.True(t, ok)
			require.Equal(t, c.want, due.Sub(start))
		})
	}
}

func TestACustomScheduleEndsWithItsSteps(t *testing.T) {
	waits, _ := run(retry.FromSeconds([]int{1, 60, 3600}), 0, none)
	require.Equal(t, []time.Duration{time.Second, time.Minute, time.Hour}, waits)

	late := start.Add(100 * time.Hour)
	due, ok := retry.FromSeconds([]int{1, 60, 3600}).Next(2, start, late, 0, 0)
	require.True(t, ok, "its window is its steps, not 72 hours")
	require.Equal(t, late.Add(time.Minute), due)
}

func genSchedule(t *rapid.T) retry.Schedule {
	if rapid.Bool().Draw(t, "default") {
		return retry.Schedule{}
	}
	s := retry.FromSeconds(rapid.SliceOfN(rapid.IntRange(1, 30240), 1, 20).Draw(t, "steps")) // 20 of them: 7 days
	require.Empty(t, s.Validate("retry"))
	return s
}

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSchedule(t)
		attempt := rapid.IntRange(1, 40).Draw(t, "attempt")
		now := start.Add(time.Duration(rapid.Int64Range(0, int64(80*time.Hour)).Draw(t, "age")))
		asked := time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "asked"))
		jitter := rapid.Float64Range(-1, 1).Draw(t, "jitter")
		end := start.Add(retry.Window)

		due, ok := s.Next(attempt, start, now, asked, jitter)
		if !ok {
			return
		}
		require.True(t, due.After(now), "never before now")
		require.False(t, due.Before(now.Add(min(asked, retry.MaxRetryAfter))), "never before Retry-After")
		if s.IsDefault() {
			require.False(t, due.After(end), "bounded by the window")
		} else {
			require.LessOrEqual(t, attempt, len(s.Seconds()))
		}

		plain, ok := s.Next(attempt, start, now, 0, jitter)
		require.True(t, ok)
		middle, ok := s.Next(attempt, start, now, 0, 0)
		require.True(t, ok)
		wait, base := plain.Sub(now), middle.Sub(now)
		clipped := s.IsDefault() && (plain.Equal(end) || middle.Equal(end))
		if !clipped {
			require.InDelta(t, 1, float64(wait)/float64(base), retry.Jitter+1e-9, "within 20 %")
		}

		// Monotone: more jitter, a later failure or a longer Retry-After (once it rules) never bring the attempt forward.
		more, ok := s.Next(attempt, start, now, 0, min(1, jitter+0.1))
		require.True(t, ok)
		require.False(t, more.Before(plain))
		if later, ok := s.Next(attempt, start, now.Add(time.Minute), 0, jitter); ok {
			require.False(t, later.Before(plain))
		}
		if asked > 0 {
			if longer, ok := s.Next(attempt, start, now, asked+time.Minute, jitter); ok {
				require.False(t, longer.Before(due))
			}
		}
		if next, ok := s.Next(attempt+1, start, now, 0, jitter); ok && s.IsDefault() {
			require.False(t, next.Before(plain), "the waits of the default schedule do not shrink")
		}
	})
}

func TestEveryDeliveryEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSchedule(t)
		asked := time.Duration(rapid.Int64Range(0, int64(25*time.Hour)).Draw(t, "asked"))
		jitter := rapid.Float64Range(-1, 1)
		waits, total := run(s, asked, func() float64 { return jitter.Draw(t, "jitter") })
		require.LessOrEqual(t, len(waits), 30)
		if s.IsDefault() {
			require.LessOrEqual(t, total, retry.Window)
			require.GreaterOrEqual(t, total, retry.Window-retry.MaxRetryAfter)
		} else {
			require.Len(t, waits, len(s.Seconds()))
		}
	})
}

func TestWildJitterIsTamed(t *testing.T) {
	for _, jitter := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 50, -50} {
		due, ok := retry.Schedule{}.Next(0, start, start, 0, jitter)
		require.True(t, ok)
		require.GreaterOrEqual(t, due.Sub(start), 4*time.Second)
		require.LessOrEqual(t, due.Sub(start), 6*time.Second)
	}
}

func TestValidate(t *testing.T) {
	many := make([]int, 21)
	for i := range many {
		many[i] = 1
	}
	for name, c := range map[string]struct {
		steps []int
		want  []string // field and code
	}{
		"default":          {nil, nil},
		"one":              {[]int{1}, nil},
		"seven days":       {[]int{604800}, nil},
		"twenty":           {many[:20], nil},
		"none":             {[]int{}, []string{"retry too_short"}},
		"twenty-one":       {many, []string{"retry too_long"}},
		"zero":             {[]int{5, 0}, []string{"retry[1] too_small"}},
		"negative":         {[]int{-5, 604801}, []string{"retry[0] too_small", "retry too_large"}},
		"over seven days":  {[]int{604800, 1}, []string{"retry too_large"}},
		"overflowing sum":  {[]int{math.MaxInt, math.MaxInt, 3}, []string{"retry too_large"}},
		"overflowing time": {[]int{math.MaxInt64/int(time.Second) + 1}, []string{"retry too_large"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range retry.FromSeconds(c.steps).Validate("retry") {
				got = append(got, f.Field+" "+f.Code)
				require.NotEmpty(t, f.Message)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestJSON(t *testing.T) {
	type row struct {
		Retry retry.Schedule `json:"retry"`
	}
	for _, text := range []string{`{"retry":null}`, `{"retry":[5,60]}`, `{"retry":[]}`} {
		var r row
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		back, err := json.Marshal(r)
		require.NoError(t, err)
		require.Equal(t, text, string(back))
	}
	var r row
	require.NoError(t, json.Unmarshal([]byte(`{}`), &r))
	require.True(t, r.Retry.IsDefault())
	for _, text := range []string{`{"retry":[1.5]}`, `{"retry":["5s"]}`, `{"retry":5}`} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), &r), "list of whole seconds")
	}
}

func TestAScheduleDoesNotShareItsSteps(t *testing.T) {
	steps := []int{5, 60}
	s := retry.FromSeconds(steps)
	steps[0] = 1
	s.Seconds()[1] = 1
	require.Equal(t, []int{5, 60}, s.Seconds())
}
