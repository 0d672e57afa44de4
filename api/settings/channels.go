package settings

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
)

// ListChannels implements GET /v1/channels.
func (h *Handlers) ListChannels(ctx context.Context, _ contract.ListChannelsRequestObject) (
	contract.ListChannelsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Accounts.ChannelSettings(ctx, p.TenantID)
	if err != nil {
		return nil, err
	}
	return contract.ListChannels200JSONResponse{Data: postgres.Each(found, account.Channel.Wire)}, nil
}

// GetChannel implements GET /v1/channels/{channel}.
func (h *Handlers) GetChannel(ctx context.Context, r contract.GetChannelRequestObject) (
	contract.GetChannelResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Accounts.ChannelSetting(ctx, p.TenantID, r.Channel)
	return contract.GetChannel200JSONResponse(found.Wire()), err
}

// UpdateChannel implements PATCH /v1/channels/{channel}.
func (h *Handlers) UpdateChannel(ctx context.Context, r contract.UpdateChannelRequestObject) (
	contract.UpdateChannelResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	now, err := h.store.Accounts.UpdateChannel(ctx, p.TenantID, r.Channel, account.ChannelUpdate{
		DisplayName: r.Body.DisplayName, Enabled: r.Body.Enabled, DefaultTeamID: r.Body.DefaultTeamID,
	})
	return contract.UpdateChannel200JSONResponse(now.Wire()), err
}
