package account

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Team is a group of agents that conversations are assigned to.
type Team struct {
	TenantID    uuid.UUID
	ID          uuid.UUID
	Number      int64 `gorm:"<-:create"`
	Name        string
	Description string
	CreatedAt   time.Time
}

// Wire is the team's JSON shape with its members.
func (t Team) Wire(members []uuid.UUID) wire.Team {
	if members == nil {
		members = []uuid.UUID{}
	}
	return wire.Team{ID: t.ID, Number: t.Number, Name: t.Name, Description: t.Description, MemberIDs: members}
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
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if t.Number, err = postgres.TakeNumber(ctx, tx, tenantID, postgres.TeamNumbers); err != nil {
			return err
		}
		if err := tx.Create(&t).Error; err != nil {
			return err
		}
		return addMembers(tx, tenantID, t.ID, in.MemberIDs)
	})
	return t, teamTaken(err, in.Name)
}

func teamTaken(err error, name string) error {
	if postgres.Violates(err, "teams_tenant_id_name_key") {
		return problem.New(problem.Conflict, problem.CodeTeamExists, "there is a team called %q already", name)
	}
	return err
}

// addMembers adds agents to a team; those who are in it stay. Errors: VALIDATION_FAILED for one who is no agent of the
// tenant.
func addMembers(tx *gorm.DB, tenantID, teamID uuid.UUID, agentIDs []uuid.UUID) error {
	var unknown []problem.Field
	var known postgres.UUIDs
	err := tx.Raw(`SELECT array_agg(id) FROM (SELECT id FROM agents WHERE tenant_id = ? AND id = ANY (?::uuid[])
		ORDER BY id FOR KEY SHARE) a`, tenantID, postgres.UUIDs(agentIDs)).Row().Scan(&known)
	if err != nil {
		return err
	}
	for _, id := range agentIDs {
		if !slices.Contains(known, id) {
			unknown = append(unknown, problem.Field{
				Field: "memberIds", Code: "unknown", Message: "there is no agent " + id.String(),
			})
		}
	}
	if len(unknown) > 0 || len(agentIDs) == 0 {
		return problem.Fields(unknown...)
	}
	return tx.Exec(`INSERT INTO team_members (tenant_id, team_id, agent_id) SELECT ?, ?, unnest(?::uuid[]) ON CONFLICT DO NOTHING`,
		tenantID, teamID, postgres.UUIDs(agentIDs)).Error
}

// Teams lists a tenant's teams with their members, oldest first, and returns the cursor of the next page.
// Errors: VALIDATION_FAILED for a cursor that is not of this list.
func (s *Store) Teams(ctx context.Context, tenantID uuid.UUID, page postgres.Page) (_ []wire.Team, _ string, err error) {
	defer postgres.During(&err, "list teams of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	teams, next, err := postgres.Listed(q, page, func(t Team) uuid.UUID { return t.ID })
	if err != nil {
		return nil, "", err
	}
	ids := make([]uuid.UUID, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	members, err := s.memberships(ctx, tenantID, "team_id", "agent_id", ids)
	if err != nil {
		return nil, "", err
	}
	found := make([]wire.Team, len(teams))
	for i, t := range teams {
		found[i] = t.Wire(members[t.ID])
	}
	return found, next, nil
}

// Team returns one team with its members. Errors: NOT_FOUND, also for another tenant's.
func (s *Store) Team(ctx context.Context, tenantID, id uuid.UUID) (_ wire.Team, err error) {
	defer postgres.During(&err, "read team %s", id)
	var t Team
	if err := s.db.Main.WithContext(ctx).Take(&t, "tenant_id = ? AND id = ?", tenantID, id).Error; err != nil {
		return wire.Team{}, postgres.NotFound(err, "team", id)
	}
	members, err := s.memberships(ctx, tenantID, "team_id", "agent_id", []uuid.UUID{id})
	return t.Wire(members[id]), err
}

// TeamUpdate is a change of a team; what is nil stays.
type TeamUpdate struct {
	Name, Description *string
	MemberIDs         *[]uuid.UUID // replace the members
	Add, Remove       []uuid.UUID  // members to add or remove; those who are in, or out, already stay so
}

// UpdateTeam changes a team. Errors: NOT_FOUND; TEAM_EXISTS when the name is taken; VALIDATION_FAILED for a member who is
// no agent of the tenant.
func (s *Store) UpdateTeam(ctx context.Context, tenantID, id uuid.UUID, u TeamUpdate) (wire.Team, error) {
	var t Team
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		err := tx.Raw(`SELECT * FROM teams WHERE tenant_id = ? AND id = ? FOR NO KEY UPDATE`, tenantID, id).Take(&t).Error
		if err != nil {
			return postgres.NotFound(err, "team", id)
		}
		wire.Set(&t.Name, u.Name)
		wire.Set(&t.Description, u.Description)
		if u.Name != nil || u.Description != nil {
			err = tx.Exec(`UPDATE teams SET name = ?, description = ? WHERE tenant_id = ? AND id = ?`,
				t.Name, t.Description, tenantID, id).Error
			if err != nil {
				return err
			}
		}
		add, gone := u.Add, tx.Where("agent_id = ANY (?::uuid[])", postgres.OrEmpty(u.Remove))
		if u.MemberIDs != nil {
			add, gone = *u.MemberIDs, tx.Where("agent_id <> ALL (?::uuid[])", postgres.OrEmpty(*u.MemberIDs))
		}
		if err := addMembers(tx, tenantID, id, add); err != nil {
			return err
		}
		return gone.Where("tenant_id = ? AND team_id = ?", tenantID, id).Delete(&teamMember{}).Error
	})
	if err != nil {
		return wire.Team{}, teamTaken(err, t.Name)
	}
	return s.Team(ctx, tenantID, id)
}

// DeleteTeam removes a team. Errors: NOT_FOUND; TEAM_IN_USE while a conversation or a setting names it.
func (s *Store) DeleteTeam(ctx context.Context, tenantID, id uuid.UUID) (err error) {
	defer postgres.During(&err, "delete team %s", id)
	var found int64
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		r := tx.Where("tenant_id = ? AND id = ?", tenantID, id).Delete(&Team{})
		found = r.RowsAffected
		return r.Error
	})
	switch {
	case postgres.PgCode(err) == postgres.CodeForeignKey:
		return problem.New(problem.Conflict, problem.CodeTeamInUse,
			"conversations or settings name this team; its history would not say any more who was responsible")
	case err == nil && found == 0:
		return postgres.NotFound(gorm.ErrRecordNotFound, "team", id)
	default:
		return err
	}
}

// teamMember is a row of the table of who is in which team.
type teamMember struct{ TenantID, TeamID, AgentID uuid.UUID }

// memberships are, for each of the ids in one column of team_members, those in the other.
func (s *Store) memberships(
	ctx context.Context, tenantID uuid.UUID, of, others string, ids []uuid.UUID,
) (map[uuid.UUID][]uuid.UUID, error) {
	var rows []struct{ Of, Other uuid.UUID }
	err := s.db.Main.WithContext(ctx).Raw(`SELECT `+of+` AS of, `+others+` AS other FROM team_members
		WHERE tenant_id = ? AND `+of+` = ANY (?::uuid[]) ORDER BY other`, tenantID, postgres.OrEmpty(ids)).Scan(&rows).Error
	found := map[uuid.UUID][]uuid.UUID{}
	for _, r := range rows {
		found[r.Of] = append(found[r.Of], r.Other)
	}
	return found, postgres.Translate(err)
}
