package conversations

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// ChangeConversations implements POST /v1/conversations/bulk.
func (h *Handlers) ChangeConversations(ctx context.Context, r contract.ChangeConversationsRequestObject) (
	contract.ChangeConversationsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	command := bulkCommand(r.Body)
	// In one order for all calls (P1.2): of a call with an Idempotency-Key all are one transaction.
	inOrder := slices.SortedFunc(
		slices.Values(r.Body.Ids),
		func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) },
	)
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
		return conversation.Snooze{Until: postgres.Deref(b.Until)}
	case contract.BulkChangeActionUnsnooze:
		return conversation.Unsnooze{}
	case contract.BulkChangeActionAddTag:
		return conversation.AddTag{Name: postgres.Deref(b.Tag)}
	case contract.BulkChangeActionRemoveTag:
		return conversation.RemoveTag{Name: postgres.Deref(b.Tag)}
	default: // the document has no other
		return conversation.Assign{AssigneeID: b.AssigneeID, TeamID: b.TeamID}
	}
}
