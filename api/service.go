package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/api/contract"
)

// probeTime bounds how long a readiness probe waits for what it asks.
const probeTime = 2 * time.Second

// GetMe implements GET /v1/me.
func (h *handlers) GetMe(ctx context.Context, _ contract.GetMeRequestObject) (contract.GetMeResponseObject, error) {
	_, p := caller(ctx)
	me := contract.GetMe200JSONResponse{
		Type:        contract.MeType(p.Actor().Type),
		ID:          p.ID(),
		Name:        p.Name(),
		TenantID:    p.TenantID,
		Environment: contract.MeEnvironment(p.Environment),
		Scopes:      list(p.Scopes),
	}
	if p.Agent != nil {
		role := contract.Role(p.Role)
		me.Role = &role
	}
	return me, nil
}

// GetHealth implements GET /healthz: the process is there and answers.
func (h *handlers) GetHealth(context.Context, contract.GetHealthRequestObject) (contract.GetHealthResponseObject, error) {
	return contract.GetHealth200JSONResponse{Status: contract.HealthStatusOk}, nil
}

// GetReadiness implements GET /readyz.
func (h *handlers) GetReadiness(ctx context.Context, _ contract.GetReadinessRequestObject) (
	contract.GetReadinessResponseObject, error,
) {
	id := requestIDOf(ctx.(*gin.Context))
	ctx, _ = caller(ctx)
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	temporal := make(chan contract.ReadinessTemporal, 1)
	go func() { temporal <- h.temporalState(ctx) }() // at the same time: it may use up all of it
	err := h.store.DB.Ready(ctx)
	state := contract.Readiness{
		Status:   contract.Ready,
		Database: contract.ReadinessDatabaseOk,
		Temporal: <-temporal,
	}
	if err != nil {
		h.log.WarnContext(ctx, "not ready", "error", err, "requestId", id)
		state.Status, state.Database = contract.Unready, contract.ReadinessDatabaseUnavailable
		return contract.GetReadiness503JSONResponse(state), nil
	}
	return contract.GetReadiness200JSONResponse(state), nil
}

func (h *handlers) temporalState(ctx context.Context) contract.ReadinessTemporal {
	if h.temporal == nil {
		return contract.ReadinessTemporalUnconfigured
	}
	if _, err := h.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		h.log.LogAttrs(ctx, slog.LevelWarn, "Temporal does not answer", slog.Any("error", err))
		return contract.ReadinessTemporalUnavailable
	}
	return contract.ReadinessTemporalOk
}

// GetVersion implements GET /version.
func (h *handlers) GetVersion(context.Context, contract.GetVersionRequestObject) (contract.GetVersionResponseObject, error) {
	return contract.GetVersion200JSONResponse{Version: h.version}, nil
}
