package webhooks

import (
	"context"
	"net/http"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// ListDeliveries implements GET /v1/webhooks/{id}/deliveries.
func (h *Handlers) ListDeliveries(ctx context.Context, r contract.ListDeliveriesRequestObject) (
	contract.ListDeliveriesResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	q := r.Params
	found, cursor, err := h.store.Webhooks.Deliveries(ctx, p.TenantID, r.ID, webhook.DeliveryFilter{
		Status:         string(postgres.Deref(q.Status)),
		Event:          string(postgres.Deref(q.Event)),
		ConversationID: q.ConversationID,
		Since:          q.Since,
	}, request.Page(ctx, q.Limit, q.Cursor))
	if err != nil {
		return nil, err
	}
	hideExcerpts(p, found)
	return contract.ListDeliveries200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// hideExcerpts leaves out what endpoints have answered to events that the caller may not see: it may repeat them.
func hideExcerpts(p account.Principal, deliveries []wire.Delivery) {
	for i := range deliveries {
		d := &deliveries[i]
		if d.LastAttempt != nil && p.MayReceive(d.Event) != nil {
			d.LastAttempt.Excerpt = nil
		}
	}
}

// GetDelivery implements GET /v1/webhooks/{id}/deliveries/{deliveryId}.
func (h *Handlers) GetDelivery(ctx context.Context, r contract.GetDeliveryRequestObject) (
	contract.GetDeliveryResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Webhooks.Delivery(ctx, p.TenantID, r.ID, r.DeliveryID, p.MayReceive)
	if err != nil {
		return nil, err
	}
	return deliveryDetail(found), nil
}

// Redeliver implements POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver.
func (h *Handlers) Redeliver(ctx context.Context, r contract.RedeliverRequestObject) (
	contract.RedeliverResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	now, err := h.store.Webhooks.Redeliver(ctx, p.TenantID, r.ID, r.DeliveryID, p.MayReceive)
	return contract.Redeliver202JSONResponse(now), err
}

// deliveryDetail is the answer, with its payload as it is.
type deliveryDetail wire.DeliveryDetail

// VisitGetDeliveryResponse implements contract.GetDeliveryResponseObject.
func (d deliveryDetail) VisitGetDeliveryResponse(w http.ResponseWriter) error {
	return respond.Verbatim(w, d)
}
