package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
)

// probeTime bounds how long a readiness probe waits for what it asks.
const probeTime = 2 * time.Second

// service are the operations that the OpenAPI document tags Service.
type service struct {
	store    *models.Store
	temporal client.Client // nil: not configured
	log      *slog.Logger
	version  string
}

// GetHealth implements GET /healthz: the process is there and answers.
func (s *service) GetHealth(context.Context, contract.GetHealthRequestObject) (contract.GetHealthResponseObject, error) {
	return contract.GetHealth200JSONResponse{Status: contract.HealthStatusOk}, nil
}

// GetReadiness implements GET /readyz.
func (s *service) GetReadiness(ctx context.Context, _ contract.GetReadinessRequestObject) (
	contract.GetReadinessResponseObject, error,
) {
	ctx, _ = request.Caller(ctx)
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	temporal := make(chan contract.ReadinessTemporal, 1)
	go func() { temporal <- s.temporalState(ctx) }() // at the same time: it may use up all of it
	err := s.store.DB.Ready(ctx)
	state := contract.Readiness{
		Status:   contract.Ready,
		Database: contract.ReadinessDatabaseOk,
		Temporal: <-temporal,
	}
	if err != nil {
		s.log.WarnContext(ctx, "not ready", "error", err)
		state.Status, state.Database = contract.Unready, contract.ReadinessDatabaseUnavailable
		if unmigrated, ok := errors.AsType[*postgres.UnmigratedError](err); ok {
			state.Database, state.MissingMigrations = contract.ReadinessDatabaseUnmigrated, unmigrated.Missing
		}
		return contract.GetReadiness503JSONResponse(state), nil
	}
	return contract.GetReadiness200JSONResponse(state), nil
}

func (s *service) temporalState(ctx context.Context) contract.ReadinessTemporal {
	if s.temporal == nil {
		return contract.ReadinessTemporalUnconfigured
	}
	if _, err := s.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "Temporal does not answer", slog.Any("error", err))
		return contract.ReadinessTemporalUnavailable
	}
	return contract.ReadinessTemporalOk
}

// GetVersion implements GET /version.
func (s *service) GetVersion(context.Context, contract.GetVersionRequestObject) (contract.GetVersionResponseObject, error) {
	return contract.GetVersion200JSONResponse{Version: s.version}, nil
}
