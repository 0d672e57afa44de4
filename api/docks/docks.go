// Package docks has the operations that the OpenAPI document tags Docks.
package docks

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
)

// Handlers are the operations about docks, their sessions and their actions.
type Handlers struct {
	store   *models.Store
	metrics *metrics.Metrics
}

// New makes them, on a store.
func New(store *models.Store, m *metrics.Metrics) *Handlers { return &Handlers{store, m} }

// ListDocks implements GET /v1/docks.
func (h *Handlers) ListDocks(ctx context.Context, r contract.ListDocksRequestObject) (
	contract.ListDocksResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Docks.List(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListDocks200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateDock implements POST /v1/docks.
func (h *Handlers) CreateDock(ctx context.Context, r contract.CreateDockRequestObject) (
	contract.CreateDockResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	made, err := h.store.Docks.Create(ctx, p.TenantID, dock.NewDock{
		Name: b.Name,
		URL:  b.URL,
		Update: dock.Update{
			Icon: b.Icon, Position: b.Position, IsActive: b.IsActive, Actions: b.Actions, Confirm: b.Confirm,
			Permissions: b.Permissions, FrameOrigins: b.FrameOrigins, TeamIDs: b.TeamIds, Channels: b.Channels, Roles: b.Roles,
			May: mayDock(p),
		},
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/docks/" + made.ID.String()
	return contract.CreateDock201JSONResponse{
		Body: made, Headers: contract.CreateDock201ResponseHeaders{Location: &location},
	}, nil
}

// GetDock implements GET /v1/docks/{id}.
func (h *Handlers) GetDock(ctx context.Context, r contract.GetDockRequestObject) (
	contract.GetDockResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, err := h.store.Docks.Get(ctx, p.TenantID, r.ID)
	return contract.GetDock200JSONResponse(found), err
}

// UpdateDock implements PATCH /v1/docks/{id}.
func (h *Handlers) UpdateDock(ctx context.Context, r contract.UpdateDockRequestObject) (
	contract.UpdateDockResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	now, err := h.store.Docks.Update(ctx, p.TenantID, r.ID, dock.Update{
		Name: b.Name, URL: b.URL, Icon: b.Icon, Position: b.Position, IsActive: b.IsActive, Actions: b.Actions,
		Confirm: b.Confirm, Permissions: b.Permissions, FrameOrigins: b.FrameOrigins, TeamIDs: b.TeamIds,
		Channels: b.Channels, Roles: b.Roles, May: mayDock(p),
	})
	return contract.UpdateDock200JSONResponse(now), err
}

// DeleteDock implements DELETE /v1/docks/{id}.
func (h *Handlers) DeleteDock(ctx context.Context, r contract.DeleteDockRequestObject) (
	contract.DeleteDockResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteDock204Response{}, h.store.Docks.Delete(ctx, p.TenantID, r.ID)
}

// RotateDockSecret implements POST /v1/docks/{id}/rotate-secret.
func (h *Handlers) RotateDockSecret(ctx context.Context, r contract.RotateDockSecretRequestObject) (
	contract.RotateDockSecretResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	grace := dock.DefaultDockGrace
	if r.Body != nil && r.Body.GraceHours != nil {
		grace = time.Duration(*r.Body.GraceHours) * time.Hour
	}
	now, err := h.store.Docks.RotateSecret(ctx, p.TenantID, r.ID, grace, mayDock(p))
	return contract.RotateDockSecret200JSONResponse(now), err
}

// mayDock refuses a dock that is shown, or does, what the caller may not see or do: its page would do it for them.
func mayDock(p account.Principal) func([]string) error {
	return func(actions []string) error { return p.Require(scope.ForDock(actions)...) }
}

// ListConversationDocks implements GET /v1/conversations/{id}/docks.
func (h *Handlers) ListConversationDocks(ctx context.Context, r contract.ListConversationDocksRequestObject) (
	contract.ListConversationDocksResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	agent, err := agentOf(p, r.Params.AgentID)
	if err != nil {
		return nil, err
	}
	visible, err := h.store.Docks.Visible(ctx, p.TenantID, agent, r.ID)
	return contract.ListConversationDocks200JSONResponse{Data: respond.List(visible)}, err
}

// agentOf is whom a request is about: the agent who makes it, or the one that a key names.
func agentOf(p account.Principal, named *uuid.UUID) (uuid.UUID, error) {
	switch {
	case p.Agent != nil && named != nil && *named != p.Agent.ID:
		return uuid.Nil, problem.Fields(problem.Field{
			Field: "agentId", Code: "not_applicable", Message: "is for keys: an agent sees his own docks",
		})
	case p.Agent != nil:
		return p.Agent.ID, nil
	case named == nil:
		return uuid.Nil, problem.Fields(
			problem.Field{Field: "agentId", Code: "required", Message: "is required with a key"},
		)
	}
	return *named, nil
}
