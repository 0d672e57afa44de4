package sla_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

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
