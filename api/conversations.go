package api

import (
	"context"
	"slices"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/conversation"
)

// CreateOutboundConversation implements POST /v1/conversations/outbound.
func (h *handlers) CreateOutboundConversation(ctx context.Context, r contract.CreateOutboundConversationRequestObject) (
	contract.CreateOutboundConversationResponseObject, error,
) {
	ctx, p := caller(ctx)
	in, err := newConversation(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Conversations.Create(ctx, p.TenantID, p.Actor(), in)
	if err != nil {
		return nil, err
	}
	body, location := c.Wire(), "/v1/conversations/"+c.ID.String()
	return contract.CreateOutboundConversation201JSONResponse{
		Body:    body,
		Headers: contract.CreateOutboundConversation201ResponseHeaders{ETag: etag(body), Location: &location},
	}, nil
}

func newConversation(b *contract.NewOutboundConversation) (conversation.NewConversation, error) {
	in := conversation.NewConversation{
		ExternalReference: b.ExternalReference,
		Subject:           b.Subject,
		Channel:           string(value(b.Channel)),
		Contact:           conversation.NewContact{Email: b.Contact.Email, Name: value(b.Contact.Name)},
		Tags:              b.Tags,
		CustomFields:      value(b.CustomFields),
	}
	if b.Contact.Phone != nil {
		phone, err := normalPhone(*b.Contact.Phone)
		if err != nil {
			return in, err // validate has let only E.164 through
		}
		in.Contact.Phone = phone
	}
	if said := b.OutboundContext; said != nil {
		in.Metadata = value(said.Metadata)
		if value(said.OriginalMessage) != "" || value(said.OriginalHTML) != "" {
			in.Message = &conversation.FirstMessage{Text: said.OriginalMessage, HTML: said.OriginalHTML, SentAt: said.SentAt}
		}
	}
	return in, nil
}

// ListConversations implements GET /v1/conversations.
func (h *handlers) ListConversations(ctx context.Context, r contract.ListConversationsRequestObject) (
	contract.ListConversationsResponseObject, error,
) {
	ctx, p := caller(ctx)
	q := r.Params
	found, cursor, err := h.store.Conversations.List(ctx, p.TenantID, conversation.Filter{
		Status:            string(value(q.Status)),
		Channel:           string(value(q.Channel)),
		Tag:               value(q.Tag),
		ExternalReference: value(q.ExternalReference),
		Engagement:        string(value(q.Engagement)),
		SLAState:          string(value(q.SLAState)),
		Query:             value(q.Q),
		AssigneeID:        q.AssigneeID,
		TeamID:            q.TeamID,
		ContactID:         q.ContactID,
		UpdatedSince:      q.UpdatedSince,
		CreatedSince:      q.CreatedSince,
		Sort:              string(value(q.Sort)),
	}, page(q.Limit, q.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListConversations200JSONResponse{
		Data: each(found, conversation.Conversation.Wire), NextCursor: next(cursor),
	}, nil
}

// latestMessages is how many messages are included in a conversation.
const latestMessages = 50

// GetConversation implements GET /v1/conversations/{id}.
func (h *handlers) GetConversation(ctx context.Context, r contract.GetConversationRequestObject) (
	contract.GetConversationResponseObject, error,
) {
	ctx, p := caller(ctx)
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
		latest, err := h.store.Conversations.LatestMessages(ctx, p.TenantID, c.ID, latestMessages)
		if err != nil {
			return nil, err
		}
		body.Messages = new(each(latest, conversation.Message.Wire))
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
func (h *handlers) ListTimeline(ctx context.Context, r contract.ListTimelineRequestObject) (
	contract.ListTimelineResponseObject, error,
) {
	ctx, p := caller(ctx)
	entries, cursor, err := h.store.Conversations.Timeline(ctx, p.TenantID, r.ID, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListTimeline200JSONResponse{Data: list(entries), NextCursor: next(cursor)}, nil
}
