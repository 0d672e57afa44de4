package conversation

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// Row is a conversation read with its contact, by a statement that begins with SelectRow.
type Row struct {
	Conversation Conversation `gorm:"embedded;embeddedPrefix:c_"`
	Contact      Contact      `gorm:"embedded;embeddedPrefix:ct_"`
}

// Whole is the conversation with its contact.
func (r Row) Whole() Conversation {
	c := r.Conversation
	c.Contact = r.Contact
	return c
}

// FromConversations goes on behind SelectRow: with all conversations c of a tenant, which is its argument, and their contacts ct.
const FromConversations = ` FROM conversations c JOIN contacts ct ON ct.tenant_id = c.tenant_id AND ct.id = c.contact_id
	WHERE c.tenant_id = ?`

// SelectRow begins a statement that reads Rows, of conversations c and contacts ct.
var SelectRow = `SELECT ` + postgres.Columns[Conversation]("c", "c_") + `, ` + postgres.Columns[Contact]("ct", "ct_")

// FindConversation reads one conversation, without how its clocks stand now. Errors: NOT_FOUND, also for another tenant's;
// UNAVAILABLE.
func FindConversation(db *gorm.DB, tenantID, id uuid.UUID) (Conversation, error) {
	var row Row
	r := db.Raw(SelectRow+FromConversations+` AND c.id = ?`, tenantID, id).Scan(&row)
	if r.Error == nil && r.RowsAffected == 0 {
		return Conversation{}, postgres.NotFound(gorm.ErrRecordNotFound, "conversation", id)
	}
	return row.Whole(), postgres.Translate(r.Error)
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
