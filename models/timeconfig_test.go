package models_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// setting is a clock that tests set; every edit is made at its time.
type setting struct {
	mu  sync.Mutex
	now time.Time
}

func (c *setting) at(t time.Time) { c.mu.Lock(); c.now = t; c.mu.Unlock() }

func (c *setting) clock(o *models.Options) {
	o.Clock = func(time.Time) time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
}

// monday is the 4th of May 2026, 10:00 in Copenhagen.
var monday = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }

var quick, slow = sla.Targets{Normal: 60, High: 120, Urgent: 180}, sla.Targets{Normal: 3600, High: 7200, Urgent: 10800}

type byMetric = map[sla.Metric]sla.Targets

func (b *bench) policy(name string, targets byMetric) wire.SLAPolicy {
	b.t.Helper()
	p, err := b.Worktime.CreateSLAPolicy(b.t.Context(), b.tenant.ID, worktime.NewSLAPolicy{Name: name, Targets: targets})
	require.NoError(b.t, err)
	return p
}

func (b *bench) assign(policy uuid.UUID, team *uuid.UUID, channel *string) wire.SLAAssignment {
	b.t.Helper()
	in := worktime.NewSLAAssignment{PolicyID: policy, TeamID: team, Channel: channel}
	a, err := b.Worktime.CreateSLAAssignment(b.t.Context(), b.tenant.ID, in)
	require.NoError(b.t, err)
	return a
}

// office is open from Monday to Friday, from 9 to the given time, in Copenhagen.
func office(to string) calendar.Rule {
	rule := calendar.Rule{Zone: "Europe/Copenhagen", Weekly: map[string][]calendar.Slot{}}
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		rule.Weekly[day] = []calendar.Slot{{From: "09:00", To: to}}
	}
	return rule
}

func (b *bench) hours(name string, rule calendar.Rule) wire.OpeningHours {
	b.t.Helper()
	o, err := b.Worktime.CreateOpeningHours(b.t.Context(), b.tenant.ID, worktime.NewOpeningHours{Name: name, Rule: rule})
	require.NoError(b.t, err)
	return o
}

func (b *bench) version() int64 {
	return int64(b.count(`SELECT time_version FROM tenants WHERE id = $1`, b.tenant.ID))
}

// rules are the tenant's time rules as they are now.
func (b *bench) rules() models.TimeRules {
	b.t.Helper()
	r, err := models.TimeRulesOf(b.t.Context(), b.Store, b.tenant.ID, b.version())
	require.NoError(b.t, err)
	return r
}

func TestEveryEditRaisesTheVersionAndAsksForAWalk(t *testing.T) {
	b := setup(t)
	ctx, tenant := t.Context(), b.tenant.ID
	team, err := b.Accounts.CreateTeam(ctx, tenant, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	var policy wire.SLAPolicy
	var assigned wire.SLAAssignment
	var hours wire.OpeningHours
	var opened wire.OpeningHoursAssignment
	name := "Platinum"
	for i, edit := range []func() error{
		func() error { policy = b.policy("Gold", byMetric{sla.FirstReply: quick}); return nil },
		func() error { assigned = b.assign(policy.ID, &team.ID, nil); return nil },
		func() error {
			_, err := b.Worktime.UpdateSLAPolicy(ctx, tenant, policy.ID, worktime.SLAPolicyUpdate{Name: &name})
			return err
		},
		func() error { hours = b.hours("Office", office("17:00")); return nil },
		func() error {
			_, err := b.Worktime.UpdateOpeningHours(ctx, tenant, hours.ID, worktime.OpeningHoursUpdate{Name: &name})
			return err
		},
		func() (err error) {
			opened, err = b.Worktime.CreateOpeningHoursAssignment(ctx, tenant,
				worktime.NewOpeningHoursAssignment{OpeningHoursID: hours.ID, TeamID: &team.ID})
			return err
		},
		func() error {
			_, err := b.Worktime.UpdateSettings(ctx, tenant, worktime.SettingsUpdate{
				AutoArchive: wire.Some(wire.AutoArchive{Days: 1}),
			})
			return err
		},
		func() error { return b.Worktime.DeleteOpeningHoursAssignment(ctx, tenant, opened.ID) },
		func() error { return b.Worktime.DeleteOpeningHours(ctx, tenant, hours.ID) },
		func() error { return b.Worktime.DeleteSLAAssignment(ctx, tenant, assigned.ID) },
		func() error { return b.Worktime.DeleteSLAPolicy(ctx, tenant, policy.ID) },
	} {
		require.NoError(t, edit())
		require.EqualValues(t, i+1, b.version())
		require.Equal(t, i+1, b.count(`SELECT count(*) FROM outbox WHERE kind = 'recompute' AND target_id = $1`, tenant))
	}
	rows, err := b.Outbox.Claim(ctx, outbox.Calm, 100)
	require.NoError(t, err)
	require.Len(t, rows, 11)
	for _, row := range rows {
		require.Equal(t, outbox.Recompute, row.Kind)
	}
}

func TestWhatIsRefusedOrChangesNothingLeavesTheVersion(t *testing.T) {
	b := setup(t)
	ctx, tenant := t.Context(), b.tenant.ID
	policy := b.policy("Gold", byMetric{sla.FirstReply: quick})
	hours := b.hours("Office", office("17:00"))
	b.assign(policy.ID, nil, nil)
	before := b.version()

	_, err := b.Worktime.CreateSLAPolicy(
		ctx,
		tenant,
		worktime.NewSLAPolicy{Name: "Gold", Targets: byMetric{sla.FirstReply: quick}},
	)
	require.ErrorContains(t, err, "SLA_POLICY_EXISTS")
	_, err = b.Worktime.CreateSLAAssignment(ctx, tenant, worktime.NewSLAAssignment{PolicyID: policy.ID})
	require.ErrorContains(t, err, "SLA_ASSIGNMENT_EXISTS")
	require.Error(t, b.Worktime.DeleteSLAPolicy(ctx, tenant, uuid.New()))
	_, err = b.Worktime.UpdateSLAPolicy(
		ctx,
		tenant,
		policy.ID,
		worktime.SLAPolicyUpdate{Name: &policy.Name, Targets: &policy.Targets},
	)
	require.NoError(t, err)
	weekly := office("17:00").Weekly
	_, err = b.Worktime.UpdateOpeningHours(ctx, tenant, hours.ID, worktime.OpeningHoursUpdate{Weekly: &weekly})
	require.NoError(t, err)
	drop := "drop"
	_, err = b.Worktime.UpdateSettings(ctx, tenant, worktime.SettingsUpdate{UnknownTags: &drop})
	require.NoError(t, err)
	require.Equal(t, before, b.version())
}

// Of several openings of a first set of hours at once one becomes the default, whichever comes first.
func TestThereIsOneDefault(t *testing.T) {
	b := setup(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := b.Worktime.CreateOpeningHours(t.Context(), b.tenant.ID, worktime.NewOpeningHours{
				Name: fmt.Sprint(i), Rule: office("17:00"), IsDefault: i%2 == 0,
			})
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 1, b.count(`SELECT count(*) FROM opening_hours WHERE is_default`))
	require.EqualValues(t, 8, b.version())
}

func TestATenantHasSoManyOfEach(t *testing.T) {
	b := setup(t)
	b.exec(`INSERT INTO sla_policies (tenant_id, id, name, targets, created_at, updated_at)
		SELECT $1, gen_random_uuid(), n::text, '{}', now(), now() FROM generate_series(1, 1000) n`, b.tenant.ID)
	_, err := b.Worktime.CreateSLAPolicy(
		t.Context(),
		b.tenant.ID,
		worktime.NewSLAPolicy{Name: "x", Targets: byMetric{sla.Resolution: slow}},
	)
	require.ErrorContains(t, err, "LIMIT_REACHED")
}

// A team that an assignment names cannot vanish under it.
func TestATeamThatIsAssignedToStays(t *testing.T) {
	b := setup(t)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	b.assign(b.policy("Gold", byMetric{sla.FirstReply: quick}).ID, &team.ID, nil)
	_, err = b.db.ExecContext(t.Context(), `DELETE FROM teams WHERE id = $1`, team.ID)
	require.ErrorContains(t, err, "sla_assignments")
}
