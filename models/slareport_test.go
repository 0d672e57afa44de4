package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// clocks records clocks of one metric with their outcomes, elapsed 1 s, 2 s, …; stopped at a time, or running.
func (b *bench) clocks(
	policy wire.SLAPolicy, metric sla.Metric, team *uuid.UUID, channel string, stopped *time.Time, outcomes ...string,
) {
	b.t.Helper()
	id := b.conversation(uuid.NewString()).ID
	for i, outcome := range outcomes {
		b.exec(`INSERT INTO sla_clocks (tenant_id, conversation_id, metric, cycle, policy_id, policy_name, team_id, channel,
				started_at, stopped_at, state, outcome, elapsed_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'ok', $11, $12)`,
			b.tenant.ID, id, metric, i+1, policy.ID, policy.Name, team, channel, monday, stopped, outcome, 1000*(i+1))
		if outcome == "breached" {
			b.exec(`INSERT INTO sla_crossings (tenant_id, conversation_id, metric, cycle, tripwire, due_at, crossed_at, created_at)
				VALUES ($1, $2, $3, $4, 'breached', $5, $5, $5)`, b.tenant.ID, id, metric, i+1, stopped)
		}
	}
}

// summary is a group as "name: metric met/stopped, …", which is what the tests are about.
func summary(groups []wire.SLAReportGroup) (all []string) {
	for _, g := range groups {
		text := "-:"
		if g.Name != nil {
			text = *g.Name + ":"
		} else if g.Key != nil {
			text = *g.Key + ":"
		}
		for _, m := range g.Metrics {
			text += fmt.Sprintf(" %s %d/%d", m.Metric, m.Met, m.Stopped)
		}
		all = append(all, text)
	}
	return all
}

func TestReportCountsWhatStopped(t *testing.T) {
	b := setup(t)
	ctx, tenant := t.Context(), b.tenant.ID
	team, err := b.Accounts.CreateTeam(ctx, tenant, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	gold := b.policy("Gold", byMetric{sla.FirstReply: quick})
	gone := wire.SLAPolicy{ID: uuid.New(), Name: "Gone"}
	at := func(n int) *time.Time { t := hour(n); return &t }
	b.clocks(gold, sla.FirstReply, &team.ID, "email", at(1), "met", "met", "met", "breached")
	b.clocks(gold, sla.FirstReply, nil, "sms", at(20), "breached")
	b.clocks(gone, sla.Resolution, nil, "sms", at(2), "met")
	b.clocks(gold, sla.Resolution, nil, "sms", at(24), "breached") // not before To
	b.clocks(gold, sla.Resolution, nil, "sms", at(-1), "breached") // before From
	name := "Platinum"
	_, err = b.Worktime.UpdateSLAPolicy(ctx, tenant, gold.ID, worktime.SLAPolicyUpdate{Name: &name})
	require.NoError(t, err)

	query := worktime.ReportQuery{From: monday, To: hour(24)}
	for groupBy, want := range map[string][]string{
		"":                 {"Gone: resolution 1/1", "Platinum: first_reply 3/5"},
		worktime.ByTeam:    {"Returns: first_reply 3/4", "-: first_reply 0/1 resolution 1/1"},
		worktime.ByChannel: {"email: first_reply 3/4", "sms: first_reply 0/1 resolution 1/1"},
		worktime.ByDay:     {"2026-05-04: first_reply 3/4 resolution 1/1", "2026-05-05: first_reply 0/1"},
	} {
		query.GroupBy = groupBy
		report, err := b.Worktime.Report(ctx, tenant, query)
		require.NoError(t, err)
		require.Equal(t, want, summary(report.Data), groupBy)
		require.Equal(t, []string{"-: first_reply 3/5 resolution 1/1"}, summary([]wire.SLAReportGroup{{Metrics: report.Total}}))
	}

	sms := "sms"
	for _, c := range []struct {
		narrow func(*worktime.ReportQuery)
		want   []string
	}{
		{func(q *worktime.ReportQuery) { q.PolicyID = &gone.ID }, []string{"sms: resolution 1/1"}},
		{func(q *worktime.ReportQuery) { q.TeamID = &team.ID }, []string{"email: first_reply 3/4"}},
		{func(q *worktime.ReportQuery) { q.Channel = &sms }, []string{"sms: first_reply 0/1 resolution 1/1"}},
	} {
		q := worktime.ReportQuery{From: monday, To: hour(24), GroupBy: worktime.ByChannel}
		c.narrow(&q)
		report, err := b.Worktime.Report(ctx, tenant, q)
		require.NoError(t, err)
		require.Equal(t, c.want, summary(report.Data))
	}
	other, err := b.Worktime.Report(ctx, uuid.New(), query)
	require.NoError(t, err)
	require.Empty(t, other.Total, "another tenant's")
}

func TestReportHasTheMedianAndTheNinetiethPercentile(t *testing.T) {
	b := setup(t)
	stopped := hour(1)
	outcomes := make([]string, 10)
	for i := range outcomes {
		outcomes[i] = "met"
	}
	outcomes[9] = "breached"
	b.clocks(wire.SLAPolicy{ID: uuid.New(), Name: "Gold"}, sla.AllMessages, nil, "email", &stopped, outcomes...)
	report, err := b.Worktime.Report(t.Context(), b.tenant.ID, worktime.ReportQuery{From: monday, To: hour(2)})
	require.NoError(t, err)
	require.Equal(t, []wire.SLAReportLine{{
		Metric: sla.AllMessages, Stopped: 10, Met: 9, Breached: 1, MetRate: 0.9, BreachRate: 0.1,
		MedianSeconds: new(5.0), P90Seconds: new(9.0),
	}}, report.Total)
}

// Never answering must not improve the report: a breach counts when it happens, on the day and for the policy, team and
// channel of its clock, and once, whether the clock runs, stops later or loses its policy.
func TestABreachCountsWhenItHappens(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: hours(1, 2, 3), sla.Resolution: hours(10, 20, 30)})
	open, answered, inTime := b.conversation("open"), b.conversation("answered"), b.conversation("in time")
	b.reply(inTime.ID)
	b.pass(4 * time.Hour)
	for _, c := range []conversation.Conversation{open, answered, inTime} {
		b.tick(c.ID)
	}
	b.pass(24 * time.Hour)
	b.reply(answered.ID) // the day after it was breached
	midnight := time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
	report := func(from, to time.Time, groupBy string) wire.SLAReport {
		t.Helper()
		r, err := b.Worktime.Report(t.Context(), b.tenant.ID, worktime.ReportQuery{From: from, To: to, GroupBy: groupBy})
		require.NoError(t, err)
		return r
	}
	first := report(midnight.AddDate(0, 0, -1), midnight, worktime.ByPolicy)
	require.Equal(t, []wire.SLAReportLine{{
		Metric: sla.FirstReply, Stopped: 1, Met: 1, Breached: 2, MetRate: 1. / 3, BreachRate: 2. / 3,
		MedianSeconds: new(0.0), P90Seconds: new(0.0),
	}}, first.Total)
	require.Equal(t, "Standard", *first.Data[0].Name)
	require.Len(t, first.Data, 1)
	require.Equal(t, []wire.SLABreachedOpen{{Metric: sla.FirstReply, Clocks: 1}}, first.BreachedOpen)
	second := report(midnight, midnight.AddDate(0, 0, 1), worktime.ByDay)
	require.Len(t, second.Total, 1)
	require.EqualValues(t, 1, second.Total[0].Stopped)
	require.Zero(t, second.Total[0].Met+second.Total[0].Breached, "its breach was the day before")
	require.Zero(t, second.Total[0].BreachRate)

	found, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID,
		listing.Filter{BreachedMetric: string(sla.FirstReply)}, postgres.Page{})
	require.NoError(t, err)
	require.Len(t, found, 1, "the report's number is that of its list")
	require.Equal(t, open.ID, found[0].ID)

	require.NoError(t, b.Worktime.DeleteSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID))
	b.walk()
	gone := report(midnight.AddDate(0, 0, -1), midnight, worktime.ByPolicy)
	require.EqualValues(t, 2, gone.Total[0].Breached, "it happened")
	require.Empty(t, gone.BreachedOpen)
}
