package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

func targets(normal, high, urgent int) object {
	return object{"normalTargetSeconds": normal, "highTargetSeconds": high, "urgentTargetSeconds": urgent}
}

// policy makes an SLA policy and returns its id.
func (h *harness) policy(name string) string {
	h.t.Helper()
	return h.call("POST", "/v1/sla-policies", object{"name": name, "targets": object{"first_reply": targets(60, 120, 180)}}).
		want(201).string("id")
}

func (h *harness) team(name string) string {
	h.t.Helper()
	team, err := h.store.Accounts.CreateTeam(h.t.Context(), h.live.ID, account.NewTeam{Name: name})
	require.NoError(h.t, err)
	return team.ID.String()
}

func TestSLAPolicyFromCradleToGrave(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/sla-policies", object{
		"name": "Gold", "description": "for the few", "ignoreOfficeHours": true,
		"targets": object{"first_reply": targets(60, 120, 180), "resolution": targets(600, 1200, 31536000)},
	}).want(201)
	path := "/v1/sla-policies/" + made.string("id")
	require.Equal(t, path, made.header.Get("Location"))
	require.Equal(t, false, made.body["pauseWhileSnoozed"])
	require.Equal(t, 0.0, made.body["targets"].(map[string]any)["first_reply"].(map[string]any)["lowTargetSeconds"])
	require.Equal(t, made.body, h.call("GET", path, nil).want(200).body)
	require.Equal(t, made.body, h.call("GET", "/v1/sla-policies", nil).want(200).list()[0])

	now := h.call("PATCH", path, object{
		"targets": object{"all_messages": targets(1, 2, 3)}, "pauseWhileSnoozed": true, "ignoreOfficeHours": false,
	}).want(200)
	require.Equal(t, "Gold", now.body["name"])
	require.Equal(t, true, now.body["pauseWhileSnoozed"])
	require.Equal(t, false, now.body["ignoreOfficeHours"])
	require.Len(t, now.body["targets"], 1, "targets are replaced")
	require.Equal(t, now.body, h.call("PATCH", path, object{"name": "Gold"}).want(200).body, "nothing changed")

	h.policy("Silver")
	h.call("POST", "/v1/sla-policies", object{"name": "Gold", "targets": object{"resolution": targets(1, 2, 3)}}).
		refused(409, "SLA_POLICY_EXISTS")
	h.call("PATCH", path, object{"name": "Silver"}).refused(409, "SLA_POLICY_EXISTS")

	h.call("DELETE", path, nil).want(204)
	for _, method := range []string{"GET", "DELETE"} {
		h.call(method, path, nil).refused(404, "NOT_FOUND")
	}
	h.call("PATCH", path, object{"name": "x"}).refused(404, "NOT_FOUND")
}

func TestSLAPoliciesThatAreRefused(t *testing.T) {
	h := newHarness(t)
	for _, c := range []struct {
		body object
		want []string
	}{
		{object{}, []string{"name:required", "targets:required"}},
		{object{"name": "", "targets": object{}}, []string{"name:too_short", "targets:too_few"}},
		{object{"name": "x", "targets": object{"speed": targets(1, 2, 3)}}, []string{"targets.speed:unknown_field"}},
		{object{"name": "x", "targets": object{"resolution": object{"normalTargetSeconds": 1}}}, []string{
			"targets.resolution.highTargetSeconds:required", "targets.resolution.urgentTargetSeconds:required",
		}},
		{object{"name": "x", "targets": object{"resolution": targets(0, 1, 31536001)}}, []string{
			"targets.resolution.normalTargetSeconds:out_of_range", "targets.resolution.urgentTargetSeconds:out_of_range",
		}},
		// Both metrics, all that is out of order.
		{object{"name": "x", "targets": object{"resolution": targets(3, 2, 2), "first_reply": targets(5, 5, 6)}}, []string{
			"targets.first_reply.highTargetSeconds:too_small",
			"targets.resolution.highTargetSeconds:too_small", "targets.resolution.urgentTargetSeconds:too_small",
		}},
	} {
		require.ElementsMatch(t, c.want, h.call("POST", "/v1/sla-policies", c.body).wrong(), c.body)
	}
	path := "/v1/sla-policies/" + h.policy("Gold")
	require.Equal(t, []string{"body:too_few"}, h.call("PATCH", path, object{}).wrong())
	require.Equal(t, []string{"targets.first_reply.highTargetSeconds:too_small"},
		h.call("PATCH", path, object{"targets": object{"first_reply": targets(2, 1, 3)}}).wrong())
}

func TestSLAAssignments(t *testing.T) {
	h := newHarness(t)
	gold, silver, team := h.policy("Gold"), h.policy("Silver"), h.team("Returns")
	for _, body := range []object{
		{"policyId": gold}, {"policyId": gold, "teamId": team}, {"policyId": gold, "channel": "sms"},
		{"policyId": gold, "teamId": team, "channel": "sms"}, {"policyId": silver, "teamId": nil, "channel": nil},
	} {
		made := h.call("POST", "/v1/sla-assignments", body).want(201)
		path := "/v1/sla-assignments/" + made.string("id")
		require.Equal(t, path, made.header.Get("Location"))
		require.Equal(t, body["teamId"], made.body["teamId"])
		require.Equal(t, body["channel"], made.body["channel"])
		require.Equal(t, made.body, h.call("GET", path, nil).want(200).body)
		h.call("POST", "/v1/sla-assignments", body).refused(409, "SLA_ASSIGNMENT_EXISTS")
	}
	all := h.call("GET", "/v1/sla-assignments", nil).want(200).list()
	require.Len(t, all, 5)
	require.Len(t, h.call("GET", "/v1/sla-assignments?policyId="+silver, nil).want(200).list(), 1)
	first := h.call("GET", "/v1/sla-assignments?limit=3", nil).want(200)
	rest := h.call("GET", "/v1/sla-assignments?limit=3&cursor="+first.string("nextCursor"), nil).want(200)
	require.Equal(t, all, append(first.list(), rest.list()...))
	require.Nil(t, rest.body["nextCursor"])

	const unknown = "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	require.Equal(t, []string{"policyId:unknown", "teamId:unknown"},
		h.call("POST", "/v1/sla-assignments", object{"policyId": unknown, "teamId": unknown}).wrong())
	require.Equal(t, []string{"channel:invalid_value"},
		h.call("POST", "/v1/sla-assignments", object{"policyId": gold, "channel": "pigeon"}).wrong())

	path := "/v1/sla-assignments/" + all[0]["id"].(string)
	h.call("DELETE", path, nil).want(204)
	h.call("DELETE", path, nil).refused(404, "NOT_FOUND")
	h.call("GET", path, nil).refused(404, "NOT_FOUND")
	h.call("DELETE", "/v1/sla-policies/"+gold, nil).want(204)
	require.Len(t, h.call("GET", "/v1/sla-assignments", nil).want(200).list(), 1, "they go with their policy")
}

// Whatever another tenant has is not there.
func TestTimeConfigurationOfAnotherTenant(t *testing.T) {
	h := newHarness(t)
	sandbox := []string{"Authorization", "Bearer " + h.newKey(h.sandbox, "full_access")}
	policy := h.policy("Gold")
	hours := h.openingHours("Office").string("id")
	assigned := h.call("POST", "/v1/sla-assignments", object{"policyId": policy}).want(201).string("id")
	opened := h.call("POST", "/v1/opening-hours-assignments", object{"openingHoursId": hours, "channel": "sms"}).want(201).
		string("id")
	for collection, id := range map[string]string{
		"/v1/sla-policies": policy, "/v1/opening-hours": hours, "/v1/sla-assignments": assigned,
		"/v1/opening-hours-assignments": opened,
	} {
		require.Empty(t, h.call("GET", collection, nil, sandbox...).want(200).list())
		h.call("GET", collection+"/"+id, nil, sandbox...).refused(404, "NOT_FOUND")
		h.call("DELETE", collection+"/"+id, nil, sandbox...).refused(404, "NOT_FOUND")
		h.call("GET", collection+"/"+id, nil).want(200)
		if !strings.HasSuffix(collection, "assignments") {
			h.call("PATCH", collection+"/"+id, object{"name": "mine"}, sandbox...).refused(404, "NOT_FOUND")
		}
	}
	require.Equal(t, []string{"policyId:unknown", "teamId:unknown"}, h.call("POST", "/v1/sla-assignments",
		object{"policyId": policy, "teamId": h.team("Returns")}, sandbox...).wrong())
	require.Equal(t, []string{"openingHoursId:unknown"}, h.call("POST", "/v1/opening-hours-assignments",
		object{"openingHoursId": hours, "channel": "sms"}, sandbox...).wrong())
	h.call("GET", "/v1/opening-hours/"+hours+"/preview", nil, sandbox...).refused(404, "NOT_FOUND")
	twin := object{"name": "Gold", "targets": object{"resolution": targets(1, 2, 3)}}
	h.call("POST", "/v1/sla-policies", twin, sandbox...).want(201)
}

func TestSLAReport(t *testing.T) {
	h := newHarness(t)
	const week = "from=2026-05-04T00:00:00Z&to=2026-05-11T00:00:00Z"
	empty := h.call("GET", "/v1/sla-report?"+week, nil).want(200)
	require.Equal(t, []any{}, empty.body["data"])
	require.Equal(t, []any{}, empty.body["total"])
	require.Equal(t, []any{}, empty.body["breachedOpen"])

	policy := h.policy("Gold")
	for cycle, outcome := range []string{"met", "met", "breached"} {
		id := h.newConversation("c" + outcome + string(rune('0'+cycle)))
		if outcome == "breached" {
			h.exec(`INSERT INTO sla_crossings (tenant_id, conversation_id, metric, cycle, tripwire, due_at, crossed_at, created_at)
				VALUES ($1, $2, 'all_messages', $3, 'breached', '2026-05-05 11:00Z', '2026-05-05 11:00Z', now())`,
				h.live.ID, id, cycle)
		}
		h.exec(`INSERT INTO sla_clocks (tenant_id, conversation_id, metric, cycle, policy_id, policy_name, channel, started_at,
				stopped_at, state, outcome, elapsed_ms)
			VALUES ($1, $2, 'all_messages', $3, $4, 'Old', 'email', '2026-05-05 10:00Z', '2026-05-05 12:00Z', 'ok', $5, $6)`,
			h.live.ID, id, cycle, policy, outcome, 1000*(cycle+1))
	}
	line := map[string]any{
		"metric": "all_messages", "stopped": 3.0, "met": 2.0, "breached": 1.0, "metRate": 2.0 / 3, "breachRate": 1.0 / 3,
		"medianSeconds": 2.0, "p90Seconds": 3.0,
	}
	for groupBy, group := range map[string][2]any{
		"policy": {policy, "Gold"}, "team": {nil, nil}, "channel": {"email", nil}, "day": {"2026-05-05", nil},
	} {
		report := h.call("GET", "/v1/sla-report?"+week+"&groupBy="+groupBy, nil).want(200)
		require.Equal(t, []any{line}, report.body["total"])
		require.Equal(t, []any{
			map[string]any{"key": group[0], "name": group[1], "metrics": []any{line}},
		}, report.body["data"], groupBy)
	}
	for query, want := range map[string][]string{
		"":                              {"from:required", "to:required"},
		"from=2026-05-04T00:00:00Z":     {"to:required"},
		"from=2026-05-04&to=2026-05-11": {"from:invalid_format", "to:invalid_format"},
		week + "&groupBy=mood":          {"groupBy:invalid_value"},
		week + "&channel=pigeon":        {"channel:invalid_value"},
		"from=2026-05-04T00:00:00Z&to=2026-05-04T00:00:00Z": {"to:out_of_range"},
		"from=2026-05-04T00:00:00Z&to=2027-05-06T00:00:00Z": {"to:out_of_range"},
	} {
		require.Equal(t, want, h.call("GET", "/v1/sla-report?"+query, nil).wrong(), query)
	}
}

func TestAConversationWithoutAPolicyHasNoSLA(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/conversations/outbound", least("1")).want(201)
	sla, shown := made.body["sla"]
	require.True(t, shown)
	require.Nil(t, sla)
}

// Regression: the timeline showed kinds of entries that the document did not have. Every answer is held against it.
func TestATimelineTellsOfWarningsAndBreaches(t *testing.T) {
	h := newHarness(t)
	h.call("POST", "/v1/sla-assignments", object{"policyId": h.policy("Standard")}).want(201)
	body := least("1")
	body["outboundContext"] = object{"originalMessage": "Hello"}
	id := h.call("POST", "/v1/conversations/outbound", body).want(201).string("id")
	h.anHourLater(id)
	timeline := h.call("GET", "/v1/conversations/"+id+"/timeline", nil).want(200)
	var told []string
	for _, entry := range timeline.list() {
		kind, data := entry["kind"].(string), entry["data"].(map[string]any)
		if !strings.HasPrefix(kind, "sla_") {
			continue
		}
		require.Equal(t, "first_reply", data["metric"])
		require.Equal(t, "system", entry["actor"].(map[string]any)["type"])
		told = append(told, kind+" "+data["state"].(string))
	}
	slices.Sort(told)
	require.Equal(t, []string{"sla_breached breached", "sla_warning at_risk", "sla_warning urgent"}, told, timeline.text)
	require.Equal(t, "breached", h.call("GET", "/v1/conversations/"+id, nil).want(200).body["sla"].(map[string]any)["state"])
}
