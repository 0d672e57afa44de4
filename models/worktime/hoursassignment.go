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

// OpeningHoursAssignment is a row that says which conversations go by opening hours that are not the default. The most
// particular one applies, as with SLAAssignment.
type OpeningHoursAssignment struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	OpeningHoursID uuid.UUID
	TeamID         *uuid.UUID
	Channel        *string
	CreatedAt      time.Time
}

// TableName implements GORM's Tabler.
func (OpeningHoursAssignment) TableName() string { return "opening_hours_assignments" }

// Wire is the assignment's JSON shape.
func (a OpeningHoursAssignment) Wire() wire.OpeningHoursAssignment {
	return wire.OpeningHoursAssignment{
		ID: a.ID, OpeningHoursID: a.OpeningHoursID, TeamID: a.TeamID, Channel: a.Channel, CreatedAt: wire.At(a.CreatedAt),
	}
}

// NewOpeningHoursAssignment is what an assignment is made from: a team, a channel, or both.
type NewOpeningHoursAssignment struct {
	OpeningHoursID uuid.UUID
	TeamID         *uuid.UUID
	Channel        *string
}

// CreateOpeningHoursAssignment assigns opening hours. Errors: VALIDATION_FAILED for what does not exist, and when neither
// team nor channel is given; OPENING_HOURS_ASSIGNMENT_EXISTS, LIMIT_REACHED.
func (s *Store) CreateOpeningHoursAssignment(
	ctx context.Context, tenantID uuid.UUID, in NewOpeningHoursAssignment,
) (_ wire.OpeningHoursAssignment, err error) {
	defer postgres.During(&err, "assign opening hours of tenant %s", tenantID)
	a := OpeningHoursAssignment{
		TenantID: tenantID, ID: ident.New(), OpeningHoursID: in.OpeningHoursID, TeamID: in.TeamID, Channel: in.Channel,
	}
	if a.TeamID == nil && a.Channel == nil {
		return wire.OpeningHoursAssignment{}, problem.Fields(problem.Field{
			Field: "teamId", Code: "required",
			Message: "teamId, channel or both; for everything else make these opening hours the default",
		})
	}
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		a.CreatedAt = now
		to := reach{a.TeamID, a.Channel}
		if err := checkAssignment(tx, tenantID, &OpeningHours{}, "openingHoursId", a.OpeningHoursID, to); err != nil {
			return 0, err
		}
		if err := roomFor(tx, a.TableName(), tenantID, "assignments of opening hours"); err != nil {
			return 0, err
		}
		err := tx.Create(&a).Error
		if postgres.Violates(err, "opening_hours_assignments_scope") {
			err = problem.New(problem.Conflict, problem.CodeOpeningHoursAssignmentExists,
				"the opening hours are assigned to this team and channel already")
		}
		return timeChanged, err
	})
	return a.Wire(), err
}

// OpeningHoursAssignments lists a tenant's assignments, oldest first, and returns the cursor of the next page; those of one
// set of opening hours, unless hoursID is nil. Errors: VALIDATION_FAILED.
func (s *Store) OpeningHoursAssignments(
	ctx context.Context, tenantID uuid.UUID, hoursID *uuid.UUID, page postgres.Page,
) (_ []wire.OpeningHoursAssignment, _ string, err error) {
	defer postgres.During(&err, "list assignments of opening hours of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	if hoursID != nil {
		q = q.Where("opening_hours_id = ?", *hoursID)
	}
	rows, next, err := postgres.Listed(q, page, func(a OpeningHoursAssignment) uuid.UUID { return a.ID })
	return postgres.Each(rows, OpeningHoursAssignment.Wire), next, err
}

// OpeningHoursAssignment returns one assignment. Errors: NOT_FOUND.
func (s *Store) OpeningHoursAssignment(ctx context.Context, tenantID, id uuid.UUID) (wire.OpeningHoursAssignment, error) {
	var a OpeningHoursAssignment
	err := s.db.Main.WithContext(ctx).Take(&a, "tenant_id = ? AND id = ?", tenantID, id).Error
	return a.Wire(), postgres.NotFound(err, "assignment of opening hours", id)
}

// DeleteOpeningHoursAssignment takes opening hours away from what they were assigned to. Errors: NOT_FOUND.
func (s *Store) DeleteOpeningHoursAssignment(ctx context.Context, tenantID, id uuid.UUID) error {
	return s.deleteTimeRow(ctx, tenantID, id, &OpeningHoursAssignment{}, "assignment of opening hours")
}
