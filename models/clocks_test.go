package models_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// moment is a clock that stands until it is set, or goes a step further whenever a store looks at it.
type moment struct {
	at   atomic.Int64
	step time.Duration
}

func (m *moment) option(o *models.Options) {
	o.Clock = func(time.Time) time.Time { return time.UnixMicro(m.at.Add(m.step.Microseconds())).UTC() }
}

func (m *moment) now() time.Time       { return time.UnixMicro(m.at.Load()).UTC() }
func (m *moment) set(t time.Time)      { m.at.Store(t.UnixMicro()) }
func (m *moment) pass(d time.Duration) { m.at.Add(d.Microseconds()) }

// slaBench is a tenant with a policy, at a time of the test's choice.
type slaBench struct {
	*bench
	moment
	policy wire.SLAPolicy
}

var ten = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

func hours(normal, high, urgent float64) sla.Targets {
	seconds := func(h float64) int64 { return int64(h * 3600) }
	return sla.Targets{Normal: seconds(normal), High: seconds(high), Urgent: seconds(urgent)}
}

// slaSetup begins at ten o'clock with a policy for everything.
func slaSetup(t *testing.T, targets map[sla.Metric]sla.Targets) *slaBench {
	t.Helper()
	b := &slaBench{}
	b.set(ten.Add(-24 * time.Hour))
	b.bench = setupAlone(t, b.option)
	b.subscribe()
	if targets != nil {
		b.policy = b.newPolicy("Standard", targets)
		b.assignPolicy(b.policy.ID, nil)
	}
	b.set(ten)
	return b
}

func (b *slaBench) newPolicy(name string, targets map[sla.Metric]sla.Targets) wire.SLAPolicy {
	b.t.Helper()
	p, err := b.Worktime.CreateSLAPolicy(b.t.Context(), b.tenant.ID, worktime.NewSLAPolicy{Name: name, Targets: targets})
	require.NoError(b.t, err)
	return p
}

func (b *slaBench) assignPolicy(policy uuid.UUID, team *uuid.UUID) {
	b.t.Helper()
	_, err := b.Worktime.CreateSLAAssignment(
		b.t.Context(),
		b.tenant.ID,
		worktime.NewSLAAssignment{PolicyID: policy, TeamID: team},
	)
	require.NoError(b.t, err)
}

func (b *slaBench) tick(id uuid.UUID) conversation.Tick {
	b.t.Helper()
	tick, err := b.Clocks.Tick(b.t.Context(), b.tenant.ID, id, "")
	require.NoError(b.t, err)
	return tick
}

func (b *slaBench) reply(id uuid.UUID) conversation.Conversation {
	b.t.Helper()
	return b.post(id, conversation.NewMessage{Direction: conversation.Outbound, Text: text("On its way.")}).Conversation
}

// metric is how a conversation's clock stands, as a reader sees it.
func (b *slaBench) metric(id uuid.UUID, m sla.Metric) wire.SLAMetric {
	b.t.Helper()
	c, err := b.Conversations.Get(b.t.Context(), b.tenant.ID, id)
	require.NoError(b.t, err)
	require.NotNil(b.t, c.SLA)
	for _, found := range c.SLA.Metrics {
		if found.Metric == m {
			return found
		}
	}
	b.t.Fatalf("there is no clock for %s", m)
	return wire.SLAMetric{}
}

// told are the sla events so far: "state due crossed", times in the zone given.
func (b *slaBench) told(zone *time.Location) []string {
	b.t.Helper()
	var told []string
	for _, e := range b.events() {
		if !strings.HasPrefix(string(e.kind), "sla.") {
			continue
		}
		var x struct {
			State     string
			DueAt     time.Time
			CrossedAt time.Time
		}
		require.NoError(b.t, json.Unmarshal(b.decode(e).Data["sla"], &x))
		const layout = "01-02 15:04:05"
		told = append(told, x.State+" "+x.DueAt.In(zone).Format(layout)+" "+x.CrossedAt.In(zone).Format(layout))
	}
	return told
}

var firstReplyOnly = map[sla.Metric]sla.Targets{sla.FirstReply: hours(1, 4, 8)}

// A reply that never comes: a tick a week later finds that everything was crossed when it was due, once.
func TestTripwiresInOpeningHours(t *testing.T) {
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	require.NoError(t, err)
	week := func(slots ...calendar.Slot) map[string][]calendar.Slot {
		all := map[string][]calendar.Slot{}
		for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
			all[day] = slots
		}
		return all
	}
	a := calendar.Rule{Zone: "Europe/Copenhagen", Weekly: week(calendar.Slot{From: "09:00", To: "17:00"})}
	split := calendar.Rule{
		Zone:   "Europe/Copenhagen",
		Weekly: week(calendar.Slot{From: "09:00", To: "12:00"}, calendar.Slot{From: "13:00", To: "17:00"}),
	}
	closed := a
	closed.Overrides = []calendar.Override{{Date: "2026-05-05", Name: "Liberation Day"}}
	for name, x := range map[string]struct {
		rule    *calendar.Rule
		created string
		due     [3]string
	}{
		"1 always open":       {nil, "2026-05-04 10:00", [3]string{"05-04 11:00:00", "05-04 14:00:00", "05-04 18:00:00"}},
		"2 clocks go forward": {&a, "2026-03-27 16:30", [3]string{"03-30 09:30:00", "03-30 12:30:00", "03-30 16:30:00"}},
		"3 clocks go back":    {&a, "2026-10-23 16:30", [3]string{"10-26 09:30:00", "10-26 12:30:00", "10-26 16:30:00"}},
		"4 a lunch break":     {&split, "2026-05-05 11:30", [3]string{"05-05 13:30:00", "05-05 16:30:00", "05-06 13:30:00"}},
		"5 a closed day":      {&closed, "2026-05-04 16:00", [3]string{"05-04 17:00:00", "05-06 12:00:00", "05-06 16:00:00"}},
		"6 on a Saturday":     {&a, "2026-05-09 12:00", [3]string{"05-11 10:00:00", "05-11 13:00:00", "05-11 17:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := slaSetup(t, nil)
			created, err := time.ParseInLocation("2006-01-02 15:04", x.created, copenhagen)
			require.NoError(t, err)
			b.set(created.Add(-time.Hour))
			if x.rule != nil {
				_, err := b.Worktime.CreateOpeningHours(
					t.Context(),
					b.tenant.ID,
					worktime.NewOpeningHours{Name: "Office", Rule: *x.rule},
				)
				require.NoError(t, err)
			}
			b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
			b.set(created)
			c := b.conversation("a")
			require.Equal(t, "ok", c.SLAState)
			b.set(created.Add(7 * 24 * time.Hour))
			tick := b.tick(c.ID)
			require.Equal(t, "breached", tick.SLAState)
			require.Nil(t, tick.NextDue)
			require.Equal(t, []string{
				"at_risk " + x.due[0] + " " + x.due[0], "urgent " + x.due[1] + " " + x.due[1],
				"breached " + x.due[2] + " " + x.due[2],
			}, b.told(copenhagen))
			require.Empty(t, b.tick(c.ID).Fired, "once")
		})
	}
}

// A reply counts at the moment it comes, whether or not a timer has fired before.
func TestAReplyIsJudgedByWhenItComes(t *testing.T) {
	for _, x := range []struct {
		after   time.Duration
		state   sla.State
		outcome sla.Outcome
		told    []string
	}{
		{30 * time.Minute, sla.OK, sla.OutcomeMet, nil},
		{3 * time.Hour, sla.AtRisk, sla.OutcomeMet, []string{"at_risk 05-04 11:00:00 05-04 11:00:00"}},
		{8*time.Hour + time.Second, sla.Breached, sla.OutcomeBreached, []string{
			"at_risk 05-04 11:00:00 05-04 11:00:00", "urgent 05-04 14:00:00 05-04 14:00:00",
			"breached 05-04 18:00:00 05-04 18:00:00",
		}},
	} {
		t.Run(x.after.String(), func(t *testing.T) {
			b := slaSetup(t, firstReplyOnly)
			c := b.conversation("a")
			b.pass(x.after)
			b.reply(c.ID)
			m := b.metric(c.ID, sla.FirstReply)
			require.Equal(t, x.state, m.State)
			require.Equal(t, x.outcome, *m.Outcome)
			require.Equal(t, x.told, b.told(time.UTC))
			require.Equal(t, len(x.told), b.count(`SELECT count(*) FROM deliveries WHERE event_type LIKE 'sla.%'`))
			fired := kinds(b.events())
			require.Equal(t, lifecycle.MessageSentEvent, fired[len(fired)-1], "what was crossed comes before the reply")
			require.Equal(t, 1, b.count(`SELECT count(*) FROM sla_clocks WHERE outcome = $1`, string(x.outcome)))
		})
	}
}

func TestReopeningBeginsNewCycles(t *testing.T) {
	all := hours(1, 4, 8)
	b := slaSetup(t, map[sla.Metric]sla.Targets{sla.FirstReply: all, sla.AllMessages: all, sla.Resolution: all})
	c := b.conversation("a")
	b.pass(30 * time.Minute)
	b.reply(c.ID)
	b.change(c.ID, conversation.Resolve{})
	b.pass(24 * time.Hour)
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("It is broken.")})
	first := b.metric(c.ID, sla.FirstReply)
	require.Equal(t, sla.OutcomeMet, *first.Outcome, "answered once is answered")
	require.Equal(t, 1, first.Cycle)
	for _, m := range []sla.Metric{sla.AllMessages, sla.Resolution} {
		clock := b.metric(c.ID, m)
		require.Equal(t, 2, clock.Cycle, m)
		require.Nil(t, clock.StoppedAt, m)
		require.WithinDuration(t, b.now(), clock.StartedAt.Time, 0)
		require.Equal(t, sla.OK, clock.State)
	}
	require.Equal(t, 3, b.count(`SELECT count(*) FROM sla_clocks WHERE outcome = 'met'`))
	require.Empty(t, b.told(time.UTC))
}

// Moved at 2:00 to a team that is quicker: the warning of 1:00 stands, and what would have been due is crossed now.
func TestMovingToAStricterTeam(t *testing.T) {
	b := slaSetup(t, firstReplyOnly)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Express"})
	require.NoError(t, err)
	express := b.newPolicy("Express", map[sla.Metric]sla.Targets{sla.FirstReply: {Normal: 600, High: 1200, Urgent: 1800}})
	b.assignPolicy(express.ID, &team.ID)
	c := b.conversation("a")
	b.pass(2 * time.Hour)
	moved := b.change(c.ID, conversation.Assign{TeamID: wire.Some(team.ID)})
	require.Equal(t, "breached", moved.SLAState)
	require.Equal(t, []string{
		"at_risk 05-04 11:00:00 05-04 11:00:00",
		"urgent 05-04 10:20:00 05-04 12:00:00",
		"breached 05-04 10:30:00 05-04 12:00:00",
	}, b.told(time.UTC))
	require.Equal(t, "Express", b.metric(c.ID, sla.FirstReply).PolicyName)
}

// An edited policy: those who are touched catch up at once, the walk reaches the others, and nothing fires twice.
func TestEditedPoliciesReachRunningClocks(t *testing.T) {
	b := slaSetup(t, firstReplyOnly)
	touched, waiting := b.conversation("touched"), b.conversation("waiting")
	relaxed := b.conversation("archived")
	b.change(relaxed.ID, conversation.Archive{})
	b.pass(30 * time.Minute)
	edited := b.now()
	walks := func() int { return b.count(`SELECT count(*) FROM outbox WHERE kind = 'recompute'`) }
	before := walks()
	_, err := b.Worktime.UpdateSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID, worktime.SLAPolicyUpdate{
		Targets: &map[sla.Metric]sla.Targets{sla.FirstReply: {Normal: 600, High: 7200, Urgent: 10800}},
	})
	require.NoError(t, err)
	require.Equal(t, before+1, walks())
	b.pass(time.Minute)
	b.change(touched.ID, conversation.AddTag{Name: "vip"})
	want := "at_risk 05-04 10:10:00 " + edited.Format("01-02 15:04:05")
	require.Equal(t, []string{want}, b.told(time.UTC))

	left, err := b.Clocks.Behind(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.Equal(t, int64(1), left)
	done, err := b.Clocks.Recompute(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.Equal(t, 1, done.Visited)
	require.False(t, done.Left)
	require.Len(t, done.Fired, 1)
	require.Equal(t, []string{want, want}, b.told(time.UTC))
	require.WithinDuration(t, ten.Add(2*time.Hour), b.metric(waiting.ID, sla.FirstReply).DueAt.Urgent.Time, 0)

	_, err = b.Worktime.UpdateSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID, worktime.SLAPolicyUpdate{
		Targets: &map[sla.Metric]sla.Targets{sla.FirstReply: hours(10, 20, 30)},
	})
	require.NoError(t, err)
	done, err = b.Clocks.Recompute(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.Equal(t, 2, done.Visited)
	m := b.metric(waiting.ID, sla.FirstReply)
	require.Equal(t, sla.AtRisk, m.State, "never lowered")
	require.WithinDuration(t, ten.Add(20*time.Hour), *b.tick(waiting.ID).NextDue, 0)

	require.NoError(t, b.Worktime.DeleteSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID))
	_, err = b.Clocks.Recompute(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	m = b.metric(waiting.ID, sla.FirstReply)
	require.NotNil(t, m.StoppedAt)
	require.Nil(t, m.Outcome, "a clock whose policy is gone has no outcome")
	require.Zero(t, b.count(`SELECT count(*) FROM sla_clocks`))
	require.Len(t, b.told(time.UTC), 2)
}

// A state that begins because a policy came late is a change like any other, whichever transaction sees it first; a
// deadline that only moves is a version without an event.
func TestAPolicyThatComesLateIsAChangeOfState(t *testing.T) {
	b := slaSetup(t, nil)
	walked, touched, done := b.conversation("walked"), b.conversation("touched"), b.done("done")
	b.pass(30 * time.Minute)
	b.policy = b.newPolicy("Standard", firstReplyOnly)
	b.assignPolicy(b.policy.ID, nil)
	before := len(b.events())
	b.change(touched.ID, conversation.RemoveTag{Name: "none"})
	require.Equal(t, 1, b.walk().Visited)
	fired := b.events()[before:]
	require.Equal(t, []lifecycle.EventType{lifecycle.ConversationUpdated, lifecycle.ConversationUpdated}, kinds(fired))
	for i, id := range []uuid.UUID{touched.ID, walked.ID} {
		data := b.decode(fired[i]).Data
		require.JSONEq(t, `{"slaState": {"from": null, "to": "ok"}}`, string(data["changes"]))
		require.JSONEq(t, `{"type": "system", "id": null, "name": "Atender", "via": null}`, string(data["actor"]))
		c := b.read(id)
		require.EqualValues(t, 2, c.Version)
		require.Equal(t, "ok", c.SLAState)
		require.WithinDuration(t, b.now(), c.UpdatedAt, 0)
		require.Equal(t, 1, b.count(`SELECT count(*) FROM conversation_recency
			WHERE conversation_id = $1 AND sla_state = 'ok' AND updated_at = $2`, id, b.now()))
		require.WithinDuration(t, ten.Add(time.Hour), *b.tick(id).NextDue, 0)
	}
	require.Equal(t, 2, b.count(`SELECT count(*) FROM deliveries WHERE event_type = 'conversation.updated'
		AND conversation_id IN ($1, $2)`, touched.ID, walked.ID))
	require.Empty(t, b.read(done.ID).SLAState)

	targets := map[sla.Metric]sla.Targets{sla.FirstReply: hours(2, 4, 8)}
	_, err := b.Worktime.UpdateSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID, worktime.SLAPolicyUpdate{Targets: &targets})
	require.NoError(t, err)
	require.Equal(t, 2, b.walk().Visited)
	require.NoError(t, b.Worktime.DeleteSLAPolicy(t.Context(), b.tenant.ID, b.policy.ID))
	require.Equal(t, 2, b.walk().Visited)
	require.Len(t, b.events(), before+2)
	require.EqualValues(t, 4, b.read(walked.ID).Version)
}

// P3.7: whichever transaction sees it first, and however many do at once, it has one version and one event.
func TestAPolicyThatComesLateIsToldOfOnce(t *testing.T) {
	b := slaSetup(t, nil)
	var ids []uuid.UUID
	for i := range 10 {
		ids = append(ids, b.conversation(fmt.Sprint("c", i)).ID)
	}
	b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
	before := len(b.events())
	var racers sync.WaitGroup
	for range 2 {
		racers.Go(func() {
			if _, err := b.Clocks.Recompute(t.Context(), b.tenant.ID); err != nil {
				t.Error(err)
			}
		})
		racers.Go(func() {
			for _, id := range ids {
				if _, err := b.Clocks.Tick(t.Context(), b.tenant.ID, id, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	racers.Wait()
	b.walk()
	require.Len(t, b.events(), before+len(ids))
	require.Equal(t, len(ids), b.count(`SELECT count(*) FROM conversations WHERE version = 2 AND sla_state = 'ok'`))
}

// P3.6: a walk that was lost is asked for again, once, and only where there is something for it to do.
func TestALostWalkIsAskedForAgain(t *testing.T) {
	b := slaSetup(t, nil)
	b.conversation("a")
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	_, err = b.Worktime.UpdateSettings(
		t.Context(),
		other.ID,
		worktime.SettingsUpdate{AutoArchive: wire.Some(wire.AutoArchive{Days: 1})},
	)
	require.NoError(t, err)
	late := func(after time.Duration) int64 {
		t.Helper()
		n, err := b.Clocks.SignalLateRecomputes(t.Context(), after)
		require.NoError(t, err)
		return n
	}
	b.assignPolicy(b.newPolicy("Standard", firstReplyOnly).ID, nil)
	b.exec(`DELETE FROM outbox`)
	require.Zero(t, late(100*365*24*time.Hour), "it has its time")
	require.EqualValues(t, 1, late(time.Minute))
	rows, err := b.Outbox.Claim(t.Context(), outbox.Calm, 100)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, outbox.Recompute, rows[0].Kind)
	require.Equal(t, b.tenant.ID, rows[0].TenantID)
	require.Zero(t, late(time.Minute), "one row at a time")
	b.exec(`DELETE FROM outbox`)
	b.walk()
	b.exec(`DELETE FROM outbox`)
	require.Zero(t, late(time.Minute), "nobody is behind")

	b.done("b")
	b.autoArchive(&wire.AutoArchive{Days: 1})
	b.exec(`DELETE FROM outbox`)
	b.exec(
		`UPDATE conversations SET time_version = (SELECT time_version FROM tenants WHERE id = $1) WHERE status = 'active'`,
		b.tenant.ID,
	)
	require.EqualValues(t, 1, late(time.Minute), "for one that is done")
}

// P3.1: what puts a deadline off costs Temporal nothing. The timer that is set fires, the tick finds nothing due.
func TestAReplyThatPutsADeadlineOffSignalsNothing(t *testing.T) {
	b := slaSetup(t, map[sla.Metric]sla.Targets{
		sla.FirstReply: hours(1, 2, 3), sla.AllMessages: hours(1, 2, 3), sla.Resolution: hours(24, 48, 72),
	})
	c := b.conversation("a")
	signals := func() int { return b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID) }
	require.Equal(t, 1, signals(), "creation starts the workflow")
	require.WithinDuration(t, ten.Add(time.Hour), *b.tick(c.ID).NextDue, 0)
	b.pass(30 * time.Minute)
	answered := b.reply(c.ID)
	require.WithinDuration(t, ten.Add(24*time.Hour), *answered.SLADueAt, 0)
	require.Equal(t, 1, signals())

	b.pass(10 * time.Minute) // a question whose reply is due later than what the workflow is armed for
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("And when?")})
	require.Equal(t, 1, signals())
	b.set(ten.Add(time.Hour)) // the old timer
	tick := b.tick(c.ID)
	require.Empty(t, tick.Fired)
	require.WithinDuration(t, ten.Add(100*time.Minute), *tick.NextDue, 0)
	b.reply(c.ID)
	b.tick(c.ID)
	require.Equal(t, 1, signals())

	b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("It has not come.")})
	require.Equal(t, 2, signals(), "what is due earlier than the workflow knows is told")
	require.Empty(t, b.told(time.UTC))
}

// What a lead looks for: what is late, and what is late next.
func TestListsBySLA(t *testing.T) {
	b := slaSetup(t, firstReplyOnly)
	var ids []uuid.UUID
	for i := range 6 { // each half an hour after the one before
		ids = append(ids, b.conversation(fmt.Sprint("c", i)).ID)
		b.pass(30 * time.Minute)
	}
	b.reply(ids[4]) // no clock
	for _, id := range ids {
		b.tick(id) // it is one o'clock: the first five are over their first hour
	}
	list := func(f listing.Filter, limit int) (found []uuid.UUID) {
		t.Helper()
		for page := (postgres.Page{Limit: limit}); ; {
			part, next, err := b.Lists.Conversations(t.Context(), b.tenant.ID, f, page)
			require.NoError(t, err)
			for _, c := range part {
				found = append(found, c.ID)
			}
			if page.Cursor = next; next == "" {
				return found
			}
		}
	}
	next := listing.Filter{Sort: listing.SortSLADue}
	want := []uuid.UUID{ids[5], ids[0], ids[1], ids[2], ids[3]} // at 13:30; then 14:00 and so on, their second tripwire
	require.Equal(t, want, list(next, 200))
	require.Equal(t, want, list(next, 2), "page by page")
	require.Equal(t, []uuid.UUID{ids[5]}, list(listing.Filter{SLAState: "ok"}, 200))
	next.SLAState = "at_risk"
	require.Equal(t, ids[:4], list(next, 2))
	require.ElementsMatch(t, ids[:5], list(listing.Filter{SLAState: "at_risk"}, 2), "also what was answered late")
	require.Empty(t, list(listing.Filter{SLAState: "breached"}, 2))
	_, cursor, err := b.Lists.Conversations(t.Context(), b.tenant.ID, next, postgres.Page{Limit: 1})
	require.NoError(t, err)
	_, _, err = b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{}, postgres.Page{Cursor: cursor})
	requireField(t, err, "cursor")
	_, _, err = b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{Sort: "subject"}, postgres.Page{})
	requireField(t, err, "sort")
}

// Done on Friday at 16:30 with a day of grace: archived on Monday at 16:30, unless it is reopened before.
func TestDoneConversationsArchiveThemselves(t *testing.T) {
	b := slaSetup(t, nil)
	weekdays := map[string][]calendar.Slot{}
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		weekdays[day] = []calendar.Slot{{From: "09:00", To: "17:00"}}
	}
	_, err := b.Worktime.CreateOpeningHours(t.Context(), b.tenant.ID, worktime.NewOpeningHours{
		Name: "Office", Rule: calendar.Rule{Zone: "Europe/Copenhagen", Weekly: weekdays},
	})
	require.NoError(t, err)
	oneDay := worktime.SettingsUpdate{AutoArchive: wire.Some(wire.AutoArchive{Days: 1})}
	_, err = b.Worktime.UpdateSettings(t.Context(), b.tenant.ID, oneDay)
	require.NoError(t, err)
	friday := time.Date(2026, 5, 8, 14, 30, 0, 0, time.UTC) // 16:30 there
	b.set(friday)
	reopened, archived, written := b.conversation("reopened"), b.conversation("archived"), b.conversation("written")
	for _, c := range []conversation.Conversation{reopened, archived, written} {
		done := b.change(c.ID, conversation.Resolve{})
		require.WithinDuration(t, friday.Add(3*24*time.Hour), *done.AutoArchiveAt, 0)
	}
	b.pass(time.Hour)
	require.Nil(t, b.change(reopened.ID, conversation.Reopen{}).AutoArchiveAt)
	b.set(friday.Add(3*24*time.Hour - time.Second))
	require.Empty(t, b.tick(archived.ID).Fired)
	b.pass(time.Second)
	tick := b.tick(archived.ID)
	require.Equal(t, "archive", tick.Fired[0].Kind)
	require.True(t, tick.MayEnd)
	require.Empty(t, b.tick(reopened.ID).Fired)

	// A customer who writes a second later finds it archived, whether or not it was ticked.
	b.pass(time.Second)
	p := b.post(written.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("One more thing.")})
	require.Equal(t, written.ID, *p.Conversation.PreviousConversationID)
	old, err := b.Conversations.Get(t.Context(), b.tenant.ID, written.ID)
	require.NoError(t, err)
	require.Equal(t, lifecycle.Archived, old.Status)
}
