package calendar_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
)

var mondays = calendar.Rule{
	Zone: "Europe/Copenhagen", Weekly: map[string][]calendar.Slot{"monday": {{From: "09:00", To: "17:00"}}},
}

// soon is the time in which a computation of the recipes below must be through.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// The requests and the policy that never came to an end.
func TestRecipesThatNeverEnded(t *testing.T) {
	s, err := mondays.Compile()
	require.NoError(t, err)
	list, err := s.Upcoming(soon(t), time.Date(2040, 6, 1, 0, 0, 0, 0, time.UTC), 10)
	require.NoError(t, err)
	require.Len(t, list, 10)
	require.Equal(t, "2040-06-04T07:00:00Z", list[0].Opens.UTC().Format(time.RFC3339))

	year, err := s.Add(soon(t), time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), 365*24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2047, year.Year(), "a year of Mondays")
	archived, err := s.Advance(soon(t), time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), 365, 0)
	require.NoError(t, err)
	require.Equal(t, 2033, archived.Year())

	list, err = s.Upcoming(soon(t), time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC), 10)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestNothingIsDueBehindTheLastYear(t *testing.T) {
	s, err := mondays.Compile()
	require.NoError(t, err)
	end := time.Date(calendar.MaxYear, 12, 31, 23, 59, 59, 999999999, time.UTC)
	for _, from := range []time.Time{end.AddDate(0, 0, -10), end, end.AddDate(1, 0, 0), end.AddDate(7000, 0, 0)} {
		for _, schedule := range []*calendar.Schedule{nil, s} {
			_, err := schedule.Add(soon(t), from, 20*24*time.Hour)
			require.ErrorIs(t, err, calendar.ErrNever, "from %s", from)
			_, err = schedule.Advance(soon(t), from, 20, 0)
			require.ErrorIs(t, err, calendar.ErrNever, "from %s", from)
		}
	}
	_, err = s.NextOpening(soon(t), end)
	require.ErrorIs(t, err, calendar.ErrNever)
	require.False(t, s.IsOpen(end.AddDate(0, 0, 8)))

	before := time.Date(1969, 12, 1, 0, 0, 0, 0, time.UTC)
	next, err := s.NextOpening(soon(t), before)
	require.NoError(t, err)
	require.Equal(t, "1970-01-05T08:00:00Z", next.UTC().Format(time.RFC3339), "nor open before the first")
	open, err := s.Between(soon(t), before, next.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, time.Hour, open)
	all, err := s.Between(soon(t), time.Time{}, end.AddDate(7000, 0, 0))
	require.NoError(t, err)
	require.InDelta(t, 230*52.18*8, all.Hours(), 10)
}

func TestOverridesAreInTheYears(t *testing.T) {
	for date, ok := range map[string]bool{
		"1969-12-31": false, "1970-01-01": true, "2199-12-31": true, "2200-01-01": false, "9999-12-31": false,
	} {
		_, err := with(mondays, calendar.Override{Date: date, Slots: []calendar.Slot{allDay}}).Compile()
		require.Equal(t, ok, err == nil, "%s: %v", date, err)
	}
}

func TestAComputationEndsWithItsContext(t *testing.T) {
	s, err := mondays.Compile()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	_, err = s.Add(ctx, from, 365*24*time.Hour)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Between(ctx, from, from.AddDate(20, 0, 0))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.NextOpening(ctx, from.Add(24*time.Hour))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Upcoming(ctx, from, 50)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Advance(ctx, from, 365, 0)
	require.ErrorIs(t, err, context.Canceled)
}
