package conversations

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// PostMessage implements POST /v1/conversations/{id}/messages.
func (h *Handlers) PostMessage(ctx context.Context, r contract.PostMessageRequestObject) (
	contract.PostMessageResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	posted, err := h.store.Conversations.PostMessage(ctx, p.TenantID, r.ID, p.Actor(), newMessage(r.Body))
	if err != nil {
		return nil, err
	}
	body := contract.PostedMessage{Message: posted.Message.Wire(), Conversation: posted.Conversation.Wire()}
	tag := etag(body.Conversation)
	if posted.Replayed {
		return contract.PostMessage200JSONResponse{
			Body: body, Headers: contract.PostMessage200ResponseHeaders{ETag: tag},
		}, nil
	}
	return contract.PostMessage201JSONResponse{
		Body: body, Headers: contract.PostMessage201ResponseHeaders{ETag: tag},
	}, nil
}

func newMessage(b *contract.NewMessage) conversation.NewMessage {
	direction := contract.Outbound
	if b.Direction != nil {
		direction = *b.Direction
	}
	return conversation.NewMessage{
		Direction:  conversation.Direction(direction),
		Text:       b.Text,
		HTML:       b.HTML,
		ExternalID: b.ExternalID,
		SentAt:     b.SentAt,
		AgentID:    b.AgentID,
		Automated:  postgres.Deref(b.Automated),
		Metadata:   postgres.Deref(b.Metadata),
		Resolve:    postgres.Deref(b.Resolve),
	}
}

// ListMessages implements GET /v1/conversations/{id}/messages.
func (h *Handlers) ListMessages(ctx context.Context, r contract.ListMessagesRequestObject) (
	contract.ListMessagesResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Conversations.Messages(
		ctx,
		p.TenantID,
		r.ID,
		request.Page(ctx, r.Params.Limit, r.Params.Cursor),
	)
	if err != nil {
		return nil, err
	}
	return contract.ListMessages200JSONResponse{
		Data:       postgres.Each(found, conversation.Message.Wire),
		NextCursor: respond.Next(cursor),
	}, nil
}
