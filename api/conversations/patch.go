package conversations

import (
	"context"
	"strings"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
)

// UpdateConversation implements PATCH /v1/conversations/{id}.
func (h *Handlers) UpdateConversation(ctx context.Context, r contract.UpdateConversationRequestObject) (
	contract.UpdateConversationResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	change := conversation.Patch{
		Edit:      conversation.Edit{Subject: b.Subject, CustomFields: postgres.Deref(b.CustomFields)},
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

// ifVersion reads an If-Match header (RFC 9110, section 13.1.1); nil without one. Of the tag only the version counts: no
// other caller's change is lost under a clock that has moved since. Other than the RFC has it, a weak tag matches as its
// strong form would: see taggedVersion.
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
