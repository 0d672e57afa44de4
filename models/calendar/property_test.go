package calendar_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/calendar"
)

// zones have offsets of half and quarter hours, clock changes of half an hour, at midnight, in either half of the year,
// and one day that was skipped; begins are shortly before something happens in one of them.
var (
	zones = []string{
		"UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Copenhagen", "America/New_York",
		"America/Sao_Paulo", "Pacific/Apia",
	}
	begins = []time.Time{
		time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC),   // Copenhagen goes forward
		time.Date(2026, 10, 23, 12, 0, 0, 0, time.UTC), // Copenhagen goes back
		time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC),    // New York goes forward
		time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC),    // Lord Howe goes back, half an hour
		time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC),   // Lord Howe goes forward
		time.Date(2018, 2, 16, 0, 0, 0, 0, time.UTC),   // São Paulo goes back at midnight
		time.Date(2018, 11, 2, 0, 0, 0, 0, time.UTC),   // São Paulo goes forward at midnight
		time.Date(2011, 12, 28, 0, 0, 0, 0, time.UTC),  // Apia skips a day
		time.Date(2026, 12, 29, 0, 0, 0, 0, time.UTC),  // the end of a year
	}
)

func someSlots() *rapid.Generator[[]calendar.Slot] {
	return rapid.Custom(func(t *rapid.T) []calendar.Slot {
		var slots []calendar.Slot
		for at := 0; at < 24*60 && len(slots) < 3; {
			from := at + rapid.IntRange(0, 600).Draw(t, "closed")
			to := from + rapid.IntRange(1, 600).Draw(t, "open")
			if to > 24*60 {
				break
			}
			slots = append(slots, calendar.Slot{From: clock(from), To: clock(to)})
			at = to
		}
		return slots
	})
}

func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func someRule(begin time.Time) *rapid.Generator[calendar.Rule] {
	return rapid.Custom(func(t *rapid.T) calendar.Rule {
		r := calendar.Rule{Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Weekly: map[string][]calendar.Slot{}}
		for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
			r.Weekly[day] = someSlots().Draw(t, day)
		}
		for _, days := range rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 0, 3, rapid.ID[int]).Draw(t, "overrides") {
			date := begin.AddDate(0, 0, days).Format(time.DateOnly)
			r.Overrides = append(r.Overrides, calendar.Override{Date: date, Slots: someSlots().Draw(t, date)})
		}
		return r
	})
}

// reference is the definition taken at its word: minute by minute, what does the clock on the wall say?
type reference struct {
	zone  *time.Location
	rule  calendar.Rule
	begin time.Time
	open  []bool // by minute since begin
}

func newReference(t require.TestingT, r calendar.Rule, begin time.Time, days int) *reference {
	zone, err := time.LoadLocation(r.Zone)
	require.NoError(t, err)
	ref := &reference{zone: zone, rule: r, begin: begin}
	for m := range days * 24 * 60 {
		ref.open = append(ref.open, ref.says(begin.Add(time.Duration(m)*time.Minute)))
	}
	return ref
}

func (ref *reference) says(at time.Time) bool {
	wall := at.In(ref.zone)
	slots := ref.rule.Weekly[map[time.Weekday]string{
		time.Monday: "monday", time.Tuesday: "tuesday", time.Wednesday: "wednesday", time.Thursday: "thursday",
		time.Friday: "friday", time.Saturday: "saturday", time.Sunday: "sunday",
	}[wall.Weekday()]]
	for _, o := range ref.rule.Overrides {
		if o.Date == wall.Format(time.DateOnly) {
			slots = o.Slots
		}
	}
	for _, s := range slots {
		if now := wall.Format("15:04"); s.From <= now && now < s.To {
			return true
		}
	}
	return false
}

// add walks; false where it gets to the end of what was computed.
func (ref *reference) add(from, open int) (minute int, ok bool) {
	for minute = from; open > 0; minute++ {
		if minute == len(ref.open) {
			return 0, false
		}
		if ref.open[minute] {
			open--
		}
	}
	return minute, true
}

func (ref *reference) between(from, to int) (minutes int) {
	for m := from; m < to; m++ {
		if ref.open[m] {
			minutes++
		}
	}
	return minutes
}

const referenceDays = 8

func TestScheduleAgreesWithAWalkMinuteByMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.SampledFrom(begins).Draw(t, "begin")
		rule := someRule(begin).Draw(t, "rule")
		s := compile(t, rule)
		ref := newReference(t, rule, begin, referenceDays)
		minute := func(m int) time.Time { return begin.Add(time.Duration(m) * time.Minute) }
		for range 20 {
			from := rapid.IntRange(0, len(ref.open)-1).Draw(t, "from")
			to := rapid.IntRange(from, len(ref.open)-1).Draw(t, "to")
			require.Equal(t, ref.open[from], s.IsOpen(minute(from)))
			require.Equal(t, time.Duration(ref.between(from, to))*time.Minute, s.Between(minute(from), minute(to)))

			open := rapid.IntRange(0, 4000).Draw(t, "open")
			if want, ok := ref.add(from, open); ok {
				got, ok := s.Add(minute(from), time.Duration(open)*time.Minute)
				require.True(t, ok)
				require.True(t, got.Equal(minute(want)), "%s, not %s", got, minute(want))
			}
			if next, ok := ref.add(from, 1); ok {
				got, ok := s.NextOpening(minute(from))
				require.True(t, ok)
				require.True(t, got.Equal(minute(next-1)), "%s, not %s", got, minute(next-1))
			}
		}
	})
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.SampledFrom(begins).Draw(t, "begin")
		rule := someRule(begin).Draw(t, "rule")
		s := compile(t, rule)
		moment := rapid.Map(rapid.Int64Range(0, int64(400*24*time.Hour)), func(ns int64) time.Time {
			return begin.Add(time.Duration(ns))
		})
		a, b, c := moment.Draw(t, "a"), moment.Draw(t, "b"), moment.Draw(t, "c")
		if b.Before(a) {
			a, b = b, a
		}
		if c.Before(b) {
			b, c = c, b
		}
		if b.Before(a) {
			a, b = b, a
		}
		require.Equal(t, s.Between(a, c), s.Between(a, b)+s.Between(b, c), "additive over splits")
		require.LessOrEqual(t, s.Between(a, c), c.Sub(a))

		duration := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(1, int64(300*time.Hour)).Draw(t, "ns"))
		})
		x, y := duration.Draw(t, "x"), duration.Draw(t, "y")
		at, ok := s.Add(a, x)
		if !ok {
			_, ok = s.Add(a, x+y)
			require.False(t, ok, "what never comes does not come later either")
			return
		}
		require.False(t, at.Before(a), "never before the start")
		require.Equal(t, x, s.Between(a, at), "exactly so much open time has passed")
		require.Less(t, s.Between(a, at.Add(-1)), x, "and not a nanosecond earlier")
		twice, ok1 := s.Add(at, y)
		once, ok2 := s.Add(a, x+y)
		require.Equal(t, ok1, ok2)
		require.True(t, twice.Equal(once), "in two steps as in one")
		if ok2 {
			require.False(t, once.Before(at), "more open time is never sooner")
		}

		more := rule
		extra := begin.AddDate(0, 0, rapid.IntRange(7, 20).Draw(t, "extra day")).Format(time.DateOnly)
		more.Overrides = slices.Concat(rule.Overrides, []calendar.Override{{Date: extra, Slots: []calendar.Slot{allDay}}})
		wider := compile(t, more)
		sooner, ok := wider.Add(a, x)
		require.True(t, ok)
		require.False(t, sooner.After(at), "more slots are never later")
	})
}

// Windows tile the open time: in order, apart, and as long together as Between says.
func TestUpcomingWindowsAreTheOpenTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.SampledFrom(begins).Draw(t, "begin")
		s := compile(t, someRule(begin).Draw(t, "rule"))
		var sum time.Duration
		last := begin
		for i, w := range s.Upcoming(begin, 30) {
			require.True(t, w.Opens.Before(w.Closes))
			require.True(t, i == 0 || !w.Opens.Before(last))
			opens := w.Opens
			if opens.Before(begin) {
				opens = begin
			}
			sum += w.Closes.Sub(opens)
			last = w.Closes
		}
		require.Equal(t, sum, s.Between(begin, last))
	})
}

// Years are computed when they are first used, by several goroutines at once; the race detector watches.
func TestSchedulesAreSharedBetweenGoroutines(t *testing.T) {
	s := compile(t, ruleB)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for year := range 20 {
				from := time.Date(2020+(year+worker)%20, 5, 4, 0, 0, 0, 0, time.UTC)
				due, ok := s.Add(from, 40*time.Hour)
				if !ok || s.Between(from, due) != 40*time.Hour {
					t.Errorf("from %s: %s, %v", from, due, ok)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkAdd(b *testing.B) {
	holidays := ruleB
	holidays.Holidays = "DK"
	s := compile(b, holidays)
	from := local(b, "2026-05-08 16:30")
	for name, open := range map[string]time.Duration{
		"an hour": time.Hour, "a week": 35 * time.Hour, "a year": 52 * 35 * time.Hour,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Add(from, open); !ok {
					b.Fatal("never")
				}
			}
		})
	}
	b.Run("an hour, the year not computed yet", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			fresh := compile(b, holidays)
			b.StartTimer()
			if _, ok := fresh.Add(from, time.Hour); !ok {
				b.Fatal("never")
			}
		}
	})
}

func BenchmarkAddOnAScheduleThatNeverOpens(b *testing.B) {
	s := compile(b, calendar.Rule{Zone: "UTC"})
	from := local(b, "2026-05-08 16:30")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Add(from, time.Hour); ok {
			b.Fatal("it opened")
		}
	}
}
