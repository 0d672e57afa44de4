package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func onMondays() object {
	return object{"timeZone": "Europe/Copenhagen", "weekly": object{"monday": []object{{"from": "09:00", "to": "17:00"}}}}
}

// Valid requests that never were answered, while memory grew.
func TestPreviewsOfFarYearsAreAnswered(t *testing.T) {
	h := newHarnessAlone(t)
	began := time.Now()
	shown := h.call("POST", "/v1/opening-hours/preview?at=2040-06-01T00:00:00Z", onMondays()).want(200)
	require.Equal(t, "2040-06-04T07:00:00.000Z", shown.body["windows"].([]any)[0].(map[string]any)["opens"])
	h.call("POST", "/v1/opening-hours/preview?at=2199-12-31T23:00:00Z", onMondays()).want(200)
	h.call("POST", "/v1/opening-hours/preview?at=9998-12-31T00:00:00Z", onMondays()).refused(400, "VALIDATION_FAILED")
	far := onMondays()
	far["overrides"] = []object{{"date": "9999-12-31", "slots": []object{{"from": "09:00", "to": "17:00"}}}}
	refused := h.call("POST", "/v1/opening-hours/preview?at=2199-12-31T00:00:00Z", far)
	refused.refused(400, "VALIDATION_FAILED")
	require.Contains(t, refused.text, "1970 to 2199")
	require.Less(t, time.Since(began), 5*time.Second)
}

// A year of Mondays is twenty-one years: the workers that computed this grew until they were killed.
func TestADeadlineDecadesAheadIsComputed(t *testing.T) {
	h := newHarnessAlone(t)
	hours := onMondays()
	hours["name"], hours["isDefault"] = "Mondays", true
	h.call("POST", "/v1/opening-hours", hours).want(201)
	policy := h.call("POST", "/v1/sla-policies", object{"name": "Slow",
		"targets": object{"first_reply": targets(3600, 7200, 31536000)}}).
		want(201).string("id")
	h.call("POST", "/v1/sla-assignments", object{"policyId": policy}).want(201)
	h.call("PATCH", "/v1/settings", object{"autoArchive": object{"days": 365}}).want(200)
	c := h.call("POST", "/v1/conversations/outbound", least("far")).want(201)
	due, err := time.Parse(time.RFC3339,
		c.body["sla"].(map[string]any)["metrics"].([]any)[0].(map[string]any)["dueAt"].(map[string]any)["breached"].(string))
	require.NoError(t, err)
	require.InDelta(t, time.Now().Year()+21, due.Year(), 1)
	h.call("POST", "/v1/conversations/"+c.string("id")+"/resolve", nil).want(200)
}

// Wherever a time comes in, its year is 1970 to 2199.
func TestYearsThatTheAPITakes(t *testing.T) {
	h := newHarnessAlone(t)
	id := h.newConversation("years")
	hook := h.subscribe()
	for year, ok := range map[string]bool{"1969": false, "1970": true, "2199": true, "2200": false, "9998": false} {
		at := year + "-06-01T00:00:00Z"
		for _, c := range []struct {
			method, path string
			body         object
		}{
			{"GET", "/v1/conversations?createdSince=" + at, nil},
			{"GET", "/v1/conversations?updatedSince=" + at, nil},
			{"POST", "/v1/opening-hours/preview?at=" + at, onMondays()},
			{"GET", "/v1/sla-report?groupBy=policy&from=" + at + "&to=" + at, nil},
			{"POST", "/v1/conversations/" + id + "/messages", object{"text": "late", "sentAt": at}},
			{"POST", hook + "/replay", object{"since": at}},
			{"POST", "/v1/conversations/" + id + "/snooze", object{"until": at}},
		} {
			var body any
			if c.body != nil {
				body = c.body
			}
			a := h.call(c.method, c.path, body)
			require.Less(t, a.status, http.StatusInternalServerError, "%s %s: %s", c.method, c.path, a.text)
			if !ok && a.status != http.StatusNotFound {
				a.refused(400, "VALIDATION_FAILED")
				require.Contains(t, a.text, "1970 to 2199", "%s %s", c.method, c.path)
			}
		}
	}
}
