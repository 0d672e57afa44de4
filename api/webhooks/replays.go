package webhooks

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
)

// StartReplay implements POST /v1/webhooks/{id}/replay.
func (h *Handlers) StartReplay(ctx context.Context, r contract.StartReplayRequestObject) (
	contract.StartReplayResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	made, err := h.store.Replays.Start(ctx, p.TenantID, r.ID, webhook.NewReplay{
		Since: b.Since, Until: b.Until, Events: postgres.Deref(b.Events), OnlyFailed: postgres.Deref(b.OnlyFailed),
		May: p.MayReceive,
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/webhooks/" + r.ID.String() + "/replays/" + made.ID.String()
	return contract.StartReplay202JSONResponse{
		Body: made, Headers: contract.StartReplay202ResponseHeaders{Location: &location},
	}, nil
}

// ListReplays implements GET /v1/webhooks/{id}/replays.
func (h *Handlers) ListReplays(ctx context.Context, r contract.ListReplaysRequestObject) (
	contract.ListReplaysResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Replays.List(ctx, p.TenantID, r.ID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListReplays200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// GetReplay implements GET /v1/webhooks/{id}/replays/{replayId}.
func (h *Handlers) GetReplay(ctx context.Context, r contract.GetReplayRequestObject) (
	contract.GetReplayResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Replays.Get(ctx, p.TenantID, r.ID, r.ReplayID)
	return contract.GetReplay200JSONResponse(found), err
}

// CancelReplay implements DELETE /v1/webhooks/{id}/replays/{replayId}.
func (h *Handlers) CancelReplay(ctx context.Context, r contract.CancelReplayRequestObject) (
	contract.CancelReplayResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	now, err := h.store.Replays.Cancel(ctx, p.TenantID, r.ID, r.ReplayID)
	return contract.CancelReplay200JSONResponse(now), err
}
