package listing

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/sla"
)

// Filter narrows a list of conversations; zero values do not.
type Filter struct {
	Status, Channel, Tag, ExternalReference, Engagement string
	SLAState                                            string // worst state of the latest cycles
	BreachedMetric                                      string // a clock of it is breached and runs; AnyMetric: of any
	Query                                               string // beginnings of words, see search; or the number
	AssigneeID, TeamID, ContactID                       *uuid.UUID
	UpdatedSince, CreatedSince                          *time.Time
	Sort                                                string // one of the orders below; SortUpdated when empty
}

// conversationNarrow are the parameters that make a list of conversations cheaper.
var conversationNarrow = []string{
	"q (more or longer words)", "status", "assigneeId", "teamId", "contactId", "tag", "updatedSince", "createdSince",
}

// Conversations lists conversations and returns the cursor of the next page, empty at the end. Rows that do not change
// while a client pages appear exactly once; in the order of creation none is ever skipped.
// Errors: VALIDATION_FAILED for an order that there is not, and for a cursor that is not of this list;
// QUERY_TOO_EXPENSIVE.
func (s *Store) Conversations(
	ctx context.Context,
	tenantID uuid.UUID,
	f Filter,
	page postgres.Page,
) (_ []conversation.Conversation, _ string, err error) {
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
	var rows []conversation.Row
	if text != "" {
		rows, err = s.search(ctx, tenantID, order, where, args, text, at, page.Size()+1)
	} else {
		if at != nil {
			where += ` AND ` + order.after
			args = append(args, order.bind(*at)...)
		}
		err = s.db.Lists.WithContext(ctx).Raw(conversation.SelectRow+order.from+where+` ORDER BY `+order.by+` LIMIT ?`,
			append(append([]any{tenantID}, args...), page.Size()+1)...).Scan(&rows).Error
	}
	if err != nil {
		return nil, "", postgres.ListError(ctx, err, conversationNarrow...)
	}
	rows, next := postgres.Cut(rows, page, func(r conversation.Row) postgres.Position {
		at := order.at(r.Conversation)
		at.Sort = sort
		return at
	})
	conversations, shown := make([]conversation.Conversation, len(rows)), make([]*conversation.Conversation, len(rows))
	for i, r := range rows {
		conversations[i], shown[i] = r.Whole(), &conversations[i]
	}
	return conversations, next, s.conversations.ShowClocks(ctx, s.db.Main.WithContext(ctx), tenantID, shown...)
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
