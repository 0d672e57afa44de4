package conversation

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// Row is a conversation read with its contact, by a statement that begins with SelectRow.
type Row struct {
	Conversation Conversation    `gorm:"embedded;embeddedPrefix:c_"`
	Contact      contact.Contact `gorm:"embedded;embeddedPrefix:ct_"`
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
var SelectRow = `SELECT ` + postgres.Columns[Conversation]("c", "c_") + `, ` + postgres.Columns[contact.Contact]("ct", "ct_")

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
