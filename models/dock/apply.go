package dock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/text"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// AppliedAction is an action that this call decided, and not an earlier one.
type AppliedAction struct {
	Action string
	State  ActionState
	Lag    time.Duration // from its arrival to its decision
}

// ApplyAction carries an action out (P8.3), after those of the same conversation that arrived before it. It is
// idempotent: an action that is decided stays so, and each is applied once, however often and by however many this is
// called. It returns the action as it is now and what this very call decided. Errors: NOT_FOUND, UNAVAILABLE; with any error
// the action is still pending.
func (s *Store) ApplyAction(ctx context.Context, tenantID, id uuid.UUID) (_ Action, _ []AppliedAction, err error) {
	defer postgres.During(&err, "apply dock action %s", id)
	var ids []string
	err = s.db.Main.WithContext(ctx).Raw(`SELECT e.id::text FROM dock_actions a
		JOIN dock_actions e ON e.tenant_id = a.tenant_id AND e.conversation_id = a.conversation_id AND e.arrival <= a.arrival
			AND e.state = 'pending'
		WHERE a.tenant_id = ? AND a.id = ? ORDER BY e.arrival`, tenantID, id).Scan(&ids).Error
	if err != nil {
		return Action{}, nil, err
	}
	var decided []AppliedAction
	for _, next := range ids {
		var one *AppliedAction
		err := s.db.InUnitOfWork(ctx, func(ctx context.Context) (err error) {
			one, err = s.decideAction(ctx, tenantID, uuid.MustParse(next))
			return err
		})
		if err != nil {
			return Action{}, decided, err
		}
		if one != nil {
			decided = append(decided, *one)
		}
	}
	var a Action
	err = s.db.Main.WithContext(ctx).Take(&a, "tenant_id = ? AND id = ?", tenantID, id).Error
	return a, decided, postgres.NotFound(err, "dock action", id)
}

// pendingAction is an action under its lock, with what its right hangs on.
type pendingAction struct {
	Action Action        `gorm:"embedded;embeddedPrefix:x_"`
	Dock   Dock          `gorm:"embedded;embeddedPrefix:d_"`
	Agent  account.Agent `gorm:"embedded;embeddedPrefix:a_"`
	Now    time.Time
}

// decideAction decides one action, in the unit of ctx; nil if it was decided already.
func (s *Store) decideAction(ctx context.Context, tenantID, id uuid.UUID) (*AppliedAction, error) {
	tx := s.db.Main.WithContext(ctx)
	var row pendingAction
	r := tx.Raw(`WITH locked AS MATERIALIZED (SELECT * FROM dock_actions WHERE tenant_id = ? AND id = ? FOR UPDATE)
		SELECT `+postgres.Columns[Action]("x", "x_")+`, `+postgres.Columns[Dock]("d", "d_")+`, `+postgres.Columns[account.Agent]("a", "a_")+`,
			clock_timestamp() AS now
		FROM locked x JOIN docks d ON d.tenant_id = x.tenant_id AND d.id = x.dock_id
		JOIN agents a ON a.tenant_id = x.tenant_id AND a.id = x.agent_id`, tenantID, id).Scan(&row)
	if r.Error != nil || r.RowsAffected == 0 || row.Action.Decided() {
		return nil, r.Error
	}
	a, now := row.Action, s.db.Clock(row.Now)
	if now.Sub(a.CreatedAt) > actionLife {
		a.reject(DockActionExpired, dockaction.Expired,
			"it could not be carried out within 15 minutes; ask the agent, and ask again", now)
	} else if err := s.carryOut(ctx, tx, &row); err == nil {
		a.State, a.DecidedAt, a.Version = DockActionApplied, &now, row.Action.Version
	} else if refused := refusal(err); refused != nil {
		a.reject(DockActionRejected, refused.Code, refused.Message, now)
	} else {
		return nil, err
	}
	err := tx.Exec(`UPDATE dock_actions SET (state, error_code, error_message, version, decided_at) = (?, ?, ?, ?, ?)
		WHERE tenant_id = ? AND id = ?`, a.State, a.ErrorCode, a.ErrorMessage, a.Version, a.DecidedAt, tenantID, id).Error
	if err != nil {
		return nil, err
	}
	fault.At(fault.BeforeDockCommit)
	s.db.Wake(ctx, topicAction(id), feed.ActionNotice(a.TenantID, a.ID, feed.ActionNews{
		ConversationID: a.ConversationID, DockID: row.Dock.ID, Dock: row.Dock.Name, AgentID: a.AgentID, Action: a.Action,
		Status: string(a.State),
	}))
	return &AppliedAction{Action: a.Action, State: a.State, Lag: now.Sub(a.CreatedAt)}, nil
}

// carryOut does what the action asks for, as the agent through the dock, by the one way to change a conversation (P1).
func (s *Store) carryOut(ctx context.Context, tx *gorm.DB, row *pendingAction) error {
	a := &row.Action
	if err := mayAct(tx, row.Dock, row.Agent, *a); err != nil {
		return err
	}
	request, err := dockaction.Parse(a.Action, a.Params)
	if err != nil {
		return err
	}
	actor := row.Agent.Actor(row.Dock.via())
	if message := dockMessage(request); message != nil {
		posted, err := s.conversations.PostMessage(ctx, a.TenantID, a.ConversationID, actor, *message)
		a.Version = &posted.Conversation.Version
		return err
	}
	command, err := command(tx, a.TenantID, request)
	if err != nil {
		return err
	}
	c, err := s.conversations.Change(ctx, a.TenantID, a.ConversationID, actor, command)
	a.Version = &c.Version
	return err
}

// dockMessage is the message that an action writes; nil for one that writes none.
func dockMessage(r dockaction.Request) *conversation.NewMessage {
	if r.Kind != dockaction.SendMessage {
		return nil
	}
	written, m := r.Text("text"), conversation.NewMessage{Direction: conversation.Outbound}
	m.Text = &written
	if html := r.Text("html"); html != "" {
		m.HTML = &html
	}
	return &m
}

// command is what any other action does. Errors: INVALID_PARAMS; a kind that has no case here, which a newer version
// may have stored.
func command(tx *gorm.DB, tenantID uuid.UUID, r dockaction.Request) (conversation.Command, error) {
	switch r.Kind {
	case dockaction.AddTag:
		name := text.Trim(r.Text("tag"))
		if name == "" {
			return nil, &dockaction.Error{Code: dockaction.InvalidParams, Message: "addTag needs tag: a name, not spaces alone"}
		}
		return conversation.AddTag{Name: name}, nil
	case dockaction.Snooze:
		return conversation.Snooze{Until: r.Time("until")}, nil
	case dockaction.Resolve:
		return conversation.Resolve{}, nil
	case dockaction.Assign:
		return assign(tx, tenantID, r)
	}
	return nil, fmt.Errorf("dock action %s has no command", r.Kind)
}

// assign finds whom an assignment names. Errors: INVALID_PARAMS.
func assign(tx *gorm.DB, tenantID uuid.UUID, r dockaction.Request) (conversation.Command, error) {
	var out conversation.Assign
	find := func(field *wire.Optional[uuid.UUID], query, unknown string, args ...any) error {
		var found []string
		if err := tx.Raw(query, append([]any{tenantID}, args...)...).Scan(&found).Error; err != nil {
			return err
		}
		if len(found) == 0 {
			return &dockaction.Error{Code: dockaction.InvalidParams, Message: unknown}
		}
		*field = wire.Some(uuid.MustParse(found[0]))
		return nil
	}
	const agent = `SELECT id::text FROM agents WHERE tenant_id = ? AND is_active AND `
	const team = `SELECT id::text FROM teams WHERE tenant_id = ? AND `
	var err error
	switch {
	case r.ID("agentId") != nil:
		err = find(&out.AssigneeID, agent+`id = ?`, "agentId is of no active agent", *r.ID("agentId"))
	case r.Text("agentEmail") != "":
		err = find(&out.AssigneeID, agent+`email_key = ?`, "agentEmail is of no active agent",
			address.EmailKey(r.Text("agentEmail")))
	}
	if err != nil {
		return nil, err
	}
	switch {
	case r.ID("teamId") != nil:
		err = find(&out.TeamID, team+`id = ?`, "teamId is of no team", *r.ID("teamId"))
	case r.Text("teamName") != "":
		err = find(&out.TeamID, team+`name = ?`, "teamName is of no team; write it exactly", r.Text("teamName"))
	}
	return out, err
}

// refusal is the reason why an action cannot be carried out, now or later; nil for an error that passes.
func refusal(err error) *dockaction.Error {
	if refused, ok := errors.AsType[*dockaction.Error](err); ok {
		return refused
	}
	p, ok := problem.As(err)
	switch {
	case !ok:
		return nil
	case p.Code == dockaction.InvalidTransition:
		return &dockaction.Error{Code: p.Code, Message: p.Message}
	case p.Kind == problem.Invalid:
		return &dockaction.Error{Code: dockaction.InvalidParams, Message: p.Message}
	}
	return nil
}

// ActionRef names an action.
type ActionRef struct{ TenantID, ID uuid.UUID }

// lateSeen is how many late actions are looked at, the oldest first, to let tenants take turns. A session makes 30 a
// minute, so one tenant alone hardly gets beyond it.
const lateSeen = "5000" // a literal: see claimLimit of package webhook

// LateActions lists actions that have been pending for longer than the given time, because their workflow is late, or
// was lost: tenants take turns, and of each they come in the order of their arrival (P8.5).
func (s *Store) LateActions(ctx context.Context, by time.Duration, limit int) (_ []ActionRef, err error) {
	defer postgres.During(&err, "list late dock actions")
	var refs []ActionRef
	err = s.db.Main.WithContext(ctx).Raw(`SELECT tenant_id, id FROM (
			SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY created_at, arrival) AS turn FROM (
				SELECT tenant_id, id, created_at, arrival FROM dock_actions
				WHERE state = 'pending' AND created_at < statement_timestamp() - make_interval(secs => ?)
				ORDER BY created_at, arrival LIMIT `+lateSeen+`) x) y
		ORDER BY turn, created_at, arrival LIMIT ?`,
		by.Seconds(), limit).Scan(&refs).Error
	return refs, err
}
