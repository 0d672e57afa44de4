package calendar_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
)

func weekdays(slots ...calendar.Slot) map[string][]calendar.Slot {
	return map[string][]calendar.Slot{
		"monday": slots, "tuesday": slots, "wednesday": slots, "thursday": slots, "friday": slots,
	}
}

func everyDay(slots ...calendar.Slot) map[string][]calendar.Slot {
	week := weekdays(slots...)
	week["saturday"], week["sunday"] = slots, slots
	return week
}

var (
	ruleA = calendar.Rule{Zone: "Europe/Copenhagen", Weekly: weekdays(calendar.Slot{From: "09:00", To: "17:00"})}
	ruleB = calendar.Rule{Zone: "Europe/Copenhagen", Weekly: weekdays(
		calendar.Slot{From: "09:00", To: "12:00"}, calendar.Slot{From: "13:00", To: "17:00"},
	)}
	allDay = calendar.Slot{From: "00:00", To: "24:00"}
)

func with(r calendar.Rule, overrides ...calendar.Override) calendar.Rule {
	r.Overrides = overrides
	return r
}

func compile(t require.TestingT, r calendar.Rule) patient {
	s, err := r.Compile()
	require.NoError(t, err)
	return patient{s}
}

// patient is a schedule whose computations are not called off: they come to a result, or to calendar.ErrNever, which
// is false. The zero value is always open.
type patient struct{ *calendar.Schedule }

func came[T any](result T, err error) (T, bool) {
	if err != nil && !errors.Is(err, calendar.ErrNever) {
		panic(err)
	}
	return result, err == nil
}

func (p patient) Add(from time.Time, open time.Duration) (time.Time, bool) {
	return came(p.Schedule.Add(context.Background(), from, open))
}

func (p patient) Advance(from time.Time, days int, rest time.Duration) (time.Time, bool) {
	return came(p.Schedule.Advance(context.Background(), from, days, rest))
}

func (p patient) NextOpening(at time.Time) (time.Time, bool) {
	return came(p.Schedule.NextOpening(context.Background(), at))
}

func (p patient) Between(from, to time.Time) time.Duration {
	open, _ := came(p.Schedule.Between(context.Background(), from, to))
	return open
}

func (p patient) Upcoming(at time.Time, n int) []calendar.Window {
	list, _ := came(p.Schedule.Upcoming(context.Background(), at, n))
	return list
}

// local reads a time of day in Copenhagen, or an instant with a Z.
func local(t testing.TB, s string) time.Time {
	t.Helper()
	if at, err := time.Parse("2006-01-02T15:04Z", s); err == nil {
		return at
	}
	return in(t, "Europe/Copenhagen", s)
}

func in(t testing.TB, zone, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	require.NoError(t, err)
	return at
}

func requireAdd(t testing.TB, s patient, from time.Time, open time.Duration, want time.Time) {
	t.Helper()
	got, ok := s.Add(from, open)
	require.True(t, ok)
	require.Equal(t, want.UTC().String(), got.UTC().String())
}

// What deadlines of 1, 4 and 8 hours of open time come to.
func TestDeadlines(t *testing.T) {
	var always patient
	a, b := compile(t, ruleA), compile(t, ruleB)
	closed := compile(t, with(ruleA, calendar.Override{Date: "2026-05-05"}))
	for name, c := range map[string]struct {
		schedule              patient
		from, one, four, more string
	}{
		"always open":            {always, "2026-05-04 10:00", "2026-05-04 11:00", "2026-05-04 14:00", "2026-05-04 18:00"},
		"clocks go forward":      {a, "2026-03-27T15:30Z", "2026-03-30T07:30Z", "2026-03-30T10:30Z", "2026-03-30T14:30Z"},
		"clocks go back":         {a, "2026-10-23T14:30Z", "2026-10-26T08:30Z", "2026-10-26T11:30Z", "2026-10-26T15:30Z"},
		"a lunch break":          {b, "2026-05-05 11:30", "2026-05-05 13:30", "2026-05-05 16:30", "2026-05-06 13:30"},
		"the last instant":       {closed, "2026-05-04 16:00", "2026-05-04 17:00", "2026-05-06 12:00", "2026-05-06 16:00"},
		"begun at the weekend":   {a, "2026-05-09 12:00", "2026-05-11 10:00", "2026-05-11 13:00", "2026-05-11 17:00"},
		"begun at closing time":  {a, "2026-05-08 17:00", "2026-05-11 10:00", "2026-05-11 13:00", "2026-05-11 17:00"},
		"begun before it opened": {a, "2026-05-11 08:59", "2026-05-11 10:00", "2026-05-11 13:00", "2026-05-11 17:00"},
	} {
		t.Run(name, func(t *testing.T) {
			from := local(t, c.from)
			requireAdd(t, c.schedule, from, time.Hour, local(t, c.one))
			requireAdd(t, c.schedule, from, 4*time.Hour, local(t, c.four))
			requireAdd(t, c.schedule, from, 8*time.Hour, local(t, c.more))
			requireAdd(t, c.schedule, from, 0, from)
			require.Equal(t, 8*time.Hour, c.schedule.Between(from, local(t, c.more)))
		})
	}
}

func TestSlotAcrossAClockChangeIsAsLongAsItReallyWas(t *testing.T) {
	night := compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Weekly: everyDay(calendar.Slot{From: "01:00", To: "05:00"})})
	forward, back := local(t, "2026-03-29 00:00"), local(t, "2026-10-25 00:00")
	require.Equal(t, 3*time.Hour, night.Between(forward, forward.Add(20*time.Hour)))
	require.Equal(t, 5*time.Hour, night.Between(back, back.Add(20*time.Hour)))
	require.Len(t, night.Upcoming(back, 2), 2)
	require.Equal(t, 5*time.Hour, length(night.Upcoming(back, 1)[0]), "one window, not one before and one after")

	days := compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Weekly: everyDay(allDay)})
	require.Equal(t, 23*time.Hour, length(days.Upcoming(forward, 1)[0]))
	require.Equal(t, 25*time.Hour, length(days.Upcoming(back, 1)[0]))
}

func length(w calendar.Window) time.Duration { return w.Closes.Sub(w.Opens) }

// 02:00 to 03:00 does not exist on 29 March and happens twice on 25 October.
func TestSlotsAtTimesThatAClockChangeSkipsOrRepeats(t *testing.T) {
	open := func(from, to, day string) []string {
		s := compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Weekly: everyDay(calendar.Slot{From: from, To: to})})
		var list []string
		for _, w := range s.Upcoming(local(t, day+" 00:00"), 2) {
			if w.Opens.Format(time.DateOnly) == day {
				list = append(list, w.Opens.UTC().Format("15:04")+"-"+w.Closes.UTC().Format("15:04"))
			}
		}
		return list
	}
	require.Empty(t, open("02:15", "02:45", "2026-03-29"), "it does not happen")
	require.Equal(t, []string{"01:00-02:00"}, open("02:30", "04:00", "2026-03-29"), "it begins with the change")
	require.Equal(t, []string{"00:00-01:00"}, open("01:00", "02:30", "2026-03-29"), "it ends with the change")
	require.Equal(t, []string{"00:15-00:45", "01:15-01:45"}, open("02:15", "02:45", "2026-10-25"), "it happens twice")
}

// Samoa went from 29 to 31 December 2011.
func TestDateThatAZoneSkipped(t *testing.T) {
	apia := compile(t, calendar.Rule{Zone: "Pacific/Apia", Weekly: everyDay(calendar.Slot{From: "09:00", To: "10:00"})})
	from := in(t, "Pacific/Apia", "2011-12-29 09:00")
	requireAdd(t, apia, from, 2*time.Hour, in(t, "Pacific/Apia", "2011-12-31 10:00"))
	after, ok := apia.Advance(from, 1, 0)
	require.True(t, ok)
	require.True(t, after.Equal(in(t, "Pacific/Apia", "2011-12-31 09:00")))
}

func TestWindowsAcrossTheEndOfAUTCYear(t *testing.T) {
	s := compile(t, calendar.Rule{Zone: "America/New_York", Weekly: everyDay(calendar.Slot{From: "18:00", To: "22:00"})})
	eve := in(t, "America/New_York", "2026-12-31 20:00")
	got := s.Upcoming(eve, 2)
	require.True(t, got[0].Opens.Equal(eve.Add(-2*time.Hour)))
	require.True(t, got[0].Closes.Equal(eve.Add(2*time.Hour)))
	require.True(t, got[1].Opens.Equal(eve.Add(22*time.Hour)), "and not the same again")
	require.Equal(t, 2*time.Hour, s.Between(eve, eve.Add(4*time.Hour)))
	requireAdd(t, s, eve, 2*time.Hour, eve.Add(2*time.Hour))
	requireAdd(t, s, eve, 3*time.Hour, eve.Add(23*time.Hour))
	require.True(t, s.IsOpen(eve.Add(time.Hour)))
}

func TestOpenFromTheFirstInstantOfASlotToTheLastBeforeItsEnd(t *testing.T) {
	a := compile(t, ruleA)
	opens, closes := local(t, "2026-05-04 09:00"), local(t, "2026-05-04 17:00")
	require.False(t, a.IsOpen(opens.Add(-time.Nanosecond)))
	require.True(t, a.IsOpen(opens))
	require.True(t, a.IsOpen(closes.Add(-time.Nanosecond)))
	require.False(t, a.IsOpen(closes))

	for at, want := range map[time.Time]time.Time{
		opens.Add(-time.Hour): opens, opens: opens, opens.Add(time.Hour): opens.Add(time.Hour),
		closes: local(t, "2026-05-05 09:00"), local(t, "2026-05-09 12:00"): local(t, "2026-05-11 09:00"),
	} {
		got, ok := a.NextOpening(at)
		require.True(t, ok)
		require.True(t, got.Equal(want), "from %s: %s", at, got)
	}
}

func TestPreviewShowsWindowsInLocalTime(t *testing.T) {
	b := compile(t, ruleB)
	var got []string
	for _, w := range b.Upcoming(local(t, "2026-05-08 14:00"), 3) {
		got = append(got, w.Opens.Format("Mon 15:04 -07:00")+" to "+w.Closes.Format("15:04"))
	}
	require.Equal(t, []string{
		"Fri 13:00 +02:00 to 17:00", "Mon 09:00 +02:00 to 12:00", "Mon 13:00 +02:00 to 17:00",
	}, got, "the one that has begun is the first")
	require.Empty(t, patient{}.Upcoming(time.Now(), 3))
}

func TestScheduleThatNeverOpensAgain(t *testing.T) {
	never := compile(t, calendar.Rule{Zone: "UTC"})
	once := compile(t, with(calendar.Rule{Zone: "UTC"}, calendar.Override{Date: "2026-05-04", Slots: []calendar.Slot{allDay}}))
	from := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, s := range []patient{never, once} {
		for _, open := range []time.Duration{13 * time.Hour, 365 * 24 * time.Hour} {
			_, ok := s.Add(from, open)
			require.False(t, ok)
		}
		_, ok := s.NextOpening(from.AddDate(0, 0, 1))
		require.False(t, ok)
		_, ok = s.Advance(from, 2, time.Hour)
		require.False(t, ok)
	}
	requireAdd(t, never, from, 0, from)
	requireAdd(t, once, from, 12*time.Hour, from.Add(12*time.Hour))
	require.Len(t, once.Upcoming(from, 10), 1)

	beyond := compile(t, with(calendar.Rule{Zone: "UTC"}, calendar.Override{Date: "2029-05-04", Slots: []calendar.Slot{allDay}}))
	_, ok := beyond.NextOpening(from)
	require.False(t, ok, "three years are beyond the horizon")
	_, ok = beyond.Add(from, time.Hour)
	require.False(t, ok)
	requireAdd(t, beyond, from.AddDate(1, 2, 0), time.Hour, time.Date(2029, 5, 4, 1, 0, 0, 0, time.UTC))
}

// The horizon is about staying closed, and not about how far a deadline is: 365 days of 8 hours, five a week, are years.
func TestDeadlineBeyondTheHorizonOfAScheduleThatGoesOnOpening(t *testing.T) {
	a := compile(t, ruleA)
	from := local(t, "2026-05-04 09:00")
	due, ok := a.Add(from, 365*24*time.Hour)
	require.True(t, ok)
	require.Equal(t, 2030, due.Year())
	require.Equal(t, 365*24*time.Hour, a.Between(from, due))

	rarely := compile(t, calendar.Rule{Zone: "UTC", Weekly: map[string][]calendar.Slot{"monday": {{From: "09:00", To: "09:01"}}}})
	_, ok = rarely.Add(from, 365*24*time.Hour)
	require.False(t, ok, "ten thousand years are never")
}

func TestAutoArchiveArithmetic(t *testing.T) {
	a := compile(t, ruleA)
	for name, c := range map[string]struct {
		from string
		days int
		rest time.Duration
		want string
	}{
		"one day over the weekend":            {"2026-05-08 16:30", 1, 0, "2026-05-11 16:30"},
		"a day and an hour":                   {"2026-05-08 16:30", 1, time.Hour, "2026-05-12 09:30"},
		"hours alone":                         {"2026-05-08 16:30", 0, time.Hour, "2026-05-11 09:30"},
		"done after hours: the next opening":  {"2026-05-08 20:00", 1, 0, "2026-05-12 09:00"},
		"done before hours: the next opening": {"2026-05-08 07:00", 1, 0, "2026-05-11 09:00"},
		"done at the weekend":                 {"2026-05-09 12:00", 1, 0, "2026-05-11 12:00"},
		"five days are a week":                {"2026-05-06 10:00", 5, 0, "2026-05-13 10:00"},
		"across a clock change":               {"2026-03-27 10:00", 1, 0, "2026-03-30 10:00"},
		"at once":                             {"2026-05-09 12:00", 0, 0, "2026-05-09 12:00"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := a.Advance(local(t, c.from), c.days, c.rest)
			require.True(t, ok)
			require.Equal(t, local(t, c.want).UTC(), got.UTC())
		})
	}
	from := local(t, "2026-05-08 16:30")
	got, ok := patient{}.Advance(from, 2, time.Hour)
	require.True(t, ok)
	require.Equal(t, from.Add(49*time.Hour), got)

	nights := compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Weekly: everyDay(allDay)})
	got, ok = nights.Advance(local(t, "2026-03-28 02:30"), 1, 0)
	require.True(t, ok)
	require.Equal(t, local(t, "2026-03-29 03:00").UTC(), got.UTC(), "02:30 is skipped: the moment of the change")
	got, ok = nights.Advance(local(t, "2026-10-24 02:30"), 1, 0)
	require.True(t, ok)
	require.Equal(t, local(t, "2026-10-25T00:30Z"), got.UTC(), "02:30 happens twice: the first")
}

func TestHolidaysAreClosedUnlessAnOverrideHasSlots(t *testing.T) {
	danish := ruleA
	danish.Holidays = "DK"
	noon := local(t, "2026-12-25 12:00") // a Friday
	require.True(t, compile(t, ruleA).IsOpen(noon))
	require.False(t, compile(t, danish).IsOpen(noon))
	require.True(t, compile(t, with(danish, calendar.Override{
		Date: "2026-12-25", Slots: []calendar.Slot{{From: "10:00", To: "14:00"}},
	})).IsOpen(noon))

	bavaria, germany := ruleA, ruleA
	bavaria.Holidays, germany.Holidays = "DE-BY", "DE"
	epiphany := local(t, "2026-01-06 12:00")
	require.False(t, compile(t, bavaria).IsOpen(epiphany))
	require.True(t, compile(t, germany).IsOpen(epiphany), "not everywhere in Germany")

	us := compile(t, calendar.Rule{
		Zone: "America/New_York", Holidays: "US", Weekly: everyDay(calendar.Slot{From: "09:00", To: "17:00"}),
	})
	require.False(t, us.IsOpen(in(t, "America/New_York", "2026-07-03 12:00")), "the 4th is a Saturday: observed the day before")
	require.False(t, us.IsOpen(in(t, "America/New_York", "2026-07-04 12:00")))
	require.False(t, us.IsOpen(in(t, "America/New_York", "2027-12-31 12:00")), "the next New Year, observed the year before")
}

// Every list must at least know New Year, and have no more days than a year has holidays.
func TestEveryRegionHasHolidays(t *testing.T) {
	require.Greater(t, len(calendar.Regions()), 80)
	for _, region := range calendar.Regions() {
		r := calendar.Rule{Zone: "UTC", Weekly: everyDay(allDay), Holidays: region}
		s := compile(t, r)
		require.False(t, s.IsOpen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)), region)
		year := s.Between(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		require.Greater(t, year, 330*24*time.Hour, region)
	}
}
