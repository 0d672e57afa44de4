package listing

import (
	"time"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// The orders of a list of conversations.
const (
	SortUpdated     = "-updatedAt"
	SortLastMessage = "-lastMessageAt" // one without any message is where its beginning is
	SortCreated     = "createdAt"
	// SortSLADue begins with those in which a clock is breached and runs, the longest overdue first, and goes on with those
	// that have a next tripwire, the soonest first. Others are not in the list.
	SortSLADue = "slaDueAt"
)

// AnyMetric as a filter's metric stands for each of them.
const AnyMetric = "any"

// listOrder is how a list in one order is read: the table it comes through, with the columns that the table repeats
// (alias), what it goes by, and the condition of what is behind a position, with the position as its arguments.
type listOrder struct {
	from, alias, by, after string
	bind                   func(postgres.Position) []any
	at                     func(conversation.Conversation) postgres.Position
}

// byTime is the order by one time.
func byTime(from, alias, by, after string, key func(conversation.Conversation) time.Time) listOrder {
	return listOrder{
		from: from, alias: alias, by: by, after: after,
		bind: func(p postgres.Position) []any { return []any{p.Time, p.ID} },
		at:   func(c conversation.Conversation) postgres.Position { return postgres.Position{Time: key(c), ID: c.ID} },
	}
}

const (
	fromRecency = ` FROM conversation_recency r JOIN conversations c ON c.tenant_id = r.tenant_id AND c.id = r.conversation_id
		JOIN contacts ct ON ct.tenant_id = c.tenant_id AND ct.id = c.contact_id WHERE r.tenant_id = ?`
	// slaTurn is the expression of the index conversations_sla_order.
	slaTurn = `(c.sla_breached_since IS NULL), coalesce(c.sla_breached_since, c.sla_due_at), c.id`
	// slaBreached marks the position of a conversation with a breached clock that runs.
	slaBreached = "breached"
)

var listOrders = map[string]listOrder{
	SortUpdated: byTime(fromRecency, "r", `r.updated_at DESC, r.conversation_id DESC`,
		`(r.updated_at, r.conversation_id) < (?, ?)`, func(c conversation.Conversation) time.Time { return c.UpdatedAt }),
	SortLastMessage: byTime(fromRecency+` AND r.last_message_at > '-infinity'`, "r", // the condition of its index
		`r.last_message_at DESC, r.conversation_id DESC`,
		`(r.last_message_at, r.conversation_id) < (?, ?)`,
		func(c conversation.Conversation) time.Time { return c.LastMessage() }),
	SortCreated: byTime(conversation.FromConversations, "c", `c.created_at, c.id`,
		`(c.created_at, c.id) > (?, ?)`, func(c conversation.Conversation) time.Time { return c.CreatedAt }),
	SortSLADue: {
		from:  conversation.FromConversations + ` AND coalesce(c.sla_breached_since, c.sla_due_at) IS NOT NULL`,
		alias: "c", by: slaTurn, after: `(` + slaTurn + `) > (?, ?, ?)`,
		bind: func(p postgres.Position) []any { return []any{p.Name != slaBreached, p.Time, p.ID} },
		at: func(c conversation.Conversation) postgres.Position {
			if c.SLABreachedSince != nil {
				return postgres.Position{Name: slaBreached, Time: *c.SLABreachedSince, ID: c.ID}
			}
			return postgres.Position{Time: *c.SLADueAt, ID: c.ID}
		},
	},
}
