package docks

import (
	"context"
	"time"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// dockPatience is how long an answer waits for an action to be decided (P8.4).
const dockPatience = 5 * time.Second

// OpenDockSession implements POST /v1/dock-sessions.
func (h *Handlers) OpenDockSession(ctx context.Context, r contract.OpenDockSessionRequestObject) (
	contract.OpenDockSessionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	opened, err := h.store.Docks.OpenSession(ctx, p, dock.NewSession{
		DockID: r.Body.DockID, ConversationID: r.Body.ConversationID, AgentID: r.Body.AgentID,
	})
	if err != nil {
		return nil, err
	}
	request.SetConversation(ctx, r.Body.ConversationID)
	location := "/v1/dock-sessions/" + opened.ID.String() + "/context"
	return contract.OpenDockSession201JSONResponse{
		Body: opened, Headers: contract.OpenDockSession201ResponseHeaders{Location: &location},
	}, nil
}

// CloseDockSession implements DELETE /v1/dock-sessions/{id}.
func (h *Handlers) CloseDockSession(ctx context.Context, r contract.CloseDockSessionRequestObject) (
	contract.CloseDockSessionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.CloseDockSession204Response{}, h.store.Docks.CloseSession(ctx, p, r.ID)
}

// GetDockContext implements GET /v1/dock-sessions/{id}/context.
func (h *Handlers) GetDockContext(ctx context.Context, r contract.GetDockContextRequestObject) (
	contract.GetDockContextResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	now, err := h.store.Docks.Context(ctx, p, r.ID)
	return contract.GetDockContext200JSONResponse(now), err
}

// MoveDockSession implements PUT /v1/dock-sessions/{id}/context.
func (h *Handlers) MoveDockSession(ctx context.Context, r contract.MoveDockSessionRequestObject) (
	contract.MoveDockSessionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	request.SetConversation(ctx, r.Body.ConversationID)
	now, err := h.store.Docks.MoveSession(ctx, p, r.ID, r.Body.ConversationID)
	return contract.MoveDockSession200JSONResponse(now), err
}

// RequestDockAction implements POST /v1/dock-sessions/{id}/actions: 200 as soon as the action is decided, 202 when that
// takes longer than dockPatience (P8.4).
func (h *Handlers) RequestDockAction(ctx context.Context, r contract.RequestDockActionRequestObject) (
	contract.RequestDockActionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	action, err := h.store.Docks.RequestAction(ctx, p, r.ID, dock.NewAction{
		RequestID: b.RequestID, ContextID: b.ContextID, Action: b.Action, Params: postgres.Deref(b.Params),
	})
	if err != nil {
		return nil, err
	}
	if action.IsNew {
		h.metrics.CountDockAction(action)
	}
	if action, err = h.store.Docks.AwaitAction(ctx, action, dockPatience); err != nil {
		return nil, err
	}
	out, err := h.dockAction(ctx, action)
	switch {
	case err != nil:
		return nil, err
	case !action.Decided():
		return contract.RequestDockAction202JSONResponse(out), nil
	}
	return contract.RequestDockAction200JSONResponse(out), nil
}

// GetDockAction implements GET /v1/dock-actions/{id}.
func (h *Handlers) GetDockAction(ctx context.Context, r contract.GetDockActionRequestObject) (
	contract.GetDockActionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	action, err := h.store.Docks.Action(ctx, p, r.ID)
	if err != nil {
		return nil, err
	}
	out, err := h.dockAction(ctx, action)
	return contract.GetDockAction200JSONResponse(out), err
}

// dockAction is an action's answer: with the conversation as it is now, if it was applied.
func (h *Handlers) dockAction(ctx context.Context, a dock.Action) (wire.DockAction, error) {
	request.SetConversation(ctx, a.ConversationID)
	out := a.Wire()
	if a.State != dock.DockActionApplied {
		return out, nil
	}
	c, err := h.store.Conversations.Get(ctx, a.TenantID, a.ConversationID)
	if err == nil {
		conversation := c.Wire()
		out.Conversation = &conversation
	}
	return out, err
}
