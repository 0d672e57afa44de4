// Package worktime has the operations that the OpenAPI document tags SLA and Opening hours.
package worktime

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/worktime"
)

// Handlers are the operations about SLA policies, opening hours with holidays, and the SLA report.
type Handlers struct{ store *models.Store }

// New makes them, on a store.
func New(store *models.Store) *Handlers { return &Handlers{store} }

// ListSLAPolicies implements GET /v1/sla-policies.
func (h *Handlers) ListSLAPolicies(ctx context.Context, r contract.ListSLAPoliciesRequestObject) (
	contract.ListSLAPoliciesResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Worktime.SLAPolicies(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListSLAPolicies200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateSLAPolicy implements POST /v1/sla-policies.
func (h *Handlers) CreateSLAPolicy(ctx context.Context, r contract.CreateSLAPolicyRequestObject) (
	contract.CreateSLAPolicyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	made, err := h.store.Worktime.CreateSLAPolicy(ctx, p.TenantID, worktime.NewSLAPolicy{
		Name:              b.Name,
		Description:       postgres.Deref(b.Description),
		IgnoreOfficeHours: postgres.Deref(b.IgnoreOfficeHours),
		PauseWhileSnoozed: postgres.Deref(b.PauseWhileSnoozed),
		Targets:           b.Targets,
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/sla-policies/" + made.ID.String()
	return contract.CreateSLAPolicy201JSONResponse{
		Body: made, Headers: contract.CreateSLAPolicy201ResponseHeaders{Location: &location},
	}, nil
}

// GetSLAPolicy implements GET /v1/sla-policies/{id}.
func (h *Handlers) GetSLAPolicy(ctx context.Context, r contract.GetSLAPolicyRequestObject) (
	contract.GetSLAPolicyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Worktime.SLAPolicy(ctx, p.TenantID, r.ID)
	return contract.GetSLAPolicy200JSONResponse(found), err
}

// UpdateSLAPolicy implements PATCH /v1/sla-policies/{id}.
func (h *Handlers) UpdateSLAPolicy(ctx context.Context, r contract.UpdateSLAPolicyRequestObject) (
	contract.UpdateSLAPolicyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	now, err := h.store.Worktime.UpdateSLAPolicy(ctx, p.TenantID, r.ID, worktime.SLAPolicyUpdate{
		Name:              b.Name,
		Description:       b.Description,
		IgnoreOfficeHours: b.IgnoreOfficeHours,
		PauseWhileSnoozed: b.PauseWhileSnoozed,
		Targets:           b.Targets,
	})
	return contract.UpdateSLAPolicy200JSONResponse(now), err
}

// DeleteSLAPolicy implements DELETE /v1/sla-policies/{id}.
func (h *Handlers) DeleteSLAPolicy(ctx context.Context, r contract.DeleteSLAPolicyRequestObject) (
	contract.DeleteSLAPolicyResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteSLAPolicy204Response{}, h.store.Worktime.DeleteSLAPolicy(ctx, p.TenantID, r.ID)
}

// ListSLAAssignments implements GET /v1/sla-assignments.
func (h *Handlers) ListSLAAssignments(ctx context.Context, r contract.ListSLAAssignmentsRequestObject) (
	contract.ListSLAAssignmentsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Worktime.SLAAssignments(
		ctx,
		p.TenantID,
		r.Params.PolicyID,
		request.Page(ctx, r.Params.Limit, r.Params.Cursor),
	)
	if err != nil {
		return nil, err
	}
	return contract.ListSLAAssignments200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateSLAAssignment implements POST /v1/sla-assignments.
func (h *Handlers) CreateSLAAssignment(ctx context.Context, r contract.CreateSLAAssignmentRequestObject) (
	contract.CreateSLAAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	made, err := h.store.Worktime.CreateSLAAssignment(ctx, p.TenantID, worktime.NewSLAAssignment{
		PolicyID: r.Body.PolicyID, TeamID: r.Body.TeamID, Channel: r.Body.Channel,
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/sla-assignments/" + made.ID.String()
	return contract.CreateSLAAssignment201JSONResponse{
		Body: made, Headers: contract.CreateSLAAssignment201ResponseHeaders{Location: &location},
	}, nil
}

// GetSLAAssignment implements GET /v1/sla-assignments/{id}.
func (h *Handlers) GetSLAAssignment(ctx context.Context, r contract.GetSLAAssignmentRequestObject) (
	contract.GetSLAAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Worktime.SLAAssignment(ctx, p.TenantID, r.ID)
	return contract.GetSLAAssignment200JSONResponse(found), err
}

// DeleteSLAAssignment implements DELETE /v1/sla-assignments/{id}.
func (h *Handlers) DeleteSLAAssignment(ctx context.Context, r contract.DeleteSLAAssignmentRequestObject) (
	contract.DeleteSLAAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteSLAAssignment204Response{}, h.store.Worktime.DeleteSLAAssignment(ctx, p.TenantID, r.ID)
}

// GetSLAReport implements GET /v1/sla-report.
func (h *Handlers) GetSLAReport(ctx context.Context, r contract.GetSLAReportRequestObject) (
	contract.GetSLAReportResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	report, err := h.store.Worktime.Report(ctx, p.TenantID, worktime.ReportQuery{
		From:     r.Params.From,
		To:       r.Params.To,
		GroupBy:  string(postgres.Deref(r.Params.GroupBy)),
		PolicyID: r.Params.PolicyID,
		TeamID:   r.Params.TeamID,
		Channel:  (*string)(r.Params.Channel),
	})
	return contract.GetSLAReport200JSONResponse(report), err
}
