package api

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/account"
)

// ListChannels implements GET /v1/channels.
func (h *handlers) ListChannels(ctx context.Context, _ contract.ListChannelsRequestObject) (
	contract.ListChannelsResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Accounts.ChannelSettings(ctx, p.TenantID)
	if err != nil {
		return nil, err
	}
	return contract.ListChannels200JSONResponse{Data: each(found, account.Channel.Wire)}, nil
}

// GetChannel implements GET /v1/channels/{channel}.
func (h *handlers) GetChannel(ctx context.Context, r contract.GetChannelRequestObject) (
	contract.GetChannelResponseObject, error,
) {
	ctx, p := caller(ctx)
	found, err := h.store.Accounts.ChannelSetting(ctx, p.TenantID, r.Channel)
	return contract.GetChannel200JSONResponse(found.Wire()), err
}

// UpdateChannel implements PATCH /v1/channels/{channel}.
func (h *handlers) UpdateChannel(ctx context.Context, r contract.UpdateChannelRequestObject) (
	contract.UpdateChannelResponseObject, error,
) {
	ctx, p := caller(ctx)
	now, err := h.store.Accounts.UpdateChannel(ctx, p.TenantID, r.Channel, account.ChannelUpdate{
		DisplayName: r.Body.DisplayName, Enabled: r.Body.Enabled, DefaultTeamID: r.Body.DefaultTeamID,
	})
	return contract.UpdateChannel200JSONResponse(now.Wire()), err
}
