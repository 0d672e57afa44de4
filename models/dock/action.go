package dock

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

const (
	// actionLife is how long an action may wait to be carried out: later than that it would surprise (P8.3).
	actionLife = 15 * time.Minute
	// actionPoll is how often a call that waits for a decision looks by itself, since wake-ups may be lost (P9).
	actionPoll = 250 * time.Millisecond
)

// ActionState says what became of an action.
type ActionState string

// The states. All but pending are for good.
const (
	DockActionPending  ActionState = "pending"
	DockActionApplied  ActionState = "applied"
	DockActionRejected ActionState = "rejected"
	DockActionExpired  ActionState = "expired"
)

// Action is something that a dock asked for (P8).
type Action struct {
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
	State          ActionState
	ErrorCode      *string
	ErrorMessage   *string
	Version        *int64 // of the conversation, when it was applied
	CreatedAt      time.Time
	DecidedAt      *time.Time

	IsNew bool `gorm:"-"` // made by the call that returns it, and not by an earlier one
}

// TableName implements GORM's Tabler.
func (Action) TableName() string { return "dock_actions" }

// Decided tells whether it is known what became of the action.
func (a Action) Decided() bool { return a.State != DockActionPending }

func (a *Action) reject(state ActionState, code, message string, now time.Time) {
	a.State, a.ErrorCode, a.ErrorMessage, a.DecidedAt = state, &code, &message, &now
}

// Wire is the action's JSON shape; the conversation is the caller's to add.
func (a Action) Wire() wire.DockAction {
	out := wire.DockAction{
		ID: a.ID, RequestID: a.RequestID, Action: a.Action, Status: string(a.State), URL: "/v1/dock-actions/" + a.ID.String(),
		CreatedAt: wire.At(a.CreatedAt), DecidedAt: wire.AtPtr(a.DecidedAt),
	}
	if a.ErrorCode != nil {
		out.Error = &wire.DockError{Code: *a.ErrorCode, Message: postgres.Deref(a.ErrorMessage)}
	}
	return out
}

// topicAction is marked when the action was decided.
func topicAction(id uuid.UUID) string { return "dock-action/" + id.String() }

// NewAction is what a dock asks for. RequestID is the dock's own name for it; ContextID says for which context the
// dock meant it.
type NewAction struct {
	RequestID string
	ContextID uuid.UUID
	Action    string
	Params    map[string]any
}

// RequestAction takes an action in (P8.1). One that the agent may not carry out, or that cannot be right as it is,
// comes back rejected; any other pending, on its way to the conversation's workflow. The same RequestID again returns
// the first action, whatever else the call says.
// Errors: NOT_FOUND for the session; STALE_CONTEXT when the session's context is another by now; RATE_LIMITED.
func (s *Store) RequestAction(ctx context.Context, p account.Principal, sessionID uuid.UUID, in NewAction) (_ Action, err error) {
	defer postgres.During(&err, "request an action in dock session %s", sessionID)
	var a Action
	err = s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		// The lock orders the actions of a session as they arrive, and makes the count of them exact.
		session, err := lockSession(tx, p, sessionID)
		if err != nil {
			return err
		}
		a = Action{}
		err = tx.Take(&a, "session_id = ? AND request_id = ?", session.ID, in.RequestID).Error
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		if in.ContextID != session.ContextID {
			return problem.New(problem.Conflict, problem.CodeStaleContext,
				"the agent has moved on: ask for the context and act on that, or not at all")
		}
		if err := limitActions(tx, session); err != nil {
			return err
		}
		a, err = newAction(tx, p, session, in)
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
		return outbox.AddNow(tx, outbox.Entry{
			Kind: outbox.DockAction, TenantID: a.TenantID, TargetID: a.ConversationID, DockActionID: &a.ID,
		})
	})
	if err == nil && a.IsNew && !a.Decided() {
		fault.At(fault.DockActionStored)
		s.db.Wake(ctx, outbox.Topic)
	}
	return a, err
}

func limitActions(tx *gorm.DB, session Session) error {
	var recent struct {
		N    int
		Wait float64
	}
	err := tx.Raw(`SELECT count(*) AS n, coalesce(60 - extract(epoch FROM clock_timestamp() - min(created_at)), 0) AS wait
		FROM dock_actions WHERE session_id = ? AND created_at > clock_timestamp() - interval '60 seconds'`, session.ID).
		Scan(&recent).Error
	if err != nil || recent.N < account.DockActionsPerMinute {
		return err
	}
	return problem.New(problem.Limited, problem.CodeRateLimited,
		"a dock may ask for %d actions a minute", account.DockActionsPerMinute).
		With("window", "minute").With("retryAfter", int(max(recent.Wait, 0))+1)
}

// newAction judges what is asked for as far as that can be done now.
func newAction(tx *gorm.DB, p account.Principal, session Session, in NewAction) (Action, error) {
	var now time.Time
	if err := tx.Raw(`SELECT clock_timestamp()`).Scan(&now).Error; err != nil {
		return Action{}, err
	}
	a := Action{
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
func mayAct(tx *gorm.DB, d Dock, agent account.Agent, a Action) error {
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

// Action returns an action: to a key, any of its tenant's; to an agent, his own; to the token of a session, that
// session's. Errors: NOT_FOUND.
func (s *Store) Action(ctx context.Context, p account.Principal, id uuid.UUID) (Action, error) {
	q := s.db.Main.WithContext(ctx).Where("tenant_id = ?", p.TenantID)
	if p.Agent != nil {
		q = q.Where("agent_id = ?", p.Agent.ID)
	}
	if p.DockSessionID != uuid.Nil {
		q = q.Where("session_id = ?", p.DockSessionID)
	}
	var a Action
	err := q.Take(&a, "id = ?", id).Error
	return a, postgres.NotFound(err, "dock action", id)
}

// AwaitAction waits until an action is decided, for the given time at most, and returns it as it is then (P8.4).
// Within a unit of work it does not wait: before the commit no worker sees the action. Errors: UNAVAILABLE.
func (s *Store) AwaitAction(ctx context.Context, a Action, patience time.Duration) (_ Action, err error) {
	defer postgres.During(&err, "await dock action %s", a.ID)
	if a.Decided() || postgres.IsOneTransaction(ctx) {
		return a, nil
	}
	woken, stop := s.db.Wakeups.Listen(topicAction(a.ID))
	defer stop()
	over := time.NewTimer(patience)
	defer over.Stop()
	poll := time.NewTicker(actionPoll)
	defer poll.Stop()
	for {
		var now Action
		if err := s.db.Main.WithContext(ctx).Take(&now, "tenant_id = ? AND id = ?", a.TenantID, a.ID).Error; err != nil {
			return a, err
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
