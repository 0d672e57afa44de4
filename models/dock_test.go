package models_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/dockcontext"
	"github.com/atender/atender/models/docktoken"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// code is an error's code, empty for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	p, ok := problem.As(err)
	if !ok {
		return err.Error()
	}
	return p.Code
}

func (b *bench) agent(name string, role account.Role) account.Agent {
	b.t.Helper()
	a, err := b.Accounts.CreateAgent(
		b.t.Context(),
		b.tenant.ID,
		account.NewAgent{Name: name, Email: name + "@example.com", Role: role},
	)
	require.NoError(b.t, err)
	return a
}

// as is the agent as the principal of requests.
func (b *bench) as(a account.Agent) account.Principal {
	return account.Principal{TenantID: b.tenant.ID, Agent: &a, Role: a.Role, Scopes: scope.OfRole(string(a.Role))}
}

// byKey is the tenant's key as the principal of requests.
func (b *bench) byKey(scopes ...string) account.Principal {
	return account.Principal{TenantID: b.tenant.ID, KeyID: *b.actor.ID, KeyName: b.actor.Name, Scopes: scopes}
}

func (b *bench) dock(change ...func(*dock.NewDock)) wire.Dock {
	b.t.Helper()
	in := dock.NewDock{Name: "Refunds", URL: "https://tools.example.com/refunds?email={{contact.email}}"}
	for _, f := range change {
		f(&in)
	}
	d, err := b.Docks.Create(b.t.Context(), b.tenant.ID, in)
	require.NoError(b.t, err)
	return d
}

func (b *bench) openDock(who account.Principal, d, conversation uuid.UUID) wire.DockSession {
	b.t.Helper()
	s, err := b.Docks.OpenSession(b.t.Context(), who, dock.NewSession{DockID: d, ConversationID: conversation})
	require.NoError(b.t, err)
	return s
}

func TestDockIsMadeChangedAndDeleted(t *testing.T) {
	b := setup(t)
	d := b.dock()
	require.NotEmpty(t, *d.Secret)
	require.Equal(t, dockaction.Kinds, d.Actions, "all, unless told otherwise")

	d, err := b.Docks.Update(t.Context(), b.tenant.ID, d.ID, dock.Update{
		Actions: &[]string{"resolve", "addTag", "resolve"}, Confirm: &[]string{"resolve"}, Position: ptr(3),
		FrameOrigins: &[]string{"https://login.example.com"}, Permissions: &[]string{"clipboard-write"},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"addTag", "resolve"}, d.Actions)
	require.Nil(t, d.Secret, "it was shown once")
	read, err := b.Docks.Get(t.Context(), b.tenant.ID, d.ID)
	require.NoError(t, err)
	read.CreatedAt, read.UpdatedAt = d.CreatedAt, d.UpdatedAt // the database keeps microseconds
	require.Equal(t, d, read)

	origins, err := b.Docks.Origins(t.Context(), b.tenant.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"https://login.example.com", "https://tools.example.com"}, origins)

	require.NoError(t, b.Docks.Delete(t.Context(), b.tenant.ID, d.ID))
	_, err = b.Docks.Get(t.Context(), b.tenant.ID, d.ID)
	require.Equal(t, "NOT_FOUND", code(err))
	require.Equal(t, "NOT_FOUND", code(b.Docks.Delete(t.Context(), b.tenant.ID, d.ID)))
	_, err = b.Docks.Update(t.Context(), uuid.New(), d.ID, dock.Update{})
	require.Equal(t, "NOT_FOUND", code(err), "another tenant's")
}

func TestDockRefusesWhatIsWrongAllAtOnce(t *testing.T) {
	b := setup(t)
	_, err := b.Docks.Create(t.Context(), b.tenant.ID, dock.NewDock{
		Name: "X", URL: "http://tools.example.com", Update: dock.Update{
			Actions: &[]string{"reopen"}, Channels: &[]string{"fax"}, Roles: &[]string{"admin"}, Permissions: &[]string{"usb"},
			FrameOrigins: &[]string{"https://a.example.com/x"}, TeamIDs: &[]uuid.UUID{uuid.New()},
			Icon: ptr("https://a.example.com/i.png"),
		},
	})
	p, ok := problem.As(err)
	require.True(t, ok)
	var fields []string
	for _, f := range p.Details["fields"].([]problem.Field) { //nolint:forcetypeassert // what Fields makes
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{
		"url", "icon", "actions", "channels", "roles", "permissions", "frameOrigins[0]", "teamIds",
	}, fields)
}

func TestTenantHasSoManyDocks(t *testing.T) {
	b := setup(t)
	for range dock.MaxDocks {
		b.dock()
	}
	_, err := b.Docks.Create(t.Context(), b.tenant.ID, dock.NewDock{Name: "One more", URL: "https://tools.example.com"})
	require.Equal(t, "DOCK_LIMIT_REACHED", code(err))
	docks, next, err := b.Docks.List(t.Context(), b.tenant.ID, postgres.Page{Limit: 30})
	require.NoError(t, err)
	require.Len(t, docks, 30)
	rest, _, err := b.Docks.List(t.Context(), b.tenant.ID, postgres.Page{Limit: 30, Cursor: next})
	require.NoError(t, err)
	require.Len(t, rest, dock.MaxDocks-30)
}

func TestVisibilityNarrowsByTeamRoleAndChannel(t *testing.T) {
	b := setup(t)
	lead, ada := b.agent("lead", account.RoleLead), b.agent("ada", account.RoleAgent)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Refunds", MemberIDs: []uuid.UUID{ada.ID}})
	require.NoError(t, err)
	c := b.conversation("order-1")
	b.dock(func(d *dock.NewDock) { d.Name, d.Position = "everybody", ptr(9) })
	b.dock(func(d *dock.NewDock) { d.Name, d.TeamIDs = "team", &[]uuid.UUID{team.ID} })
	b.dock(func(d *dock.NewDock) { d.Name, d.Roles = "leads", &[]string{"owner", "lead"} })
	b.dock(func(d *dock.NewDock) { d.Name, d.Channels, d.Position = "e-mail", &[]string{"email"}, ptr(1) })
	sms := b.dock(func(d *dock.NewDock) { d.Name, d.Channels = "sms", &[]string{"sms"} })
	b.dock(func(d *dock.NewDock) { d.Name, d.IsActive = "off", ptr(false) })

	names := func(a account.Agent) []string {
		docks, err := b.Docks.Visible(t.Context(), b.tenant.ID, a.ID, c.ID)
		require.NoError(t, err)
		var names []string
		for _, d := range docks {
			names = append(names, d.Name)
		}
		return names
	}
	require.Equal(t, []string{"team", "e-mail", "everybody"}, names(ada), "by position")
	require.Equal(t, []string{"leads", "e-mail", "everybody"}, names(lead))

	_, err = b.Docks.OpenSession(t.Context(), b.as(ada), dock.NewSession{DockID: sms.ID, ConversationID: c.ID})
	require.Equal(t, "NOT_FOUND", code(err), "what an agent does not see, nobody opens for him")
}

func TestSessionTellsOfTheConversation(t *testing.T) {
	b := setup(t)
	ada := b.agent("ada", account.RoleAgent)
	c := b.conversation("order-1")
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("We are looking."), AgentID: &ada.ID})
	b.post(c.ID, conversation.NewMessage{Direction: conversation.Note, Text: text("A difficult one.")})
	_, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Refunds"})
	require.NoError(t, err)
	assign := conversation.Assign{AssigneeID: wire.Some(ada.ID), TeamID: wire.Some(team.ID)}
	b.change(c.ID, assign, conversation.AddTag{Name: "delivery"})
	d := b.dock()

	s := b.openDock(b.as(ada), d.ID, c.ID)
	require.Nil(t, s.SessionToken, "an agent has his own credentials")
	require.Equal(t, "https://tools.example.com/refunds?email=order-1%40example.com", s.URL)
	require.Equal(t, c.ID, s.Context.Conversation.ID)
	require.Equal(t, []string{"delivery"}, s.Context.Conversation.Tags)
	require.Equal(t, ada.Email, s.Context.Agent.Email)
	require.Equal(t, d.ID, s.Context.Dock.ID)

	app, ok := s.AppContext.(dockcontext.AppContext)
	require.True(t, ok)
	require.Equal(t, c.Number, app.Conversation.ID)
	require.Equal(t, int64(b.count(`SELECT number FROM tenants WHERE id = $1`, b.tenant.ID)), app.Conversation.AccountID)
	require.Len(t, app.Conversation.Messages, 2, "internal notes are none of the dock's business")
	number := int64(b.count(`SELECT number FROM agents WHERE id = $1`, ada.ID))
	require.Equal(t, number, app.Conversation.Messages[1].Sender.ID)
	require.Equal(t, number, app.Conversation.Meta.Assignee.ID)
	require.Equal(t, &dockcontext.Team{ID: 2, Name: "Refunds"}, app.Conversation.Meta.Team, "its number in the tenant")
	require.True(t, app.Conversation.AllMessagesLoaded)

	claims, err := docktoken.Verify(s.Token, *d.Secret, d.ID, time.Now())
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{ada.ID, b.tenant.ID, c.ID, c.ContactID, s.ContextID},
		[]uuid.UUID{claims.AgentID, claims.TenantID, claims.ConversationID, claims.ContactID, claims.ContextID})
}

func TestContextHasTheNewestFiftyMessages(t *testing.T) {
	b := setup(t)
	c := b.conversation("order-1")
	for range dockcontext.MaxMessages {
		b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("And?")})
	}
	s := b.openDock(b.as(b.agent("ada", account.RoleAgent)), b.dock().ID, c.ID)
	app, ok := s.AppContext.(dockcontext.AppContext)
	require.True(t, ok)
	require.Len(t, app.Conversation.Messages, dockcontext.MaxMessages)
	require.False(t, app.Conversation.AllMessagesLoaded)
	require.Equal(t, "And?", app.Conversation.Messages[0].Content, "the first one is the one left out")
}

func TestMovingOnMakesAnotherContext(t *testing.T) {
	b := setup(t)
	who := b.as(b.agent("ada", account.RoleAgent))
	one, two := b.conversation("order-1"), b.conversation("order-2")
	s := b.openDock(who, b.dock().ID, one.ID)

	same, err := b.Docks.MoveSession(t.Context(), who, s.ID, one.ID)
	require.NoError(t, err)
	require.Equal(t, s.ContextID, same.ContextID, "the same conversation, the same context")
	fresh, err := b.Docks.Context(t.Context(), who, s.ID)
	require.NoError(t, err)
	require.Equal(t, s.ContextID, fresh.ContextID)
	require.NotEqual(t, s.Token, fresh.Token, "each answer has a token with all its life ahead")

	moved, err := b.Docks.MoveSession(t.Context(), who, s.ID, two.ID)
	require.NoError(t, err)
	require.NotEqual(t, s.ContextID, moved.ContextID)
	require.Equal(t, two.ID, moved.Context.Conversation.ID)
	back, err := b.Docks.MoveSession(t.Context(), who, s.ID, one.ID)
	require.NoError(t, err)
	require.NotEqual(t, s.ContextID, back.ContextID, "coming back is not having stayed")

	_, err = b.Docks.MoveSession(t.Context(), who, s.ID, uuid.New())
	require.Equal(t, "NOT_FOUND", code(err))
	require.NoError(t, b.Docks.CloseSession(t.Context(), who, s.ID))
	_, err = b.Docks.Context(t.Context(), who, s.ID)
	require.Equal(t, "NOT_FOUND", code(err), "it is closed")
}

func TestSessionIsItsAgents(t *testing.T) {
	b := setup(t)
	ada, bob := b.agent("ada", account.RoleAgent), b.agent("bob", account.RoleOwner)
	c, d := b.conversation("order-1"), b.dock()
	s := b.openDock(b.as(ada), d.ID, c.ID)
	for name, who := range map[string]account.Principal{
		"another agent": b.as(bob), "a key": b.byKey(scope.DockHost...),
		"another tenant's agent": {TenantID: uuid.New(), Agent: &ada},
	} {
		_, err := b.Docks.Context(t.Context(), who, s.ID)
		require.Equal(t, "NOT_FOUND", code(err), name)
		require.Equal(t, "NOT_FOUND", code(b.Docks.CloseSession(t.Context(), who, s.ID)), name)
		_, err = b.Docks.RequestAction(t.Context(), who, s.ID, dock.NewAction{
			RequestID: "1", ContextID: s.ContextID, Action: "resolve",
		})
		require.Equal(t, "NOT_FOUND", code(err), name)
	}
}

// Another agent UI opens sessions with its key, and gives the browser a token for that one session.
func TestSessionOfAKeyHasATokenOfItsOwn(t *testing.T) {
	b := setup(t)
	ada := b.agent("ada", account.RoleAgent)
	c, d := b.conversation("order-1"), b.dock()
	open := func(who account.Principal, agent *uuid.UUID) (wire.DockSession, error) {
		return b.Docks.OpenSession(t.Context(), who, dock.NewSession{DockID: d.ID, ConversationID: c.ID, AgentID: agent})
	}
	_, err := open(b.byKey("docks:read"), &ada.ID)
	require.Equal(t, "SCOPE_MISSING", code(err))
	_, err = open(b.byKey(scope.DockHost...), nil)
	require.Equal(t, "VALIDATION_FAILED", code(err), "which agent?")
	_, err = open(b.byKey(scope.DockHost...), ptr(uuid.New()))
	require.Equal(t, "VALIDATION_FAILED", code(err))
	_, err = open(b.as(ada), ptr(uuid.New()))
	require.Equal(t, "VALIDATION_FAILED", code(err), "agents speak for themselves")

	one, err := open(b.byKey(scope.DockHost...), &ada.ID)
	require.NoError(t, err)
	two, err := open(b.byKey(scope.DockHost...), &ada.ID)
	require.NoError(t, err)
	who, err := b.Docks.Authenticate(t.Context(), *one.SessionToken)
	require.NoError(t, err)
	require.Equal(t, ada.ID, who.Agent.ID)
	_, err = b.Docks.Context(t.Context(), who, one.ID)
	require.NoError(t, err)
	_, err = b.Docks.Context(t.Context(), who, two.ID)
	require.Equal(t, "NOT_FOUND", code(err), "its own session and nothing else")

	_, err = b.Docks.Authenticate(t.Context(), *one.SessionToken+"0")
	require.Equal(t, "UNAUTHORIZED", code(err))
	require.NoError(t, b.Keys.Revoke(t.Context(), b.tenant.ID, *b.actor.ID))
	_, err = b.Docks.Authenticate(t.Context(), *one.SessionToken)
	require.Equal(t, "UNAUTHORIZED", code(err), "it goes with the key that opened it")
}

func TestRotatedSecretTakesOverAfterItsGrace(t *testing.T) {
	b := setup(t)
	who := b.as(b.agent("ada", account.RoleAgent))
	d := b.dock()
	s := b.openDock(who, d.ID, b.conversation("order-1").ID)
	verifies := func(secret string) bool {
		now, err := b.Docks.Context(t.Context(), who, s.ID)
		require.NoError(t, err)
		_, err = docktoken.Verify(now.Token, secret, d.ID, time.Now())
		return err == nil
	}
	rotated, err := b.Docks.RotateSecret(t.Context(), b.tenant.ID, d.ID, dock.DefaultDockGrace, nil)
	require.NoError(t, err)
	require.True(t, verifies(*d.Secret), "its back end has a day to learn the new one")
	b.exec(`UPDATE docks SET previous_until = clock_timestamp() - interval '1 second'`)
	require.False(t, verifies(*d.Secret))
	require.True(t, verifies(*rotated.Secret))

	again, err := b.Docks.RotateSecret(t.Context(), b.tenant.ID, d.ID, 0, nil)
	require.NoError(t, err)
	require.True(t, verifies(*again.Secret), "at once, when there is no time to lose")
	require.Zero(
		t,
		b.count(`SELECT count(*) FROM docks WHERE position(convert_to($1, 'UTF8') IN secret) > 0`, *again.Secret),
		"sealed",
	)
}

// Two rotations within a day: the first one's promise, that its back end has a day, is kept, and the second one's, too.
func TestSecondRotationKeepsTheFirstOnesPromise(t *testing.T) {
	b := setup(t)
	who := b.as(b.agent("ada", account.RoleAgent))
	d := b.dock()
	s := b.openDock(who, d.ID, b.conversation("order-1").ID)
	rotate := func(grace time.Duration) string {
		rotated, err := b.Docks.RotateSecret(t.Context(), b.tenant.ID, d.ID, grace, nil)
		require.NoError(t, err)
		return *rotated.Secret
	}
	signs := func(secret string) {
		t.Helper()
		now, err := b.Docks.Context(t.Context(), who, s.ID)
		require.NoError(t, err)
		_, err = docktoken.Verify(now.Token, secret, d.ID, time.Now())
		require.NoError(t, err)
	}
	hoursLeft := func() int {
		return b.count(`SELECT round(extract(epoch FROM previous_until - clock_timestamp()) / 3600)::int FROM docks`)
	}
	rotate(24 * time.Hour)
	rotate(time.Hour)
	signs(*d.Secret)
	require.Equal(t, 24, hoursLeft(), "a shorter grace does not shorten the first")
	last := rotate(48 * time.Hour)
	signs(*d.Secret)
	require.Equal(t, 48, hoursLeft(), "the newest secret is given its time, too")

	b.exec(`UPDATE docks SET previous_until = clock_timestamp() - interval '1 second'`)
	signs(last)
	rotate(time.Hour)
	signs(last) // the grace before is over and done with
	signs(rotate(0))
}

func TestSessionsThatAreLongOverAreForgotten(t *testing.T) {
	e := setup(t).embed(account.RoleAgent)
	idle := e.openDock(e.who, e.dock.ID, e.conversation.ID)
	fresh := e.openDock(e.who, e.dock.ID, e.conversation.ID)
	e.ask("addTag", params{"tag": "refunded"})
	e.exec(`UPDATE dock_sessions SET expires_at = clock_timestamp() - interval '31 days' WHERE id <> $1`, fresh.ID)
	purged, err := e.Docks.PurgeSessions(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), purged, "not the one in which something was asked for")
	require.Zero(t, e.count(`SELECT count(*) FROM dock_sessions WHERE id = $1`, idle.ID))
	_, err = e.Docks.Context(t.Context(), e.who, e.session.ID)
	require.Equal(t, "NOT_FOUND", code(err), "which is over all the same")
}
