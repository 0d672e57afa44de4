package conversation

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// write is one transaction that changes one conversation: the write path, P1. It is made by lock or create, filled by
// commands, and ended by save; there is no other way to change a conversation so that it has events. (The recompute of
// P3.7 moves clocks, and a tick notes what its workflow is armed for.)
type write struct {
	tx           *gorm.DB
	actor        wire.Actor
	trace        string    // traceparent for its events and its signal; "" where nothing is traced
	now          time.Time // read after the locks (P1.3)
	ids          *ident.Sequence
	conversation Conversation
	change       *lifecycle.Change
	owed         []lifecycle.Event // see owedEvents
	isNew        bool
	before       *write // the write of the same conversation and transaction that this one goes on behind; nil for the first
	isFollowed   bool   // another goes on behind it, and leaves the row

	contact        contactOutcome
	contactChanges map[string]lifecycle.FieldChange

	messages      []Message
	messageNumber int64           // for the message of this write, if it has one
	entries       []TimelineEntry // but for messages: see keepEntries

	rules        *worktime.Rules // of the tenant; nil if it has none
	timeVersion  int64           // of them
	board        *sla.Board      // the clocks; nil for a tenant without policies
	factsApplied bool            // applyFacts was done
	computeLeft  time.Duration   // of what the computation of its clocks may take: see compute
	clocksMoved  bool            // clocks, when it archives itself, or the version they go by are not what the row says
	crossings    []sla.Crossing

	tags    map[string]uuid.UUID // by name: those that exist, and those that save must make
	newTags []string

	forceSignal    bool     // the conversation's workflow must hear of this, whatever P3.1 says
	suppressSignal bool     // the conversation's workflow is the one that asked: it needs no signal
	wakeTopics     []string // topics to wake after the commit (P1.8)
}

// contactOutcome is what a creation did to the contact.
type contactOutcome int

const (
	contactKnown contactOutcome = iota
	contactNew
	contactFilled
)

// The time is read outside the CTE: a lock is taken after the columns beside it are computed. Nothing here is joined
// that another writer of the same conversation could have changed while this one waited, since a join would show it
// as it was before.
var lockSQL = `
WITH locked AS MATERIALIZED (SELECT * FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE)
SELECT ` + lockedColumns + `, clock_timestamp() AS now,
	(SELECT jsonb_object_agg(name, id) FROM tags WHERE tenant_id = l.tenant_id AND name = ANY($3::text[])) AS tag_ids,
	(SELECT m.id FROM messages m WHERE m.tenant_id = l.tenant_id AND m.chain_id = l.chain_id AND m.external_id = $4) AS replay_of
FROM locked l JOIN contacts ct ON ct.tenant_id = l.tenant_id AND ct.id = l.contact_id`

// lockedColumns are what every lock of a conversation l brings along, with its contact ct, for lockedRow's targets.
var lockedColumns = postgres.Columns[Conversation]("l", "c_") + `, ` + postgres.Columns[contact.Contact]("ct", "ct_") + `,
	(SELECT t.time_version FROM tenants t WHERE t.id = l.tenant_id) AS time_version,
	(SELECT v.version FROM conversations v WHERE v.tenant_id = l.tenant_id AND v.id = l.id) AS version_seen`

// lockedRow is what a lock has brought of a conversation.
type lockedRow struct {
	w           *write
	now         time.Time
	timeVersion int64
	versionSeen int64 // by the statement; another one than the row's if that changed while the lock was waited for
}

// targets are the places where Rows.Scan puts lockedColumns and the column behind them, the time.
func (r *lockedRow) targets(dest ...any) []any {
	dest = postgres.Targets(slices.Grow(dest, 64), &r.w.conversation)
	dest = postgres.Targets(dest, &r.w.conversation.Contact)
	return append(dest, &r.timeVersion, &r.versionSeen, &r.now)
}

// lockOptions says what lock should bring along, to save round trips.
type lockOptions struct {
	externalID *string       // whether a message with it is in the conversation's line already
	tags       []string      // ids of these tags
	computeIn  time.Duration // how long its computation may take; computeTime when 0
}

// lock begins a change of an existing conversation (P1.2 to P1.4). The second result is the message that is there
// already under the wanted external id. Errors: NOT_FOUND.
func (s *Store) lock(
	ctx context.Context,
	tx *gorm.DB,
	tenantID, id uuid.UUID,
	actor wire.Actor,
	want lockOptions,
) (*write, *uuid.UUID, error) {
	w := &write{tx: tx, actor: actor, computeLeft: want.computeIn}
	locked := lockedRow{w: w}
	var replayOf *uuid.UUID
	row := tx.Statement.ConnPool.QueryRowContext(ctx, lockSQL,
		postgres.Binary(tenantID), postgres.Binary(id), postgres.Strings(want.tags), want.externalID)
	err := row.Scan(append(locked.targets(), postgres.JSONColumn{Into: &w.tags}, &replayOf)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, postgres.NotFound(gorm.ErrRecordNotFound, "conversation", id)
	} else if err != nil {
		return nil, nil, err
	}
	if locked.versionSeen != w.conversation.Version { // it changed while this one waited, perhaps with its contact (P1.5)
		c := &w.conversation
		if err := tx.Take(&c.Contact, "tenant_id = ? AND id = ?", tenantID, c.ContactID).Error; err != nil {
			return nil, nil, postgres.Doing(err, "read contact %s again", c.ContactID)
		}
	}
	return w, replayOf, w.resume(ctx, s, locked.now, locked.timeVersion)
}

// resume begins the change of the conversation that was locked, at the database's time read after the lock (P1.3), with
// what is due by then (P1.4).
func (w *write) resume(ctx context.Context, s *Store, now time.Time, timeVersion int64) error {
	w.now = s.db.Clock(now)
	if w.before == nil {
		w.ids = ident.NewSequence(w.now)
	}
	if err := w.readRules(ctx, s, timeVersion); err != nil {
		return err
	}
	state := w.conversation.State
	w.computeLeft = cmp.Or(w.computeLeft, s.computeTime)
	return w.compute(ctx, func(ctx context.Context) (err error) {
		if state.AutoArchiveAt, err = w.archiveTime(ctx, state); err != nil {
			return err
		}
		w.change = lifecycle.Begin(state, w.now)
		return w.openBoard(ctx)
	})
}

// addMessage puts a message into the write and returns its index for the lifecycle's facts. It gets its id with its place in the
// timeline (keepEntries).
func (w *write) addMessage(m Message) int {
	m.TenantID, m.ConversationID, m.ChainID = w.conversation.TenantID, w.conversation.ID, w.conversation.ChainID
	m.Number, m.CreatedAt = w.messageNumber, w.now
	if m.SentAt.IsZero() {
		m.SentAt = w.now
	}
	w.conversation.LastMessageNumber = m.Number
	w.messages = append(w.messages, m)
	return len(w.messages) - 1
}

// conclude makes the row what the change left, with its next version (P1.5).
func (w *write) conclude(ctx context.Context) error {
	if len(w.change.Facts) == 0 {
		w.actor = wire.System // the caller's command has changed nothing
	}
	c := &w.conversation
	c.SetAside = nil
	w.countVersion()
	c.setState(w.change.After)
	w.keepEntries()
	w.missingTags()
	return w.keepClocks(ctx)
}

// happened tells whether the write has anything that others are told of: facts, or a state that the clocks have because a
// policy came late.
func (w *write) happened() bool {
	return len(w.change.Facts) > 0 || w.change.Before.SLAState != w.change.After.SLAState
}

// save ends the write (P1.5 to P1.7): version, events, timeline, deliveries and outbox row, in one statement. Where
// nothing happened it does nothing, but for clocks that follow other terms now.
func (w *write) save(ctx context.Context) error {
	w.trace = traced.Parent(ctx)
	if err := w.applyFacts(ctx); err != nil {
		return err
	}
	switch {
	case w.happened():
	case w.clocksMoved:
		return w.saveClocks(ctx)
	default:
		return nil
	}
	if err := w.conclude(ctx); err != nil {
		return err
	}
	traced.OfConversation(ctx, w.conversation.ID)
	var st postgres.Statement
	if w.isNew {
		w.insertContact(&st)
		w.insertConversation(&st)
	} else {
		w.updateConversation(&st)
	}
	w.insertTags(&st)
	insertMessages(&st, w)
	insertTimeline(&st, w)
	insertClocks(&st, w)
	shards := w.insertEvents(&st)
	w.insertSignal(&st)
	var tagsMade int
	var woken postgres.Ints
	err := st.Row(ctx, w.tx, `SELECT (SELECT count(*) FROM tag), `+shards, &tagsMade, &woken)
	if err == nil && tagsMade < len(w.newTags) {
		return postgres.ErrRaced // another transaction made the tag meanwhile: its id is not the one in our events
	}
	w.wakeTopics = append(w.wakeTopics, deliveryTopics(woken)...)
	return err
}

// deliveryTopics are the topics of shards that got deliveries.
func deliveryTopics(shards []int32) []string {
	topics := make([]string, len(shards))
	for i, shard := range shards {
		topics[i] = outbox.TopicDeliveries(int(shard))
	}
	return topics
}

// needsSignal tells whether the conversation's workflow has to hear of the write (P3.1).
func (w *write) needsSignal() bool {
	c := &w.conversation
	return w.forceSignal ||
		!w.suppressSignal && lifecycle.NeedsSignal(w.change.Before.Status, c.Status, c.NextDueAt, c.ArmedFor)
}

// insertSignal tells the conversation's workflow, if it has to hear of this (P3.1).
func (w *write) insertSignal(st *postgres.Statement) {
	if w.needsSignal() {
		c := &w.conversation
		status := string(c.Status)
		outbox.Add(st, outbox.Entry{
			Kind: outbox.Conversation, TenantID: c.TenantID, TargetID: c.ID, Status: &status, DueAt: c.NextDueAt, At: w.now,
			Traceparent: w.trace,
		})
		w.wakeTopics = append(w.wakeTopics, outbox.Topic)
	}
}

// missingTags gives ids to the tags that the change applied and the tenant does not have yet.
func (w *write) missingTags() {
	for _, f := range w.change.Facts {
		if _, known := w.tags[f.Tag]; f.Tag != "" && !known {
			if w.tags == nil {
				w.tags = map[string]uuid.UUID{}
			}
			w.tags[f.Tag] = w.ids.Next()
			w.newTags = append(w.newTags, f.Tag)
		}
	}
	slices.Sort(w.newTags) // one order for all transactions (P1.2)
}

func (w *write) insertTags(st *postgres.Statement) {
	if len(w.newTags) == 0 {
		st.With("tag", `SELECT WHERE false`)
		return
	}
	ids := make([]uuid.UUID, len(w.newTags))
	for i, name := range w.newTags {
		ids[i] = w.tags[name]
	}
	st.With("tag", `INSERT INTO tags (tenant_id, id, name, created_at)
		SELECT `+st.Arg(w.conversation.TenantID)+`, u.id, u.name, `+st.Arg(w.now)+`
		FROM unnest(`+st.Arg(ids)+`::uuid[], `+st.Arg(w.newTags)+`::text[]) u (id, name)
		ON CONFLICT DO NOTHING RETURNING 1`)
}

func (w *write) insertContact(st *postgres.Statement) {
	switch ct := &w.conversation.Contact; w.contact {
	case contactNew:
		postgres.Insert(st, "contact", ct)
	case contactFilled:
		postgres.Update(st, "contact", ct)
		w.countContactVersions(st)
	}
}

func (w *write) insertConversation(st *postgres.Statement) {
	c := &w.conversation
	postgres.Insert(st, "conversation", c)
	st.With("recency", `INSERT INTO conversation_recency (tenant_id, conversation_id, status, assignee_id, team_id, sla_state,
			updated_at, last_message_at)
		VALUES (`+st.List(c.TenantID, c.ID, string(c.Status), c.AssigneeID, c.TeamID, postgres.OrNull(c.SLAState), c.UpdatedAt,
		c.LastMessage())+`)`)
}

func (w *write) updateConversation(st *postgres.Statement) {
	c := &w.conversation
	st.With("recency", `UPDATE conversation_recency SET (status, assignee_id, team_id, sla_state, updated_at,
			last_message_at)
		= (`+st.List(string(c.Status), c.AssigneeID, c.TeamID, postgres.OrNull(c.SLAState), c.UpdatedAt, c.LastMessage())+`)
		WHERE tenant_id = `+st.Arg(c.TenantID)+` AND conversation_id = `+st.Arg(c.ID))
	postgres.Update(st, "conversation", c)
}

// insertMessages writes the messages of writes.
func insertMessages(st *postgres.Statement, writes ...*write) {
	var messages []Message
	for _, w := range writes {
		messages = append(messages, w.messages...)
	}
	if len(messages) > 0 {
		postgres.InsertRows(st, "message", messages, "")
	}
}

// keepEntries makes the timeline of the write: one entry for each fact, in order. A message is its own entry.
func (w *write) keepEntries() {
	for _, f := range w.change.Facts {
		switch f.Kind {
		case lifecycle.MessageReceived, lifecycle.MessageSent, lifecycle.NoteAdded:
			m := &w.messages[f.Index]
			m.ID, m.Version, m.Via = w.ids.Next(), &w.conversation.Version, w.actorOf(f).Via
		default:
			w.entries = append(w.entries, TimelineEntry{
				TenantID: w.conversation.TenantID, ID: w.ids.Next(), ConversationID: w.conversation.ID, Kind: string(f.Kind),
				Actor: w.actorOf(f), Data: f.Data, Version: w.conversation.Version, CreatedAt: w.now,
			})
		}
	}
}

// insertTimeline writes the entries of writes that are no messages.
func insertTimeline(st *postgres.Statement, writes ...*write) {
	var entries []TimelineEntry
	for _, w := range writes {
		entries = append(entries, w.entries...)
	}
	if len(entries) > 0 {
		postgres.InsertRows(st, "timeline", entries, "")
	}
}

// insertEvents writes the events, and the deliveries of webhooks (P1.6). It returns the expression of the shards that got
// deliveries.
func (w *write) insertEvents(st *postgres.Statement) (shards string) {
	events := w.takeEvents()
	if len(events) == 0 {
		return `'{}'::int[]`
	}
	c := &w.conversation
	return webhook.FanOut(st, feed.Add(st, w.now, events), w.now, webhook.About(st, c.Channel, c.Tags, c.TeamID))
}

// takeEvents renders the events of the write, and notes whom they wake.
func (w *write) takeEvents() []feed.NewEvent {
	c := &w.conversation
	events := w.renderEvents()
	if len(events) == 0 { // of a note, say: consoles are told all the same
		w.wakeTopics = append(w.wakeTopics, feed.Notice(c.TenantID, feed.NoticeConversation, c.ID, c.Version))
	} else {
		w.wakeTopics = append(w.wakeTopics, feed.TopicEvents)
	}
	return events
}
