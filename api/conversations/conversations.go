// Package conversations has the operations that the OpenAPI document tags Conversations and Messages.
package conversations

import (
	"context"
	"slices"
	"strings"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// Handlers are the operations about conversations and their messages.
type Handlers struct{ store *models.Store }

// New makes them, on a store.
func New(store *models.Store) *Handlers { return &Handlers{store} }

// CreateOutboundConversation implements POST /v1/conversations/outbound.
func (h *Handlers) CreateOutboundConversation(ctx context.Context, r contract.CreateOutboundConversationRequestObject) (
	contract.CreateOutboundConversationResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	in, err := newConversation(r.Body)
	if err != nil {
		return nil, err
	}
	if call := idempotency.SharedCall(ctx); call != nil {
		answer, err := h.store.Conversations.CreateShared(ctx, call, p.TenantID, p.Actor(), in,
			func(c conversation.Conversation) (idempotency.Answer, error) {
				return respond.Record(createdOutbound(c).VisitCreateOutboundConversationResponse)
			})
		return recorded(answer), err
	}
	c, err := h.store.Conversations.Create(ctx, p.TenantID, p.Actor(), in)
	if err != nil {
		return nil, err
	}
	return createdOutbound(c), nil
}

func createdOutbound(c conversation.Conversation) contract.CreateOutboundConversation201JSONResponse {
	body, location := c.Wire(), locationOf(c)
	return contract.CreateOutboundConversation201JSONResponse{
		Body:    body,
		Headers: contract.CreateOutboundConversation201ResponseHeaders{ETag: etag(body), Location: &location},
	}
}

// locationOf is the path of a conversation.
func locationOf(c conversation.Conversation) string { return "/v1/conversations/" + c.ID.String() }

func newConversation(b *contract.NewOutboundConversation) (conversation.NewConversation, error) {
	in := conversation.NewConversation{
		ExternalReference: b.ExternalReference,
		Subject:           b.Subject,
		Channel:           string(postgres.Deref(b.Channel)),
		Contact: contact.Identity{
			Email: b.Contact.Email, Name: postgres.Deref(b.Contact.Name), ExternalID: postgres.Deref(b.Contact.ExternalID),
		},
		Tags:         b.Tags,
		CustomFields: postgres.Deref(b.CustomFields),
	}
	if b.Contact.Phone != nil {
		phone, err := address.Phone(*b.Contact.Phone)
		if err != nil {
			return in, err // validate has let only E.164 through
		}
		in.Contact.Phone = phone
	}
	if said := b.OutboundContext; said != nil {
		in.Metadata = postgres.Deref(said.Metadata)
		if postgres.Deref(said.OriginalMessage) != "" || postgres.Deref(said.OriginalHTML) != "" {
			in.Message = &conversation.FirstMessage{
				Text:   said.OriginalMessage,
				HTML:   said.OriginalHTML,
				SentAt: said.SentAt,
			}
		}
	}
	return in, nil
}

// ListConversations implements GET /v1/conversations.
func (h *Handlers) ListConversations(ctx context.Context, r contract.ListConversationsRequestObject) (
	contract.ListConversationsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	q := r.Params
	found, cursor, err := h.store.Lists.Conversations(ctx, p.TenantID, listing.Filter{
		Status:            string(postgres.Deref(q.Status)),
		Channel:           string(postgres.Deref(q.Channel)),
		Tag:               postgres.Deref(q.Tag),
		ExternalReference: postgres.Deref(q.ExternalReference),
		Engagement:        string(postgres.Deref(q.Engagement)),
		SLAState:          string(postgres.Deref(q.SLAState)),
		BreachedMetric:    string(postgres.Deref(q.BreachedMetric)),
		Query:             postgres.Deref(q.Q),
		AssigneeID:        q.AssigneeID,
		TeamID:            q.TeamID,
		ContactID:         q.ContactID,
		UpdatedSince:      q.UpdatedSince,
		CreatedSince:      q.CreatedSince,
		Sort:              string(postgres.Deref(q.Sort)),
	}, request.Page(ctx, q.Limit, q.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListConversations200JSONResponse{
		Data: postgres.Each(found, conversation.Conversation.Wire), NextCursor: respond.Next(cursor),
	}, nil
}

// latestMessages is how many messages are included in a conversation.
const latestMessages = 50

// GetConversation implements GET /v1/conversations/{id}.
func (h *Handlers) GetConversation(ctx context.Context, r contract.GetConversationRequestObject) (
	contract.GetConversationResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	include, err := included(r.Params.Include)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Conversations.Get(ctx, p.TenantID, r.ID)
	if err != nil {
		return nil, err
	}
	body := c.Wire()
	if slices.Contains(include, "messages") {
		latest, err := h.store.Lists.LatestMessages(ctx, p.TenantID, c.ID, latestMessages)
		if err != nil {
			return nil, err
		}
		body.Messages = new(postgres.Each(latest, conversation.Message.Wire))
	}
	tag := etag(body)
	if matches(r.Params.IfNoneMatch, *tag) {
		return contract.GetConversation304Response{Headers: contract.GetConversation304ResponseHeaders{ETag: tag}}, nil
	}
	return contract.GetConversation200JSONResponse{
		Body: body, Headers: contract.GetConversation200ResponseHeaders{ETag: tag},
	}, nil
}

// ListTimeline implements GET /v1/conversations/{id}/timeline.
func (h *Handlers) ListTimeline(ctx context.Context, r contract.ListTimelineRequestObject) (
	contract.ListTimelineResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	entries, cursor, err := h.store.Lists.Timeline(
		ctx,
		p.TenantID,
		r.ID,
		request.Page(ctx, r.Params.Limit, r.Params.Cursor),
	)
	if err != nil {
		return nil, err
	}
	return contract.ListTimeline200JSONResponse{Data: respond.List(entries), NextCursor: respond.Next(cursor)}, nil
}

// includable is what a read of a conversation can be asked for besides.
var includable = []string{"messages", "contact"}

// included reads the parameter include. Errors: VALIDATION_FAILED for a name that it does not have.
func included(parameter *string) (names []string, err error) {
	if parameter == nil {
		return nil, nil
	}
	for name := range strings.SplitSeq(*parameter, ",") {
		if !slices.Contains(includable, name) {
			return nil, problem.Fields(problem.Field{
				Field: "include", Code: "invalid_value",
				Message: "must be names separated by commas, of " + strings.Join(includable, ", "),
			})
		}
		names = append(names, name)
	}
	return names, nil
}
