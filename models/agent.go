package models

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Role is what an agent may do.
type Role string

// The five standard roles.
const (
	RoleOwner     Role = "owner"
	RoleLead      Role = "lead"
	RoleAgent     Role = "agent"
	RoleReader    Role = "reader"
	RoleAnalytics Role = "analytics"
)

// Agent is a person who works on conversations.
type Agent struct {
	TenantID  uuid.UUID
	ID        uuid.UUID
	Number    int64 `gorm:"->"`
	Name      string
	Email     string
	Role      Role
	IsActive  bool
	CreatedAt time.Time
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
func (s *Store) CreateAgent(ctx context.Context, tenantID uuid.UUID, in NewAgent) (Agent, error) {
	switch in.Role {
	case RoleOwner, RoleLead, RoleAgent, RoleReader, RoleAnalytics:
	default:
		return Agent{}, problem.Fields(problem.Field{
			Field: "role", Code: "invalid",
			Message: "must be owner, lead, agent, reader or analytics",
		})
	}
	if in.Name == "" || !strings.Contains(in.Email, "@") {
		return Agent{}, problem.Fields(
			problem.Field{Field: "email", Code: "invalid", Message: "an agent needs a name and an e-mail address"},
		)
	}
	a := Agent{
		TenantID:  tenantID,
		ID:        ident.New(),
		Name:      in.Name,
		Email:     in.Email,
		Role:      in.Role,
		IsActive:  true,
		CreatedAt: time.Now(),
	}
	err := s.db.WithContext(ctx).Create(&a).Error
	if violates(err, "agents_email") {
		return Agent{}, problem.New(problem.Conflict, "AGENT_EXISTS", "there is an agent with the e-mail %s already", in.Email)
	}
	return a, translate(err)
}

// Team is a group of agents that conversations are assigned to.
type Team struct {
	TenantID    uuid.UUID
	ID          uuid.UUID
	Name        string
	Description string
	CreatedAt   time.Time
}

// NewTeam is what a team is made from.
type NewTeam struct {
	Name, Description string
	MemberIDs         []uuid.UUID
}

// CreateTeam adds a team with its members. Errors: TEAM_EXISTS when the name is taken; VALIDATION_FAILED for a member
// who is no agent of the tenant.
func (s *Store) CreateTeam(ctx context.Context, tenantID uuid.UUID, in NewTeam) (Team, error) {
	t := Team{TenantID: tenantID, ID: ident.New(), Name: in.Name, Description: in.Description, CreatedAt: time.Now()}
	err := s.transact(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&t).Error; err != nil {
			return err
		}
		for _, member := range in.MemberIDs {
			err := tx.Exec(
				`INSERT INTO team_members (tenant_id, team_id, agent_id) VALUES (?, ?, ?)`,
				tenantID,
				t.ID,
				member,
			).Error
			if pgCode(err) == codeForeignKey {
				return problem.Fields(
					problem.Field{Field: "memberIds", Code: "unknown", Message: "there is no agent " + member.String()},
				)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if pgCode(err) == codeUniqueViolation {
		return Team{}, problem.New(problem.Conflict, "TEAM_EXISTS", "there is a team called %q already", in.Name)
	}
	return t, err
}
