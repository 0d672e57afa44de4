package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

const (
	// recomputeRows is how many conversations one transaction locks: few, so that commands do not wait long for one.
	recomputeRows = 50
	// recomputeTicks is how many conversations a recompute ticks at a time: few, since all others need the database.
	recomputeTicks = 2
)

// Recomputed is what one step of a recompute did.
type Recomputed struct {
	Visited int     // conversations brought up to the tenant's time configuration
	Fired   []Fired // what turned out to be due by it
	Left    bool    // there are more; with none visited, other transactions are changing them
}

// Recompute brings some of the tenant's conversations up to its time configuration: their clocks, and when they
// archive themselves. Those by whose new terms something is due already, or whose SLA state is another one because they
// have their first clock, are ticked, so that it happens in the order and with the events of any change (P1); the others
// are written together.
// Errors: NOT_FOUND for the tenant, UNAVAILABLE.
func (s *Clocks) Recompute(ctx context.Context, tenantID uuid.UUID) (_ Recomputed, err error) {
	defer postgres.During(&err, "recompute SLA clocks of tenant %s", tenantID)
	var done Recomputed
	var due []uuid.UUID
	var wakeTopics []string
	var rules *worktime.Rules
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		done, due, wakeTopics = Recomputed{}, nil, nil
		var err error
		if rules, err = s.currentTimeRules(ctx, tx, tenantID); err != nil {
			return err
		}
		behind, err := s.lockBehind(ctx, tx, tenantID, rules)
		if err != nil {
			return err
		}
		var moved []*write
		for _, w := range behind {
			if err := w.applyFacts(ctx); err != nil {
				return err
			}
			if w.happened() {
				due = append(due, w.conversation.ID)
				continue
			}
			moved = append(moved, w)
		}
		if wakeTopics, err = saveMoved(ctx, tx, moved); err != nil {
			return err
		}
		if done.Visited = len(behind); done.Visited > 0 {
			fault.At(fault.BeforeStep)
		}
		return nil
	})
	if _, faulty := tickFault(ctx, err); faulty {
		return s.recomputeEach(ctx, tenantID, rules)
	}
	if err != nil {
		return Recomputed{}, err
	}
	if done.Visited > 0 {
		fault.At(fault.AfterStep)
	}
	s.db.Wake(ctx, wakeTopics...)
	if done.Fired, err = s.tickEach(ctx, tenantID, due); err != nil {
		return done, err
	}
	err = s.finishStep(ctx, tenantID, rules, &done)
	return done, err
}

// recomputeEach does what a step does one conversation at a time, because one of them makes the step fail: its tick notes
// that, and the others go on.
func (s *Clocks) recomputeEach(ctx context.Context, tenantID uuid.UUID, rules *worktime.Rules) (done Recomputed, err error) {
	if rules == nil {
		if rules, err = s.currentTimeRules(ctx, s.db.Main.WithContext(ctx), tenantID); err != nil {
			return done, postgres.Translate(err)
		}
	}
	for _, condition := range behindConditions(rules) {
		var ids []uuid.UUID
		err := s.db.Main.WithContext(ctx).Raw(`SELECT id FROM conversations WHERE `+condition+` ORDER BY time_version, id LIMIT ?`,
			tenantID, rules.Version, recomputeRows).Scan(&ids).Error
		if err != nil {
			return done, postgres.Translate(err)
		}
		done.Visited += len(ids)
		fired, err := s.tickEach(ctx, tenantID, ids)
		done.Fired = append(done.Fired, fired...)
		if err != nil {
			return done, err
		}
	}
	err = s.finishStep(ctx, tenantID, rules, &done)
	return done, err
}

// finishStep finds out whether a step has left any, and tells consoles when it has not.
func (s *Clocks) finishStep(ctx context.Context, tenantID uuid.UUID, rules *worktime.Rules, done *Recomputed) (err error) {
	if done.Left, err = anyBehind(s.db.Main.WithContext(ctx), tenantID, rules); err != nil {
		return postgres.Translate(err)
	}
	if !done.Left {
		s.db.Wake(ctx, feed.Notice(tenantID, feed.NoticeTime, tenantID, 0))
	}
	return nil
}

// tickEach ticks conversations, in no order, and returns what that did. One whose tick fails through its own fault, which
// is noted (P3.8), does not hold up the others.
func (s *Clocks) tickEach(ctx context.Context, tenantID uuid.UUID, ids []uuid.UUID) ([]Fired, error) {
	ticks := make([]Tick, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(recomputeTicks)
	for i, id := range ids {
		group.Go(func() (err error) {
			ticks[i], err = s.TickOverdue(ctx, tenantID, id)
			if _, faulty := tickFault(ctx, err); faulty {
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	var fired []Fired
	for _, tick := range ticks {
		fired = append(fired, tick.Fired...)
	}
	return fired, err
}

// SignalLateRecomputes asks for a recompute once more for the tenants whose last edit was longer ago than the given
// time, and who have conversations behind it: the recompute was lost, or failed, or is not through yet, which does it
// no harm (P3.6). It returns how many. Errors: UNAVAILABLE.
func (s *Clocks) SignalLateRecomputes(ctx context.Context, after time.Duration) (int64, error) {
	var st postgres.Statement
	n, err := outbox.SignalEach(ctx, s.db, &st, outbox.Recompute, outbox.Each{
		Tenant: "t.id", Target: "t.id",
		From: `tenants t
		WHERE t.time_changed_at < clock_timestamp() - make_interval(secs => ` + st.Arg(after.Seconds()) + `)
			AND (EXISTS (SELECT FROM conversations c WHERE c.tenant_id = t.id AND c.time_version < t.time_version
					AND ` + notSetAside + ` AND (c.status IN ('active', 'snoozed') OR c.auto_archive_at IS NOT NULL))
				OR t.auto_archive IS NOT NULL AND EXISTS (SELECT FROM conversations c WHERE c.tenant_id = t.id
					AND c.time_version < t.time_version AND ` + notSetAside + ` AND c.status = 'done'
					AND c.auto_archive_at IS NULL))
			AND ` + outbox.NoneFor(outbox.Recompute, "t.id"),
	})
	return n, postgres.Doing(err, "signal late recomputes")
}

// Behind counts the conversations that a recompute has still to visit.
func (s *Clocks) Behind(ctx context.Context, tenantID uuid.UUID) (n int64, err error) {
	defer postgres.During(&err, "count conversations of tenant %s to recompute", tenantID)
	db := s.db.Main.WithContext(ctx)
	rules, err := s.currentTimeRules(ctx, db, tenantID)
	if err != nil {
		return 0, err
	}
	for _, condition := range behindConditions(rules) {
		var part int64
		if err := db.Raw(`SELECT count(*) FROM conversations WHERE `+condition, tenantID, rules.Version).Scan(&part).Error; err != nil {
			return 0, err
		}
		n += part
	}
	return n, nil
}

func (s *Clocks) currentTimeRules(ctx context.Context, db *gorm.DB, tenantID uuid.UUID) (*worktime.Rules, error) {
	var tenant struct{ TimeVersion int64 }
	err := db.Raw(`SELECT time_version FROM tenants WHERE id = ?`, tenantID).Take(&tenant).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, postgres.NotFound(err, "tenant", tenantID)
	}
	if err != nil {
		return nil, err
	}
	return s.worktime.Rules(ctx, db, tenantID, tenant.TimeVersion)
}

// notSetAside leaves out what is set aside: it is not brought up to the time configuration before its time (P3.8).
const notSetAside = `(set_aside IS NULL OR set_aside->>'until' IS NULL OR (set_aside->>'until')::timestamptz < clock_timestamp())`

// behindConditions are those of the partial indexes that a recompute uses.
func behindConditions(rules *worktime.Rules) []string {
	conditions := []string{
		`tenant_id = ? AND time_version < ? AND (status IN ('active', 'snoozed') OR auto_archive_at IS NOT NULL)
			AND ` + notSetAside,
	}
	if rules.AutoArchive != nil {
		conditions = append(conditions, `tenant_id = ? AND time_version < ? AND status = 'done' AND auto_archive_at IS NULL AND `+
			notSetAside)
	}
	return conditions
}

func anyBehind(tx *gorm.DB, tenantID uuid.UUID, rules *worktime.Rules) (left bool, err error) {
	for _, condition := range behindConditions(rules) {
		if err == nil && !left {
			err = tx.Raw(`SELECT EXISTS (SELECT FROM conversations WHERE `+condition+`)`, tenantID, rules.Version).Scan(&left).Error
		}
	}
	return left, err
}

// lockBehind locks conversations that go by an older time configuration, and begins a change of each. Those that
// another transaction is changing are left out.
func (s *Clocks) lockBehind(ctx context.Context, tx *gorm.DB, tenantID uuid.UUID, rules *worktime.Rules) ([]*write, error) {
	var found []*write
	for _, condition := range behindConditions(rules) {
		var rows []struct {
			Conversation Conversation `gorm:"embedded;embeddedPrefix:c_"`
			Now          time.Time
		}
		err := tx.Raw(`WITH behind AS MATERIALIZED (SELECT * FROM conversations WHERE `+condition+`
				ORDER BY time_version, id LIMIT ? FOR NO KEY UPDATE SKIP LOCKED)
			SELECT `+postgres.Columns[Conversation]("b", "c_")+`, clock_timestamp() AS now FROM behind b`,
			tenantID, rules.Version, recomputeRows-len(found)).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			w := &write{tx: tx, actor: wire.System, conversation: row.Conversation}
			if err := w.resume(ctx, s.conversations, row.Now, rules.Version); err != nil {
				return nil, err
			}
			found = append(found, w)
		}
		if len(found) >= recomputeRows {
			break
		}
	}
	return found, nil
}

// movedRow is a conversation whose clocks go by other terms, as it is written.
type movedRow struct {
	ID            uuid.UUID
	Clocks        string // JSON
	TimeVersion   int64
	SLADueAt      *time.Time
	AutoArchiveAt *time.Time
	NextDueAt     *time.Time
	Signaled      bool // its workflow knows of a later time only
}

// saveMoved writes conversations in which nothing happened but that their clocks go by other terms, in the state that they
// had, and signals the workflows of those that have something due earlier than it knows (P3.1).
func saveMoved(ctx context.Context, tx *gorm.DB, moved []*write) (wakeTopics []string, err error) {
	if len(moved) == 0 {
		return nil, nil
	}
	rows := make([]movedRow, len(moved))
	for i, w := range moved {
		c := &w.conversation
		c.setState(w.change.After)
		if c.TimeVersion = w.timeVersion; w.board != nil {
			c.Clocks = w.board.Clocks()
		}
		rows[i] = movedRow{
			ID: c.ID, Clocks: postgres.JSONArg(clocksArg(c.Clocks)), TimeVersion: c.TimeVersion,
			SLADueAt: c.SLADueAt, AutoArchiveAt: c.AutoArchiveAt, NextDueAt: c.NextDueAt,
			Signaled: lifecycle.NeedsSignal(c.Status, c.Status, c.NextDueAt, c.ArmedFor),
		}
		if rows[i].Signaled {
			wakeTopics = []string{outbox.Topic}
		}
	}
	var st postgres.Statement
	tenant := st.Arg(moved[0].conversation.TenantID)
	st.With("moved", `SELECT * FROM `+postgres.Rows(&st, rows))
	st.With("conversation", `UPDATE conversations c SET clocks = m.clocks::jsonb, time_version = m.time_version,
			sla_due_at = m.sla_due_at, auto_archive_at = m.auto_archive_at, next_due_at = m.next_due_at, set_aside = NULL
		FROM moved m WHERE c.tenant_id = `+tenant+` AND c.id = m.id RETURNING c.id, c.status, c.next_due_at, m.signaled`)
	outbox.AddEach(&st, outbox.Conversation, outbox.Each{
		Tenant: tenant + "::uuid", Target: "id", Status: "status", DueAt: "next_due_at", From: "conversation WHERE signaled",
	})
	var one int
	return wakeTopics, st.Row(ctx, tx, `SELECT 1`, &one)
}
