package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// RoleNames are the roles as text.
func RoleNames() []string {
	names := make([]string, len(Roles))
	for i, role := range Roles {
		names[i] = string(role)
	}
	return names
}

// MayWork tells whether an agent of the role may change conversations, and so be assigned some.
func (r Role) MayWork() bool { return scope.Grants(scope.OfRole(string(r)), scope.ConversationsWrite) }

// WorkingRoles are the roles whose agents may be assigned conversations, as text.
func WorkingRoles() []string {
	var names []string
	for _, role := range Roles {
		if role.MayWork() {
			names = append(names, string(role))
		}
	}
	return names
}

// Agent is a person who works on conversations.
type Agent struct {
	TenantID  uuid.UUID
	ID        uuid.UUID
	Number    int64 `gorm:"<-:create"`
	Name      string
	Email     string
	EmailKey  *string // address.EmailKey of it; null where an older agent has the same (migrations.Fill)
	Role      Role
	IsActive  bool
	CreatedAt time.Time
}

// Wire is the agent's JSON shape; teams are those the agent is a member of.
func (a Agent) Wire(teams []uuid.UUID) wire.Agent {
	if teams == nil {
		teams = []uuid.UUID{}
	}
	return wire.Agent{
		ID: a.ID, Number: a.Number, Name: a.Name, Email: a.Email, Role: string(a.Role), TeamIDs: teams, IsActive: a.IsActive,
	}
}

// Actor is the agent as an actor who works through the given means.
func (a Agent) Actor(via *wire.Via) wire.Actor {
	return wire.Actor{Type: wire.ActorAgent, ID: &a.ID, Name: a.Name, Via: via}
}

// NewAgent is what an agent is made from.
type NewAgent struct {
	Name, Email string
	Role        Role
}

// CreateAgent adds an agent. Errors: VALIDATION_FAILED, AGENT_EXISTS when the tenant has one with that e-mail.
func (s *Store) CreateAgent(ctx context.Context, tenantID uuid.UUID, in NewAgent) (_ Agent, err error) {
	defer postgres.During(&err, "create an agent of tenant %s", tenantID)
	if !slices.Contains(Roles, in.Role) {
		return Agent{}, problem.Fields(problem.Field{
			Field: "role", Code: "invalid", Message: "must be one of " + strings.Join(RoleNames(), ", "),
		})
	}
	if in.Name, err = nameOf(in.Name, "an agent"); err != nil {
		return Agent{}, err
	}
	if err := address.CheckEmail(in.Email); err != nil {
		return Agent{}, problem.Fields(problem.Field{Field: "email", Code: "invalid", Message: err.Error()})
	}
	key := address.EmailKey(in.Email)
	a := Agent{
		TenantID:  tenantID,
		ID:        ident.New(),
		Name:      in.Name,
		Email:     in.Email,
		EmailKey:  &key,
		Role:      in.Role,
		IsActive:  true,
		CreatedAt: time.Now(),
	}
	err = s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if a.Number, err = postgres.TakeNumber(ctx, tx, tenantID, postgres.AgentNumbers); err != nil {
			return err
		}
		return tx.Create(&a).Error
	})
	if postgres.Violates(err, "agents_email") {
		return Agent{}, problem.New(problem.Conflict, problem.CodeAgentExists,
			"there is an agent with the e-mail %s already", in.Email)
	}
	return a, err
}

// Agents lists a tenant's agents with their teams, oldest first, those with the e-mail address if one is given, and
// returns the cursor of the next page. Errors: VALIDATION_FAILED for a cursor that is not of this list.
func (s *Store) Agents(
	ctx context.Context, tenantID uuid.UUID, email string, page postgres.Page,
) (_ []wire.Agent, _ string, err error) {
	defer postgres.During(&err, "list agents of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	if email != "" {
		q = q.Where("email_key = ?", address.EmailKey(email))
	}
	agents, next, err := postgres.Listed(q, page, func(a Agent) uuid.UUID { return a.ID })
	if err != nil {
		return nil, "", err
	}
	ids := make([]uuid.UUID, len(agents))
	for i, a := range agents {
		ids[i] = a.ID
	}
	teams, err := s.memberships(ctx, tenantID, "agent_id", "team_id", ids)
	if err != nil {
		return nil, "", err
	}
	found := make([]wire.Agent, len(agents))
	for i, a := range agents {
		found[i] = a.Wire(teams[a.ID])
	}
	return found, next, nil
}

// Agent returns one agent with the teams. Errors: NOT_FOUND, also for another tenant's.
func (s *Store) Agent(ctx context.Context, tenantID, id uuid.UUID) (_ wire.Agent, err error) {
	defer postgres.During(&err, "read agent %s", id)
	var a Agent
	if err := s.db.Main.WithContext(ctx).Take(&a, "tenant_id = ? AND id = ?", tenantID, id).Error; err != nil {
		return wire.Agent{}, postgres.NotFound(err, "agent", id)
	}
	teams, err := s.memberships(ctx, tenantID, "agent_id", "team_id", []uuid.UUID{id})
	return a.Wire(teams[id]), err
}

// AgentUpdate is a change of an agent; what is nil stays.
type AgentUpdate struct {
	Name     *string
	Role     *Role
	IsActive *bool
	// MayGrant refuses a role that the caller may neither give nor take; nil allows all. An agent who may do more than the
	// caller stays as he is, the name included: by it colleagues know whom they talk to.
	MayGrant func(Role) error
}

// UpdateAgent changes an agent. Errors: NOT_FOUND; LAST_OWNER when the tenant would be left without an active owner; those
// of MayGrant.
func (s *Store) UpdateAgent(ctx context.Context, tenantID, id uuid.UUID, u AgentUpdate) (_ wire.Agent, err error) {
	defer postgres.During(&err, "update agent %s", id)
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		var a Agent
		err := tx.Raw(`SELECT * FROM agents WHERE tenant_id = ? AND id = ? FOR NO KEY UPDATE`, tenantID, id).Take(&a).Error
		if err != nil {
			return postgres.NotFound(err, "agent", id)
		}
		before := a
		wire.Set(&a.Name, u.Name)
		wire.Set(&a.Role, u.Role)
		wire.Set(&a.IsActive, u.IsActive)
		if u.MayGrant != nil {
			if err := errors.Join(u.MayGrant(before.Role), u.MayGrant(a.Role)); err != nil {
				return err
			}
		}
		owned, owns := before.IsActive && before.Role == RoleOwner, a.IsActive && a.Role == RoleOwner
		if owned && !owns {
			if err := keepAnOwner(tx, tenantID, id); err != nil {
				return err
			}
		}
		if !a.IsActive { // and who is made active again signs in anew
			if err := endSessions(tx, tenantID, id); err != nil {
				return err
			}
		}
		return tx.Exec(`UPDATE agents SET name = ?, role = ?, is_active = ? WHERE tenant_id = ? AND id = ?`,
			a.Name, a.Role, a.IsActive, tenantID, id).Error
	})
	if err != nil {
		return wire.Agent{}, err
	}
	s.keys.auth.forget()
	s.db.Wake(ctx, topicKeys) // what the agent may do now holds at once
	return s.Agent(ctx, tenantID, id)
}

// keepAnOwner refuses to let the last active owner go. The tenant's row is locked, so that of two owners who leave at the
// same time the second one sees that the first has gone.
func keepAnOwner(tx *gorm.DB, tenantID, leaving uuid.UUID) error {
	if err := tx.Exec(`SELECT FROM tenants WHERE id = ? FOR NO KEY UPDATE`, tenantID).Error; err != nil {
		return err
	}
	var others int64
	err := tx.Model(&Agent{}).Where("tenant_id = ? AND role = ? AND is_active AND id <> ?", tenantID, RoleOwner, leaving).
		Count(&others).Error
	if err == nil && others == 0 {
		return problem.New(problem.Conflict, problem.CodeLastOwner,
			"this is the tenant's last active owner; make another one first")
	}
	return err
}
