package models_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

func TestATenantThatConfiguredNothingCostsNothing(t *testing.T) {
	b := setup(t)
	closed := b.open()
	closed.Close()
	rules, err := models.TimeRulesOf(t.Context(), closed, b.tenant.ID, 0) // the database is out of reach
	require.NoError(t, err)
	terms, governed := rules.Terms(sla.FirstReply, nil, "email")
	require.False(t, governed)
	require.Zero(t, terms.Since)
	_, archived := rules.ArchiveAt(monday, nil, "email")
	require.False(t, archived)
}

func TestRulesAreReadOnceForEachVersion(t *testing.T) {
	b := setup(t)
	b.assign(b.policy("Gold", byMetric{sla.FirstReply: quick}).ID, nil, nil)
	known := b.version()
	require.Equal(t, known, b.rules().Version)
	b.exec(`UPDATE sla_policies SET name = 'Changed behind its back'`)
	terms, _ := b.rules().Terms(sla.FirstReply, nil, "email")
	require.Equal(t, "Gold", terms.PolicyName, "from memory")

	b.policy("Silver", byMetric{sla.FirstReply: slow})
	terms, _ = b.rules().Terms(sla.FirstReply, nil, "email")
	require.Equal(t, "Changed behind its back", terms.PolicyName, "another version")
	old, err := models.TimeRulesOf(t.Context(), b.Store, b.tenant.ID, known)
	require.NoError(t, err)
	require.Equal(t, b.version(), old.Version, "who asks for an old one gets what is true now")
}

func TestThePolicyIsPickedForEachMetric(t *testing.T) {
	b := setup(t)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	other, sms := uuid.New(), "sms"
	all := b.policy("All", byMetric{sla.FirstReply: slow, sla.AllMessages: slow, sla.Resolution: slow})
	some := b.policy("Some", byMetric{sla.FirstReply: quick})
	one := b.policy("One", byMetric{sla.AllMessages: quick})
	b.assign(all.ID, nil, nil)
	b.assign(some.ID, nil, &sms)
	b.assign(one.ID, &team.ID, nil)
	rules := b.rules()
	for _, c := range []struct {
		team    *uuid.UUID
		channel string
		want    [3]string // by metric
	}{
		{nil, "email", [3]string{"All", "All", "All"}},
		{nil, "sms", [3]string{"Some", "All", "All"}},
		{&team.ID, "email", [3]string{"All", "One", "All"}},
		{&team.ID, "sms", [3]string{"Some", "One", "All"}},
		{&other, "email", [3]string{"All", "All", "All"}},
	} {
		for i, metric := range sla.Metrics {
			terms, governed := rules.Terms(metric, c.team, c.channel)
			require.True(t, governed)
			require.Equal(t, c.want[i], terms.PolicyName, "%s of %v on %s", metric, c.team, c.channel)
		}
	}
	terms, _ := rules.Terms(sla.FirstReply, nil, "sms")
	require.Equal(t, quick, terms.Targets)
	require.Equal(t, some.ID, terms.PolicyID)
}

func TestTheScheduleIsPickedByAssignmentElseTheDefault(t *testing.T) {
	b := setup(t)
	ctx, tenant := t.Context(), b.tenant.ID
	policy := b.policy("Gold", byMetric{sla.FirstReply: slow})
	b.assign(policy.ID, nil, nil)
	phone := "phone"
	due := func(channel string) time.Time { // 8 hours from Monday 10:00
		t.Helper()
		terms, governed := b.rules().Terms(sla.FirstReply, nil, channel)
		require.True(t, governed)
		at, err := terms.Schedule.Add(t.Context(), monday, 8*time.Hour)
		require.NoError(t, err)
		return at.UTC()
	}
	require.Equal(t, hour(8), due("phone"), "no opening hours at all: always open")
	b.hours("Office", office("17:00"))
	late := b.hours("Late", office("20:00"))
	require.Equal(t, hour(24), due("phone"), "Tuesday 10:00")
	_, err := b.Worktime.CreateOpeningHoursAssignment(ctx, tenant,
		worktime.NewOpeningHoursAssignment{OpeningHoursID: late.ID, Channel: &phone})
	require.NoError(t, err)
	require.Equal(t, hour(8), due("phone"), "till 18:00")
	require.Equal(t, hour(24), due("email"))
	ignore := true
	_, err = b.Worktime.UpdateSLAPolicy(ctx, tenant, policy.ID, worktime.SLAPolicyUpdate{IgnoreOfficeHours: &ignore})
	require.NoError(t, err)
	require.Equal(t, hour(8), due("email"))
}

// Terms take effect when the last of what they are made of did: that is when what they make overdue is crossed.
func TestSinceWhenTermsHold(t *testing.T) {
	var now setting
	b := setupAlone(t, now.clock)
	ctx, tenant := t.Context(), b.tenant.ID
	phone := "phone"
	since := func(metric sla.Metric, channel string) time.Time {
		t.Helper()
		terms, _ := b.rules().Terms(metric, nil, channel)
		return terms.Since.UTC()
	}
	step := func(n int, do func() error) {
		t.Helper()
		now.at(hour(n))
		require.NoError(t, do())
	}
	var gold, best wire.SLAPolicy
	var hours wire.OpeningHours
	step(1, func() error {
		gold = b.policy("Gold", byMetric{sla.FirstReply: slow, sla.Resolution: slow})
		return nil
	})
	require.Zero(t, since(sla.FirstReply, "email"), "nothing governs, and nothing ever did")
	step(2, func() error { b.assign(gold.ID, nil, nil); return nil })
	require.Equal(t, hour(2), since(sla.FirstReply, "email"))
	step(3, func() error {
		_, err := b.Worktime.UpdateSLAPolicy(ctx, tenant, gold.ID,
			worktime.SLAPolicyUpdate{Targets: &byMetric{sla.FirstReply: quick, sla.Resolution: slow}})
		return err
	})
	require.Equal(t, hour(3), since(sla.FirstReply, "email"))
	step(4, func() error { hours = b.hours("Office", office("17:00")); return nil })
	require.Equal(t, hour(4), since(sla.FirstReply, "email"), "which was always open before")
	step(5, func() error {
		longer := office("20:00").Weekly
		_, err := b.Worktime.UpdateOpeningHours(ctx, tenant, hours.ID, worktime.OpeningHoursUpdate{Weekly: &longer})
		return err
	})
	require.Equal(t, hour(5), since(sla.FirstReply, "email"))

	// What wins on one channel is no news on the others.
	step(6, func() error {
		best = b.policy("Best", byMetric{sla.FirstReply: quick})
		b.assign(best.ID, nil, &phone)
		return nil
	})
	require.Equal(t, hour(6), since(sla.FirstReply, "phone"))
	require.Equal(t, hour(5), since(sla.FirstReply, "email"))
	require.Equal(t, hour(5), since(sla.Resolution, "phone"))

	// What is taken away leaves its place to older things, which hold there since then.
	step(7, func() error {
		_, err := b.Worktime.UpdateSLAPolicy(
			ctx,
			tenant,
			best.ID,
			worktime.SLAPolicyUpdate{Targets: &byMetric{sla.Resolution: quick}},
		)
		return err
	})
	terms, _ := b.rules().Terms(sla.FirstReply, nil, "phone")
	require.Equal(t, "Gold", terms.PolicyName)
	require.Equal(t, hour(7), terms.Since.UTC())
	step(8, func() error { return b.Worktime.DeleteSLAPolicy(ctx, tenant, best.ID) })
	require.Equal(t, hour(8), since(sla.Resolution, "phone"))
	step(9, func() error { return b.Worktime.DeleteSLAPolicy(ctx, tenant, gold.ID) })
	terms, governed := b.rules().Terms(sla.Resolution, nil, "phone")
	require.False(t, governed)
	require.Equal(t, hour(9), terms.Since.UTC(), "since when nothing governs")
}

// Another default holds since it is the default, not since it was written.
func TestSinceWhenADefaultHolds(t *testing.T) {
	var now setting
	now.at(hour(1))
	b := setupAlone(t, now.clock)
	b.assign(b.policy("Gold", byMetric{sla.FirstReply: slow}).ID, nil, nil)
	b.hours("Office", office("17:00"))
	late := b.hours("Late", office("20:00"))
	now.at(hour(2))
	yes := true
	_, err := b.Worktime.UpdateOpeningHours(t.Context(), b.tenant.ID, late.ID, worktime.OpeningHoursUpdate{IsDefault: &yes})
	require.NoError(t, err)
	terms, _ := b.rules().Terms(sla.FirstReply, nil, "email")
	require.Equal(t, hour(2), terms.Since.UTC())
	at, _ := terms.Schedule.Add(t.Context(), monday, 8*time.Hour)
	require.Equal(t, hour(8), at.UTC())
}

func TestWhenAResolvedConversationIsArchived(t *testing.T) {
	b := setup(t)
	friday := time.Date(2026, 3, 27, 15, 30, 0, 0, time.UTC) // 16:30; clocks go forward on Sunday
	b.hours("Office", office("17:00"))
	_, on := b.rules().ArchiveAt(friday, nil, "email")
	require.False(t, on, "off")
	_, err := b.Worktime.UpdateSettings(t.Context(), b.tenant.ID,
		worktime.SettingsUpdate{AutoArchive: wire.Some(wire.AutoArchive{Days: 1, Hours: 1, Minutes: 30})})
	require.NoError(t, err)
	at, on := b.rules().ArchiveAt(friday, nil, "email")
	require.True(t, on)
	require.Equal(t, time.Date(2026, 3, 31, 8, 0, 0, 0, time.UTC), at.UTC(), "Monday 16:30, and then till Tuesday 10:00")

	b.exec(`UPDATE opening_hours SET rule = '{"timeZone": "UTC", "weekly": {}}'`)
	b.hours("Another version", office("17:00"))
	_, on = b.rules().ArchiveAt(friday, nil, "email")
	require.False(t, on, "never open")
}

// Rules of a library that has forgotten a region must not stop conversations.
func TestOpeningHoursThatAreNotValidAnyMoreCountAsAlwaysOpen(t *testing.T) {
	b := setup(t)
	b.assign(b.policy("Gold", byMetric{sla.FirstReply: slow}).ID, nil, nil)
	b.hours("Office", office("17:00"))
	b.exec(`UPDATE opening_hours SET rule = rule || '{"holidays": "XX"}'`)
	terms, governed := b.rules().Terms(sla.FirstReply, nil, "email")
	require.True(t, governed)
	require.Nil(t, terms.Schedule)
}
