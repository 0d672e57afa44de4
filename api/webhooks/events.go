package webhooks

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// ListEvents implements GET /v1/events.
func (h *Handlers) ListEvents(ctx context.Context, r contract.ListEventsRequestObject) (
	contract.ListEventsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	q := feed.Query{
		After: postgres.Deref(r.Params.After), Cursors: feed.Cursors(p.CursorKey),
		ConversationID: r.Params.ConversationID, Limit: postgres.Deref(r.Params.Limit),
	}
	if types := postgres.Deref(r.Params.Types); types != "" {
		q.Types = strings.Split(types, ",")
		if err := checkTypes("types", q.Types); err != nil {
			return nil, err
		}
	}
	found, err := h.store.Feed.Read(ctx, p.TenantID, q)
	if err != nil {
		return nil, err
	}
	return eventPage{Data: respond.List(found.Events), NextCursor: found.Next, HasMore: found.HasMore}, nil
}

// checkTypes refuses event types that do not exist: a filter with a slip in it would wait for ever.
func checkTypes(field string, types []string) error {
	for _, t := range types {
		if !slices.Contains(lifecycle.EventTypes, lifecycle.EventType(t)) {
			return problem.Fields(problem.Field{Field: field, Code: "unknown", Message: "there is no event type " + t})
		}
	}
	return nil
}

// eventPage is the answer, with its payloads as they are.
type eventPage contract.EventPage

// VisitListEventsResponse implements contract.ListEventsResponseObject.
func (p eventPage) VisitListEventsResponse(w http.ResponseWriter) error {
	return respond.Verbatim(w, p)
}
