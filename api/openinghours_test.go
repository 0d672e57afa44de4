package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func slot(from, to string) object { return object{"from": from, "to": to} }

// openingHours makes Monday to Friday 9 to 17 in Copenhagen.
func (h *harness) openingHours(name string) answer {
	h.t.Helper()
	return h.call("POST", "/v1/opening-hours", ruleA("name", name)).want(201)
}

// ruleA is a rule's body with a field more.
func ruleA(field string, value any) object {
	day := []any{slot("09:00", "17:00")}
	return object{
		"timeZone": "Europe/Copenhagen",
		"weekly":   object{"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day},
		field:      value,
	}
}

func TestOpeningHoursFromCradleToGrave(t *testing.T) {
	h := newHarness(t)
	first := h.openingHours("Office")
	require.Equal(t, true, first.body["isDefault"], "the first are the default")
	require.Nil(t, first.body["holidays"])
	require.Equal(t, []any{}, first.body["overrides"])
	path := "/v1/opening-hours/" + first.string("id")
	require.Equal(t, path, first.header.Get("Location"))
	require.Equal(t, first.body, h.call("GET", path, nil).want(200).body)

	body := ruleA("name", "Phone")
	body["holidays"], body["overrides"] = "DK", []any{object{"date": "2026-12-24", "slots": []any{}, "name": "Christmas Eve"}}
	second := h.call("POST", "/v1/opening-hours", body).want(201)
	require.Equal(t, false, second.body["isDefault"])
	require.Equal(t, "DK", second.body["holidays"])
	require.Equal(t, body["overrides"].([]any)[0].(object)["date"],
		second.body["overrides"].([]any)[0].(map[string]any)["date"])

	h.call("DELETE", path, nil).refused(409, "DEFAULT_OPENING_HOURS")
	require.Equal(t, []string{"isDefault:invalid"}, h.call("PATCH", path, object{"isDefault": false}).wrong())
	secondPath := "/v1/opening-hours/" + second.string("id")
	h.call("PATCH", secondPath, object{"name": "Office"}).refused(409, "OPENING_HOURS_EXISTS")
	h.call("POST", "/v1/opening-hours", ruleA("name", "Office")).refused(409, "OPENING_HOURS_EXISTS")
	now := h.call("PATCH", secondPath, object{
		"isDefault": true, "holidays": nil, "overrides": []any{}, "weekly": object{"sunday": []any{slot("00:00", "24:00")}},
		"timeZone": "UTC",
	}).want(200)
	require.Equal(t, map[string]any{"sunday": []any{map[string]any{"from": "00:00", "to": "24:00"}}}, now.body["weekly"])
	require.Nil(t, now.body["holidays"])
	require.Equal(t, []any{}, now.body["overrides"])
	require.Equal(t, "UTC", now.body["timeZone"])
	require.Equal(t, true, now.body["isDefault"])
	require.Equal(t, false, h.call("GET", path, nil).want(200).body["isDefault"], "there is one default")

	h.call("DELETE", path, nil).want(204)
	h.call("GET", path, nil).refused(404, "NOT_FOUND")
	h.call("DELETE", secondPath, nil).want(204)
	require.Empty(t, h.call("GET", "/v1/opening-hours", nil).want(200).list(), "the last may go, default or not")
	third := ruleA("name", "New")
	third["isDefault"] = false
	require.Equal(t, true, h.call("POST", "/v1/opening-hours", third).want(201).body["isDefault"])
}

func TestOpeningHoursThatAreRefused(t *testing.T) {
	h := newHarness(t)
	a := h.call("POST", "/v1/opening-hours", object{
		"name": "x", "timeZone": "Mars/Olympus", "holidays": "XX",
		"weekly": object{"monday": []any{slot("17:00", "09:00"), slot("9:00", "24:01")}},
		"overrides": []any{
			object{"date": "2026-02-30", "slots": []any{}},
			object{"date": "2026-05-05", "slots": []any{slot("08:00", "12:00"), slot("11:00", "13:00")}},
			object{"date": "2026-05-05", "slots": []any{}},
		},
	})
	require.ElementsMatch(t, []string{
		"timeZone:unknown", "holidays:unknown", "weekly.monday[0].to:not_after_from", "weekly.monday[1].from:invalid",
		"overrides[0].date:invalid", "overrides[1].slots[1]:overlap", "overrides[2].date:duplicate",
	}, a.wrong())
	require.Contains(t, a.text, "Europe/Copenhagen", "says what would be right")
	require.ElementsMatch(t, []string{"timeZone:required", "weekly:required", "name:required"},
		h.call("POST", "/v1/opening-hours", object{}).wrong())
	require.Equal(t, []string{"weekly.someday:unknown_field"},
		h.call("POST", "/v1/opening-hours", object{"name": "x", "timeZone": "UTC", "weekly": object{"someday": []any{}}}).wrong())
	path := "/v1/opening-hours/" + h.openingHours("Office").string("id")
	require.Equal(t, []string{"timeZone:unknown"}, h.call("PATCH", path, object{"timeZone": "Local"}).wrong())
}

func TestPreviewOfOpeningHours(t *testing.T) {
	h := newHarness(t)
	body := ruleA("overrides", []any{object{"date": "2026-05-05", "slots": []any{}}})
	want := []any{ // without the Tuesday
		map[string]any{"opens": "2026-05-04T07:00:00.000Z", "closes": "2026-05-04T15:00:00.000Z"},
		map[string]any{"opens": "2026-05-06T07:00:00.000Z", "closes": "2026-05-06T15:00:00.000Z"},
	}
	shown := h.call("POST", "/v1/opening-hours/preview?n=2&at=2026-05-04T08:00:00Z", body).want(200)
	require.Equal(t, true, shown.body["isOpen"])
	require.Equal(t, "2026-05-04T08:00:00.000Z", shown.body["at"])
	require.Equal(t, want, shown.body["windows"])
	require.Empty(t, h.call("GET", "/v1/opening-hours", nil).want(200).list(), "nothing is stored")

	body["name"] = "Office"
	path := "/v1/opening-hours/" + h.call("POST", "/v1/opening-hours", body).want(201).string("id") + "/preview"
	stored := h.call("GET", path+"?n=2&at=2026-05-03T22:00:00Z", nil).want(200)
	require.Equal(t, false, stored.body["isOpen"])
	require.Equal(t, want, stored.body["windows"])
	require.Len(t, h.call("GET", path, nil).want(200).body["windows"], 10)

	never := h.call("POST", "/v1/opening-hours/preview", object{"timeZone": "UTC", "weekly": object{}}).want(200)
	require.Equal(t, []any{}, never.body["windows"])
	require.Equal(t, []string{"timeZone:unknown"},
		h.call("POST", "/v1/opening-hours/preview", object{"timeZone": "x", "weekly": object{}}).wrong())
	require.Equal(t, []string{"n:out_of_range"}, h.call("GET", path+"?n=51", nil).wrong())
}

func TestAssignmentsOfOpeningHours(t *testing.T) {
	h := newHarness(t)
	hours, team := h.openingHours("Office").string("id"), h.team("Returns")
	body := object{"openingHoursId": hours, "teamId": team, "channel": "phone"}
	made := h.call("POST", "/v1/opening-hours-assignments", body).want(201)
	path := "/v1/opening-hours-assignments/" + made.string("id")
	require.Equal(t, path, made.header.Get("Location"))
	require.Equal(t, made.body, h.call("GET", path, nil).want(200).body)
	require.Equal(t, []map[string]any{made.body},
		h.call("GET", "/v1/opening-hours-assignments?openingHoursId="+hours, nil).want(200).list())
	h.call("POST", "/v1/opening-hours-assignments", body).refused(409, "OPENING_HOURS_ASSIGNMENT_EXISTS")
	require.Equal(t, []string{"teamId:required"},
		h.call("POST", "/v1/opening-hours-assignments", object{"openingHoursId": hours}).wrong())
	h.call("DELETE", path, nil).want(204)
	h.call("DELETE", path, nil).refused(404, "NOT_FOUND")
	h.call("POST", "/v1/opening-hours-assignments", body).want(201)
	h.call("DELETE", "/v1/opening-hours/"+hours, nil).want(204)
	require.Empty(t, h.call("GET", "/v1/opening-hours-assignments", nil).want(200).list())
}

func TestSettings(t *testing.T) {
	h := newHarness(t)
	before := h.call("GET", "/v1/settings", nil).want(200)
	require.Equal(t, map[string]any{"autoArchive": nil, "unknownTags": "create"}, before.body)
	now := h.call("PATCH", "/v1/settings", object{
		"autoArchive": object{"days": 3, "minutes": 30}, "unknownTags": "drop",
	}).want(200)
	require.Equal(t, map[string]any{
		"autoArchive": map[string]any{"days": 3.0, "hours": 0.0, "minutes": 30.0}, "unknownTags": "drop",
	}, now.body)
	now = h.call("PATCH", "/v1/settings", object{"autoArchive": object{"hours": 1}}).want(200)
	require.Equal(t, map[string]any{"days": 0.0, "hours": 1.0, "minutes": 0.0}, now.body["autoArchive"], "replaced as a whole")
	require.Equal(t, now.body, h.call("GET", "/v1/settings", nil).want(200).body)
	for _, delay := range []object{
		{"hours": 48}, {"hours": 8760}, {"minutes": 525600}, {"days": 364, "hours": 23, "minutes": 60},
	} {
		h.call("PATCH", "/v1/settings", object{"autoArchive": delay}).want(200)
	}
	require.Nil(t, h.call("PATCH", "/v1/settings", object{"autoArchive": nil}).want(200).body["autoArchive"])

	for _, c := range []struct {
		body object
		want string
	}{
		{object{}, "body:too_few"},
		{object{"autoArchive": object{}}, "autoArchive:out_of_range"},
		{object{"autoArchive": object{"days": 0}}, "autoArchive:out_of_range"},
		{object{"autoArchive": object{"days": 366}}, "autoArchive.days:out_of_range"},
		{object{"autoArchive": object{"hours": 8761}}, "autoArchive.hours:out_of_range"},
		{object{"autoArchive": object{"minutes": 525601}}, "autoArchive.minutes:out_of_range"},
		{object{"autoArchive": object{"days": 365, "minutes": 1}}, "autoArchive:out_of_range"},
		{object{"autoArchive": object{"days": 1, "hours": 8737}}, "autoArchive:out_of_range"},
		{object{"autoArchive": object{"weeks": 1}}, "autoArchive.weeks:unknown_field"},
		{object{"unknownTags": "burn"}, "unknownTags:invalid_value"},
		{object{"maxWebhooks": 100}, "maxWebhooks:unknown_field"},
	} {
		require.Equal(t, []string{c.want}, h.call("PATCH", "/v1/settings", c.body).wrong(), c.body)
	}
}
