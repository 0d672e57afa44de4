package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

// ListDeliveries implements GET /v1/webhooks/{id}/deliveries.
func (h *handlers) ListDeliveries(ctx context.Context, r contract.ListDeliveriesRequestObject) (
	contract.ListDeliveriesResponseObject, error,
) {
	ctx, p := caller(ctx)
	q := r.Params
	found, cursor, err := h.store.Webhooks.Deliveries(ctx, p.TenantID, r.ID, webhook.DeliveryFilter{
		Status:         string(value(q.Status)),
		Event:          string(value(q.Event)),
		ConversationID: q.ConversationID,
		Since:          q.Since,
	}, page(q.Limit, q.Cursor))
	if err != nil {
		return nil, err
	}
	hideExcerpts(p, found)
	return contract.ListDeliveries200JSONResponse{Data: list(found), NextCursor: next(cursor)}, nil
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
func (h *handlers) GetDelivery(ctx context.Context, r contract.GetDeliveryRequestObject) (
	contract.GetDeliveryResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Webhooks.Delivery(ctx, p.TenantID, r.ID, r.DeliveryID, p.MayReceive)
	if err != nil {
		return nil, err
	}
	return deliveryDetail(found), nil
}

// Redeliver implements POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver.
func (h *handlers) Redeliver(ctx context.Context, r contract.RedeliverRequestObject) (
	contract.RedeliverResponseObject, error,
) {
	ctx, p := caller(ctx)
	now, err := h.store.Webhooks.Redeliver(ctx, p.TenantID, r.ID, r.DeliveryID, p.MayReceive)
	return contract.Redeliver202JSONResponse(now), err
}

// deliveryDetail is the answer, with its payload as it is.
type deliveryDetail wire.DeliveryDetail

// VisitGetDeliveryResponse implements contract.GetDeliveryResponseObject.
func (d deliveryDetail) VisitGetDeliveryResponse(w http.ResponseWriter) error {
	return writeVerbatim(w, d)
}

// writeVerbatim answers with v, whose payloads are written as they are: generated answers are written as HTML can hold
// them, and payloads would not be the bytes that webhooks carry any more.
func writeVerbatim(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(http.StatusOK)
	_, err := b.WriteTo(w)
	return err
}
