package faults

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/worktime"
)

// promise gives all conversations SLA clocks, and returns the policy.
func (w *world) promise(targets map[sla.Metric]sla.Targets) uuid.UUID {
	w.t.Helper()
	policy, err := w.store.Worktime.CreateSLAPolicy(
		w.t.Context(),
		w.tenant.ID,
		worktime.NewSLAPolicy{Name: "Standard", Targets: targets},
	)
	require.NoError(w.t, err)
	_, err = w.store.Worktime.CreateSLAAssignment(w.t.Context(), w.tenant.ID, worktime.NewSLAAssignment{PolicyID: policy.ID})
	require.NoError(w.t, err)
	return policy.ID
}

// soon are targets of so many seconds, one after the other.
func soon(normal, high, urgent int64) sla.Targets {
	return sla.Targets{Normal: normal, High: high, Urgent: urgent}
}

// touch edits the policy in a way that moves no deadline, as there are no opening hours. All clocks are computed anew.
func (c *writer) touch(ctx context.Context, policy uuid.UUID, dayAndNight bool) error {
	r, _, err := c.insist(ctx, http.MethodPatch, "/v1/sla-policies/"+policy.String(), object{"ignoreOfficeHours": dayAndNight})
	if err == nil && !r.ok() {
		err = fmt.Errorf("edit of the policy: %d %s", r.status, r.body)
	}
	return err
}

// expect makes a table of the tripwires that conversations must have crossed, by what their timelines say of customers,
// agents and resolutions, and by the targets. It knows neither clocks nor the times of ticks, and conversations that
// are not reopened and policies that do not change.
const expect = `CREATE TABLE expected AS WITH
happened AS (SELECT conversation_id, kind, created_at AS at, count(*) FILTER (WHERE kind IN ('message_sent', 'resolved')) OVER
		(PARTITION BY conversation_id ORDER BY version, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS turn
	FROM conversation_timeline WHERE kind IN ('created', 'message_received', 'message_sent', 'resolved')),
waits AS (
	SELECT conversation_id, 'first_reply' AS metric, 1 AS cycle, min(at) FILTER (WHERE kind = 'created') AS since,
		min(at) FILTER (WHERE kind IN ('message_sent', 'resolved')) AS till FROM happened GROUP BY 1
	UNION ALL SELECT conversation_id, 'resolution', 1, min(at) FILTER (WHERE kind = 'created'),
		min(at) FILTER (WHERE kind = 'resolved') FROM happened GROUP BY 1
	UNION ALL SELECT conversation_id, 'all_messages', row_number() OVER (PARTITION BY conversation_id ORDER BY turn), since, till
	FROM (SELECT conversation_id, turn, min(at) FILTER (WHERE kind = 'message_received') AS since,
			min(at) FILTER (WHERE kind IN ('message_sent', 'resolved')) AS till FROM happened GROUP BY 1, 2) turns
	WHERE since IS NOT NULL)
SELECT w.conversation_id, w.metric, w.cycle, t.tripwire, w.since + make_interval(secs => t.seconds) AS due
FROM waits w JOIN sla_policies p ON p.targets ? w.metric CROSS JOIN LATERAL (VALUES
	('at_risk', (p.targets #>> ARRAY[w.metric, 'normalTargetSeconds'])::float8),
	('urgent', (p.targets #>> ARRAY[w.metric, 'highTargetSeconds'])::float8),
	('breached', (p.targets #>> ARRAY[w.metric, 'urgentTargetSeconds'])::float8)) t (tripwire, seconds)
WHERE w.till IS NULL OR w.since + make_interval(secs => t.seconds) <= w.till`

// tripwires finds what is wrong between tripwires that were to be crossed, those that were, and what is told of them.
var tripwires = map[string]string{
	"a tripwire that was not crossed, or not to be, or not when it was due": `
		SELECT concat_ws(' ', conversation_id, metric, cycle, tripwire, 'expected', e.due, 'was', x.due_at, x.crossed_at)
		FROM expected e FULL JOIN sla_crossings x USING (conversation_id, metric, cycle, tripwire)
		WHERE e.due IS DISTINCT FROM x.due_at OR e.due IS DISTINCT FROM x.crossed_at`,
	"a crossing without its one event": crossingsIn(`SELECT conversation_id, payload::jsonb #> '{data,sla}' AS sla FROM events
		WHERE type = 'sla.breached' AND payload::jsonb #>> '{data,sla,state}' = 'breached'
			OR type = 'sla.warning' AND payload::jsonb #>> '{data,sla,state}' <> 'breached'`),
	"a crossing that is not in the timeline once": crossingsIn(`SELECT conversation_id, data AS sla FROM timeline
		WHERE kind IN ('sla_warning', 'sla_breached')`),
}

// crossingsIn compares the crossings with those that a query finds told, both ways.
func crossingsIn(told string) string {
	return `SELECT concat_ws(' ', conversation_id, metric, cycle, tripwire, 'told', n, 'times') FROM sla_crossings x FULL JOIN
		(SELECT conversation_id, sla ->> 'metric' AS metric, (sla ->> 'cycle')::int AS cycle, sla ->> 'state' AS tripwire,
			count(*) AS n, min((sla ->> 'crossedAt')::timestamptz) AS at FROM (` + told + `) told GROUP BY 1, 2, 3, 4) t
		USING (conversation_id, metric, cycle, tripwire)
		WHERE x.conversation_id IS NULL OR n IS DISTINCT FROM 1
			OR date_trunc('milliseconds', x.crossed_at) <> date_trunc('milliseconds', t.at)`
}

// crossings is how many tripwires were crossed, and how late, in seconds, the latest was noticed.
func (w *world) crossings() (n int, late float64) {
	w.t.Helper()
	return row[int](w, `SELECT count(*) FROM sla_crossings`),
		row[float64](w, `SELECT coalesce(extract(epoch FROM max(created_at - crossed_at)), 0)::float8 FROM sla_crossings`)
}
