package worktime

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// SLAAssignment is a row that says what a policy applies to. Where several do, it is decided by metric: the one for team
// and channel, else for the team, else for the channel, else for everything; of equals the oldest.
type SLAAssignment struct {
	TenantID  uuid.UUID
	ID        uuid.UUID
	PolicyID  uuid.UUID
	TeamID    *uuid.UUID
	Channel   *string
	CreatedAt time.Time
}

// TableName implements GORM's Tabler.
func (SLAAssignment) TableName() string { return "sla_assignments" }

// Wire is the assignment's JSON shape.
func (a SLAAssignment) Wire() wire.SLAAssignment {
	return wire.SLAAssignment{
		ID: a.ID, PolicyID: a.PolicyID, TeamID: a.TeamID, Channel: a.Channel, CreatedAt: wire.At(a.CreatedAt),
	}
}

// NewSLAAssignment is what an assignment is made from. Without team and channel the policy applies to everything.
type NewSLAAssignment struct {
	PolicyID uuid.UUID
	TeamID   *uuid.UUID
	Channel  *string
}

// CreateSLAAssignment assigns a policy. Errors: VALIDATION_FAILED for a policy, team or channel that does not exist,
// SLA_ASSIGNMENT_EXISTS, LIMIT_REACHED.
func (s *Store) CreateSLAAssignment(ctx context.Context, tenantID uuid.UUID, in NewSLAAssignment) (_ wire.SLAAssignment, err error) {
	defer postgres.During(&err, "assign an SLA policy of tenant %s", tenantID)
	a := SLAAssignment{TenantID: tenantID, ID: ident.New(), PolicyID: in.PolicyID, TeamID: in.TeamID, Channel: in.Channel}
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		a.CreatedAt = now
		if err := checkAssignment(tx, tenantID, &SLAPolicy{}, "policyId", a.PolicyID, reach{a.TeamID, a.Channel}); err != nil {
			return 0, err
		}
		if err := roomFor(tx, a.TableName(), tenantID, "SLA assignments"); err != nil {
			return 0, err
		}
		err := tx.Create(&a).Error
		if postgres.Violates(err, "sla_assignments_scope") {
			err = problem.New(problem.Conflict, problem.CodeSLAAssignmentExists,
				"the policy is assigned to this team and channel already")
		}
		return timeChanged, err
	})
	return a.Wire(), err
}

// checkAssignment refuses an assignment of something to something that does not exist, all of it together. What is
// assigned cannot vanish meanwhile: that would be another edit of the same tenant. Errors: VALIDATION_FAILED.
func checkAssignment(tx *gorm.DB, tenantID uuid.UUID, model any, field string, id uuid.UUID, to reach) error {
	wrong, err := to.check(tx, tenantID)
	if err != nil {
		return err
	}
	var n int64
	if err := tx.Model(model).Where("tenant_id = ? AND id = ?", tenantID, id).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		unknown := problem.Field{Field: field, Code: "unknown", Message: "there is no such thing as " + id.String()}
		wrong = append([]problem.Field{unknown}, wrong...)
	}
	return problem.Fields(wrong...)
}

// SLAAssignments lists a tenant's assignments, oldest first, and returns the cursor of the next page; those of one policy,
// unless it is nil. Errors: VALIDATION_FAILED.
func (s *Store) SLAAssignments(
	ctx context.Context, tenantID uuid.UUID, policyID *uuid.UUID, page postgres.Page,
) (_ []wire.SLAAssignment, _ string, err error) {
	defer postgres.During(&err, "list assignments of SLA policies of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	if policyID != nil {
		q = q.Where("policy_id = ?", *policyID)
	}
	rows, next, err := postgres.Listed(q, page, func(a SLAAssignment) uuid.UUID { return a.ID })
	return postgres.Each(rows, SLAAssignment.Wire), next, err
}

// SLAAssignment returns one assignment. Errors: NOT_FOUND.
func (s *Store) SLAAssignment(ctx context.Context, tenantID, id uuid.UUID) (wire.SLAAssignment, error) {
	var a SLAAssignment
	err := s.db.Main.WithContext(ctx).Take(&a, "tenant_id = ? AND id = ?", tenantID, id).Error
	return a.Wire(), postgres.NotFound(err, "SLA assignment", id)
}

// DeleteSLAAssignment takes a policy away from what it was assigned to. Errors: NOT_FOUND.
func (s *Store) DeleteSLAAssignment(ctx context.Context, tenantID, id uuid.UUID) error {
	return s.deleteTimeRow(ctx, tenantID, id, &SLAAssignment{}, "SLA assignment")
}
