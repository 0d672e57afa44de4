package sla_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/sla"
)

func TestPickTheMostSpecificAssignmentThenTheOldest(t *testing.T) {
	team, other := uuid.New(), uuid.New()
	assign := func(n byte, team *uuid.UUID, channel string, hours int) sla.Assignment {
		return sla.Assignment{
			ID: uuid.UUID{15: n}, TargetID: uuid.UUID{15: 100 + n}, TeamID: team, Channel: channel, CreatedAt: at(hours, 0),
		}
	}
	everything, email := assign(1, nil, "", 0), assign(2, nil, "email", 0)
	ofTeam, both := assign(3, &team, "", 0), assign(4, &team, "email", 9)
	young, old, older := assign(1, &team, "", 2), assign(3, &team, "", 1), assign(2, &team, "", 1)
	list := []sla.Assignment{everything, email, ofTeam, both, assign(5, &other, "email", 0), assign(6, &team, "chat", 0)}
	for name, c := range map[string]struct {
		list    []sla.Assignment
		team    *uuid.UUID
		channel string
		want    *sla.Assignment
	}{
		"team and channel":         {list, &team, "email", &both},
		"team":                     {list, &team, "phone", &ofTeam},
		"channel":                  {list, nil, "email", &email},
		"neither":                  {list, nil, "phone", &everything},
		"team before channel":      {[]sla.Assignment{email, ofTeam}, &team, "email", &ofTeam},
		"none":                     {[]sla.Assignment{email, ofTeam, both}, nil, "phone", nil},
		"equal: the older":         {[]sla.Assignment{young, old}, &team, "email", &old},
		"as old: the smaller id":   {[]sla.Assignment{old, older}, &team, "email", &older},
		"older does not beat more": {[]sla.Assignment{old, both}, &team, "email", &both},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := sla.Pick(c.list, c.team, c.channel, nil)
			require.Equal(t, c.want != nil, ok)
			if ok {
				require.Equal(t, *c.want, got)
			}
		})
	}
	got, ok := sla.Pick(list, &team, "email", func(target uuid.UUID) bool { return target != both.TargetID })
	require.True(t, ok)
	require.Equal(t, ofTeam, got, "the best of the policies that have the metric")
}

func TestTargetsAreInOrder(t *testing.T) {
	require.Empty(t, sla.Targets{Low: 0, Normal: 1, High: 2, Urgent: 3}.Validate("m"))
	require.Empty(t, sla.Targets{Low: 5, Normal: 5, High: 6, Urgent: 365 * 24 * 3600}.Validate("m"))
	for _, c := range []struct {
		targets sla.Targets
		field   string
	}{
		{sla.Targets{Low: -1, Normal: 1, High: 2, Urgent: 3}, "m.lowTargetSeconds"},
		{sla.Targets{Low: 0, Normal: 0, High: 2, Urgent: 3}, "m.normalTargetSeconds"},
		{sla.Targets{Low: 2, Normal: 1, High: 2, Urgent: 3}, "m.normalTargetSeconds"},
		{sla.Targets{Low: 1, Normal: 1, High: 1, Urgent: 3}, "m.highTargetSeconds"},
		{sla.Targets{Low: 0, Normal: 1, High: 2, Urgent: 2}, "m.urgentTargetSeconds"},
		{sla.Targets{Low: 0, Normal: 1, High: 2, Urgent: 365*24*3600 + 1}, "m.urgentTargetSeconds"},
	} {
		wrong := c.targets.Validate("m")
		require.Len(t, wrong, 1, "%+v", c.targets)
		require.Equal(t, c.field, wrong[0].Field)
	}
	require.Len(t, sla.Targets{Low: -1}.Validate("metric"), 4, "all that is wrong at once")
}

func TestStatesHaveAnOrder(t *testing.T) {
	order := []sla.State{"", sla.OK, sla.AtRisk, sla.Urgent, sla.Breached}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, i > j, sla.Worse(a, b))
		}
	}
}

// A clock that stands still goes on when everything that it waits for has passed.
func TestAPausedClockGoesOnWhenItsHoursAreOpenAndItsSnoozeIsOver(t *testing.T) {
	desk := officeHours(t, []calendar.Slot{{From: "09:00", To: "17:00"}}) // 07:00 to 15:00 in UTC; start is 08:00
	closed := compile(t, calendar.Rule{Zone: "UTC", Weekly: map[string][]calendar.Slot{}})
	nextMorning := at(23, 0)
	for name, c := range map[string]struct {
		schedule     *calendar.Schedule
		heedsSnooze  bool
		now          time.Time
		snoozedUntil *time.Time
		paused       bool
		resumes      *time.Time
	}{
		"open":                        {desk, true, at(1, 0), nil, false, nil},
		"always open":                 {nil, true, at(9, 0), nil, false, nil},
		"closed":                      {desk, true, at(9, 0), nil, true, &nextMorning},
		"snoozed within the hours":    {desk, true, at(1, 0), new(at(2, 0)), true, new(at(2, 0))},
		"snoozed beyond the hours":    {desk, true, at(1, 0), new(at(8, 0)), true, &nextMorning},
		"snoozed, closed until then":  {desk, true, at(9, 0), new(at(25, 0)), true, new(at(25, 0))},
		"snoozed, always open":        {nil, true, at(1, 0), new(at(2, 0)), true, new(at(2, 0))},
		"the policy ignores a snooze": {desk, false, at(1, 0), new(at(2, 0)), false, nil},
		"and the desk is closed":      {desk, false, at(9, 0), new(at(25, 0)), true, &nextMorning},
		"a snooze that is overdue":    {desk, true, at(1, 0), new(at(0, 30)), true, new(at(1, 0))},
		"never open":                  {closed, true, at(1, 0), new(at(2, 0)), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			terms := sla.Terms{Schedule: c.schedule, PauseWhileSnoozed: c.heedsSnooze}
			paused, resumes, err := terms.Paused(t.Context(), c.now, c.snoozedUntil)
			require.NoError(t, err)
			require.Equal(t, c.paused, paused)
			require.Equal(t, c.resumes, resumes)
		})
	}
}
