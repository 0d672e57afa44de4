package browser_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

// nineOClock is 09:00 so many days later, on the clocks of the time's own zone.
func nineOClock(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 9, 0, 0, 0, t.Location())
}

// untilMonday is how many days it is to the next Monday, which is never today.
func untilMonday(t time.Time) int {
	days := (int(time.Monday) - int(t.Weekday()) + 7) % 7
	if days == 0 {
		return 7
	}
	return days
}

// The presets' times, from moments all through two years, are those that Go finds: on days of 23 and 25 hours, at ends of
// months and years, where clocks change by half an hour and where they change at midnight.
func TestSnoozePresetsAreTimesOfTheAgentsZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{
		"UTC", "Europe/Copenhagen", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata", "Pacific/Apia",
	} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		w.tab.Zone(name)
		const step, steps = 5*time.Hour + 17*time.Minute, 3400
		begin := time.Date(2026, time.January, 1, 0, 30, 0, 0, time.UTC)
		got := browser.Get[[][]int64](w.tab, `import("/console/lib/time.js").then(({ snoozePresets }) =>
			Array.from({ length: %d }, (_, i) => snoozePresets(new Date(%d + i * %d)).map((p) => p.at.getTime())))`,
			steps, begin.UnixMilli(), step.Milliseconds())
		require.Len(t, got, steps)
		for i := range steps {
			from := begin.Add(time.Duration(i) * step).In(zone)
			want := []int64{
				from.Add(time.Hour).UnixMilli(), from.Add(4 * time.Hour).UnixMilli(),
				nineOClock(from, 1).UnixMilli(), nineOClock(from, untilMonday(from)).UnixMilli(),
			}
			require.Equal(t, want, got[i], "from %s", from)
		}
	}
}

// The same, spelled out for the nights in which Copenhagen's clocks change.
func TestSnoozePresetsOnTheDayOfAClockChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tab.Zone("Europe/Copenhagen")
	for from, want := range map[string][]string{
		"2026-10-24T22:00:00Z": { // Sunday 00:00, an hour twice: 4 hours later it is 03:00, and the next morning is Monday's
			"2026-10-24T23:00:00.000Z", "2026-10-25T02:00:00.000Z", "2026-10-26T08:00:00.000Z", "2026-10-26T08:00:00.000Z",
		},
		"2027-03-27T22:30:00Z": { // Saturday 23:30, an hour missing: 09:00 is 8.5 hours away, and not 9.5
			"2027-03-27T23:30:00.000Z", "2027-03-28T02:30:00.000Z", "2027-03-28T07:00:00.000Z", "2027-03-29T07:00:00.000Z",
		},
		"2026-11-23T07:00:00Z": { // Monday 08:00: next Monday is in a week
			"2026-11-23T08:00:00.000Z", "2026-11-23T11:00:00.000Z", "2026-11-24T08:00:00.000Z", "2026-11-30T08:00:00.000Z",
		},
	} {
		require.Equal(t, want, browser.Get[[]string](w.tab, `import("/console/lib/time.js").then(({ snoozePresets }) =>
			snoozePresets(new Date(%q)).map((p) => p.at.toISOString()))`, from), from)
	}
}
