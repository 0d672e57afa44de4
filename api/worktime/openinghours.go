package worktime

import (
	"context"
	"time"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/worktime"
)

// defaultPreview is how many windows a preview shows when the request does not say.
const defaultPreview = 10

// ListOpeningHours implements GET /v1/opening-hours.
func (h *Handlers) ListOpeningHours(ctx context.Context, r contract.ListOpeningHoursRequestObject) (
	contract.ListOpeningHoursResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Worktime.ListOpeningHours(
		ctx,
		p.TenantID,
		request.Page(ctx, r.Params.Limit, r.Params.Cursor),
	)
	if err != nil {
		return nil, err
	}
	return contract.ListOpeningHours200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateOpeningHours implements POST /v1/opening-hours.
func (h *Handlers) CreateOpeningHours(ctx context.Context, r contract.CreateOpeningHoursRequestObject) (
	contract.CreateOpeningHoursResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	made, err := h.store.Worktime.CreateOpeningHours(ctx, p.TenantID, worktime.NewOpeningHours{
		Name: b.Name,
		Rule: calendar.Rule{
			Zone: b.TimeZone, Weekly: b.Weekly, Holidays: postgres.Deref(b.Holidays), Overrides: postgres.Deref(b.Overrides),
		},
		IsDefault: postgres.Deref(b.IsDefault),
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/opening-hours/" + made.ID.String()
	return contract.CreateOpeningHours201JSONResponse{
		Body: made, Headers: contract.CreateOpeningHours201ResponseHeaders{Location: &location},
	}, nil
}

// PreviewOpeningHours implements POST /v1/opening-hours/preview.
func (h *Handlers) PreviewOpeningHours(ctx context.Context, r contract.PreviewOpeningHoursRequestObject) (
	contract.PreviewOpeningHoursResponseObject, error,
) {
	ctx, _ = request.Caller(ctx)
	b := r.Body
	rule := calendar.Rule{
		Zone: b.TimeZone, Weekly: b.Weekly, Holidays: postgres.Deref(b.Holidays), Overrides: postgres.Deref(b.Overrides),
	}
	at, n := previewFrom(r.Params.At, r.Params.N)
	preview, err := worktime.PreviewHours(ctx, rule, at, n)
	return contract.PreviewOpeningHours200JSONResponse(preview), err
}

func previewFrom(at *time.Time, n *int) (time.Time, int) {
	if at == nil {
		now := time.Now()
		at = &now
	}
	if n == nil {
		return *at, defaultPreview
	}
	return *at, *n
}

// GetOpeningHours implements GET /v1/opening-hours/{id}.
func (h *Handlers) GetOpeningHours(ctx context.Context, r contract.GetOpeningHoursRequestObject) (
	contract.GetOpeningHoursResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Worktime.OpeningHours(ctx, p.TenantID, r.ID)
	return contract.GetOpeningHours200JSONResponse(found), err
}

// UpdateOpeningHours implements PATCH /v1/opening-hours/{id}.
func (h *Handlers) UpdateOpeningHours(ctx context.Context, r contract.UpdateOpeningHoursRequestObject) (
	contract.UpdateOpeningHoursResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	now, err := h.store.Worktime.UpdateOpeningHours(ctx, p.TenantID, r.ID, worktime.OpeningHoursUpdate{
		Name:      b.Name,
		Zone:      b.TimeZone,
		Weekly:    b.Weekly,
		Holidays:  b.Holidays,
		Overrides: b.Overrides,
		IsDefault: b.IsDefault,
	})
	return contract.UpdateOpeningHours200JSONResponse(now), err
}

// DeleteOpeningHours implements DELETE /v1/opening-hours/{id}.
func (h *Handlers) DeleteOpeningHours(ctx context.Context, r contract.DeleteOpeningHoursRequestObject) (
	contract.DeleteOpeningHoursResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteOpeningHours204Response{}, h.store.Worktime.DeleteOpeningHours(ctx, p.TenantID, r.ID)
}

// GetOpeningHoursPreview implements GET /v1/opening-hours/{id}/preview.
func (h *Handlers) GetOpeningHoursPreview(ctx context.Context, r contract.GetOpeningHoursPreviewRequestObject) (
	contract.GetOpeningHoursPreviewResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	at, n := previewFrom(r.Params.At, r.Params.N)
	preview, err := h.store.Worktime.OpeningHoursPreview(ctx, p.TenantID, r.ID, at, n)
	return contract.GetOpeningHoursPreview200JSONResponse(preview), err
}

// ListOpeningHoursAssignments implements GET /v1/opening-hours-assignments.
func (h *Handlers) ListOpeningHoursAssignments(
	ctx context.Context,
	r contract.ListOpeningHoursAssignmentsRequestObject,
) (
	contract.ListOpeningHoursAssignmentsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Worktime.OpeningHoursAssignments(
		ctx, p.TenantID, r.Params.OpeningHoursID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListOpeningHoursAssignments200JSONResponse{
		Data:       respond.List(found),
		NextCursor: respond.Next(cursor),
	}, nil
}

// CreateOpeningHoursAssignment implements POST /v1/opening-hours-assignments.
func (h *Handlers) CreateOpeningHoursAssignment(
	ctx context.Context,
	r contract.CreateOpeningHoursAssignmentRequestObject,
) (
	contract.CreateOpeningHoursAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	made, err := h.store.Worktime.CreateOpeningHoursAssignment(ctx, p.TenantID, worktime.NewOpeningHoursAssignment{
		OpeningHoursID: r.Body.OpeningHoursID, TeamID: r.Body.TeamID, Channel: r.Body.Channel,
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/opening-hours-assignments/" + made.ID.String()
	return contract.CreateOpeningHoursAssignment201JSONResponse{
		Body: made, Headers: contract.CreateOpeningHoursAssignment201ResponseHeaders{Location: &location},
	}, nil
}

// GetOpeningHoursAssignment implements GET /v1/opening-hours-assignments/{id}.
func (h *Handlers) GetOpeningHoursAssignment(ctx context.Context, r contract.GetOpeningHoursAssignmentRequestObject) (
	contract.GetOpeningHoursAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Worktime.OpeningHoursAssignment(ctx, p.TenantID, r.ID)
	return contract.GetOpeningHoursAssignment200JSONResponse(found), err
}

// DeleteOpeningHoursAssignment implements DELETE /v1/opening-hours-assignments/{id}.
func (h *Handlers) DeleteOpeningHoursAssignment(
	ctx context.Context,
	r contract.DeleteOpeningHoursAssignmentRequestObject,
) (
	contract.DeleteOpeningHoursAssignmentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteOpeningHoursAssignment204Response{}, h.store.Worktime.DeleteOpeningHoursAssignment(
		ctx,
		p.TenantID,
		r.ID,
	)
}
