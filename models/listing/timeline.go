package listing

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

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
	if _, err := s.conversations.Get(ctx, tenantID, conversationID); err != nil {
		return nil, "", err
	}
	var rows []conversation.TimelineEntry
	err = s.db.Lists.WithContext(ctx).Raw(timelineSQL, sql.Named("tenant", tenantID), sql.Named("conversation", conversationID),
		sql.Named("after", at.ID), sql.Named("most", page.Size()+1)).Scan(&rows).Error
	if err != nil {
		return nil, "", postgres.ListError(ctx, err)
	}
	rows, next := postgres.Cut(rows, page, func(e conversation.TimelineEntry) postgres.Position {
		return postgres.Position{ID: e.ID}
	})
	entries := make([]wire.TimelineEntry, len(rows))
	for i, e := range rows {
		entries[i] = wire.TimelineEntry{
			ID: e.ID, Kind: e.Kind, Actor: e.Actor, Data: postgres.OrEmptyMap(e.Data),
			Version: e.Version, CreatedAt: wire.At(e.CreatedAt),
		}
	}
	return entries, next, nil
}
