package conversations

import (
	"context"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/problem"
)

// CreateInboundConversation implements POST /v1/conversations/inbound.
func (h *Handlers) CreateInboundConversation(ctx context.Context, r contract.CreateInboundConversationRequestObject) (
	contract.CreateInboundConversationResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	in, err := newConversation(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Conversations.Create(ctx, p.TenantID, p.Actor(), in)
	if taken, ok := problem.As(err); ok && taken.Code == "EXTERNAL_REFERENCE_EXISTS" {
		id, _ := taken.Details["conversationId"].(uuid.UUID)
		if c, err = h.store.Conversations.Get(ctx, p.TenantID, id); err != nil {
			return nil, err
		}
		body := c.Wire()
		return contract.CreateInboundConversation200JSONResponse{
			Body: body, Headers: contract.CreateInboundConversation200ResponseHeaders{ETag: etag(body)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	body, location := c.Wire(), "/v1/conversations/"+c.ID.String()
	return contract.CreateInboundConversation201JSONResponse{
		Body:    body,
		Headers: contract.CreateInboundConversation201ResponseHeaders{ETag: etag(body), Location: &location},
	}, nil
}
