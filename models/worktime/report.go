package worktime

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// maxReport is how much time a report covers at most.
const maxReport = 366 * 24 * time.Hour

// What a report can be grouped by.
const (
	ByPolicy  = "policy"
	ByTeam    = "team"
	ByChannel = "channel"
	ByDay     = "day" // in UTC
)

// ReportQuery asks for what came of clocks from From on and before To.
type ReportQuery struct {
	From, To         time.Time
	GroupBy          string     // policy when empty
	PolicyID, TeamID *uuid.UUID // nil: all
	Channel          *string    // nil: all
}

// reportKeys are the expressions of the groups' key and name, c being a clock that stopped or was breached, p and t its
// policy and team as they are now, if they are. A policy that is gone keeps the name its clocks knew.
var reportKeys = map[string][2]string{
	ByPolicy:  {"c.policy_id::text", "coalesce(max(p.name), max(c.policy_name))"},
	ByTeam:    {"c.team_id::text", "max(t.name)"},
	ByChannel: {"c.channel", "NULL::text"},
	ByDay:     {"c.day::text", "NULL::text"},
}

func (q ReportQuery) check() error {
	var wrong []problem.Field
	switch {
	case !q.From.Before(q.To):
		wrong = append(wrong, problem.Field{Field: "to", Code: "out_of_range", Message: "must be after from"})
	case q.To.Sub(q.From) > maxReport:
		wrong = append(wrong, problem.Field{Field: "to", Code: "out_of_range", Message: "must be at most a year after from"})
	}
	if _, known := reportKeys[q.GroupBy]; !known {
		wrong = append(wrong, problem.Field{
			Field: "groupBy", Code: "invalid_value",
			Message: "must be one of " + strings.Join(slices.Sorted(maps.Keys(reportKeys)), ", "),
		})
	}
	return problem.Fields(append(wrong, CheckChannel("channel", q.Channel)...)...)
}

// reportRow is one line of a report; Total of all groups together.
type reportRow struct {
	Total                  bool
	Key, Name              *string
	Metric                 sla.Metric
	Stopped, Met, Breached int64
	MedianMs, P90Ms        *int64 // nil: none stopped
}

func (r reportRow) line() wire.SLAReportLine {
	line := wire.SLAReportLine{
		Metric: r.Metric, Stopped: r.Stopped, Met: r.Met, Breached: r.Breached,
		MedianSeconds: seconds(r.MedianMs), P90Seconds: seconds(r.P90Ms),
	}
	if decided := r.Met + r.Breached; decided > 0 { // of those that stopped some may have been breached before the report's time
		line.MetRate, line.BreachRate = float64(r.Met)/float64(decided), float64(r.Breached)/float64(decided)
	}
	return line
}

func seconds(ms *int64) *float64 {
	if ms == nil {
		return nil
	}
	s := float64(*ms) / 1000
	return &s
}

// reportClocks is what a report counts, of the tenant from a time on and before another: each clock that stopped, and each breach
// when it happened. A clock that stopped has its policy, team and channel in its row; those of one that runs, or that was
// called off, are in its conversation; of one that was called off and has a later cycle the policy is known no more.
const reportClocks = `
	SELECT metric, policy_id, policy_name, team_id, channel, day, 1 AS stopped, (outcome = 'met')::int AS met, 0 AS breached,
		elapsed_ms
	FROM sla_clocks WHERE tenant_id = @tenant AND stopped_at >= @from AND stopped_at < @to
	UNION ALL
	SELECT x.metric, coalesce(k.policy_id, (r.clock->>'policyId')::uuid), coalesce(k.policy_name, r.clock->>'policyName'),
		CASE WHEN k.conversation_id IS NULL THEN v.team_id ELSE k.team_id END, coalesce(k.channel, v.channel),
		(x.crossed_at AT TIME ZONE 'UTC')::date, 0, 0, 1, NULL
	FROM sla_crossings x
	JOIN conversations v ON v.tenant_id = x.tenant_id AND v.id = x.conversation_id
	LEFT JOIN sla_clocks k ON k.conversation_id = x.conversation_id AND k.metric = x.metric AND k.cycle = x.cycle
	LEFT JOIN LATERAL (SELECT clock FROM jsonb_array_elements(v.clocks) clock
		WHERE clock->>'metric' = x.metric AND (clock->>'cycle')::int = x.cycle) r ON true
	WHERE x.tenant_id = @tenant AND x.tripwire = 'breached' AND x.crossed_at >= @from AND x.crossed_at < @to`

// Report counts what came of clocks in a time of at most a year: those that stopped, and breaches when they happened,
// whether their clocks have stopped since or run. BreachedOpen counts those that run now, whenever they were breached. The
// groups come in the order of their names, days in their own. Errors: VALIDATION_FAILED; QUERY_TOO_EXPENSIVE; TENANT_BUSY.
func (s *Store) Report(ctx context.Context, tenantID uuid.UUID, q ReportQuery) (_ wire.SLAReport, err error) {
	defer postgres.During(&err, "report on SLA clocks of tenant %s", tenantID)
	q.GroupBy = cmp.Or(q.GroupBy, ByPolicy)
	if err := q.check(); err != nil {
		return wire.SLAReport{}, err
	}
	key, name := reportKeys[q.GroupBy][0], reportKeys[q.GroupBy][1]
	args := map[string]any{
		"tenant": tenantID, "from": q.From, "to": q.To, "policy": q.PolicyID, "team": q.TeamID, "channel": q.Channel,
	}
	var rows []reportRow
	err = s.db.Reports.WithContext(ctx).Raw(fmt.Sprintf(`
		SELECT grouping(%[1]s) = 1 AS total, %[1]s AS key, %[2]s AS name, c.metric, sum(c.stopped) AS stopped,
			sum(c.met) AS met, sum(c.breached) AS breached,
			percentile_disc(0.5) WITHIN GROUP (ORDER BY c.elapsed_ms) AS median_ms,
			percentile_disc(0.9) WITHIN GROUP (ORDER BY c.elapsed_ms) AS p90_ms
		FROM (%[3]s) c
		LEFT JOIN sla_policies p ON p.tenant_id = @tenant AND p.id = c.policy_id
		LEFT JOIN teams t ON t.tenant_id = @tenant AND t.id = c.team_id
		WHERE true%[4]s
		GROUP BY GROUPING SETS ((%[1]s, c.metric), (c.metric))
		ORDER BY total DESC, name, key, c.metric`, key, name, reportClocks, q.conditions("c.policy_id")), args).Scan(&rows).Error
	var open []wire.SLABreachedOpen
	if err == nil {
		err = s.db.Reports.WithContext(ctx).Raw(`
			SELECT r.clock->>'metric' AS metric, count(*) AS clocks
			FROM conversations c, jsonb_array_elements(c.clocks) r (clock)
			WHERE c.tenant_id = @tenant AND c.sla_breached_since IS NOT NULL
				AND r.clock->>'state' = 'breached' AND r.clock->>'stoppedAt' IS NULL`+
			q.conditions("(r.clock->>'policyId')::uuid")+`
			GROUP BY 1`, args).Scan(&open).Error
	}
	if err != nil {
		return wire.SLAReport{}, postgres.TooExpensive(
			ctx,
			err,
			postgres.ReportTime,
			"from and to",
			"policyId",
			"teamId",
			"channel",
		)
	}
	report := assemble(q, rows)
	report.BreachedOpen = append([]wire.SLABreachedOpen{}, open...)
	slices.SortFunc(report.BreachedOpen, func(a, b wire.SLABreachedOpen) int {
		return slices.Index(sla.Metrics, a.Metric) - slices.Index(sla.Metrics, b.Metric)
	})
	return report, nil
}

// conditions narrow a query to the policy, whose expression is given, the team and the channel of c.
func (q ReportQuery) conditions(policy string) (where string) {
	if q.PolicyID != nil {
		where += ` AND ` + policy + ` = @policy`
	}
	if q.TeamID != nil {
		where += ` AND c.team_id = @team`
	}
	if q.Channel != nil {
		where += ` AND c.channel = @channel`
	}
	return where
}

// assemble puts the lines of each group together.
func assemble(q ReportQuery, rows []reportRow) wire.SLAReport {
	report := wire.SLAReport{
		From: wire.At(q.From), To: wire.At(q.To), GroupBy: q.GroupBy,
		Total: []wire.SLAReportLine{}, Data: []wire.SLAReportGroup{},
	}
	place := map[string]int{} // in Data, by key; no key is empty
	for _, r := range rows {
		if r.Total {
			report.Total = append(report.Total, r.line())
			continue
		}
		key := ""
		if r.Key != nil {
			key = *r.Key
		}
		i, known := place[key]
		if !known {
			i = len(report.Data)
			place[key] = i
			report.Data = append(report.Data, wire.SLAReportGroup{Key: r.Key, Name: r.Name})
		}
		report.Data[i].Metrics = append(report.Data[i].Metrics, r.line())
	}
	order := func(a, b wire.SLAReportLine) int {
		return slices.Index(sla.Metrics, a.Metric) - slices.Index(sla.Metrics, b.Metric)
	}
	slices.SortFunc(report.Total, order)
	for _, g := range report.Data {
		slices.SortFunc(g.Metrics, order)
	}
	return report
}
