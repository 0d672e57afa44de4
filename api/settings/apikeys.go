package settings

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
)

// usageDays is how many days of use are shown when the request does not say.
const usageDays = 30

// ListAPIKeys implements GET /v1/api-keys.
func (h *Handlers) ListAPIKeys(ctx context.Context, r contract.ListAPIKeysRequestObject) (
	contract.ListAPIKeysResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Keys.Page(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListAPIKeys200JSONResponse{
		Data:       postgres.Each(found, account.APIKey.Wire),
		NextCursor: respond.Next(cursor),
	}, nil
}

// CreateAPIKey implements POST /v1/api-keys.
func (h *Handlers) CreateAPIKey(ctx context.Context, r contract.CreateAPIKeyRequestObject) (
	contract.CreateAPIKeyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	made, plain, err := h.store.Keys.Grant(ctx, p, account.NewKey{
		Name: r.Body.Name, Description: postgres.Deref(r.Body.Description), Scopes: r.Body.Scopes,
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
func (h *Handlers) GetAPIKey(ctx context.Context, r contract.GetAPIKeyRequestObject) (
	contract.GetAPIKeyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Keys.Get(ctx, p.TenantID, r.ID)
	return contract.GetAPIKey200JSONResponse(found.Wire()), err
}

// RevokeAPIKey implements DELETE /v1/api-keys/{id}.
func (h *Handlers) RevokeAPIKey(ctx context.Context, r contract.RevokeAPIKeyRequestObject) (
	contract.RevokeAPIKeyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.RevokeAPIKey204Response{}, h.store.Keys.RevokeBy(ctx, p, r.ID)
}

// GetAPIKeyUsage implements GET /v1/api-keys/{id}/usage.
func (h *Handlers) GetAPIKeyUsage(ctx context.Context, r contract.GetAPIKeyUsageRequestObject) (
	contract.GetAPIKeyUsageResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
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
