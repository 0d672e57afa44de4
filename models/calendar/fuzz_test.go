package calendar_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
)

// FuzzRule compiles whatever JSON says, and computes with it, wherever in time: nothing may panic, run for long, or give a
// moment that is not after the one asked about, nor in the years.
func FuzzRule(f *testing.F) {
	f.Add([]byte(`{"timeZone":"Europe/Copenhagen","weekly":{"monday":[{"from":"09:00","to":"17:00"}]}}`), int64(2222222222), int64(31536000))
	f.Add([]byte(`{"timeZone":"Asia/Gaza","weekly":{"sunday":[{"from":"00:00","to":"24:00"}]},"holidays":"DK"}`), int64(-5), int64(1))
	f.Add([]byte(`{"timeZone":"America/Nuuk","overrides":[{"date":"2199-12-31","slots":[{"from":"23:59","to":"24:00"}]}]}`),
		int64(7258118399), int64(60))
	f.Fuzz(func(t *testing.T, rule []byte, from, open int64) {
		var r calendar.Rule
		if json.Unmarshal(rule, &r) != nil {
			return
		}
		s, err := r.Compile()
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		at, wait := time.Unix(from%(1<<40), 0), time.Duration(open%(1<<40))*time.Second
		p := patient{s}
		due, ok := came(s.Add(ctx, at, wait))
		if ok && wait > 0 {
			require.False(t, due.Before(at))
			require.True(t, calendar.InYears(due))
			require.Equal(t, wait, p.Between(at, due))
		}
		if next, ok := came(s.NextOpening(ctx, at)); ok {
			require.True(t, s.IsOpen(next), "%s", next)
		}
		if archived, ok := came(s.Advance(ctx, at, int(open%400), 0)); ok && open%400 > 0 {
			require.False(t, archived.Before(at))
		}
		last := time.Time{}
		for _, w := range p.Upcoming(at, 50) {
			require.True(t, w.Closes.After(w.Opens))
			require.False(t, w.Opens.Before(last))
			last = w.Closes
		}
		require.NoError(t, ctx.Err())
	})
}

// FuzzOpen compares what a schedule says of an instant with what a clock on the wall shows then.
func FuzzOpen(f *testing.F) {
	f.Add(uint16(0), int64(1711843200))
	f.Add(uint16(300), int64(4102444799))
	names := []string{"Europe/Copenhagen", "America/Nuuk", "Asia/Gaza", "Africa/Casablanca", "Australia/Lord_Howe",
		"Antarctica/Troll",
		"Pacific/Apia", "Asia/Tehran", "America/Sao_Paulo", "Europe/Dublin", "Africa/Cairo", "UTC"}
	slot := calendar.Slot{From: "01:30", To: "13:15"}
	f.Fuzz(func(t *testing.T, zone uint16, unix int64) {
		name := names[int(zone)%len(names)]
		s := compile(t, calendar.Rule{Zone: name, Weekly: everyDay(slot)})
		at := time.Unix(unix%8_000_000_000, 0)
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		clock := at.In(location).Format("15:04")
		require.Equal(t, calendar.InYears(at) && slot.From <= clock && clock < slot.To, s.IsOpen(at), "%s at %s", name, at.UTC())
	})
}
