package browser_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

// badge is the text of the open conversation's SLA badge: which clock, how it stands, and the time left.
const badge = `(document.querySelector(".head .sla")?.innerText.replace(/\s+/g, " ") ?? "none")`

// clocks are the rows of the table in a conversation's details.
func (c *console) clocks() [][]string {
	c.t.Helper()
	c.tab.Press("i")
	c.tab.Until(`document.querySelector("dialog[open]")?.getAttribute("aria-label") === "Details"`)
	rows := browser.Get[[][]string](c.tab, `[...document.querySelectorAll("dialog .facts tbody tr")]
		.map((tr) => [...tr.cells].map((td) => td.innerText.replace(/\s+/g, " ").trim()))`)
	c.tab.Click("dialog [aria-label=Close]")
	c.tab.Until(`!document.querySelector("dialog")`)
	return rows
}

// policy makes one with targets in seconds, which applies to everything.
func (c *console) policy(change map[string]any, targets map[string][3]int) (id string) {
	c.t.Helper()
	body := map[string]any{"name": "Standard"}
	for name, value := range change {
		body[name] = value
	}
	of := map[string]any{}
	for metric, t := range targets {
		of[metric] = map[string]int{"normalTargetSeconds": t[0], "highTargetSeconds": t[1], "urgentTargetSeconds": t[2]}
	}
	body["targets"] = of
	var made struct{ ID string }
	c.must(http.MethodPost, "/v1/sla-policies", body, &made)
	c.must(http.MethodPost, "/v1/sla-assignments", map[string]any{"policyId": made.ID}, nil)
	return made.ID
}

var nineToFive = map[string]string{"from": "09:00", "to": "17:00"}

// openOnly makes the default opening hours: the day that is so many days ahead, in UTC, from nine to five.
func (c *console) openOnly(days int) (id string, day time.Time) {
	c.t.Helper()
	day = time.Now().UTC().AddDate(0, 0, days)
	var made struct{ ID string }
	c.must(http.MethodPost, "/v1/opening-hours", map[string]any{
		"name": "Once a week", "timeZone": "UTC", "isDefault": true,
		"weekly": map[string]any{strings.ToLower(day.Weekday().String()): []any{nineToFive}},
	}, &made)
	return made.ID, day
}

func (c *console) snooze(id uuid.UUID, until time.Time) {
	c.t.Helper()
	c.must(http.MethodPost, part(id, "/snooze"), map[string]any{"until": until.Format(time.RFC3339)}, nil)
}

// An owner says by forms how soon is soon enough; the conversation that a colleague has open meanwhile counts down, and
// what is edited later is seen there without a reload, though the conversation itself has not changed.
func TestAPolicyMadeByFormCountsDown(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) { three = c.three() })
	desk := c.tab.Beside()
	desk.Goto(c.site.Origin + "/console/inbox/" + three[0].ID.String())
	desk.Until(`document.querySelector(".thread .message")`)
	desk.Do(`window.same = true`)
	require.Equal(t, "none", browser.Get[string](desk, badge))

	c.visit("/settings/sla")
	c.shows(c.tab, "No conversation has a deadline.")
	c.press("Add policy")
	c.write("Name", "Gold")
	c.write("At risk after", "soon")
	c.shows(c.tab, "Such as 30 min or 1 h 30 min.")
	c.write("At risk after", "30 min")
	c.write("Urgent after", "45m")
	c.write("Breached after", "1 h")
	c.tick("Counts day and night")
	c.submit()
	c.shows(c.tab, "First reply: 30 min, 45 min, 1 h")
	c.shows(c.tab, "Day and night")
	c.press("Assign")
	c.submit()
	c.tab.Until(`document.querySelector("[aria-label='Which policy is for what'] td")?.textContent === "Gold"`)
	const counts = `/^First reply: on time (2\d|30):\d\d$/.test(` + badge + `)`
	desk.Until(counts)
	before := browser.Get[string](desk, badge)
	desk.Until(counts+` && `+badge+` !== %q`, before)
	const rows = `[...document.querySelectorAll(".row .sla")].filter((e) => %s.test(e.innerText)).length === 3`
	desk.Until(rows, `/^On time\s+(2\d|30):\d\d$/`)

	c.press("Gold")
	c.write("At risk after", "3 h")
	c.write("Urgent after", "4 h")
	c.write("Breached after", "5 h")
	c.submit()
	desk.Until(`/^First reply: on time 2:5\d h$/.test(` + badge + `)`)
	desk.Until(rows, `/^On time\s+2:5\d h$/`)
	require.True(t, browser.Get[bool](desk, "window.same"))

	c.press("Gold")
	c.write("At risk after", "1 s")
	c.write("Urgent after", "2s")
	c.write("Breached after", "3 s")
	c.submit()
	desk.Until(`/^First reply: breached \+\d+:\d\d$/.test(` + badge + `)`)
	require.Empty(t, desk.Complaints())
	require.Empty(t, c.tab.Complaints())
}

// A clock that stands still says until when: until the hours open, and the snooze is over, whichever it waits for.
func TestAClockThatStandsStillSaysUntilWhen(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	var hours, policy string
	var day time.Time
	c := openConsole(t, account.RoleAgent, func(c *console) {
		hours, day = c.openOnly(3)
		policy = c.policy(map[string]any{"pauseWhileSnoozed": true}, map[string][3]int{"first_reply": {3600, 7200, 10800}})
		three = c.three()
	})
	c.tab.Zone("UTC")
	nine := time.Date(day.Year(), day.Month(), day.Day(), 9, 0, 0, 0, time.UTC)
	c.open(three[0].ID)
	says := func(want string) {
		t.Helper()
		c.tab.Until(badge+` === %q`, "First reply: on time "+want)
	}
	says("paused until " + nine.Format("Mon 15:04"))
	require.Regexp(t, `^paused until .*`+nine.Format("Jan 2, 2006")+`.* 9:00:00`, c.clocks()[0][2])

	// Snoozed beyond the opening: the clock goes on when it wakes.
	c.snooze(three[0].ID, nine.Add(3*time.Hour))
	says("paused until " + nine.Format("Mon") + " 12:00")
	// Waking when it is closed again, it waits for the next opening.
	c.snooze(three[0].ID, nine.Add(12*time.Hour))
	next := nine.AddDate(0, 0, 7)
	inYear := map[bool]string{true: "Jan 2 15:04", false: "Jan 2, 2006 15:04"}
	says("paused until " + next.Format(inYear[next.Year() == time.Now().Year()]))
	// A snooze that ends before the opening changes nothing.
	c.snooze(three[0].ID, nine.Add(-12*time.Hour))
	says("paused until " + nine.Format("Mon 15:04"))
	// Where the hours do not count, it is the snooze alone.
	c.must(http.MethodPatch, "/v1/sla-policies/"+policy, map[string]any{"ignoreOfficeHours": true}, nil)
	says("paused until " + nine.Add(-12*time.Hour).Format("Mon 15:04"))
	// Where it never opens again, the clock does not wait for the snooze.
	c.must(http.MethodPatch, "/v1/sla-policies/"+policy,
		map[string]any{"ignoreOfficeHours": false, "pauseWhileSnoozed": false}, nil)
	c.must(http.MethodPatch, "/v1/opening-hours/"+hours, map[string]any{"weekly": map[string]any{}}, nil)
	says("paused")
	require.Equal(t, "paused", c.clocks()[0][2])
	require.Empty(t, c.tab.Complaints())
}

// A clock that has stopped has nothing to come, whether it was met or called off.
func TestAClockThatHasStoppedHasNothingToCome(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		c.policy(nil, map[string][3]int{"first_reply": {3600, 7200, 10800}, "resolution": {36000, 72000, 108000}})
		three = c.three()
	})
	c.open(three[0].ID)
	rows := c.clocks()
	require.Len(t, rows, 2)
	for _, row := range rows {
		require.Equal(t, "ok", row[1])
		require.Regexp(t, `\d:\d\d`, row[2], "when it is at risk")
	}
	c.tab.Press("e") // resolved unanswered: the one is called off, the other met
	c.tab.Until(`document.querySelector(".head .badge.status-done")`)
	rows = c.clocks()
	require.Equal(t, [][]string{{"First reply Standard", "ok", "stopped"}, {"Resolution Standard", "ok, met", ""}}, rows)
	require.Equal(t, "SLA met", browser.Get[string](c.tab, badge))
}

// An owner's week, made by form, is what clocks go by.
func TestOpeningHoursMadeByForm(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		c.policy(nil, map[string][3]int{"first_reply": {3600, 7200, 10800}})
		three = c.three()
	})
	c.tab.Zone("UTC")
	now := time.Now().UTC()
	c.visit("/settings/hours")
	c.shows(c.tab, "There are no opening hours: time counts day and night.")
	c.press("Add opening hours")
	c.write("Name", "Desk")
	c.write("Time zone", "Europe/Copenhagen")
	c.tick("The default")
	for range 5 { // Monday to Friday are proposed
		c.tab.Click("dialog .slots [aria-label^='Remove hours on']")
	}
	day := now.AddDate(0, 0, 4)
	c.tab.Click(`dialog [aria-label='Add hours on ` + strings.ToLower(day.Weekday().String()) + `']`)
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	require.NoError(t, err)
	opens := time.Date(day.Year(), day.Month(), day.Day(), 9, 0, 0, 0, copenhagen)
	c.tab.Until(`document.querySelector("dialog .hours-preview .figures")?.textContent === %q`,
		opens.Format("Mon, Jan 2 15:04")+" – 17:00")
	c.submit()
	c.shows(c.tab, opens.Format("Mon")+" 09:00–17:00")

	c.open(three[0].ID)
	c.tab.Until(badge+` === %q`, "First reply: on time paused until "+opens.UTC().Format("Mon 15:04"))
}

// What only the passing of time changes is looked up while it is looked at.
func TestAnOpenConversationIsReadAgainEveryMinute(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleAgent, func(c *console) {
		c.policy(nil, map[string][3]int{"first_reply": {3600, 7200, 10800}})
		three = c.three()
	})
	c.open(three[0].ID)
	c.tab.Until(badge + ` !== "none"`)
	before := c.reads(three[0].ID)
	c.tab.Do(`import(new URL("lib/time.js", document.querySelector("script[type=module]").src)).then(({ now }) => {
		now.value += 60_000;
	})`)
	require.Eventually(t, func() bool { return c.reads(three[0].ID) > before }, soon, often)
}

// reads is how often a conversation itself was read.
func (c *console) reads(id uuid.UUID) (n int) {
	for _, what := range c.door.Asked("GET " + part(id, "")) {
		if what == "GET "+part(id, "") {
			n++
		}
	}
	return n
}
