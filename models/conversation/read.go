package conversation

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// conversationRow is a conversation read with its contact.
type conversationRow struct {
	Conversation Conversation `gorm:"embedded;embeddedPrefix:c_"`
	Contact      Contact      `gorm:"embedded;embeddedPrefix:ct_"`
}

func (r conversationRow) whole() Conversation {
	c := r.Conversation
	c.Contact = r.Contact
	return c
}

const fromConversations = ` FROM conversations c JOIN contacts ct ON ct.tenant_id = c.tenant_id AND ct.id = c.contact_id
	WHERE c.tenant_id = ?`

var (
	conversationColumns = `SELECT ` + postgres.Columns[Conversation]("c", "c_") + `, ` + postgres.Columns[Contact]("ct", "ct_")
	conversationSQL     = conversationColumns + fromConversations
)

// FindConversation reads one conversation, without how its clocks stand now. Errors: NOT_FOUND, also for another tenant's;
// UNAVAILABLE.
func FindConversation(db *gorm.DB, tenantID, id uuid.UUID) (Conversation, error) {
	var row conversationRow
	r := db.Raw(conversationSQL+` AND c.id = ?`, tenantID, id).Scan(&row)
	if r.Error == nil && r.RowsAffected == 0 {
		return Conversation{}, postgres.NotFound(gorm.ErrRecordNotFound, "conversation", id)
	}
	return row.whole(), postgres.Translate(r.Error)
}

// Get returns one conversation. Errors: NOT_FOUND, also for another tenant's.
func (s *Store) Get(ctx context.Context, tenantID, id uuid.UUID) (_ Conversation, err error) {
	defer postgres.During(&err, "read conversation %s", id)
	db := s.db.Main.WithContext(ctx)
	c, err := FindConversation(db, tenantID, id)
	if err != nil {
		return c, err
	}
	return c, s.ShowClocks(ctx, db, tenantID, &c)
}

// Filter narrows a list of conversations; zero values do not.
type Filter struct {
	Status, Channel, Tag, ExternalReference, Engagement string
	SLAState                                            string // worst state of the latest cycles
	BreachedMetric                                      string // a clock of it is breached and runs; AnyMetric: of any
	Query                                               string // beginnings of words, see searchConversations; or the number
	AssigneeID, TeamID, ContactID                       *uuid.UUID
	UpdatedSince, CreatedSince                          *time.Time
	Sort                                                string // one of the orders below; SortUpdated when empty
}

// conversationNarrow are the parameters that make a list of conversations cheaper.
var conversationNarrow = []string{
	"q (more or longer words)", "status", "assigneeId", "teamId", "contactId", "tag", "updatedSince", "createdSince",
}

// List lists conversations and returns the cursor of the next page, empty at the end. Rows that do not change
// while a client pages appear exactly once; in the order of creation none is ever skipped.
// Errors: VALIDATION_FAILED for an order that there is not, and for a cursor that is not of this list;
// QUERY_TOO_EXPENSIVE.
func (s *Store) List(
	ctx context.Context,
	tenantID uuid.UUID,
	f Filter,
	page postgres.Page,
) (_ []Conversation, _ string, err error) {
	defer postgres.During(&err, "list conversations of tenant %s", tenantID)
	sort := cmp.Or(f.Sort, SortUpdated)
	order, known := listOrders[sort]
	if !known {
		return nil, "", problem.Fields(problem.Field{
			Field: "sort", Code: "invalid",
			Message: "must be one of " + strings.Join([]string{SortUpdated, SortLastMessage, SortCreated, SortSLADue}, ", "),
		})
	}
	at, err := page.After(sort)
	if err != nil {
		return nil, "", err
	}
	where, args, text := f.conditions(order.alias)
	var rows []conversationRow
	if text != "" {
		rows, err = s.search(ctx, tenantID, order, where, args, text, at, page.Size()+1)
	} else {
		if at != nil {
			where += ` AND ` + order.after
			args = append(args, order.bind(*at)...)
		}
		err = s.db.Lists.WithContext(ctx).Raw(conversationColumns+order.from+where+` ORDER BY `+order.by+` LIMIT ?`,
			append(append([]any{tenantID}, args...), page.Size()+1)...).Scan(&rows).Error
	}
	if err != nil {
		return nil, "", postgres.ListError(ctx, err, conversationNarrow...)
	}
	rows, next := postgres.Cut(rows, page, func(r conversationRow) postgres.Position {
		at := order.at(r.Conversation)
		at.Sort = sort
		return at
	})
	conversations, shown := make([]Conversation, len(rows)), make([]*Conversation, len(rows))
	for i, r := range rows {
		conversations[i], shown[i] = r.whole(), &conversations[i]
	}
	return conversations, next, s.ShowClocks(ctx, s.db.Main.WithContext(ctx), tenantID, shown...)
}

// conditions are the filter as SQL, in the terms of the indexes that serve it, and the text that is to be searched for
// besides. The alias is that of the table that has status, assignee, team and the time of the latest change.
func (f Filter) conditions(alias string) (condition string, args []any, query string) {
	var where strings.Builder
	add := func(condition string, values ...any) {
		where.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	text := func(column, value string) {
		if value != "" {
			add(column+" = ?", value)
		}
	}
	id := func(column string, value *uuid.UUID) {
		if value != nil {
			add(column+" = ?", *value)
		}
	}
	switch lifecycle.Status(f.Status) {
	case lifecycle.Active, lifecycle.Snoozed: // as a constant: a plan for any value could not use conversation_recency_status
		add(alias + ".status = '" + f.Status + "'")
	default:
		text(alias+".status", f.Status)
	}
	switch sla.State(f.SLAState) {
	case sla.AtRisk, sla.Urgent, sla.Breached: // as a constant, for conversation_recency_sla
		add(alias + ".sla_state = '" + f.SLAState + "'")
	default:
		text("c.sla_state", f.SLAState)
	}
	if f.BreachedMetric != "" { // the condition of conversations_breached
		add("c.sla_breached_since IS NOT NULL")
		if f.BreachedMetric != AnyMetric {
			add(`c.clocks @> jsonb_build_array(jsonb_build_object('metric', ?::text, 'state', 'breached', 'stoppedAt', NULL))`,
				f.BreachedMetric)
		}
	}
	text("c.channel", f.Channel)
	text("c.external_reference", f.ExternalReference)
	text("c.engagement", f.Engagement)
	id(alias+".assignee_id", f.AssigneeID)
	id(alias+".team_id", f.TeamID)
	id("c.contact_id", f.ContactID)
	if f.Tag != "" {
		add("c.tags <> '{}' AND c.tags @> ARRAY[?::text]", f.Tag)
	}
	if f.UpdatedSince != nil {
		add(alias+".updated_at >= ?", *f.UpdatedSince)
	}
	if f.CreatedSince != nil {
		add("c.created_at >= ?", *f.CreatedSince)
	}
	if f.Query != "" {
		digits, isNumber := strings.CutPrefix(f.Query, "#")
		number, err := strconv.ParseInt(digits, 10, 64) // 0, of what is none, is no conversation's number
		if isNumber && err == nil {
			add("c.number = ?", number)
		} else {
			query = f.Query
		}
	}
	return where.String(), args, query
}

// Messages lists a conversation's messages, oldest first, and returns the cursor of the next page.
// Errors: NOT_FOUND, VALIDATION_FAILED.
func (s *Store) Messages(
	ctx context.Context, tenantID, conversationID uuid.UUID, page postgres.Page,
) (_ []Message, _ string, err error) {
	defer postgres.During(&err, "list messages of conversation %s", conversationID)
	at, err := page.After("")
	if err != nil {
		return nil, "", err
	}
	after := uuid.Nil
	if at != nil {
		after = at.ID
	}
	if page.Limit, err = s.messagesThatFit(ctx, tenantID, conversationID, `id > ?`, `id`, after, page.Size()); err != nil {
		return nil, "", err
	}
	if _, err := s.Get(ctx, tenantID, conversationID); err != nil {
		return nil, "", err
	}
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND conversation_id = ?", tenantID, conversationID)
	return postgres.Listed(q, page, func(m Message) uuid.UUID { return m.ID })
}

// messagesThatFit is how many of the next messages in an order a page has room for: 1 at least, most at most.
func (s *Store) messagesThatFit(
	ctx context.Context, tenantID, conversationID uuid.UUID, behind, order string, id uuid.UUID, most int,
) (int, error) {
	var n int
	err := s.db.Lists.WithContext(ctx).Raw(`SELECT count(*) FROM (
			SELECT sum(size) OVER (ORDER BY `+order+`) AS total FROM (
				SELECT id, coalesce(octet_length(text), 0) + coalesce(octet_length(html), 0) AS size FROM messages
				WHERE tenant_id = ? AND conversation_id = ? AND `+behind+` ORDER BY `+order+` LIMIT ?) m) t WHERE total <= ?`,
		tenantID, conversationID, id, most, postgres.PageBytes).Scan(&n).Error
	return max(n, 1), postgres.ListError(ctx, err)
}

// LatestMessages are the last of a conversation's messages, at most so many and as many as fit a page, oldest first.
func (s *Store) LatestMessages(ctx context.Context, tenantID, conversationID uuid.UUID, most int) (_ []Message, err error) {
	defer postgres.During(&err, "read the latest messages of conversation %s", conversationID)
	most, err = s.messagesThatFit(ctx, tenantID, conversationID, `id <> ?`, `id DESC`, uuid.Nil, most)
	if err != nil {
		return nil, err
	}
	var messages []Message
	err = s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND conversation_id = ?", tenantID, conversationID).
		Order("id DESC").Limit(most).Find(&messages).Error
	slices.Reverse(messages)
	return messages, postgres.ListError(ctx, err)
}

// TimelineEntry is an entry of the timeline: a row of it, or, in the view message_entries, a message.
type TimelineEntry struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	ConversationID uuid.UUID
	Kind           string
	Actor          wire.Actor     `gorm:"serializer:json"`
	Data           map[string]any `gorm:"serializer:json"`
	Version        int64
	CreatedAt      time.Time
}

// TableName implements GORM's Tabler.
func (TimelineEntry) TableName() string { return "timeline" }

// timelineSQL reads as much of both kinds of entries as a page may have.
var timelineSQL = func() string {
	part := func(of string) string {
		return `(SELECT id, kind, actor, data, version, created_at FROM ` + of + ` WHERE tenant_id = @tenant
			AND conversation_id = @conversation AND id > @after ORDER BY id LIMIT @most)`
	}
	return `SELECT * FROM (` + part("timeline") + ` UNION ALL ` + part("message_entries") + `) entries ORDER BY id LIMIT @most`
}()

// Timeline lists what happened to a conversation, oldest first, and returns the cursor of the next page.
// Errors: NOT_FOUND, VALIDATION_FAILED.
func (s *Store) Timeline(
	ctx context.Context,
	tenantID, conversationID uuid.UUID,
	page postgres.Page,
) (_ []wire.TimelineEntry, _ string, err error) {
	defer postgres.During(&err, "list the timeline of conversation %s", conversationID)
	at, err := page.After("")
	if err != nil {
		return nil, "", err
	}
	if at == nil {
		at = &postgres.Position{}
	}
	if _, err := s.Get(ctx, tenantID, conversationID); err != nil {
		return nil, "", err
	}
	var rows []TimelineEntry
	err = s.db.Lists.WithContext(ctx).Raw(timelineSQL, sql.Named("tenant", tenantID), sql.Named("conversation", conversationID),
		sql.Named("after", at.ID), sql.Named("most", page.Size()+1)).Scan(&rows).Error
	if err != nil {
		return nil, "", postgres.ListError(ctx, err)
	}
	rows, next := postgres.Cut(rows, page, func(e TimelineEntry) postgres.Position { return postgres.Position{ID: e.ID} })
	entries := make([]wire.TimelineEntry, len(rows))
	for i, e := range rows {
		entries[i] = wire.TimelineEntry{
			ID: e.ID, Kind: e.Kind, Actor: e.Actor, Data: postgres.OrEmptyMap(e.Data),
			Version: e.Version, CreatedAt: wire.At(e.CreatedAt),
		}
	}
	return entries, next, nil
}

// MessageHTML returns the HTML of a conversation's message as it came: not to be shown as it is. Errors: NOT_FOUND, also
// for a message without HTML.
func (s *Store) MessageHTML(ctx context.Context, tenantID, conversationID, id uuid.UUID) (string, error) {
	var html *string
	err := s.db.Main.WithContext(ctx).Raw(`SELECT html FROM messages WHERE tenant_id = ? AND id = ? AND conversation_id = ?`,
		tenantID, id, conversationID).Scan(&html).Error
	if err == nil && html == nil {
		err = gorm.ErrRecordNotFound
	}
	if err != nil {
		return "", postgres.NotFound(err, "message with HTML", id)
	}
	return *html, nil
}
