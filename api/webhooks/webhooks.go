// Package webhooks has the operations that the OpenAPI document tags Webhooks and Events.
package webhooks

import (
	"context"
	"time"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
)

// Handlers are the operations about subscriptions, their deliveries, replays and tests, and the feed of events.
type Handlers struct {
	store *models.Store
	tests *tests
}

// New makes them, on a store. Where tester is nil, webhooks cannot be tested.
func New(store *models.Store, tester TestSender) *Handlers { return &Handlers{store, newTests(tester)} }

// defaultGrace is how long an old secret signs too when the request does not say.
const defaultGrace = 24 * time.Hour

// ListWebhooks implements GET /v1/webhooks.
func (h *Handlers) ListWebhooks(ctx context.Context, r contract.ListWebhooksRequestObject) (
	contract.ListWebhooksResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Webhooks.List(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListWebhooks200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateWebhook implements POST /v1/webhooks.
func (h *Handlers) CreateWebhook(ctx context.Context, r contract.CreateWebhookRequestObject) (
	contract.CreateWebhookResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	made, err := h.store.Webhooks.Create(ctx, p.TenantID, webhook.NewSubscription{
		Name:         b.Name,
		URL:          b.URL,
		Events:       b.Events,
		Description:  postgres.Deref(b.Description),
		IsActive:     b.IsActive,
		Headers:      postgres.Deref(b.Headers),
		MaxPerSecond: b.MaxPerSecond,
		MaxInFlight:  b.MaxInFlight,
		Retry:        postgres.Deref(b.Retry),
		Filter:       b.Filter,
		Signing:      string(postgres.Deref(b.Signing)),
		Ordering:     string(postgres.Deref(b.Ordering)),
		May:          p.MayReceive,
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/webhooks/" + made.ID.String()
	return contract.CreateWebhook201JSONResponse{
		Body: made, Headers: contract.CreateWebhook201ResponseHeaders{Location: &location},
	}, nil
}

// GetWebhook implements GET /v1/webhooks/{id}.
func (h *Handlers) GetWebhook(ctx context.Context, r contract.GetWebhookRequestObject) (
	contract.GetWebhookResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Webhooks.Get(ctx, p.TenantID, r.ID)
	return contract.GetWebhook200JSONResponse(found), err
}

// UpdateWebhook implements PATCH /v1/webhooks/{id}.
func (h *Handlers) UpdateWebhook(ctx context.Context, r contract.UpdateWebhookRequestObject) (
	contract.UpdateWebhookResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	now, err := h.store.Webhooks.Update(ctx, p.TenantID, r.ID, webhook.SubscriptionUpdate{
		Name:         b.Name,
		URL:          b.URL,
		Events:       b.Events,
		Description:  b.Description,
		IsActive:     b.IsActive,
		Headers:      b.Headers,
		MaxPerSecond: b.MaxPerSecond,
		MaxInFlight:  b.MaxInFlight,
		Retry:        b.Retry,
		Filter:       b.Filter,
		Ordering:     (*string)(b.Ordering),
		May:          p.MayReceive,
	})
	return contract.UpdateWebhook200JSONResponse(now), err
}

// DeleteWebhook implements DELETE /v1/webhooks/{id}.
func (h *Handlers) DeleteWebhook(ctx context.Context, r contract.DeleteWebhookRequestObject) (
	contract.DeleteWebhookResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteWebhook204Response{}, h.store.Webhooks.Delete(ctx, p.TenantID, r.ID)
}

// RotateWebhookSecret implements POST /v1/webhooks/{id}/rotate-secret.
func (h *Handlers) RotateWebhookSecret(ctx context.Context, r contract.RotateWebhookSecretRequestObject) (
	contract.RotateWebhookSecretResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	grace := defaultGrace
	if r.Body != nil && r.Body.GraceHours != nil {
		grace = time.Duration(*r.Body.GraceHours) * time.Hour
	}
	now, err := h.store.Webhooks.RotateSecret(ctx, p.TenantID, r.ID, grace, p.MayReceive)
	return contract.RotateWebhookSecret200JSONResponse(now), err
}

// ListWebhookPublicKeys implements GET /v1/webhooks/{id}/public-keys.
func (h *Handlers) ListWebhookPublicKeys(ctx context.Context, r contract.ListWebhookPublicKeysRequestObject) (
	contract.ListWebhookPublicKeysResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Webhooks.PublicKeys(ctx, p.TenantID, r.ID)
	return contract.ListWebhookPublicKeys200JSONResponse{Data: respond.List(found)}, err
}
