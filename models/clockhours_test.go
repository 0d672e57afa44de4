package models_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// slots are the same opening hours on each of the days.
func slots(from, to string, days ...string) map[string][]calendar.Slot {
	week := map[string][]calendar.Slot{}
	for _, day := range days {
		week[day] = []calendar.Slot{{From: from, To: to}}
	}
	return week
}

var (
	workdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday"}
	everyday = append([]string{"saturday", "sunday"}, workdays...)
)

func (b *slaBench) opening(rule calendar.Rule) wire.OpeningHours {
	b.t.Helper()
	h, err := b.Worktime.CreateOpeningHours(b.t.Context(), b.tenant.ID, worktime.NewOpeningHours{Name: rule.Zone, Rule: rule})
	require.NoError(b.t, err)
	return h
}

// due is when a conversation's first reply is late, in three degrees.
func (b *slaBench) due(id uuid.UUID) [3]string {
	b.t.Helper()
	d := b.metric(id, sla.FirstReply).DueAt
	var at [3]string
	for i, due := range []*wire.Time{d.AtRisk, d.Urgent, d.Breached} {
		at[i] = due.UTC().Format("01-02 15:04Z")
	}
	return at
}

// Clocks of an hour, four and eight, in zones that change their clocks on different days, by an hour or by half of one, or
// are half an hour off all the others.
func TestClocksAcrossChangesOfTheClock(t *testing.T) {
	for name, x := range map[string]struct {
		zone, created string
		weekly        map[string][]calendar.Slot
		due           [3]string
	}{
		"Europe goes forward": {"Europe/Copenhagen", "2026-03-27 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"03-30 07:30Z", "03-30 10:30Z", "03-30 14:30Z",
		}},
		"America goes forward": {"America/New_York", "2026-03-06 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"03-09 13:30Z", "03-09 16:30Z", "03-09 20:30Z",
		}},
		"Europe goes back": {"Europe/Copenhagen", "2026-10-23 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"10-26 08:30Z", "10-26 11:30Z", "10-26 15:30Z",
		}},
		"America has not yet": {"America/New_York", "2026-10-23 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"10-26 13:30Z", "10-26 16:30Z", "10-26 20:30Z",
		}},
		"America goes back": {"America/New_York", "2026-10-30 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"11-02 14:30Z", "11-02 17:30Z", "11-02 21:30Z",
		}},
		"a night of 7 hours": {"America/New_York", "2026-11-01 00:00", slots("00:00", "06:00", everyday...), [3]string{
			"11-01 05:00Z", "11-01 08:00Z", "11-02 06:00Z",
		}},
		"a night of 5 hours": {"America/New_York", "2026-03-08 00:00", slots("00:00", "06:00", everyday...), [3]string{
			"03-08 06:00Z", "03-08 09:00Z", "03-09 07:00Z",
		}},
		"India": {"Asia/Kolkata", "2026-05-04 17:30", slots("09:00", "18:00", workdays...), [3]string{
			"05-05 04:00Z", "05-05 07:00Z", "05-05 11:00Z",
		}},
		"half an hour back": {"Australia/Lord_Howe", "2026-04-03 16:30", slots("09:00", "17:00", workdays...), [3]string{
			"04-05 23:00Z", "04-06 02:00Z", "04-06 06:00Z",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := slaSetup(t, nil)
			zone, err := time.LoadLocation(x.zone)
			require.NoError(t, err)
			created, err := time.ParseInLocation("2006-01-02 15:04", x.created, zone)
			require.NoError(t, err)
			b.set(created.Add(-time.Hour))
			b.opening(calendar.Rule{Zone: x.zone, Weekly: x.weekly})
			b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
			b.set(created)
			require.Equal(t, x.due, b.due(b.conversation("a").ID))
		})
	}
}

// Between the changes of Europe and America they are an hour nearer: a conversation that moves from one to the other is
// judged by the hours of where it is, from its start.
func TestConversationMovesBetweenZonesThatHaveNotBothChanged(t *testing.T) {
	b := slaSetup(t, nil)
	b.set(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	offices := map[string]uuid.UUID{}
	for _, zone := range []string{"Europe/Copenhagen", "America/New_York"} {
		team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: zone})
		require.NoError(t, err)
		hours := b.opening(calendar.Rule{Zone: zone, Weekly: slots("09:00", "17:00", workdays...)})
		_, err = b.Worktime.CreateOpeningHoursAssignment(t.Context(), b.tenant.ID,
			worktime.NewOpeningHoursAssignment{OpeningHoursID: hours.ID, TeamID: &team.ID})
		require.NoError(t, err)
		offices[zone] = team.ID
	}
	b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
	b.set(time.Date(2026, 10, 26, 15, 30, 0, 0, time.UTC)) // Monday; 16:30 in Copenhagen, 11:30 in New York
	c := b.conversation("a")
	b.change(c.ID, conversation.Assign{TeamID: wire.Some(offices["Europe/Copenhagen"])})
	require.Equal(t, [3]string{"10-27 08:30Z", "10-27 11:30Z", "10-27 15:30Z"}, b.due(c.ID))
	b.pass(15 * time.Minute)
	b.change(c.ID, conversation.Assign{TeamID: wire.Some(offices["America/New_York"])})
	require.Equal(t, [3]string{"10-26 16:30Z", "10-26 19:30Z", "10-27 15:30Z"}, b.due(c.ID))
}

// Opening hours that are edited while a clock runs count from its start, but cross nothing before they were edited.
func TestOpeningHoursEditedWhileAClockRuns(t *testing.T) {
	b := slaSetup(t, nil)
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	require.NoError(t, err)
	b.set(ten.Add(-48 * time.Hour))
	hours := b.opening(calendar.Rule{Zone: "Europe/Copenhagen", Weekly: slots("09:00", "17:00", workdays...)})
	b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
	edit := func(from, to string) {
		t.Helper()
		week := slots(from, to, workdays...)
		_, err := b.Worktime.UpdateOpeningHours(t.Context(), b.tenant.ID, hours.ID, worktime.OpeningHoursUpdate{Weekly: &week})
		require.NoError(t, err)
		_, err = b.Clocks.Recompute(t.Context(), b.tenant.ID)
		require.NoError(t, err)
	}
	b.set(time.Date(2026, 5, 4, 16, 0, 0, 0, copenhagen)) // Monday
	c := b.conversation("a")
	require.Equal(t, [3]string{"05-04 15:00Z", "05-05 10:00Z", "05-05 14:00Z"}, b.due(c.ID))

	b.pass(30 * time.Minute)
	edit("09:00", "16:00") // since before it came: no time has passed yet
	require.Equal(t, [3]string{"05-05 08:00Z", "05-05 11:00Z", "05-06 08:00Z"}, b.due(c.ID))
	require.True(t, b.metric(c.ID, sla.FirstReply).Paused)
	require.Empty(t, b.told(copenhagen))

	b.set(time.Date(2026, 5, 4, 23, 0, 0, 0, copenhagen))
	edit("00:00", "24:00") // seven hours have passed, and a warning was due at 17:00 and another one at 20:00
	require.Equal(t, []string{
		"at_risk 05-04 17:00:00 05-04 23:00:00", "urgent 05-04 20:00:00 05-04 23:00:00",
	}, b.told(copenhagen))
	require.False(t, b.metric(c.ID, sla.FirstReply).Paused)

	edit("09:00", "17:00")
	m := b.metric(c.ID, sla.FirstReply)
	require.Equal(t, sla.Urgent, m.State, "never lowered")
	require.Equal(t, "05-05 14:00Z", b.due(c.ID)[2])
	b.set(time.Date(2026, 5, 5, 17, 0, 0, 0, copenhagen))
	b.tick(c.ID)
	told := b.told(copenhagen)
	require.Len(t, told, 3, "no tripwire twice")
	require.Equal(t, "breached 05-05 16:00:00 05-05 16:00:00", told[2])
}
