package listing

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// Messages lists a conversation's messages, oldest first, and returns the cursor of the next page.
// Errors: NOT_FOUND, VALIDATION_FAILED.
func (s *Store) Messages(
	ctx context.Context, tenantID, conversationID uuid.UUID, page postgres.Page,
) (_ []conversation.Message, _ string, err error) {
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
	if _, err := s.conversations.Get(ctx, tenantID, conversationID); err != nil {
		return nil, "", err
	}
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND conversation_id = ?", tenantID, conversationID)
	return postgres.Listed(q, page, func(m conversation.Message) uuid.UUID { return m.ID })
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
func (s *Store) LatestMessages(
	ctx context.Context, tenantID, conversationID uuid.UUID, most int,
) (_ []conversation.Message, err error) {
	defer postgres.During(&err, "read the latest messages of conversation %s", conversationID)
	most, err = s.messagesThatFit(ctx, tenantID, conversationID, `id <> ?`, `id DESC`, uuid.Nil, most)
	if err != nil {
		return nil, err
	}
	var messages []conversation.Message
	err = s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND conversation_id = ?", tenantID, conversationID).
		Order("id DESC").Limit(most).Find(&messages).Error
	slices.Reverse(messages)
	return messages, postgres.ListError(ctx, err)
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
