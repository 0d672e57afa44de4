package ratelimit_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/ratelimit"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	starter = ratelimit.OfTier(ratelimit.Starter, ratelimit.Limits{})
)

func TestTiersHaveTheirLimits(t *testing.T) {
	for tier, want := range map[string][4]int{ // minute with burst, day, block, of three processes' unused tokens a tenth
		ratelimit.Starter: {70, 10_000, 2}, ratelimit.Professional: {350, 100_000, 11},
		ratelimit.Enterprise: {1_200, 1_000_000, 40},
		ratelimit.Custom:     {0, 0, 0},
	} {
		l := ratelimit.OfTier(tier, ratelimit.Limits{})
		require.Equal(t, want, [4]int{l.Minute(), l.PerDay, l.Block()}, tier)
		require.Equal(t, tier == ratelimit.Custom, l.Unlimited())
		require.LessOrEqual(t, 30*l.Block(), l.Minute())
	}
	require.ErrorContains(t, ratelimit.Limits{PerMinute: -1}.Check(), "calls per minute")
	require.ErrorContains(t, ratelimit.Limits{PerMinute: 1_000_001}.Check(), "1000000")
	require.ErrorContains(t, ratelimit.Limits{Burst: 1}.Check(), "not limited")
	require.NoError(t, ratelimit.Limits{PerMinute: 1, Burst: 0, PerDay: 5}.Check())
}

func TestTheMinuteIsTheTrailingOne(t *testing.T) {
	var w ratelimit.Window
	w, n := w.Take(start, starter, 50, nil)
	require.Equal(t, 50, n)
	w, n = w.Take(start.Add(30*time.Second), starter, 50, nil)
	require.Equal(t, 20, n)
	at, window := w.Free(start.Add(30*time.Second), starter)
	require.Equal(t, start.Add(60500*time.Millisecond), at)
	require.Equal(t, ratelimit.ForMinute, window)
	require.Zero(t, w.Left(at.Add(-time.Millisecond), starter))
	require.Equal(t, 50, w.Left(at, starter))
	require.Equal(t, 70, w.Left(start.Add(91*time.Second), starter))
}

func TestTheDayEndsAtMidnightUTC(t *testing.T) {
	limits := ratelimit.Limits{PerMinute: 100, PerDay: 10}
	w, n := ratelimit.Window{}.Take(start, limits, 11, nil)
	require.Equal(t, 10, n)
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	at, window := w.Free(start, limits)
	require.Equal(t, midnight, at)
	require.Equal(t, ratelimit.ForDay, window)
	require.Zero(t, w.Left(midnight.Add(-time.Millisecond), limits))
	require.Equal(t, 10, w.Left(midnight, limits))
}

func TestWhatIsGivenBackCountsNoMore(t *testing.T) {
	limits := ratelimit.Limits{PerMinute: 10, PerDay: 10}
	w, _ := ratelimit.Window{}.Take(start, limits, 10, nil)
	back := []ratelimit.Return{{Slot: w.Slot, Tokens: 4}}
	w, n := w.Take(start.Add(2*time.Second), limits, 10, back)
	require.Equal(t, 4, n)
	// What left the minute already, or belongs to yesterday, is not given back.
	w, n = w.Take(start.Add(25*time.Hour), limits, 10, back)
	require.Equal(t, 10, n)
	_, n = w.Take(start.Add(25*time.Hour), limits, 10, back)
	require.Zero(t, n)
}

func TestAClockThatWasFarAheadDoesNotHoldTheWindow(t *testing.T) {
	w, _ := ratelimit.Window{}.Take(start.Add(time.Hour), starter, 70, nil)
	_, n := w.Take(start, starter, 70, nil)
	require.Equal(t, 70, n)
	w, _ = ratelimit.Window{}.Take(start.Add(time.Second), starter, 70, nil)
	_, n = w.Take(start, starter, 70, nil)
	require.Zero(t, n, "a second is no reason to forget")
}

// The window against a plain list of what was taken when.
func TestWindowAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := ratelimit.Limits{
			PerMinute: rapid.IntRange(0, 40).Draw(t, "minute"), PerDay: rapid.IntRange(0, 120).Draw(t, "day"),
		}
		var w ratelimit.Window
		var taken []time.Time
		now := time.Date(2026, 3, 1, 23, 55, 0, 0, time.UTC)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			ask := rapid.IntRange(0, 30).Draw(t, "ask")
			loose, strict, day := 0, 0, 0
			for _, at := range taken {
				if age := now.Sub(at); age < time.Minute {
					loose, strict = loose+1, strict+1
				} else if age < time.Minute+ratelimit.Slot {
					strict++
				}
				if at.Day() == now.Day() {
					day++
				}
			}
			least, most := ask, ask
			if limits.PerMinute > 0 {
				least, most = min(least, max(limits.PerMinute-strict, 0)), min(most, max(limits.PerMinute-loose, 0))
			}
			if limits.PerDay > 0 {
				least, most = min(least, max(limits.PerDay-day, 0)), min(most, max(limits.PerDay-day, 0))
			}
			var n int
			w, n = w.Take(now, limits, ask, nil)
			require.GreaterOrEqual(t, n, least)
			require.LessOrEqual(t, n, most)
			if !limits.Unlimited() && n < ask {
				at, _ := w.Free(now, limits)
				require.True(t, at.After(now))
				require.Positive(t, w.Left(at, limits), "a token is there when it was said to be")
				require.Zero(t, w.Left(at.Add(-time.Millisecond), limits), "and not before")
				require.False(t, w.Next(now, limits).After(at))
			}
			for range n {
				taken = append(taken, now)
			}
		}
	})
}

// world is several processes' buckets over one window, with time of its own.
type world struct {
	limits   ratelimit.Limits
	now      time.Time
	window   ratelimit.Window
	latency  time.Duration
	buckets  []*process
	granted  []time.Time
	refused  int
	requests int
}

type process struct {
	ratelimit.Bucket
	waiting int
	sent    time.Time
	request *ratelimit.Request
	answer  ratelimit.Answer
}

func newWorld(limits ratelimit.Limits, processes int, latency time.Duration) *world {
	w := &world{limits: limits, now: start, latency: latency}
	for range processes {
		p := &process{}
		p.SetLimits(limits)
		w.buckets = append(w.buckets, p)
	}
	return w
}

// call makes a call to a process, as models.Store does.
func (w *world) call(i int) {
	p := w.buckets[i]
	if p.waiting > 0 {
		p.waiting++
		return
	}
	switch p.Take(w.now) {
	case ratelimit.Granted:
		w.granted = append(w.granted, w.now)
	case ratelimit.Refused:
		w.refused++
	case ratelimit.Wait:
		p.waiting++
	}
	w.ask(p)
}

// ask sends what is to be asked for; the database decides half-way.
func (w *world) ask(p *process) {
	if p.request != nil {
		return
	}
	r, due := p.Ask(w.now, p.waiting)
	if !due {
		if r, due = p.GiveBack(w.now); !due {
			return
		}
	}
	w.requests++
	p.request, p.sent = &r, w.now
	there := w.now.Add(w.latency / 2)
	var n int
	w.window, n = w.window.Take(there, r.Limits, r.Tokens, r.Back)
	p.answer = ratelimit.Answer{Tokens: n, Now: there, Window: w.window}
}

// pass lets time go by, in steps of a millisecond in which answers arrive and what is held runs out.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Millisecond)
		for _, p := range w.buckets {
			if p.request != nil && w.now.Sub(p.sent) >= w.latency {
				r := *p.request
				p.request = nil
				p.Leased(p.sent, w.now, r, p.answer)
				for p.waiting > 0 {
					v := p.TakeWaiting(w.now)
					if v == ratelimit.Wait {
						break
					}
					p.waiting--
					if v == ratelimit.Granted {
						w.granted = append(w.granted, w.now)
					} else {
						w.refused++
					}
				}
				w.ask(p)
			} else if until, holds := p.Until(); holds && !w.now.Before(until) {
				w.ask(p)
			}
		}
	}
}

// most is the largest number of calls that any 60 s had.
func (w *world) most() (most int) {
	slices.SortFunc(w.granted, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
	first := 0
	for i, at := range w.granted {
		for at.Sub(w.granted[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func TestThreeProcessesKeepALimitTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := rapid.SampledFrom([]ratelimit.Limits{
			starter, ratelimit.OfTier(ratelimit.Professional, ratelimit.Limits{}),
			{PerMinute: 20}, {PerMinute: 30}, {PerMinute: 1},
		}).Draw(t, "limits")
		latency := time.Duration(rapid.IntRange(1, 200).Draw(t, "latency")) * time.Millisecond
		w := newWorld(limits, 3, latency)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for i := range 3 {
				for range rapid.SampledFrom([]int{0, 0, 1, 1, 2, 10, 400}).Draw(t, "calls") {
					w.call(i)
				}
			}
			w.pass(time.Duration(rapid.SampledFrom([]int{1, 10, 100, 1_000, 2_100, 10_000, 30_000}).
				Draw(t, "ms")) * time.Millisecond)
		}
		require.LessOrEqual(t, w.most(), limits.Minute()+limits.Minute()/10)
	})
}

func TestWithEnoughDemandALimitIsUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := rapid.SampledFrom([]ratelimit.Limits{starter, {PerMinute: 20}, {PerMinute: 300, Burst: 50}}).Draw(t, "limits")
		w := newWorld(limits, 3, time.Duration(rapid.IntRange(1, 100).Draw(t, "latency"))*time.Millisecond)
		every := time.Duration(rapid.IntRange(5, 50).Draw(t, "every")) * time.Millisecond
		shares := rapid.SampledFrom([][]int{{0, 1, 2}, {0, 0, 0, 0, 1}, {2}}).Draw(t, "shares")
		const minutes = 3
		for i := 0; w.now.Before(start.Add(minutes * time.Minute)); i++ {
			w.call(shares[i%len(shares)])
			w.pass(every)
		}
		// All of the demand: 300 a minute at the least, of which the limit may be less.
		demand := int(time.Minute / every)
		want := min(demand, limits.Minute()) * minutes * 9 / 10
		require.GreaterOrEqual(t, len(w.granted), want)
		require.LessOrEqual(t, w.most(), limits.Minute()*11/10)
	})
}

func TestAFloodOverThreeProcesses(t *testing.T) {
	w := newWorld(starter, 3, 5*time.Millisecond)
	for i := range 300 {
		w.call(i % 3)
		if i%3 == 2 {
			w.pass(time.Millisecond)
		}
	}
	w.pass(time.Second)
	require.GreaterOrEqual(t, len(w.granted), 63)
	require.LessOrEqual(t, len(w.granted), 77)
	require.Equal(t, 300, len(w.granted)+w.refused)
	require.Less(t, w.requests, 40, "calls share their round trips")
}

func TestAProcessThatStartsColdIsNoMore(t *testing.T) {
	w := newWorld(starter, 3, 5*time.Millisecond)
	for range 100 {
		w.call(0)
		w.pass(10 * time.Millisecond)
	}
	for range 100 {
		w.call(2)
		w.pass(time.Millisecond)
	}
	require.Len(t, w.granted, 70)
}

func TestUnusedTokensComeBackOnce(t *testing.T) {
	w := newWorld(starter, 2, time.Millisecond)
	w.call(0)
	w.pass(10 * time.Millisecond)
	require.Equal(t, 2, w.buckets[0].Held())
	w.pass(3 * time.Second)
	require.Zero(t, w.buckets[0].Held())
	for range 200 {
		w.call(1)
		w.pass(time.Millisecond)
	}
	require.Len(t, w.granted, 70)
	require.Equal(t, 67, 70-w.window.Left(start, starter)-3, "the window has what was used, and nothing else")
}

func TestBriskCallsCostALeaseForEachBlock(t *testing.T) {
	limits := ratelimit.Limits{PerMinute: 3_000}
	w := newWorld(limits, 1, time.Millisecond)
	for range 2_000 {
		w.call(0)
		w.pass(5 * time.Millisecond)
	}
	require.Len(t, w.granted, 2_000)
	require.LessOrEqual(t, w.requests, 2_000/limits.Block()*5/4+2)
}

func TestOtherLimitsTakeBackWhatWasLeased(t *testing.T) {
	w := newWorld(starter, 1, time.Millisecond)
	w.call(0)
	w.pass(10 * time.Millisecond)
	p := w.buckets[0]
	p.SetLimits(ratelimit.Limits{PerMinute: 1})
	require.Zero(t, p.Held())
	r, due := p.GiveBack(w.now)
	require.True(t, due)
	require.Equal(t, 2, r.Back[0].Tokens)
}
