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

// ReportQuery asks for what came of the clocks that stopped from From on and before To.
type ReportQuery struct {
	From, To         time.Time
	GroupBy          string     // policy when empty
	PolicyID, TeamID *uuid.UUID // nil: all
	Channel          *string    // nil: all
}

// reportKeys are the expressions of the groups' key and name, c being a clock, p and t its policy and team as they are
// now, if they are. A policy that is gone keeps the name its clocks knew.
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
	MedianMs, P90Ms        int64
}

func (r reportRow) line() wire.SLAReportLine {
	return wire.SLAReportLine{
		Metric: r.Metric, Stopped: r.Stopped, Met: r.Met, Breached: r.Breached,
		MetRate: float64(r.Met) / float64(r.Stopped), BreachRate: float64(r.Breached) / float64(r.Stopped),
		MedianSeconds: float64(r.MedianMs) / 1000, P90Seconds: float64(r.P90Ms) / 1000,
	}
}

// Report counts the outcomes of clocks that stopped in a time of at most a year; clocks that run, or were called off,
// are not in it. The groups come in the order of their names, days in their own. Errors: VALIDATION_FAILED;
// QUERY_TOO_EXPENSIVE; TENANT_BUSY.
func (s *Store) Report(ctx context.Context, tenantID uuid.UUID, q ReportQuery) (_ wire.SLAReport, err error) {
	defer postgres.During(&err, "report on SLA clocks of tenant %s", tenantID)
	q.GroupBy = cmp.Or(q.GroupBy, ByPolicy)
	if err := q.check(); err != nil {
		return wire.SLAReport{}, err
	}
	key, name := reportKeys[q.GroupBy][0], reportKeys[q.GroupBy][1]
	where, args := q.conditions(tenantID)
	var rows []reportRow
	err = s.db.Reports.WithContext(ctx).Raw(fmt.Sprintf(`
		SELECT grouping(%[1]s) = 1 AS total, %[1]s AS key, %[2]s AS name, c.metric, count(*) AS stopped,
			count(*) FILTER (WHERE c.outcome = 'met') AS met, count(*) FILTER (WHERE c.outcome = 'breached') AS breached,
			percentile_disc(0.5) WITHIN GROUP (ORDER BY c.elapsed_ms) AS median_ms,
			percentile_disc(0.9) WITHIN GROUP (ORDER BY c.elapsed_ms) AS p90_ms
		FROM sla_clocks c
		LEFT JOIN sla_policies p ON p.tenant_id = c.tenant_id AND p.id = c.policy_id
		LEFT JOIN teams t ON t.tenant_id = c.tenant_id AND t.id = c.team_id
		WHERE %[3]s
		GROUP BY GROUPING SETS ((%[1]s, c.metric), (c.metric))
		ORDER BY total DESC, name, key, c.metric`, key, name, where), args...).Scan(&rows).Error
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
	return assemble(q, rows), nil
}

func (q ReportQuery) conditions(tenantID uuid.UUID) (string, []any) {
	where, args := `c.tenant_id = ? AND c.stopped_at >= ? AND c.stopped_at < ?`, []any{tenantID, q.From, q.To}
	if q.PolicyID != nil {
		where, args = where+` AND c.policy_id = ?`, append(args, *q.PolicyID)
	}
	if q.TeamID != nil {
		where, args = where+` AND c.team_id = ?`, append(args, *q.TeamID)
	}
	if q.Channel != nil {
		where, args = where+` AND c.channel = ?`, append(args, *q.Channel)
	}
	return where, args
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
