package conversations

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/postgres"
)

// PostMessage implements POST /v1/conversations/{id}/messages.
func (h *Handlers) PostMessage(ctx context.Context, r contract.PostMessageRequestObject) (
	contract.PostMessageResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	in := newMessage(r.Body)
	if call := idempotency.SharedCall(ctx); call != nil {
		answer, err := h.store.Conversations.PostMessageShared(ctx, call, p.TenantID, r.ID, p.Actor(), in, renderPosted)
		return recorded(answer), err
	}
	posted, err := h.store.Conversations.PostMessage(ctx, p.TenantID, r.ID, p.Actor(), in)
	if err != nil {
		return nil, err
	}
	return postedMessage(posted), nil
}

// postedMessage is the answer to a message.
func postedMessage(posted conversation.PostedMessage) contract.PostMessageResponseObject {
	body := contract.PostedMessage{Message: posted.Message.Wire(), Conversation: posted.Conversation.Wire()}
	tag := etag(body.Conversation)
	if posted.Replayed {
		return contract.PostMessage200JSONResponse{Body: body, Headers: contract.PostMessage200ResponseHeaders{ETag: tag}}
	}
	return contract.PostMessage201JSONResponse{Body: body, Headers: contract.PostMessage201ResponseHeaders{ETag: tag}}
}

// renderPosted writes the answer to a message before it is sent, to be stored with what it tells.
func renderPosted(posted conversation.PostedMessage) (idempotency.Answer, error) {
	return respond.Record(postedMessage(posted).VisitPostMessageResponse)
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
	found, cursor, err := h.store.Lists.Messages(
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
