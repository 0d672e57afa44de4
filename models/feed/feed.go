package feed

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// feedWindow is how many events a call with a filter looks through at most: a filter that matches nothing costs a
// bounded scan, whose end is the next cursor.
const feedWindow = 5_000

// Event is an event as the feed shows it (P6.2).
type Event struct {
	ID             uuid.UUID       `json:"id"`
	Type           string          `json:"type"`
	ConversationID *uuid.UUID      `json:"conversationId"`
	ContactID      *uuid.UUID      `json:"contactId"`
	CreatedAt      wire.Time       `json:"createdAt"`
	Payload        json.RawMessage `json:"payload"` // the bytes that webhooks carry

	position int64 // in the feed of all tenants: shown only in cursors, since it rises by what others do
}

// Query asks for a part of the feed. Empty filters let everything through; Limit is 1 to 200, 50 when 0.
type Query struct {
	After          string              // a cursor; empty for the oldest event there is
	Cursors        postgres.CursorList // of the tenant: see Cursors
	Types          []string
	ConversationID *uuid.UUID
	Limit          int
}

func (q Query) filters() bool { return len(q.Types) > 0 || q.ConversationID != nil }

// Page is a part of the feed.
type Page struct {
	Events  []Event
	Next    string // where to go on; never empty
	HasMore bool   // going on at once finds more, or looks through more
}

// One statement, and so one snapshot: what is counted as seen is what was seen. A batch of positions becomes visible as a
// whole, after the batches before it (P6.2), so no event can appear before the last one seen.
const feedSQL = `
WITH start AS MATERIALIZED (
	SELECT coalesce((SELECT position FROM feed_floors WHERE tenant_id = $1), 0) AS floor, (SELECT last_position FROM feed) AS last
), seen AS MATERIALIZED (
	SELECT id, position, type, conversation_id FROM events
	WHERE tenant_id = $1 AND position > coalesce($2::bigint, (SELECT floor FROM start)) ORDER BY position LIMIT $3
), hit AS (
	SELECT id, position FROM seen
	WHERE ($4::text[] IS NULL OR type = ANY ($4)) AND ($5::uuid IS NULL OR conversation_id = $5) ORDER BY position LIMIT $6
)
SELECT start.floor, start.last, s.seen, s.furthest, e.id, e.type, e.position, e.conversation_id, e.contact_id, e.created_at, e.payload
FROM start, (SELECT count(*) AS seen, max(position) AS furthest FROM seen) s
	LEFT JOIN hit ON true LEFT JOIN events e ON e.id = hit.id
ORDER BY hit.position`

// Read reads the tenant's events in the order of their positions. A reader that goes on from every page's cursor sees each
// event exactly once, and each conversation's in the order of its versions (P6.1).
// Errors: CURSOR_EXPIRED with details.oldest if events after the cursor have been dropped, VALIDATION_FAILED for what is no
// cursor of this feed, UNAVAILABLE.
func (s *Store) Read(ctx context.Context, tenantID uuid.UUID, q Query) (Page, error) {
	after, err := q.after()
	if err != nil {
		return Page{}, err
	}
	limit := postgres.Page{Limit: q.Limit}.Size()
	window := limit + 1
	if q.filters() {
		window = feedWindow
	}
	rows, err := s.db.Lists.Statement.ConnPool.QueryContext(ctx, feedSQL, tenantID, after, window, q.Types,
		q.ConversationID, limit+1)
	if err != nil {
		return Page{}, postgres.Doing(postgres.ListError(ctx, err, "limit", "types"), "read the feed")
	}
	defer func() { _ = rows.Close() }()
	var page Page
	var floor, last int64
	var seen int
	var furthest *int64
	size, full := 0, false
	for !full && rows.Next() {
		var e Event
		var id *uuid.UUID
		var kind, payload *string
		var position *int64
		var created sql.NullTime
		err := rows.Scan(&floor, &last, &seen, &furthest,
			&id, &kind, &position, &e.ConversationID, &e.ContactID, &created, &payload)
		if err != nil {
			return Page{}, postgres.Doing(err, "read an event of the feed")
		}
		if id != nil {
			e.ID, e.Type, e.position, e.CreatedAt, e.Payload = *id, *kind, *position, wire.At(created.Time), []byte(*payload)
			if size += len(e.Payload); size > postgres.PageBytes && len(page.Events) > 0 {
				full = true
				continue
			}
			page.Events = append(page.Events, e)
		}
	}
	if err := rows.Err(); err != nil {
		return Page{}, postgres.Doing(postgres.ListError(ctx, err, "limit", "types"), "read the feed")
	}
	at := floor
	if after != nil {
		if at = *after; at < floor {
			return Page{}, problem.New(problem.Gone, problem.CodeCursorExpired,
				"events after this cursor have been dropped: go on from details.oldest").With("oldest", Cursor(q.Cursors, floor))
		}
		if at > last {
			return Page{}, errNotAFeedCursor
		}
	}
	switch {
	case full:
		at, page.HasMore = page.Events[len(page.Events)-1].position, true
	case len(page.Events) > limit:
		page.Events, page.HasMore = page.Events[:limit], true
		at = page.Events[limit-1].position
	case furthest != nil:
		at, page.HasMore = *furthest, seen == window
	}
	page.Next = Cursor(q.Cursors, at)
	return page, nil
}

// Cursors are what the tenant's cursors are made and read by, given its key: one list, whatever asks for it, because a cursor
// is a place in the whole feed.
func Cursors(key []byte) postgres.CursorList { return postgres.CursorList{Key: key, Name: "feed"} }

// Cursor is where a page of the feed goes on that ended with a position.
func Cursor(cursors postgres.CursorList, position int64) string {
	return cursors.Seal(strconv.AppendInt(nil, position, 10))
}

var errNotAFeedCursor = problem.Fields(problem.Field{
	Field: "after", Code: "invalid", Message: "must be the nextCursor of an earlier page of this feed",
})

// after reads the cursor; nil for the beginning.
func (q Query) after() (*int64, error) {
	if q.After == "" {
		return nil, nil
	}
	digits, ours := q.Cursors.Open(q.After)
	position, err := strconv.ParseInt(string(digits), 10, 64)
	if !ours || err != nil || position < 0 {
		return nil, errNotAFeedCursor
	}
	return &position, nil
}
