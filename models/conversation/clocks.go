package conversation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// openClocks opens the clocks of a conversation that is being made.
func (w *write) openClocks(ctx context.Context, s *Store, version int64) error {
	w.computeLeft = cmp.Or(w.computeLeft, s.computeTime)
	if err := w.readRules(ctx, s, version); err != nil {
		return err
	}
	return w.compute(ctx, w.openBoard)
}

// readRules finds what the tenant's time configuration has at the given version, or, if it is newer, at the one that the
// conversation goes by already: a transaction that waited for the lock may have read the tenant before an edit. A
// tenant without a configuration costs nothing.
func (w *write) readRules(ctx context.Context, s *Store, version int64) error {
	c := &w.conversation
	if version = max(version, c.TimeVersion); version == 0 {
		return nil
	}
	rules, err := s.worktime.Rules(ctx, w.tx, c.TenantID, version)
	if err == nil {
		w.rules, w.timeVersion = rules, rules.Version
	}
	return err
}

// openBoard brings the clocks up to now, under the terms in force (P1.4).
func (w *write) openBoard(ctx context.Context) error {
	if w.rules == nil {
		return nil
	}
	c := &w.conversation
	w.board = sla.Open(ctx, c.progress(), c.Clocks, w.timeVersion, w.terms(c.TeamID), w.now)
	return w.board.Err()
}

// terms resolves what governs the conversation's metrics when it is with the given team.
func (w *write) terms(team *uuid.UUID) sla.Resolver {
	channel := w.conversation.Channel
	return func(m sla.Metric) (sla.Terms, bool) { return w.rules.Terms(m, team, channel) }
}

func (c *Conversation) placed() worktime.Placed {
	return worktime.Placed{TeamID: c.TeamID, Channel: c.Channel, SnoozedUntil: c.SnoozedUntil}
}

// progress is what the conversation's metrics wait for, as its row says.
func (c *Conversation) progress() sla.Progress {
	p := sla.Progress{Answered: c.FirstReplyAt != nil, SnoozedUntil: c.SnoozedUntil}
	if c.Status == lifecycle.Active || c.Status == lifecycle.Snoozed {
		p.Resolution, p.AllMessages = c.OpenedAt, c.WaitingSince
		if !p.Answered {
			p.FirstReply = c.OpenedAt
		}
	}
	return p
}

// applyFacts tells the clocks what happened, in order, and takes over what follows: tripwires that were crossed, the
// next one, the conversation's state, and when it archives itself. It is done once, after the commands.
// Errors: COMPUTATION_TOO_LONG; the context's.
func (w *write) applyFacts(ctx context.Context) error {
	if w.factsApplied {
		return nil
	}
	w.factsApplied = true
	return w.compute(ctx, w.computeClocks)
}

func (w *write) computeClocks(ctx context.Context) error {
	after := &w.change.After
	if w.board != nil {
		w.board.Within(ctx)
		for _, f := range w.change.Facts {
			w.tellClocks(f)
		}
		if err := w.board.Err(); err != nil {
			return err
		}
		w.insertCrossings(w.board.Crossings())
		after.SLAState, after.SLADueAt = string(w.board.Worst()), w.board.NextDue()
		after.SLABreachedSince = w.board.BreachedSince()
	}
	if err := w.decideArchive(ctx); err != nil {
		return err
	}
	c := &w.conversation
	w.clocksMoved = c.TimeVersion != w.timeVersion || w.board != nil && len(w.board.Changes()) > 0 ||
		!wire.SameTime(c.AutoArchiveAt, after.AutoArchiveAt) || c.SetAside != nil
	return nil
}

// decideArchive computes when a conversation archives itself that has become done, or been given to another team.
func (w *write) decideArchive(ctx context.Context) (err error) {
	before, after := &w.change.Before, &w.change.After
	switch {
	case after.Status != lifecycle.Done:
		after.AutoArchiveAt = nil
	case !wire.SameTime(before.ResolvedAt, after.ResolvedAt) || !equalIDs(before.TeamID, after.TeamID):
		after.AutoArchiveAt, err = w.archiveIn(ctx, *after, w.now)
	}
	return err
}

// archiveTime is when a conversation that was locked archives itself. If it goes by an older time configuration than the
// tenant's, what that had due while it was in force is due; all else is as the one in force says, as SLA clocks have it
// (P1.4). If there were several edits, only the first and the last are known: what was due between them does not count,
// because archiving cannot be undone.
func (w *write) archiveTime(ctx context.Context, s lifecycle.State) (*time.Time, error) {
	if s.Status != lifecycle.Done || w.conversation.TimeVersion == w.timeVersion {
		return s.AutoArchiveAt, nil
	}
	ended, known := w.rules.Ended(w.conversation.TimeVersion)
	if known && s.AutoArchiveAt != nil && !s.AutoArchiveAt.After(ended) {
		return s.AutoArchiveAt, nil
	}
	return w.archiveIn(ctx, s, w.rules.Edited())
}

// archiveIn is when the rules in force archive a done conversation, but not before the given time; nil: never.
func (w *write) archiveIn(ctx context.Context, s lifecycle.State, notBefore time.Time) (*time.Time, error) {
	if w.rules == nil {
		return nil, nil
	}
	at, err := w.rules.ArchiveAt(ctx, *s.ResolvedAt, s.TeamID, w.conversation.Channel)
	if at == nil || err != nil {
		return nil, err
	}
	later := wire.Latest(*at, notBefore)
	return &later, nil
}

// tellClocks passes one fact of the change to the clocks.
func (w *write) tellClocks(f lifecycle.Fact) {
	switch f.Kind {
	case lifecycle.Woken: // when its time came, however long ago
		w.board.On(f, *w.conversation.SnoozedUntil)
	case lifecycle.Assigned:
		if !equalIDs(w.change.Before.TeamID, w.change.After.TeamID) {
			w.board.Move(w.terms(w.change.After.TeamID), w.now)
		}
	default:
		w.board.On(f, w.now)
	}
}

// insertCrossings puts what was crossed before this change in front of its facts, with a snooze's end in between where it
// belongs, and what the change itself brought behind them.
func (w *write) insertCrossings(crossings []sla.Crossing) {
	if len(crossings) == 0 {
		return
	}
	var woken []lifecycle.Fact
	rest := w.change.Facts
	if len(rest) > 0 && rest[0].Kind == lifecycle.Woken {
		woken, rest = rest[:1], rest[1:]
	}
	var first, between, behind []lifecycle.Fact
	for _, x := range crossings {
		f := lifecycle.Crossed(x.Tripwire == sla.TripBreached, crossingData(x))
		switch {
		case x.DueAt.Before(x.CrossedAt) && x.CrossedAt.Equal(w.now): // the change put it under other terms
			behind = append(behind, f)
		case len(woken) > 0 && x.CrossedAt.Before(*w.conversation.SnoozedUntil):
			first = append(first, f)
		default:
			between = append(between, f)
		}
	}
	w.crossings = crossings
	w.change.Facts = slices.Concat(first, woken, between, rest, behind)
}

// crossingData is the sla object of sla.warning and sla.breached, and of the timeline.
func crossingData(x sla.Crossing) map[string]any {
	return map[string]any{
		"metric": x.Metric, "policyId": x.PolicyID, "policyName": x.PolicyName, "state": x.State, "cycle": x.Cycle,
		"startedAt": wire.At(x.StartedAt), "dueAt": wire.At(x.DueAt), "crossedAt": wire.At(x.CrossedAt),
	}
}

// keepClocks puts the clocks into the row that will be written, and into the shape that is shown.
func (w *write) keepClocks(ctx context.Context) (err error) {
	c := &w.conversation
	c.TimeVersion = w.timeVersion
	if w.board == nil {
		return nil
	}
	c.Clocks = w.board.Clocks()
	c.SLA, err = w.rules.Shown(ctx, c.Clocks, c.placed(), w.now)
	return err
}

// crossingRow is a row of sla_crossings: a tripwire that was crossed, once.
type crossingRow struct {
	TenantID       uuid.UUID
	ConversationID uuid.UUID
	Metric         string
	Cycle          int
	Tripwire       string
	DueAt          time.Time
	CrossedAt      time.Time
	CreatedAt      time.Time
}

// TableName implements GORM's Tabler.
func (crossingRow) TableName() string { return "sla_crossings" }

// clockRow is a row of sla_clocks: what came of a cycle.
type clockRow struct {
	TenantID       uuid.UUID
	ConversationID uuid.UUID
	Metric         string
	Cycle          int
	PolicyID       uuid.UUID
	PolicyName     string
	TeamID         *uuid.UUID
	Channel        string
	StartedAt      time.Time
	StoppedAt      *time.Time
	State          string
	Outcome        string
	Elapsed        time.Duration `gorm:"column:elapsed_ms;serializer:ms"`
}

// TableName implements GORM's Tabler.
func (clockRow) TableName() string { return "sla_clocks" }

// insertClocks writes the once-only rows of what was crossed in writes, and what came of the clocks that stopped. A stopped
// cycle that goes on, because its policy is back, has its row replaced when it stops again.
func insertClocks(st *postgres.Statement, writes ...*write) {
	var crossings []crossingRow
	var clocks []clockRow
	for _, w := range writes {
		c := &w.conversation
		for _, x := range w.crossings {
			crossings = append(crossings, crossingRow{
				TenantID: c.TenantID, ConversationID: c.ID, Metric: string(x.Metric), Cycle: x.Cycle,
				Tripwire: string(x.Tripwire), DueAt: x.DueAt, CrossedAt: x.CrossedAt, CreatedAt: w.now,
			})
		}
		clocks = append(clocks, w.stoppedClocks()...)
	}
	if len(crossings) > 0 {
		postgres.InsertRows(st, "crossing", crossings, "")
	}
	if len(clocks) > 0 {
		postgres.InsertRows(st, "clock", clocks, `ON CONFLICT (conversation_id, metric, cycle) DO UPDATE
			SET (policy_id, policy_name, team_id, channel, stopped_at, state, outcome, elapsed_ms) = (excluded.policy_id,
				excluded.policy_name, excluded.team_id, excluded.channel, excluded.stopped_at, excluded.state,
				excluded.outcome, excluded.elapsed_ms)`)
	}
}

// stoppedClocks are those that the write stopped, with what came of them.
func (w *write) stoppedClocks() []clockRow {
	if w.board == nil {
		return nil
	}
	c := &w.conversation
	var rows []clockRow
	for _, change := range w.board.Changes() {
		k := change.Clock
		if k.Running() || k.Outcome == sla.OutcomeNone {
			continue
		}
		rows = append(rows, clockRow{
			TenantID: c.TenantID, ConversationID: c.ID, Metric: string(k.Metric), Cycle: k.Cycle, PolicyID: k.PolicyID,
			PolicyName: k.PolicyName, TeamID: c.TeamID, Channel: c.Channel, StartedAt: k.StartedAt, StoppedAt: k.StoppedAt,
			State: string(k.State), Outcome: string(k.Outcome), Elapsed: k.Elapsed,
		})
	}
	return rows
}

// saveClocks writes clocks that follow other terms now, and when it archives itself by them, in a change without
// facts: the state they have is the one it had. Deadlines that have moved are a version (P1.5).
func (w *write) saveClocks(ctx context.Context) error {
	c := &w.conversation
	before := c.Version
	c.SetAside = nil
	w.countVersion()
	c.setState(w.change.After)
	if err := w.keepClocks(ctx); err != nil {
		return err
	}
	var st postgres.Statement
	if c.Version > before {
		w.updateConversation(&st)
		w.wakeTopics = append(w.wakeTopics, feed.Notice(c.TenantID, feed.NoticeConversation, c.ID, c.Version))
	} else {
		postgres.Update(&st, "conversation", c)
	}
	insertClocks(&st, w)
	w.insertSignal(&st)
	var one int
	return st.Row(ctx, w.tx, `SELECT 1`, &one)
}

func clocksArg(clocks []sla.Clock) []sla.Clock {
	if clocks == nil {
		return []sla.Clock{}
	}
	return clocks
}

// ShowClocks fills in how the clocks of conversations that were read stand now. It asks the database only if one has a
// clock that runs.
func (s *Store) ShowClocks(ctx context.Context, db *gorm.DB, tenantID uuid.UUID, conversations ...*Conversation) (err error) {
	defer postgres.During(&err, "show SLA clocks of tenant %s", tenantID)
	var rules *worktime.Rules
	now := s.db.Clock(time.Now())
	for _, c := range conversations {
		if len(c.Clocks) == 0 {
			continue
		}
		if rules == nil {
			var version int64
			if err := db.Raw(`SELECT time_version FROM tenants WHERE id = ?`, tenantID).Scan(&version).Error; err != nil {
				return err
			}
			var err error
			if rules, err = s.worktime.Rules(ctx, db, tenantID, version); err != nil {
				return err
			}
		}
		var err error
		if c.SLA, err = rules.Shown(ctx, c.Clocks, c.placed(), now); err != nil {
			return err
		}
	}
	return nil
}

func equalIDs(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }
