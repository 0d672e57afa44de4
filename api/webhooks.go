package api

import (
	"context"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/webhook"
)

// defaultGrace is how long an old secret signs too when the request does not say.
const defaultGrace = 24 * time.Hour

// webhooksEnabled refuses everything under /v1/webhooks to tenants that have none, before looking at what was asked.
func webhooksEnabled(store *models.Store, e errorResponder) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !strings.HasPrefix(c.FullPath(), "/v1/webhooks") {
			return
		}
		if p, ok := principalOf(c); ok {
			if err := store.Webhooks.Enabled(c.Request.Context(), p.TenantID); err != nil {
				e.respond(c, err)
			}
		}
	}
}

// ListWebhooks implements GET /v1/webhooks.
func (h *handlers) ListWebhooks(ctx context.Context, r contract.ListWebhooksRequestObject) (
	contract.ListWebhooksResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, cursor, err := h.store.Webhooks.List(ctx, p.TenantID, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListWebhooks200JSONResponse{Data: list(found), NextCursor: next(cursor)}, nil
}

// CreateWebhook implements POST /v1/webhooks.
func (h *handlers) CreateWebhook(ctx context.Context, r contract.CreateWebhookRequestObject) (
	contract.CreateWebhookResponseObject, error,
) {
	ctx, p := caller(ctx)
	b := r.Body
	made, err := h.store.Webhooks.Create(ctx, p.TenantID, webhook.NewSubscription{
		Name:         b.Name,
		URL:          b.URL,
		Events:       b.Events,
		Description:  value(b.Description),
		IsActive:     b.IsActive,
		Headers:      value(b.Headers),
		MaxPerSecond: b.MaxPerSecond,
		MaxInFlight:  b.MaxInFlight,
		Retry:        value(b.Retry),
		Filter:       b.Filter,
		Signing:      string(value(b.Signing)),
		Ordering:     string(value(b.Ordering)),
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
func (h *handlers) GetWebhook(ctx context.Context, r contract.GetWebhookRequestObject) (
	contract.GetWebhookResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Webhooks.Get(ctx, p.TenantID, r.ID)
	return contract.GetWebhook200JSONResponse(found), err
}

// UpdateWebhook implements PATCH /v1/webhooks/{id}.
func (h *handlers) UpdateWebhook(ctx context.Context, r contract.UpdateWebhookRequestObject) (
	contract.UpdateWebhookResponseObject, error,
) {
	ctx, p := caller(ctx)
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
func (h *handlers) DeleteWebhook(ctx context.Context, r contract.DeleteWebhookRequestObject) (
	contract.DeleteWebhookResponseObject, error,
) {
	ctx, p := caller(ctx)
	return contract.DeleteWebhook204Response{}, h.store.Webhooks.Delete(ctx, p.TenantID, r.ID)
}

// RotateWebhookSecret implements POST /v1/webhooks/{id}/rotate-secret.
func (h *handlers) RotateWebhookSecret(ctx context.Context, r contract.RotateWebhookSecretRequestObject) (
	contract.RotateWebhookSecretResponseObject, error,
) {
	ctx, p := caller(ctx)
	grace := defaultGrace
	if r.Body != nil && r.Body.GraceHours != nil {
		grace = time.Duration(*r.Body.GraceHours) * time.Hour
	}
	now, err := h.store.Webhooks.RotateSecret(ctx, p.TenantID, r.ID, grace, p.MayReceive)
	return contract.RotateWebhookSecret200JSONResponse(now), err
}

// ListWebhookPublicKeys implements GET /v1/webhooks/{id}/public-keys.
func (h *handlers) ListWebhookPublicKeys(ctx context.Context, r contract.ListWebhookPublicKeysRequestObject) (
	contract.ListWebhookPublicKeysResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Webhooks.PublicKeys(ctx, p.TenantID, r.ID)
	return contract.ListWebhookPublicKeys200JSONResponse{Data: list(found)}, err
}
