package api

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/worktime"
)

// GetSettings implements GET /v1/settings.
func (h *handlers) GetSettings(ctx context.Context, _ contract.GetSettingsRequestObject) (
	contract.GetSettingsResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Worktime.Settings(ctx, p.TenantID)
	return contract.GetSettings200JSONResponse(found), err
}

// UpdateSettings implements PATCH /v1/settings.
func (h *handlers) UpdateSettings(ctx context.Context, r contract.UpdateSettingsRequestObject) (
	contract.UpdateSettingsResponseObject, error,
) {
	ctx, p := caller(ctx)
	now, err := h.store.Worktime.UpdateSettings(ctx, p.TenantID, worktime.SettingsUpdate{
		AutoArchive: r.Body.AutoArchive, UnknownTags: (*string)(r.Body.UnknownTags),
	})
	return contract.UpdateSettings200JSONResponse(now), err
}
