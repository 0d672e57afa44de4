package api

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
)

// usageDays is how many days of use are shown when the request does not say.
const usageDays = 30

// countUse counts the requests of keys, refused ones too, by endpoint.
func countUse(store *models.Store, doc *document) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		op := doc.operationOf(c.Request, c.FullPath())
		if p, ok := principalOf(c); ok && op != nil && store != nil {
			store.Keys.CountRequest(p, op.endpoint, c.Writer.Status())
		}
	}
}

// ListAPIKeys implements GET /v1/api-keys.
func (h *handlers) ListAPIKeys(ctx context.Context, r contract.ListAPIKeysRequestObject) (
	contract.ListAPIKeysResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, cursor, err := h.store.Keys.Page(ctx, p.TenantID, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListAPIKeys200JSONResponse{Data: each(found, account.APIKey.Wire), NextCursor: next(cursor)}, nil
}

// CreateAPIKey implements POST /v1/api-keys.
func (h *handlers) CreateAPIKey(ctx context.Context, r contract.CreateAPIKeyRequestObject) (
	contract.CreateAPIKeyResponseObject, error,
) {
	ctx, p := caller(ctx)
	made, plain, err := h.store.Keys.Grant(ctx, p, account.NewKey{
		Name: r.Body.Name, Description: value(r.Body.Description), Scopes: r.Body.Scopes,
	})
	if err != nil {
		return nil, err
	}
	body := made.Wire()
	body.Key = &plain
	location := "/v1/api-keys/" + made.ID.String()
	return contract.CreateAPIKey201JSONResponse{
		Body: body, Headers: contract.CreateAPIKey201ResponseHeaders{Location: &location},
	}, nil
}

// GetAPIKey implements GET /v1/api-keys/{id}.
func (h *handlers) GetAPIKey(ctx context.Context, r contract.GetAPIKeyRequestObject) (contract.GetAPIKeyResponseObject, error) {
	ctx, p := caller(ctx)
	found, err := h.store.Keys.Get(ctx, p.TenantID, r.ID)
	return contract.GetAPIKey200JSONResponse(found.Wire()), err
}

// RevokeAPIKey implements DELETE /v1/api-keys/{id}.
func (h *handlers) RevokeAPIKey(ctx context.Context, r contract.RevokeAPIKeyRequestObject) (
	contract.RevokeAPIKeyResponseObject, error,
) {
	ctx, p := caller(ctx)
	return contract.RevokeAPIKey204Response{}, h.store.Keys.RevokeBy(ctx, p, r.ID)
}

// GetAPIKeyUsage implements GET /v1/api-keys/{id}/usage.
func (h *handlers) GetAPIKeyUsage(ctx context.Context, r contract.GetAPIKeyUsageRequestObject) (
	contract.GetAPIKeyUsageResponseObject, error,
) {
	ctx, p := caller(ctx)
	days := usageDays
	if r.Params.Days != nil {
		days = *r.Params.Days
	}
	rows, err := h.store.Keys.Usage(ctx, p.TenantID, r.ID, days)
	if err != nil {
		return nil, err
	}
	return contract.GetAPIKeyUsage200JSONResponse{Data: rows}, nil
}
