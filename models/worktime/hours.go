package worktime

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// OpeningHours is a row of the opening hours: a rule with a name. The tenant's first ones are its default, for
// conversations that no assignment applies to; as long as a tenant has any, one of them is the default.
type OpeningHours struct {
	TenantID  uuid.UUID
	ID        uuid.UUID
	Name      string
	Rule      calendar.Rule `gorm:"serializer:json"`
	IsDefault bool
	CreatedAt time.Time
	UpdatedAt time.Time // clocks go by them as they are since then
}

// TableName implements GORM's Tabler.
func (OpeningHours) TableName() string { return "opening_hours" }

// Wire is the opening hours' JSON shape.
func (o OpeningHours) Wire() wire.OpeningHours {
	out := wire.OpeningHours{
		ID: o.ID, Name: o.Name, IsDefault: o.IsDefault, TimeZone: o.Rule.Zone, Weekly: o.Rule.Weekly,
		Overrides: o.Rule.Overrides, CreatedAt: wire.At(o.CreatedAt), UpdatedAt: wire.At(o.UpdatedAt),
	}
	if o.Rule.Holidays != "" {
		out.Holidays = &o.Rule.Holidays
	}
	if out.Weekly == nil {
		out.Weekly = map[string][]calendar.Slot{}
	}
	if out.Overrides == nil {
		out.Overrides = []calendar.Override{}
	}
	return out
}

// NewOpeningHours is what opening hours are made from.
type NewOpeningHours struct {
	Name      string
	Rule      calendar.Rule
	IsDefault bool // the first ones of a tenant are in any case
}

// OpeningHoursUpdate changes opening hours; what is nil stays. Weekly and Overrides are replaced as a whole.
type OpeningHoursUpdate struct {
	Name      *string
	Zone      *string
	Weekly    *map[string][]calendar.Slot
	Holidays  wire.Optional[string] // null or empty for none
	Overrides *[]calendar.Override
	IsDefault *bool // true makes these the default instead of the ones that are; the default cannot just cease to be it
}

func (u OpeningHoursUpdate) apply(o *OpeningHours) error {
	var wrong []problem.Field
	if u.Name != nil {
		wrong = checkName("name", *u.Name)
	}
	if u.IsDefault != nil && !*u.IsDefault && o.IsDefault {
		wrong = append(wrong, problem.Field{
			Field: "isDefault", Code: "invalid", Message: "make other opening hours the default instead",
		})
	}
	wire.Set(&o.Name, u.Name)
	wire.Set(&o.Rule.Zone, u.Zone)
	wire.Set(&o.Rule.Weekly, u.Weekly)
	if u.Holidays.Set {
		o.Rule.Holidays = ""
		wire.Set(&o.Rule.Holidays, u.Holidays.Value)
	}
	wire.Set(&o.Rule.Overrides, u.Overrides)
	wire.Set(&o.IsDefault, u.IsDefault)
	return checkRule(o.Rule, wrong)
}

// checkRule refuses a rule that cannot be compiled, with what else is wrong.
func checkRule(rule calendar.Rule, wrong []problem.Field) error {
	_, err := rule.Compile()
	if err == nil {
		return problem.Fields(wrong...)
	}
	p, ok := problem.As(err)
	if !ok || len(wrong) == 0 {
		return err
	}
	fields, _ := p.Details["fields"].([]problem.Field)
	return problem.Fields(append(wrong, fields...)...)
}

// CreateOpeningHours makes opening hours.
// Errors: VALIDATION_FAILED naming each wrong part of the rule, OPENING_HOURS_EXISTS when the name is taken, LIMIT_REACHED.
func (s *Store) CreateOpeningHours(ctx context.Context, tenantID uuid.UUID, in NewOpeningHours) (_ wire.OpeningHours, err error) {
	defer postgres.During(&err, "create opening hours of tenant %s", tenantID)
	o := OpeningHours{TenantID: tenantID, ID: ident.New(), Name: in.Name, Rule: in.Rule}
	if err := checkRule(in.Rule, checkName("name", in.Name)); err != nil {
		return wire.OpeningHours{}, err
	}
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		o.CreatedAt, o.UpdatedAt = now, now
		if err := roomFor(tx, o.TableName(), tenantID, "opening hours"); err != nil {
			return 0, err
		}
		current, err := defaultOpeningHours(tx, tenantID)
		if err != nil {
			return 0, err
		}
		o.IsDefault = in.IsDefault || current == nil
		if o.IsDefault {
			if err := demote(tx, current, now); err != nil {
				return 0, err
			}
		}
		return timeChanged, openingHoursExist(tx.Create(&o).Error, o.Name)
	})
	return o.Wire(), err
}

func openingHoursExist(err error, name string) error {
	if postgres.Violates(err, "opening_hours_name") {
		return problem.New(problem.Conflict, problem.CodeOpeningHoursExists,
			"there are opening hours called %q already", name)
	}
	return err
}

// defaultOpeningHours are the tenant's default ones, nil if it has none at all.
func defaultOpeningHours(tx *gorm.DB, tenantID uuid.UUID) (*OpeningHours, error) {
	var found []OpeningHours
	err := tx.Where("tenant_id = ? AND is_default", tenantID).Find(&found).Error
	if len(found) == 0 {
		return nil, err
	}
	return &found[0], err
}

// demote makes opening hours cease to be the default, nil for none.
func demote(tx *gorm.DB, o *OpeningHours, now time.Time) error {
	if o == nil {
		return nil
	}
	return tx.Model(o).Where("tenant_id = ? AND id = ?", o.TenantID, o.ID).
		UpdateColumns(map[string]any{"is_default": false, "updated_at": now}).Error
}

// ListOpeningHours lists a tenant's opening hours, oldest first, and returns the cursor of the next page.
// Errors: VALIDATION_FAILED.
func (s *Store) ListOpeningHours(
	ctx context.Context,
	tenantID uuid.UUID,
	page postgres.Page,
) (_ []wire.OpeningHours, _ string, err error) {
	defer postgres.During(&err, "list opening hours of tenant %s", tenantID)
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID)
	rows, next, err := postgres.Listed(q, page, func(o OpeningHours) uuid.UUID { return o.ID })
	return postgres.Each(rows, OpeningHours.Wire), next, err
}

// OpeningHours returns one of a tenant's opening hours. Errors: NOT_FOUND.
func (s *Store) OpeningHours(ctx context.Context, tenantID, id uuid.UUID) (_ wire.OpeningHours, err error) {
	defer postgres.During(&err, "read opening hours %s", id)
	o, err := findOpeningHours(s.db.Main.WithContext(ctx), tenantID, id)
	return o.Wire(), err
}

func findOpeningHours(db *gorm.DB, tenantID, id uuid.UUID) (OpeningHours, error) {
	var o OpeningHours
	err := db.Take(&o, "tenant_id = ? AND id = ?", tenantID, id).Error
	return o, postgres.NotFound(err, "opening hours", id)
}

// UpdateOpeningHours changes opening hours, for the clocks that run by them, too.
// Errors: NOT_FOUND, VALIDATION_FAILED, OPENING_HOURS_EXISTS.
func (s *Store) UpdateOpeningHours(
	ctx context.Context, tenantID, id uuid.UUID, u OpeningHoursUpdate,
) (_ wire.OpeningHours, err error) {
	defer postgres.During(&err, "update opening hours %s", id)
	var o OpeningHours
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, now time.Time) (timeEdit, error) {
		before, err := findOpeningHours(tx, tenantID, id)
		if err != nil {
			return 0, err
		}
		o = before
		if err := u.apply(&o); err != nil {
			return 0, err
		}
		if reflect.DeepEqual(o, before) {
			return timeUnchanged, nil
		}
		if o.IsDefault && !before.IsDefault {
			current, err := defaultOpeningHours(tx, tenantID)
			if err != nil {
				return 0, err
			}
			if err := demote(tx, current, now); err != nil {
				return 0, err
			}
		}
		o.UpdatedAt = now
		err = tx.Model(&o).Select("*").Where("tenant_id = ? AND id = ?", tenantID, id).UpdateColumns(&o).Error
		return timeChanged, openingHoursExist(err, o.Name)
	})
	return o.Wire(), err
}

// DeleteOpeningHours ends opening hours with their assignments; what went by them goes by what applies next. The default
// ones can be deleted only as the last. Errors: NOT_FOUND, DEFAULT_OPENING_HOURS.
func (s *Store) DeleteOpeningHours(ctx context.Context, tenantID, id uuid.UUID) error {
	return s.editTime(ctx, tenantID, func(tx *gorm.DB, _ time.Time) (timeEdit, error) {
		o, err := findOpeningHours(tx, tenantID, id)
		if err != nil {
			return 0, err
		}
		var others int64
		if err := tx.Model(&o).Where("tenant_id = ? AND id <> ?", tenantID, id).Count(&others).Error; err != nil {
			return 0, err
		}
		if o.IsDefault && others > 0 {
			return 0, problem.New(problem.Conflict, problem.CodeDefaultOpeningHours,
				"these are the default opening hours: make others the default first")
		}
		return timeRemoved, tx.Where("tenant_id = ? AND id = ?", tenantID, id).Delete(&o).Error
	})
}

// MaxPreview is how many windows a preview shows at most.
const MaxPreview = 50

// PreviewHours shows what a rule that need not be stored means: whether it is open at a time, and the next n windows.
// Errors: VALIDATION_FAILED; the context's.
func PreviewHours(ctx context.Context, rule calendar.Rule, at time.Time, n int) (wire.HoursPreview, error) {
	schedule, err := rule.Compile()
	if err != nil {
		return wire.HoursPreview{}, err
	}
	preview := wire.HoursPreview{At: wire.At(at), IsOpen: schedule.IsOpen(at), Windows: []wire.Window{}}
	windows, err := schedule.Upcoming(ctx, at, min(n, MaxPreview))
	if err != nil {
		return wire.HoursPreview{}, err
	}
	for _, w := range windows {
		preview.Windows = append(preview.Windows, wire.Window{Opens: wire.At(w.Opens), Closes: wire.At(w.Closes)})
	}
	return preview, nil
}

// OpeningHoursPreview shows what stored opening hours mean. Errors: NOT_FOUND.
func (s *Store) OpeningHoursPreview(
	ctx context.Context, tenantID, id uuid.UUID, at time.Time, n int,
) (_ wire.HoursPreview, err error) {
	defer postgres.During(&err, "preview opening hours %s", id)
	o, err := findOpeningHours(s.db.Main.WithContext(ctx), tenantID, id)
	if err != nil {
		return wire.HoursPreview{}, err
	}
	return PreviewHours(ctx, o.Rule, at, n)
}
