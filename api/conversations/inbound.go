package conversations

import (
	"context"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/idempotency"
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
	if call := idempotency.SharedCall(ctx); call != nil {
		answer, err := h.store.Conversations.CreateShared(ctx, call, p.TenantID, p.Actor(), in,
			func(c conversation.Conversation) (idempotency.Answer, error) {
				return respond.Record(createdInbound(c).VisitCreateInboundConversationResponse)
			})
		return recorded(answer), err
	}
	c, err := h.store.Conversations.Create(ctx, p.TenantID, p.Actor(), in)
	if taken, ok := problem.As(err); ok && taken.Code == problem.CodeExternalReferenceExists {
		id, _ := taken.Details["conversationId"].(uuid.UUID)
		if c, err = h.store.Conversations.Get(ctx, p.TenantID, id); err != nil {
			return nil, err
		}
		request.SetConversation(ctx, c.ID)
		body := c.Wire()
		return contract.CreateInboundConversation200JSONResponse{
			Body: body, Headers: contract.CreateInboundConversation200ResponseHeaders{ETag: etag(body)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return createdInbound(c), nil
}

func createdInbound(c conversation.Conversation) contract.CreateInboundConversation201JSONResponse {
	body, location := c.Wire(), locationOf(c)
	return contract.CreateInboundConversation201JSONResponse{
		Body:    body,
		Headers: contract.CreateInboundConversation201ResponseHeaders{ETag: etag(body), Location: &location},
	}
}
