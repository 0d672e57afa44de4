package models

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

const (
	// DockActionsPerMinute is how many actions one session may ask for in any 60 s.
	DockActionsPerMinute = 30
	// dockActionLife is how long an action may wait to be carried out: later than that it would surprise (P8.3).
	dockActionLife = 15 * time.Minute
	// dockActionPoll is the floor under lost wake-ups (P9) of whoever waits for a decision.
	dockActionPoll = 250 * time.Millisecond
)

// DockActionState says what became of an action.
type DockActionState string

// The states. All but pending are for good.
const (
	DockActionPending  DockActionState = "pending"
	DockActionApplied  DockActionState = "applied"
	DockActionRejected DockActionState = "rejected"
	DockActionExpired  DockActionState = "expired"
)

// DockAction is something that a dock asked for (P8).
type DockAction struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	Arrival        int64 `gorm:"->"` // those of a conversation are carried out in this order
	SessionID      uuid.UUID
	RequestID      string // the dock's name for it, unique in the session
	DockID         uuid.UUID
	AgentID        uuid.UUID
	ConversationID uuid.UUID
	Action         string
	Params         map[string]any `gorm:"serializer:json"`
	State          DockActionState
	ErrorCode      *string
	ErrorMessage   *string
	Version        *int64 // of the conversation, when it was applied
	CreatedAt      time.Time
	DecidedAt      *time.Time

	IsNew bool `gorm:"-"` // made by the call that returns it, and not by an earlier one
}

// Decided tells whether it is known what became of the action.
func (a DockAction) Decided() bool { return a.State != DockActionPending }

func (a *DockAction) reject(state DockActionState, code, message string, now time.Time) {
	a.State, a.ErrorCode, a.ErrorMessage, a.DecidedAt = state, &code, &message, &now
}

// Wire is the action's JSON shape; the conversation is the caller's to add.
func (a DockAction) Wire() wire.DockAction {
	out := wire.DockAction{
		ID: a.ID, RequestID: a.RequestID, Action: a.Action, Status: string(a.State), URL: "/v1/dock-actions/" + a.ID.String(),
		CreatedAt: wire.At(a.CreatedAt), DecidedAt: wire.AtPtr(a.DecidedAt),
	}
	if a.ErrorCode != nil {
		out.Error = &wire.DockError{Code: *a.ErrorCode, Message: deref(a.ErrorMessage)}
	}
	return out
}

// topicDockAction is marked when the action was decided.
func topicDockAction(id uuid.UUID) string { return "dock-action/" + id.String() }

// NewDockAction is what a dock asks for. RequestID is the dock's own name for it; ContextID says for which context the
// dock meant it.
type NewDockAction struct {
	RequestID string
	ContextID uuid.UUID
	Action    string
	Params    map[string]any
}

// RequestDockAction takes an action in (P8.1). One that nobody may carry out, or that cannot be right as it is, comes
// back rejected; any other pending, on its way to the conversation's workflow. The same RequestID again returns the
// first action, whatever else the call says.
// Errors: NOT_FOUND for the session; STALE_CONTEXT when the session's context is another by now; RATE_LIMITED.
func (s *Store) RequestDockAction(ctx context.Context, p Principal, sessionID uuid.UUID, in NewDockAction) (DockAction, error) {
	var a DockAction
	err := s.transact(ctx, func(tx *gorm.DB) (err error) {
		// The lock orders the actions of a session as they arrive, and makes the count of them exact.
		session, err := lockDockSession(tx, p, sessionID)
		if err != nil {
			return err
		}
		a = DockAction{}
		err = tx.Take(&a, "session_id = ? AND request_id = ?", session.ID, in.RequestID).Error
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		if in.ContextID != session.ContextID {
			return problem.New(problem.Conflict, "STALE_CONTEXT",
				"the agent has moved on: ask for the context and act on that, or not at all")
		}
		if err := limitDockActions(tx, session); err != nil {
			return err
		}
		a, err = newDockAction(tx, p, session, in)
		if err != nil {
			return err
		}
		a.IsNew = true
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		if a.Decided() {
			return nil
		}
		return tx.Exec(`INSERT INTO outbox (tenant_id, kind, target_id, dock_action_id, priority, available_at, created_at)
			VALUES (?, ?, ?, ?, ?, clock_timestamp(), clock_timestamp())`,
			a.TenantID, outboxDockAction, a.ConversationID, a.ID, priorityDockAction).Error
	})
	if err == nil && a.IsNew && !a.Decided() {
		fault.At(fault.DockActionStored)
		s.mark(ctx, TopicOutbox)
	}
	return a, err
}

func limitDockActions(tx *gorm.DB, session DockSession) error {
	var recent struct {
		N    int
		Wait float64
	}
	err := tx.Raw(`SELECT count(*) AS n, coalesce(60 - extract(epoch FROM clock_timestamp() - min(created_at)), 0) AS wait
		FROM dock_actions WHERE session_id = ? AND created_at > clock_timestamp() - interval '60 seconds'`, session.ID).
		Scan(&recent).Error
	if err != nil || recent.N < DockActionsPerMinute {
		return err
	}
	return problem.New(problem.Limited, "RATE_LIMITED", "a dock may ask for %d actions a minute", DockActionsPerMinute).
		With("window", "minute").With("retryAfter", int(max(recent.Wait, 0))+1)
}

// newDockAction judges what is asked for as far as that can be done now.
func newDockAction(tx *gorm.DB, p Principal, session DockSession, in NewDockAction) (DockAction, error) {
	var now time.Time
	if err := tx.Raw(`SELECT clock_timestamp()`).Scan(&now).Error; err != nil {
		return DockAction{}, err
	}
	a := DockAction{
		TenantID: session.TenantID, ID: ident.New(), SessionID: session.ID, RequestID: in.RequestID, DockID: session.DockID,
		AgentID: session.AgentID, ConversationID: session.ConversationID, Action: in.Action, Params: in.Params,
		State: DockActionPending, CreatedAt: now,
	}
	if a.Params == nil {
		a.Params = map[string]any{}
	}
	var d Dock
	if err := tx.Take(&d, "tenant_id = ? AND id = ?", session.TenantID, session.DockID).Error; err != nil {
		return a, err
	}
	_, err := dockaction.Parse(in.Action, in.Params)
	if err == nil {
		err = mayAct(tx, d, *p.Agent, a)
	}
	if refused, ok := errors.AsType[*dockaction.Error](err); ok {
		a.Params = map[string]any{} // what means nothing is not kept
		a.reject(DockActionRejected, refused.Code, refused.Message, now)
		return a, nil
	}
	return a, err
}

// mayAct tells whether the dock may ask for the action, whether the agent may do it, and whether he sees the dock beside the
// conversation. Errors: NOT_ALLOWED.
func mayAct(tx *gorm.DB, d Dock, agent Agent, a DockAction) error {
	refuse := func(message string) error {
		return &dockaction.Error{Code: dockaction.NotAllowed, Message: message}
	}
	switch {
	case !d.IsActive || d.DeletedAt != nil:
		return refuse("the dock has been switched off")
	case !d.allows(a.Action):
		return refuse("this dock may not " + a.Action)
	case !agent.IsActive || !scope.Grants(scope.OfRole(string(agent.Role)), "conversations:write"):
		return refuse("the agent may not change conversations")
	}
	if len(d.Roles)+len(d.Channels)+len(d.TeamIDs) == 0 {
		return nil
	}
	var channel string
	err := tx.Raw(`SELECT channel FROM conversations WHERE tenant_id = ? AND id = ?`, a.TenantID, a.ConversationID).
		Scan(&channel).Error
	if err != nil {
		return err
	}
	teams, err := teamsOf(tx, a.TenantID, agent.ID)
	if err == nil && !d.isFor(agent.Role, channel, teams) {
		return refuse("the agent does not see this dock beside this conversation any more")
	}
	return err
}

func (d Dock) allows(action string) bool {
	for _, a := range d.Actions {
		if a == action {
			return true
		}
	}
	return false
}

// DockAction returns an action: to a key, any of its tenant's; to an agent, his own; to the token of a session, that
// session's. Errors: NOT_FOUND.
func (s *Store) DockAction(ctx context.Context, p Principal, id uuid.UUID) (DockAction, error) {
	q := s.db.WithContext(ctx).Where("tenant_id = ?", p.TenantID)
	if p.Agent != nil {
		q = q.Where("agent_id = ?", p.Agent.ID)
	}
	if p.DockSessionID != uuid.Nil {
		q = q.Where("session_id = ?", p.DockSessionID)
	}
	var a DockAction
	err := q.Take(&a, "id = ?", id).Error
	return a, notFound(err, "dock action", id)
}

// AwaitDockAction waits until an action is decided, for the given time at most, and returns it as it is then (P8.4).
// Within a unit of work it does not wait: before the commit nobody sees the action. Errors: UNAVAILABLE.
func (s *Store) AwaitDockAction(ctx context.Context, a DockAction, patience time.Duration) (DockAction, error) {
	if a.Decided() || unitOf(ctx) != nil {
		return a, nil
	}
	woken, stop := s.wakeups.Listen(topicDockAction(a.ID))
	defer stop()
	over := time.NewTimer(patience)
	defer over.Stop()
	poll := time.NewTicker(dockActionPoll)
	defer poll.Stop()
	for {
		var now DockAction
		if err := s.db.WithContext(ctx).Take(&now, "tenant_id = ? AND id = ?", a.TenantID, a.ID).Error; err != nil {
			return a, translate(err)
		}
		if now.Decided() {
			return now, nil
		}
		select {
		case <-woken:
		case <-poll.C:
		case <-over.C:
			return now, nil
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}
