// Package settings has the operations that the OpenAPI document tags Settings, Channels, Account and Console: the tenant's
// settings, its channels and API keys, and who the caller is.
package settings

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/origin"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/worktime"
)

// Handlers are the operations about settings, channels, API keys, the caller, and sessions of agents.
type Handlers struct {
	store        *models.Store
	origin       origin.Origin // the console's
	version      string        // of this binary, which sessions show
	workflowsURL string        // where owners find workflows in Temporal UI; empty for nowhere
}

// New makes them, on a store.
func New(store *models.Store, console origin.Origin, version, workflowsURL string) *Handlers {
	return &Handlers{store, console, version, workflowsURL}
}

// GetSettings implements GET /v1/settings.
func (h *Handlers) GetSettings(ctx context.Context, _ contract.GetSettingsRequestObject) (
	contract.GetSettingsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Worktime.Settings(ctx, p.TenantID)
	return contract.GetSettings200JSONResponse(found), err
}

// UpdateSettings implements PATCH /v1/settings.
func (h *Handlers) UpdateSettings(ctx context.Context, r contract.UpdateSettingsRequestObject) (
	contract.UpdateSettingsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	now, err := h.store.Worktime.UpdateSettings(ctx, p.TenantID, worktime.SettingsUpdate{
		AutoArchive: r.Body.AutoArchive, UnknownTags: (*string)(r.Body.UnknownTags),
	})
	return contract.UpdateSettings200JSONResponse(now), err
}
