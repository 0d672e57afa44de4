package settings

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
)

// GetMe implements GET /v1/me.
func (h *Handlers) GetMe(ctx context.Context, _ contract.GetMeRequestObject) (contract.GetMeResponseObject, error) {
	_, p := request.Caller(ctx)
	me := contract.GetMe200JSONResponse{
		Type:        contract.MeType(p.Actor().Type),
		ID:          p.ID(),
		Name:        p.Name(),
		TenantID:    p.TenantID,
		Environment: contract.MeEnvironment(p.Environment),
		Scopes:      respond.List(p.Scopes),
	}
	if p.Agent != nil {
		role := contract.Role(p.Role)
		me.Role = &role
	}
	return me, nil
}
