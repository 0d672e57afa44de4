package api

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// UpdateConversation implements PATCH /v1/conversations/{id}.
func (h *handlers) UpdateConversation(ctx context.Context, r contract.UpdateConversationRequestObject) (
	contract.UpdateConversationResponseObject, error,
) {
	ctx, p := caller(ctx)
	b := r.Body
	change := conversation.Patch{
		Edit:      conversation.Edit{Subject: b.Subject, CustomFields: value(b.CustomFields)},
		Assign:    conversation.Assign{AssigneeID: b.AssigneeID, TeamID: b.TeamID},
		Status:    conversation.SetStatus{Status: (*lifecycle.Status)(b.Status), SnoozedUntil: b.SnoozedUntil},
		IfVersion: ifVersion(r.Params.IfMatch),
	}
	if b.Tags != nil {
		change.Tags = &b.Tags
	}
	c, err := h.store.Conversations.Patch(ctx, p.TenantID, r.ID, p.Actor(), change)
	if err != nil {
		return nil, err
	}
	body := c.Wire()
	return contract.UpdateConversation200JSONResponse{
		Body: body, Headers: contract.UpdateConversation200ResponseHeaders{ETag: etag(body)},
	}, nil
}

// ifVersion reads an If-Match header (RFC 9110, section 13.1.1: a weak tag matches nothing); nil without one. Of the tag
// only the version counts: nobody else's change is lost under a clock that has moved since.
func ifVersion(header *string) func(version int64) bool {
	if header == nil || strings.TrimSpace(*header) == "*" {
		return nil
	}
	return func(version int64) bool {
		for tag := range strings.SplitSeq(*header, ",") {
			if tagged, ok := taggedVersion(tag); ok && tagged == version {
				return true
			}
		}
		return false
	}
}

// ChangeConversations implements POST /v1/conversations/bulk.
func (h *handlers) ChangeConversations(ctx context.Context, r contract.ChangeConversationsRequestObject) (
	contract.ChangeConversationsResponseObject, error,
) {
	ctx, p := caller(ctx)
	command := bulkCommand(r.Body)
	// In one order for everybody (P1.2): of a call with an Idempotency-Key all are one transaction.
	inOrder := slices.SortedFunc(slices.Values(r.Body.Ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	results := map[uuid.UUID]wire.BulkResult{}
	var changed []uuid.UUID
	for _, id := range slices.Compact(inOrder) {
		result := wire.BulkResult{ID: id}
		c, err := h.store.Conversations.Change(ctx, p.TenantID, id, p.Actor(), command)
		if err == nil {
			result.Version = &c.Version
			changed = append(changed, id)
		} else if result.Error = refusal(err); result.Error == nil {
			return nil, partly(ctx, err, changed)
		}
		results[id] = result
	}
	answer := contract.ChangeConversations200JSONResponse{}
	for _, id := range r.Body.Ids {
		if result, ok := results[id]; ok {
			answer.Data = append(answer.Data, result)
			delete(results, id)
		}
	}
	return answer, nil
}

// partly says of a bulk change that the database broke off which conversations it had changed before: they stay changed,
// unless all of the call is one transaction.
func partly(ctx context.Context, err error, changed []uuid.UUID) error {
	p, ok := problem.As(err)
	if !ok || len(changed) == 0 || postgres.IsOneTransaction(ctx) {
		return err
	}
	p = p.With("changed", changed)
	p.Message = "the database broke off: the conversations in details.changed were changed, the others perhaps not"
	return p
}

// refusal is what the conversation itself decided. Anything else is no news of the conversation, and the call's own error.
func refusal(err error) *wire.BulkError {
	p, ok := problem.As(err)
	if !ok || p.Kind != problem.Invalid && p.Kind != problem.NotFound && p.Kind != problem.Conflict {
		return nil
	}
	return &wire.BulkError{Code: p.Code, Message: p.Message, Details: p.Details}
}

func bulkCommand(b *contract.BulkChange) conversation.Command {
	switch b.Action {
	case contract.BulkChangeActionResolve:
		return conversation.Resolve{}
	case contract.BulkChangeActionReopen:
		return conversation.Reopen{}
	case contract.BulkChangeActionArchive:
		return conversation.Archive{}
	case contract.BulkChangeActionSnooze:
		return conversation.Snooze{Until: value(b.Until)}
	case contract.BulkChangeActionUnsnooze:
		return conversation.Unsnooze{}
	case contract.BulkChangeActionAddTag:
		return conversation.AddTag{Name: value(b.Tag)}
	case contract.BulkChangeActionRemoveTag:
		return conversation.RemoveTag{Name: value(b.Tag)}
	default: // the document has no other
		return conversation.Assign{AssigneeID: b.AssigneeID, TeamID: b.TeamID}
	}
}

// checkBulk asks for the fields that the action needs and refuses those that mean nothing for it.
func checkBulk(body map[string]any) (wrong []problem.Field) {
	action, _ := body["action"].(string)
	needs := map[string][]string{
		"snooze": {"until"}, "assign": {"assigneeId", "teamId"}, "addTag": {"tag"}, "removeTag": {"tag"},
	}[action]
	given := false
	for _, field := range []string{"until", "assigneeId", "teamId", "tag"} {
		_, has := body[field]
		given = given || has
		if has && action != "" && !slices.Contains(needs, field) {
			wrong = append(wrong, problem.Field{
				Field: field, Code: "not_applicable", Message: "means nothing for action " + strconv.Quote(shorten(action)),
			})
		}
	}
	if len(needs) > 0 && !given {
		wrong = append(wrong, problem.Field{
			Field: needs[0], Code: "required", Message: "action " + action + " needs " + strings.Join(needs, " or "),
		})
	}
	return wrong
}

// CreateInboundConversation implements POST /v1/conversations/inbound.
func (h *handlers) CreateInboundConversation(ctx context.Context, r contract.CreateInboundConversationRequestObject) (
	contract.CreateInboundConversationResponseObject, error,
) {
	ctx, p := caller(ctx)
	in, err := newConversation(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Conversations.Create(ctx, p.TenantID, p.Actor(), in)
	if taken, ok := problem.As(err); ok && taken.Code == "EXTERNAL_REFERENCE_EXISTS" {
		id, _ := taken.Details["conversationId"].(uuid.UUID)
		if c, err = h.store.Conversations.Get(ctx, p.TenantID, id); err != nil {
			return nil, err
		}
		body := c.Wire()
		return contract.CreateInboundConversation200JSONResponse{
			Body: body, Headers: contract.CreateInboundConversation200ResponseHeaders{ETag: etag(body)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	body, location := c.Wire(), "/v1/conversations/"+c.ID.String()
	return contract.CreateInboundConversation201JSONResponse{
		Body:    body,
		Headers: contract.CreateInboundConversation201ResponseHeaders{ETag: etag(body), Location: &location},
	}, nil
}

// includable is what a read of a conversation can be asked for besides.
var includable = []string{"messages", "contact"}

// included reads the parameter include. Errors: VALIDATION_FAILED for a name that it does not have.
func included(parameter *string) (names []string, err error) {
	if parameter == nil {
		return nil, nil
	}
	for name := range strings.SplitSeq(*parameter, ",") {
		if !slices.Contains(includable, name) {
			return nil, problem.Fields(problem.Field{
				Field: "include", Code: "invalid_value",
				Message: "must be names separated by commas, of " + strings.Join(includable, ", "),
			})
		}
		names = append(names, name)
	}
	return names, nil
}
