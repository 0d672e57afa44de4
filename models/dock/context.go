package dock

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dockcontext"
	"github.com/atender/atender/models/docktoken"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// Visible are the docks that an agent sees beside a conversation, in the order of their positions.
// Errors: NOT_FOUND for the conversation.
func (s *Store) Visible(ctx context.Context, tenantID, agentID, conversationID uuid.UUID) (_ []wire.VisibleDock, err error) {
	defer postgres.During(&err, "list docks beside conversation %s", conversationID)
	v, err := s.loadView(ctx, s.db.Main.WithContext(ctx), tenantID, agentID, conversationID)
	if err != nil {
		return nil, err
	}
	var docks []Dock
	if err := postgres.NotDeleted(s.db.Main.WithContext(ctx), tenantID).Order("position, id").Find(&docks).Error; err != nil {
		return nil, err
	}
	visible := []wire.VisibleDock{}
	for _, d := range docks {
		if v.sees(d) {
			visible = append(visible, v.show(d))
		}
	}
	return visible, nil
}

// view is what an agent has before him: who he is, and the conversation that he has open.
type view struct {
	agent        account.Agent
	teams        []uuid.UUID // that the agent is in
	conversation conversation.Conversation
}

func (s *Store) loadView(
	ctx context.Context, tx *gorm.DB, tenantID, agentID, conversationID uuid.UUID,
) (view, error) {
	var v view
	var err error
	if v.conversation, err = conversation.FindConversation(tx, tenantID, conversationID); err != nil {
		return v, err
	}
	if err = s.conversations.ShowClocks(ctx, tx, tenantID, &v.conversation); err != nil {
		return v, err
	}
	if v.agent, err = findAgent(tx, tenantID, agentID); err != nil {
		return v, err
	}
	v.teams, err = teamsOf(tx, tenantID, agentID)
	return v, err
}

// teamsOf are the teams that an agent is in.
func teamsOf(tx *gorm.DB, tenantID, agentID uuid.UUID) ([]uuid.UUID, error) {
	var ids []string
	err := tx.Raw(
		`SELECT team_id::text FROM team_members WHERE tenant_id = ? AND agent_id = ? ORDER BY team_id`,
		tenantID,
		agentID,
	).
		Scan(
			&ids,
		).Error
	teams := []uuid.UUID{}
	for _, id := range ids {
		teams = append(teams, uuid.MustParse(id))
	}
	return teams, err
}

// sees tells whether the agent sees the dock beside the conversation.
func (v view) sees(d Dock) bool {
	return d.IsActive && d.DeletedAt == nil && v.agent.IsActive && d.isFor(v.agent.Role, v.conversation.Channel, v.teams)
}

// isFor tells whether the dock is shown to an agent of this role, who is in these teams, beside a conversation on this
// channel.
func (d Dock) isFor(role account.Role, channel string, teams []uuid.UUID) bool {
	return (len(d.Roles) == 0 || slices.Contains(d.Roles, string(role))) &&
		(len(d.Channels) == 0 || slices.Contains(d.Channels, channel)) &&
		(len(d.TeamIDs) == 0 || slices.ContainsFunc(d.TeamIDs, func(id uuid.UUID) bool { return slices.Contains(teams, id) }))
}

func (v view) show(d Dock) wire.VisibleDock {
	return wire.VisibleDock{
		ID: d.ID, Name: d.Name, URL: dockurl.Expand(d.URL, v.placeholders(d)), Icon: d.Icon, Actions: postgres.Texts(d.Actions),
		Confirm: postgres.Texts(
			d.Confirm,
		), Permissions: postgres.Texts(d.Permissions), FrameOrigins: postgres.Texts(d.FrameOrigins),
	}
}

// placeholders are the values of package dockurl's names.
func (v view) placeholders(d Dock) map[string]string {
	c, ct, a := v.conversation, v.conversation.Contact, v.agent
	values := map[string]string{
		"agent.email": a.Email, "agent.id": a.ID.String(), "agent.name": a.Name, "agent.number": strconv.FormatInt(a.Number, 10),
		"contact.email": postgres.Deref(ct.Email), "contact.id": ct.ID.String(), "contact.name": postgres.Deref(ct.Name),
		"contact.number": strconv.FormatInt(ct.Number, 10), "contact.phone": postgres.Deref(ct.Phone),
		"conversation.channel": c.Channel, "conversation.externalReference": postgres.Deref(c.ExternalReference),
		"conversation.id": c.ID.String(), "conversation.number": strconv.FormatInt(c.Number, 10),
		"dock.id": d.ID.String(), "tenant.id": c.TenantID.String(),
	}
	for key, v := range c.CustomFields {
		values["conversation.customFields."+key] = scalar(v)
	}
	for key, v := range ct.CustomFields {
		values["contact.customFields."+key] = scalar(v)
	}
	return values
}

// scalar is the text of a custom field's value.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String() // as the API shows it
	default:
		return ""
	}
}

// answer is a session with its context and a new token.
// Errors: NOT_FOUND for the conversation, or a dock that the agent does not see beside it.
func (s *Store) answer(ctx context.Context, tx *gorm.DB, session Session, now time.Time) (wire.DockSession, error) {
	v, err := s.loadView(ctx, tx, session.TenantID, session.AgentID, session.ConversationID)
	if err != nil {
		return wire.DockSession{}, err
	}
	var d Dock
	err = postgres.NotDeleted(tx, session.TenantID).Take(&d, "id = ?", session.DockID).Error
	if err == nil && !v.sees(d) {
		err = gorm.ErrRecordNotFound
	}
	if err != nil {
		return wire.DockSession{}, postgres.NotFound(err, "dock", session.DockID)
	}
	app, err := appContext(tx, v, session)
	if err != nil {
		return wire.DockSession{}, err
	}
	token, err := s.token(d, v, session, now)
	if err != nil {
		return wire.DockSession{}, err
	}
	shown := v.show(d)
	conversation := v.conversation.Wire()
	return wire.DockSession{
		ID: session.ID, ContextID: session.ContextID, Dock: shown, URL: shown.URL, AppContext: app, Token: token,
		ExpiresAt: wire.At(session.ExpiresAt),
		Context: wire.DockContext{
			Conversation: conversation, Contact: conversation.Contact, Agent: v.agent.Wire(v.teams),
			Dock: wire.ContextDock{ID: d.ID, Name: d.Name, Actions: shown.Actions, Confirm: shown.Confirm},
		},
	}, nil
}

func (s *Store) token(d Dock, v view, session Session, now time.Time) (string, error) {
	secret, err := s.signingSecret(d, now)
	if err != nil {
		return "", err
	}
	return docktoken.Sign(docktoken.Claims{
		DockID: d.ID, AgentID: v.agent.ID, TenantID: d.TenantID, ConversationID: v.conversation.ID,
		ContactID: v.conversation.ContactID, ContextID: session.ContextID, TokenID: uuid.New(), IssuedAt: now,
	}, secret)
}

// appContext reads what package dockcontext needs.
func appContext(tx *gorm.DB, v view, session Session) (dockcontext.AppContext, error) {
	c := v.conversation
	in := dockcontext.Input{
		InboxNumber: slices.Index(account.Channels, c.Channel) + 1, Conversation: c.Wire(), Agent: v.agent.Wire(v.teams),
		AgentSeen: session.ContextAt,
	}
	var tenant account.Tenant
	if err := tx.Take(&tenant, "id = ?", c.TenantID).Error; err != nil {
		return dockcontext.AppContext{}, err
	}
	in.AccountNumber = tenant.Number
	var messages []conversation.Message
	err := tx.Where("tenant_id = ? AND conversation_id = ? AND direction <> ?", c.TenantID, c.ID, conversation.Note).
		Order("id DESC").Limit(dockcontext.MaxMessages + 1).Find(&messages).Error
	if err != nil {
		return dockcontext.AppContext{}, err
	}
	in.AllLoaded = len(messages) <= dockcontext.MaxMessages
	messages = messages[:min(len(messages), dockcontext.MaxMessages)]
	slices.Reverse(messages)
	people := []uuid.UUID{}
	for _, m := range messages {
		in.Messages = append(in.Messages, m.Wire())
		if m.AuthorType == wire.ActorAgent && m.AuthorID != nil {
			people = append(people, *m.AuthorID)
		}
	}
	if c.AssigneeID != nil {
		people = append(people, *c.AssigneeID)
	}
	if err := readPeople(tx, v, people, &in); err != nil {
		return dockcontext.AppContext{}, err
	}
	return dockcontext.Build(in), nil
}

// readPeople reads the agents and the team that the context names. Online are who has the dock open, and who has a console
// open in whatever process (WatchSession).
func readPeople(tx *gorm.DB, v view, ids []uuid.UUID, in *dockcontext.Input) error {
	c := v.conversation
	var agents []account.Agent
	if err := tx.Where("tenant_id = ? AND id = ANY(?::uuid[])", c.TenantID, postgres.UUIDs(ids)).Find(&agents).Error; err != nil {
		return err
	}
	in.Authors = map[uuid.UUID]wire.Agent{}
	for _, a := range agents {
		in.Authors[a.ID] = a.Wire(nil)
	}
	if c.AssigneeID != nil {
		assignee := in.Authors[*c.AssigneeID]
		in.Assignee = &assignee
		var seen struct {
			At     *time.Time
			Online bool
		}
		err := tx.Raw(
			`SELECT max(context_at) AS at, EXISTS (SELECT FROM sessions s JOIN agents a ON `+account.LiveSession+`
				WHERE s.tenant_id = ? AND s.agent_id = ? AND s.watching_at > clock_timestamp() - ?::interval) AS online
			FROM dock_sessions WHERE tenant_id = ? AND conversation_id = ? AND agent_id = ?`,
			account.SessionLife,
			account.SessionIdle,
			c.TenantID,
			*c.AssigneeID,
			account.WatchingFor,
			c.TenantID,
			c.ID,
			*c.AssigneeID,
		).Scan(&seen).Error
		if err != nil {
			return err
		}
		in.IsOnline = func(id uuid.UUID) bool { return id == v.agent.ID || id == *c.AssigneeID && seen.Online }
		if seen.At != nil {
			in.AssigneeSeen = *seen.At
		}
	}
	if c.TeamID == nil {
		return nil
	}
	var t account.Team
	err := tx.Take(&t, "tenant_id = ? AND id = ?", c.TenantID, *c.TeamID).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	in.Team = &dockcontext.Team{ID: t.Number, Name: t.Name}
	return err
}
