package conversation

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/groupcommit"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

const (
	// groupTime is how long the transaction of a group may take. It takes milliseconds, and waits for no lock.
	groupTime = 20 * time.Second
	// groupCompute is how long a group may compute clocks, all of its members together, and memberCompute how long one may. A
	// member that takes longer goes alone, so that the others need not wait for it.
	groupCompute  = 20 * time.Millisecond
	memberCompute = 5 * time.Millisecond
)

// member is a call on its way into the database together with others (P1.10): it adds a message to a conversation, or makes a
// conversation.
type member struct {
	tenantID uuid.UUID
	actor    wire.Actor
	subjects groupcommit.Subjects
	message  *posting  // nil for a creation
	creation *creating // nil for a message
	// call has an Idempotency-Key, and render makes its answer; nil for none.
	call   *idempotency.Shared
	render func(*write) (idempotency.Answer, error)
	// trace is the traceparent of what asked for it; span is that of its waiting for a group and being written.
	trace string
	span  trace.Span

	// begin begins its write, behind the write that the group has of the same conversation, if there is one; nil: it goes alone.
	begin func(before *write, computeIn time.Duration) (*write, error)

	w       *write // made by the group; nil: it goes alone
	answer  idempotency.Answer
	written bool
	unknown error // the group's commit failed, and it is not known whether it was written
}

// errAlone takes a member out of its group: it needs something that a group cannot do.
var errAlone = errors.New("goes alone")

// share writes a member in a transaction that others share (P1.10). Where it is not written then, it has to go alone; nothing of
// it has happened.
// Errors: TENANT_BUSY, UNAVAILABLE; ctx's.
func (s *Store) share(ctx context.Context, m *member) error {
	m.trace = traced.Parent(ctx)
	within, span := traced.Start(ctx, "write in a group")
	defer span.End()
	m.span = span
	if err := s.group.Write(within, m.tenantID, m.subjects, m); err != nil {
		traced.Failed(m.span, "not written")
		return err
	}
	if m.written {
		traced.OfConversation(ctx, m.w.conversation.ID)
	}
	return m.unknown
}

// shareAnswered writes a member for a call with a key, with its answer, which render makes and it returns.
// Errors: idempotency.ErrAlone where it was not written; those of share.
func (s *Store) shareAnswered(
	ctx context.Context, m *member, call *idempotency.Shared, render func(*write) (idempotency.Answer, error),
) (idempotency.Answer, error) {
	m.call, m.render = call, render
	m.subjects.Own = append(m.subjects.Own, call.Subject())
	if err := s.share(ctx, m); err != nil {
		return idempotency.Answer{}, err
	}
	if !m.written {
		return idempotency.Answer{}, idempotency.ErrAlone
	}
	return m.answer, nil
}

// writeGroup writes members in one transaction. What does not succeed goes alone, where its error is found and explained.
func (s *Store) writeGroup(group []*member) {
	defer func() {
		if r := recover(); r != nil { // whoever it was meets it again, alone
			s.db.Log.Error("a group of calls panicked", logging.Panic(r), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	ctx, span := beginSpan(ctx, group)
	defer span.End()
	var together []*member
	failed, unknown := s.db.TransactGroup(ctx, func(tx *gorm.DB) (err error) {
		if err = s.beginGroup(ctx, tx, group); err != nil {
			return err
		}
		if together = makeGroup(ctx, group); len(together) == 0 {
			return errAlone
		}
		if err = saveGroup(ctx, tx, together); err == nil {
			faultAt(together, fault.BeforeCommit, fault.BeforeFirst)
		}
		return err
	})
	if failed != nil {
		traced.Failed(span, "not written")
		if !errors.Is(failed, errAlone) {
			s.db.Log.Warn("calls go alone, because their group failed",
				slog.Any("error", failed), slog.Int("calls", len(group)))
		}
		return
	}
	if unknown == nil {
		faultAt(together, fault.AfterCommit, fault.AfterFirst)
	}
	for _, m := range together { // all of them before anything else is done: none may go alone now
		m.written, m.unknown = unknown == nil, unknown
	}
	for _, m := range together {
		if m.written {
			if m.call != nil {
				m.call.Written()
			}
			s.counts.together.Add(1)
			s.db.WakeNow(m.w.wakeTopics...)
		}
	}
}

// faultAt is where tests end the process: around the commit of a group, and of one that has a call with a key.
func faultAt(group []*member, point, keyed fault.Point) {
	fault.At(point)
	if slices.ContainsFunc(group, func(m *member) bool { return m.call != nil }) {
		fault.At(keyed)
	}
}

// beginGroup finds and locks what the members need, and lets those begin that have got it (P1.2 to P1.4). The time is read once,
// after the last lock (P1.3).
func (s *Store) beginGroup(ctx context.Context, tx *gorm.DB, group []*member) error {
	var messages, creations []*member
	for _, m := range group {
		if m.message != nil {
			messages = append(messages, m)
		} else {
			creations = append(creations, m)
		}
	}
	found, now, err := findContacts(ctx, tx, creations) // before conversations are locked, as in P1.2
	if err != nil {
		return err
	}
	locked, last, err := lockGroup(ctx, tx, messages)
	if err != nil {
		return err
	}
	if last.After(now) {
		now = last
	}
	for i, m := range creations {
		if row := found[i]; row != nil && s.worktime.Known(m.tenantID, row.Known.TimeVersion) {
			row.Known.Now = now
			m.begin = func(_ *write, in time.Duration) (*write, error) { return s.creationOf(ctx, tx, m, row, in) }
		}
	}
	for i, m := range messages {
		if row := locked[i]; row != nil && row.canShare(s, m) {
			m.begin = func(before *write, in time.Duration) (*write, error) {
				return s.messageOf(ctx, m.message, row, before, now, in)
			}
		}
	}
	return nil
}

// makeGroup makes the writes of the members, those of one conversation one behind the other, and returns the members that are
// ready to be written.
func makeGroup(ctx context.Context, group []*member) []*member {
	var ready []*member
	latest := map[uuid.UUID]*write{} // of each conversation that is there
	left := groupCompute
	for _, m := range group {
		if m.begin == nil {
			continue
		}
		began := time.Now()
		before := latest[m.subjects.Common]
		w, err := m.begin(before, min(memberCompute, left))
		left -= time.Since(began)
		if err != nil {
			continue
		}
		if m.w = w; m.conclude(ctx) != nil {
			m.w = nil
			continue
		}
		if before != nil {
			before.isFollowed = true
		}
		if m.message != nil {
			latest[m.subjects.Common] = w
		}
		ready = append(ready, m)
	}
	return ready
}

// conclude applies what a member of a group does, and renders its answer. Any error takes it out.
func (m *member) conclude(ctx context.Context) error {
	w := m.w
	var err error
	if m.message != nil {
		err = w.post(m.message.in)
	} else {
		err = w.make(m.creation.in)
	}
	if err != nil {
		return err
	}
	if err := w.applyFacts(ctx); err != nil {
		return err
	}
	if err := w.conclude(ctx); err != nil {
		return err
	}
	if len(w.newTags) > 0 || w.contact == contactFilled {
		return errAlone
	}
	if m.call != nil {
		m.answer, err = m.render(w)
	}
	return err
}

// notByMessages are the columns of a conversation that no message changes.
var notByMessages = []string{"tags", "custom_fields"}

// saveGroup writes what was concluded, as save does (P1.5 to P1.7), in one statement.
func saveGroup(ctx context.Context, tx *gorm.DB, group []*member) error {
	var calls []*idempotency.Shared
	var answers []idempotency.Answer
	writes := make([]*write, len(group))
	rows := 0
	for i, m := range group {
		writes[i] = m.w
		if !m.w.isFollowed {
			rows++
		}
		if m.call != nil {
			calls, answers = append(calls, m.call), append(answers, m.answer)
		}
	}
	var st postgres.Statement
	groupConversations(&st, writes)
	insertMessages(&st, writes...)
	insertTimeline(&st, writes...)
	insertClocks(&st, writes...)
	var events []feed.NewEvent
	signaled, traces := []uuid.UUID{}, []*string{}
	for i, w := range writes {
		w.trace = group[i].trace
		events = append(events, w.takeEvents()...)
		if w.needsSignal() {
			signaled, traces = append(signaled, w.conversation.ID), append(traces, postgres.OrNull(w.trace))
			w.wakeTopics = append(w.wakeTopics, outbox.Topic)
		}
	}
	at := writes[0].now // the same for all
	shards := webhook.FanOut(&st, feed.Add(&st, at, events), at, webhook.AboutRows("conversation"))
	outbox.AddEach(&st, outbox.Conversation, outbox.Each{
		Tenant: "tenant_id", Target: "id", Status: "status", DueAt: "next_due_at", At: st.Arg(at) + `::timestamptz`,
		From: `conversation JOIN unnest(` + st.Arg(signaled) + `::uuid[], ` + st.Arg(traces) + `::text[])
			s (signaled, traceparent) ON s.signaled = conversation.id`,
		Trace: `s.traceparent`,
	})
	answered := `0`
	if len(calls) > 0 {
		idempotency.InsertAnswers(&st, calls, answers)
		answered = `(SELECT count(*) FROM answer)`
	}
	var saved, stored int
	var woken postgres.Ints
	err := st.Row(ctx, tx, `SELECT (SELECT count(*) FROM conversation), `+answered+`, `+shards, &saved, &stored, &woken)
	if err != nil {
		return postgres.Doing(err, "write a group of %d calls", len(group))
	}
	if saved != rows || stored != len(calls) {
		return postgres.Doing(errAlone, "write %d calls, %d with keys: %d of %d conversations were there, %d keys free",
			len(group), len(calls), saved, rows, stored)
	}
	writes[0].wakeTopics = append(writes[0].wakeTopics, deliveryTopics(woken)...)
	return nil
}

// groupConversations writes the conversations of writes, and the contacts that are new, as common table expressions; the one of
// the name conversation has them all as they are then.
func groupConversations(st *postgres.Statement, writes []*write) {
	var contacts []contact.Contact
	var made, changed []Conversation
	for _, w := range writes {
		if w.contact == contactNew {
			contacts = append(contacts, w.conversation.Contact)
		}
		switch {
		case w.isNew:
			made = append(made, w.conversation)
		case !w.isFollowed:
			changed = append(changed, w.conversation)
		}
	}
	if len(contacts) > 0 {
		postgres.InsertRows(st, "contact", contacts, "")
	}
	const about = `SELECT tenant_id, id, channel, tags, team_id, status, next_due_at FROM `
	var parts []string
	if len(made) > 0 {
		postgres.InsertRows(st, "made", made, "RETURNING *")
		st.With("recency_made", `INSERT INTO conversation_recency (tenant_id, conversation_id, status, assignee_id, team_id,
				sla_state, updated_at, last_message_at)
			SELECT tenant_id, id, status, assignee_id, team_id, sla_state, updated_at, coalesce(last_message_at, created_at)
			FROM made`)
		parts = append(parts, about+"made")
	}
	if len(changed) > 0 {
		postgres.UpdateRows(st, "changed", changed, notByMessages...)
		st.With("recency", `UPDATE conversation_recency r SET (status, assignee_id, team_id, sla_state, updated_at, last_message_at)
			= ROW(c.status, c.assignee_id, c.team_id, c.sla_state, c.updated_at, coalesce(c.last_message_at, c.created_at))
			FROM changed c WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id`)
		parts = append(parts, about+"changed")
	}
	st.With("conversation", strings.Join(parts, " UNION ALL "))
}
