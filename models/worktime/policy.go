package worktime

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// SLAPolicy is a row of the SLA policies: up to three metrics with their targets. It applies where an assignment says.
type SLAPolicy struct {
	TenantID          uuid.UUID
	ID                uuid.UUID
	Name              string
	Description       string
	IgnoreOfficeHours bool // its clocks run day and night
	PauseWhileSnoozed bool
	Targets           map[sla.Metric]sla.Targets `gorm:"serializer:json"`
	CreatedAt         time.Time
	UpdatedAt         time.Time // its clocks go by it as it is since then
}

// TableName implements GORM's Tabler.
func (SLAPolicy) TableName() string { return "sla_policies" }

// Wire is the policy's JSON shape.
func (p SLAPolicy) Wire() wire.SLAPolicy {
	return wire.SLAPolicy{
		ID: p.ID, Name: p.Name, Description: p.Description, IgnoreOfficeHours: p.IgnoreOfficeHours,
		PauseWhileSnoozed: p.PauseWhileSnoozed, Targets: p.Targets,
		CreatedAt: wire.At(p.CreatedAt), UpdatedAt: wire.At(p.UpdatedAt),
	}
}

// NewSLAPolicy is what a policy is made from.
type NewSLAPolicy struct {
	Name, Description                    string
	IgnoreOfficeHours, PauseWhileSnoozed bool
	Targets                              map[sla.Metric]sla.Targets // one to three
}

// SLAPolicyUpdate changes a policy; what is nil stays. Targets replaces all of them.
type SLAPolicyUpdate struct {
	Name, Description                    *string
	IgnoreOfficeHours, PauseWhileSnoozed *bool
	Targets                              *map[sla.Metric]sla.Targets
}

// apply checks the update and applies it. All that is wrong is reported together.
func (u SLAPolicyUpdate) apply(p *SLAPolicy) error {
	var wrong []problem.Field
	if u.Name != nil {
		wrong = checkName("name", *u.Name)
	}
	if u.Targets != nil {
		wrong = append(wrong, checkTargets(*u.Targets)...)
		p.Targets = maps.Clone(*u.Targets)
	}
	wire.Set(&p.Name, u.Name)
	wire.Set(&p.Description, u.Description)
	wire.Set(&p.IgnoreOfficeHours, u.IgnoreOfficeHours)
	wire.Set(&p.PauseWhileSnoozed, u.PauseWhileSnoozed)
	return problem.Fields(wrong...)
}

func checkTargets(targets map[sla.Metric]sla.Targets) (wrong []problem.Field) {
	if len(targets) == 0 {
		return []problem.Field{{
			Field: "targets", Code: "required",
			Message: fmt.Sprintf("must have targets for one metric at least, of %v", sla.Metrics),
		}}
	}
	for _, metric := range slices.Sorted(maps.Keys(targets)) {
		if !slices.Contains(sla.Metrics, metric) {
			wrong = append(wrong, problem.Field{
				Field: "targets", Code: "unknown",
				Message: fmt.Sprintf("there is no metric %q; the metrics are %v", metric, sla.Metrics),
			})
			continue
		}
		wrong = append(wrong, targets[metric].Validate("targets."+string(metric))...)
	}
	return wrong
}

// CreateSLAPolicy makes a policy. It governs nothing until it is assigned.
// Errors: VALIDATION_FAILED, SLA_POLICY_EXISTS when the name is taken, LIMIT_REACHED.
func (s *Store) CreateSLAPolicy(ctx context.Context, tenantID uuid.UUID, in NewSLAPolicy) (_ wire.SLAPolicy, err error) {
	defer postgres.During(&err, "create an SLA policy of tenant %s", tenantID)
	p := SLAPolicy{
		TenantID: tenantID, ID: ident.New(), IgnoreOfficeHours: in.IgnoreOfficeHours, PauseWhileSnoozed: in.PauseWhileSnoozed,
	}
	update := SLAPolicyUpdate{Name: &in.Name, Description: &in.Description, Targets: &in.Targets}
	if err := update.apply(&p); err != nil {
		return wire.SLAPolicy{}, err
	}
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		p.CreatedAt, p.UpdatedAt = now, now
		if err := roomFor(tx, p.TableName(), tenantID, "SLA policies"); err != nil {
			return 0, err
		}
		return timeChanged, policyExists(tx.Create(&p).Error, p.Name)
	})
	return p.Wire(), err
}

func policyExists(err error, name string) error {
	if postgres.Violates(err, "sla_policies_name") {
		return problem.New(problem.Conflict, problem.CodeSLAPolicyExists,
			"there is an SLA policy called %q already", name)
	}
	return err
}

// SLAPolicies lists a tenant's policies, oldest first, and returns the cursor of the next page.
// Errors: VALIDATION_FAILED.
func (s *Store) SLAPolicies(ctx context.Context, tenantID uuid.UUID, page postgres.Page) (_ []wire.SLAPolicy, _ string, err error) {
	defer postgres.During(&err, "list SLA policies of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	rows, next, err := postgres.Listed(q, page, func(p SLAPolicy) uuid.UUID { return p.ID })
	return postgres.Each(rows, SLAPolicy.Wire), next, err
}

// SLAPolicy returns one policy. Errors: NOT_FOUND.
func (s *Store) SLAPolicy(ctx context.Context, tenantID, id uuid.UUID) (_ wire.SLAPolicy, err error) {
	defer postgres.During(&err, "read SLA policy %s", id)
	p, err := findSLAPolicy(s.db.Main.WithContext(ctx), tenantID, id)
	return p.Wire(), err
}

func findSLAPolicy(db *gorm.DB, tenantID, id uuid.UUID) (SLAPolicy, error) {
	var p SLAPolicy
	err := db.Take(&p, "tenant_id = ? AND id = ?", tenantID, id).Error
	return p, postgres.NotFound(err, "SLA policy", id)
}

// UpdateSLAPolicy changes a policy, for the clocks that run, too: they keep their start, and their state never falls.
// A metric that is taken out is left to the next policy that applies.
// Errors: NOT_FOUND, VALIDATION_FAILED, SLA_POLICY_EXISTS.
func (s *Store) UpdateSLAPolicy(ctx context.Context, tenantID, id uuid.UUID, u SLAPolicyUpdate) (_ wire.SLAPolicy, err error) {
	defer postgres.During(&err, "update SLA policy %s", id)
	var p SLAPolicy
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		before, err := findSLAPolicy(tx, tenantID, id)
		if err != nil {
			return 0, err
		}
		p = before
		if err := u.apply(&p); err != nil {
			return 0, err
		}
		if p.same(before) {
			return timeUnchanged, nil
		}
		p.UpdatedAt = now
		err = tx.Model(&p).Select("*").Where("tenant_id = ? AND id = ?", tenantID, id).UpdateColumns(&p).Error
		for metric := range before.Targets {
			if _, stays := p.Targets[metric]; !stays {
				return timeRemoved, policyExists(err, p.Name)
			}
		}
		return timeChanged, policyExists(err, p.Name)
	})
	return p.Wire(), err
}

func (p SLAPolicy) same(as SLAPolicy) bool {
	return p.Name == as.Name && p.Description == as.Description && p.IgnoreOfficeHours == as.IgnoreOfficeHours &&
		p.PauseWhileSnoozed == as.PauseWhileSnoozed && maps.Equal(p.Targets, as.Targets)
}

// DeleteSLAPolicy ends a policy with its assignments. Clocks that it governs go on under the next policy that applies,
// and stop without an outcome if there is none. Errors: NOT_FOUND.
func (s *Store) DeleteSLAPolicy(ctx context.Context, tenantID, id uuid.UUID) error {
	return s.deleteTimeRow(ctx, tenantID, id, &SLAPolicy{}, "SLA policy")
}

// deleteTimeRow deletes a row of the time configuration. Errors: NOT_FOUND.
func (s *Store) deleteTimeRow(ctx context.Context, tenantID, id uuid.UUID, model any, what string) error {
	return s.editTime(ctx, tenantID, func(tx *gorm.DB, _ time.Time) (timeEdit, error) {
		r := tx.Where("tenant_id = ? AND id = ?", tenantID, id).Delete(model)
		if r.Error == nil && r.RowsAffected == 0 {
			return 0, postgres.NotFound(gorm.ErrRecordNotFound, what, id)
		}
		return timeRemoved, r.Error
	})
}
