package calendar_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/problem"
)

func faults(t *testing.T, r calendar.Rule) map[string]string {
	t.Helper()
	s, err := r.Compile()
	require.Nil(t, s)
	p, ok := problem.As(err)
	require.True(t, ok, "refused with %v", err)
	require.Equal(t, problem.CodeValidation, p.Code)
	found := map[string]string{}
	for _, f := range p.Details["fields"].([]problem.Field) {
		found[f.Field] = f.Code
	}
	return found
}

func TestEveryFaultOfARuleIsNamed(t *testing.T) {
	require.Equal(t, map[string]string{
		"timeZone":                 "unknown",
		"holidays":                 "unknown",
		"weekly.funday":            "unknown_field",
		"weekly.monday[0].from":    "invalid",
		"weekly.monday[1].to":      "invalid",
		"weekly.monday[2].to":      "not_after_from",
		"weekly.tuesday[1]":        "overlap",
		"overrides[0].date":        "invalid",
		"overrides[0].slots[0].to": "not_after_from",
		"overrides[2].date":        "duplicate",
		"overrides[3].date":        "invalid",
	}, faults(t, calendar.Rule{
		Zone:     "Europe/Atlantis",
		Holidays: "XX",
		Weekly: map[string][]calendar.Slot{
			"monday":  {{From: "9:00", To: "17:00"}, {From: "09:00", To: "24:01"}, {From: "17:00", To: "09:00"}},
			"tuesday": {{From: "09:00", To: "12:00"}, {From: "11:59", To: "13:00"}},
			"funday":  nil,
		},
		Overrides: []calendar.Override{
			{Date: "24-12-2026", Slots: []calendar.Slot{{From: "10:00", To: "10:00"}}},
			{Date: "2026-12-24"}, {Date: "2026-12-24"}, {Date: "2026-02-29"},
		},
	}))
}

func TestZonesThatDependOnTheMachineAreRefused(t *testing.T) {
	require.Equal(t, map[string]string{"timeZone": "required"}, faults(t, calendar.Rule{}))
	require.Equal(t, map[string]string{"timeZone": "unknown"}, faults(t, calendar.Rule{Zone: "Local"}))
	require.Equal(t, map[string]string{"timeZone": "unknown"}, faults(t, calendar.Rule{Zone: "../etc/passwd"}))
}

func TestSlotsAtTheEdgesOfADay(t *testing.T) {
	for slot, ok := range map[calendar.Slot]bool{
		{From: "00:00", To: "24:00"}: true, {From: "23:59", To: "24:00"}: true, {From: "00:00", To: "00:01"}: true,
		{From: "24:00", To: "24:00"}: false, {From: "00:00", To: "00:00"}: false, {From: "00:00", To: "24:30"}: false,
		{From: "00:60", To: "02:00"}: false, {From: "-1:00", To: "02:00"}: false, {From: "09.00", To: "17.00"}: false,
	} {
		_, err := calendar.Rule{Zone: "UTC", Weekly: map[string][]calendar.Slot{"monday": {slot}}}.Compile()
		require.Equal(t, ok, err == nil, "%v: %v", slot, err)
	}
}

func TestRulesHaveLimits(t *testing.T) {
	require.Equal(t, map[string]string{"weekly.monday": "too_many", "overrides": "too_many"}, faults(t, calendar.Rule{
		Zone:      "UTC",
		Weekly:    map[string][]calendar.Slot{"monday": make([]calendar.Slot, calendar.MaxSlots+1)},
		Overrides: make([]calendar.Override, calendar.MaxOverrides+1),
	}))
}

func TestSlotsMayBeWrittenInAnyOrderAndMayTouch(t *testing.T) {
	s := compile(t, calendar.Rule{Zone: "Europe/Copenhagen", Weekly: weekdays(
		calendar.Slot{From: "13:00", To: "17:00"}, calendar.Slot{From: "09:00", To: "13:00"},
	)})
	require.True(t, s.IsOpen(local(t, "2026-05-04 13:00")))
	requireAdd(t, s, local(t, "2026-05-04 12:00"), 5*60*60e9, local(t, "2026-05-04 17:00"))
}

func TestClosedDateIsWrittenAsAnEmptyList(t *testing.T) {
	b, err := json.Marshal(calendar.Override{Date: "2026-12-24", Name: "Christmas Eve"})
	require.NoError(t, err)
	require.JSONEq(t, `{"date": "2026-12-24", "slots": [], "name": "Christmas Eve"}`, string(b))
}
