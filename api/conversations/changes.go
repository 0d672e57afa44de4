package conversations

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/conversation"
)

// changed is the answer to every operation that changes a conversation: the conversation as it is now, and its ETag.
// The operations' answers have the same shape and differ in their types.
type changed struct {
	contract.ResolveConversation200JSONResponse
}

// change carries commands out on a conversation, in the name of the caller.
func (h *Handlers) change(ctx context.Context, id uuid.UUID, commands ...conversation.Command) (changed, error) {
	ctx, p := request.Caller(ctx)
	c, err := h.store.Conversations.Change(ctx, p.TenantID, id, p.Actor(), commands...)
	if err != nil {
		return changed{}, err
	}
	body := c.Wire()
	return changed{contract.ResolveConversation200JSONResponse{
		Body: body, Headers: contract.ResolveConversation200ResponseHeaders{ETag: etag(body)},
	}}, nil
}

// ResolveConversation implements POST /v1/conversations/{id}/resolve.
func (h *Handlers) ResolveConversation(ctx context.Context, r contract.ResolveConversationRequestObject) (
	contract.ResolveConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Resolve{})
	return c, err
}

// ReopenConversation implements POST /v1/conversations/{id}/reopen.
func (h *Handlers) ReopenConversation(ctx context.Context, r contract.ReopenConversationRequestObject) (
	contract.ReopenConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Reopen{})
	return c, err
}

// SnoozeConversation implements POST /v1/conversations/{id}/snooze.
func (h *Handlers) SnoozeConversation(ctx context.Context, r contract.SnoozeConversationRequestObject) (
	contract.SnoozeConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Snooze{Until: r.Body.Until})
	return c, err
}

// UnsnoozeConversation implements POST /v1/conversations/{id}/unsnooze.
func (h *Handlers) UnsnoozeConversation(ctx context.Context, r contract.UnsnoozeConversationRequestObject) (
	contract.UnsnoozeConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Unsnooze{})
	return c, err
}

// ArchiveConversation implements POST /v1/conversations/{id}/archive.
func (h *Handlers) ArchiveConversation(ctx context.Context, r contract.ArchiveConversationRequestObject) (
	contract.ArchiveConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Archive{})
	return c, err
}

// AssignConversation implements POST /v1/conversations/{id}/assign.
func (h *Handlers) AssignConversation(ctx context.Context, r contract.AssignConversationRequestObject) (
	contract.AssignConversationResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.Assign{AssigneeID: r.Body.AssigneeID, TeamID: r.Body.TeamID})
	return c, err
}

// AddTag implements PUT /v1/conversations/{id}/tags/{name}.
func (h *Handlers) AddTag(ctx context.Context, r contract.AddTagRequestObject) (contract.AddTagResponseObject, error) {
	c, err := h.change(ctx, r.ID, conversation.AddTag{Name: r.Name})
	return c, err
}

// RemoveTag implements DELETE /v1/conversations/{id}/tags/{name}.
func (h *Handlers) RemoveTag(ctx context.Context, r contract.RemoveTagRequestObject) (
	contract.RemoveTagResponseObject, error,
) {
	c, err := h.change(ctx, r.ID, conversation.RemoveTag{Name: r.Name})
	return c, err
}

// The answers of the other operations are that of resolve.

// VisitReopenConversationResponse writes the answer to ReopenConversation.
func (c changed) VisitReopenConversationResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitSnoozeConversationResponse writes the answer to SnoozeConversation.
func (c changed) VisitSnoozeConversationResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitUnsnoozeConversationResponse writes the answer to UnsnoozeConversation.
func (c changed) VisitUnsnoozeConversationResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitArchiveConversationResponse writes the answer to ArchiveConversation.
func (c changed) VisitArchiveConversationResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitAssignConversationResponse writes the answer to AssignConversation.
func (c changed) VisitAssignConversationResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitAddTagResponse writes the answer to AddTag.
func (c changed) VisitAddTagResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}

// VisitRemoveTagResponse writes the answer to RemoveTag.
func (c changed) VisitRemoveTagResponse(w http.ResponseWriter) error {
	return c.VisitResolveConversationResponse(w)
}
