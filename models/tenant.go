package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/problem"
)

// Environment says whether a tenant's data are real.
type Environment string

// Each tenant is a pair: production, used by sa_live_ keys, and its sandbox twin, used by sa_test_ keys.
const (
	Production Environment = "production"
	Sandbox    Environment = "sandbox"
)

// Tenant is an organisation's data in one environment. Everything else belongs to exactly one tenant.
type Tenant struct {
	ID              uuid.UUID
	Number          int64 `gorm:"->"`
	Name            string
	Environment     Environment
	SandboxOf       *uuid.UUID // the production tenant, for a sandbox
	UnknownTags     string     // what creation does with tags that do not exist: create, drop or reject
	WebhooksEnabled bool
	MaxWebhooks     int
	CreatedAt       time.Time
}

// NewTenant is what a tenant is made from.
type NewTenant struct{ Name string }

// CreateTenant makes a tenant with its sandbox twin.
func (s *Store) CreateTenant(ctx context.Context, in NewTenant) (live, sandbox Tenant, err error) {
	if in.Name == "" {
		return live, sandbox, problem.Fields(problem.Field{Field: "name", Code: "required", Message: "a tenant needs a name"})
	}
	now := time.Now()
	live = Tenant{
		ID: ident.New(), Name: in.Name, Environment: Production,
		UnknownTags: "create", WebhooksEnabled: true, MaxWebhooks: 10, CreatedAt: now,
	}
	sandbox = live
	sandbox.ID, sandbox.Environment, sandbox.SandboxOf = ident.New(), Sandbox, &live.ID
	err = s.transact(ctx, func(tx *gorm.DB) error {
		for _, t := range []*Tenant{&live, &sandbox} {
			if err := tx.Create(t).Error; err != nil {
				return err
			}
			if err := tx.Exec(`INSERT INTO conversation_numbers (tenant_id) VALUES (?)`, t.ID).Error; err != nil {
				return err
			}
			if err := seedChannels(tx, t.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return live, sandbox, err
}

// Tenants lists all tenants, oldest first.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	var tenants []Tenant
	err := s.db.WithContext(ctx).Order("id").Find(&tenants).Error
	return tenants, translate(err)
}

// Tenant returns one tenant. Errors: NOT_FOUND.
func (s *Store) Tenant(ctx context.Context, id uuid.UUID) (Tenant, error) {
	var t Tenant
	err := s.db.WithContext(ctx).Take(&t, "id = ?", id).Error
	return t, notFound(err, "tenant", id)
}

// MaxWebhooksOfTenant is how many webhooks an operator can allow a tenant: each event is held against all of them, in the
// statement that stores it.
const MaxWebhooksOfTenant = 1_000

// TenantLimits is what the operator sets for a tenant; nil leaves a value as it is.
type TenantLimits struct {
	WebhooksEnabled *bool // P4.10
	MaxWebhooks     *int  // for those to come: a tenant that has more keeps them
}

// SetTenantLimits changes what the operator allows a tenant, in all processes at once.
// Errors: NOT_FOUND; VALIDATION_FAILED for a number that is too small or too large.
func (s *Store) SetTenantLimits(ctx context.Context, id uuid.UUID, l TenantLimits) (Tenant, error) {
	if n := l.MaxWebhooks; n != nil && (*n < 0 || *n > MaxWebhooksOfTenant) {
		return Tenant{}, problem.Fields(problem.Field{
			Field: "maxWebhooks", Code: "out_of_range", Message: fmt.Sprintf("must be 0 to %d", MaxWebhooksOfTenant),
		})
	}
	var t Tenant
	var marks []string
	err := s.transact(ctx, func(tx *gorm.DB) error {
		t, marks = Tenant{}, nil
		err := tx.Raw(`SELECT * FROM tenants WHERE id = ? FOR NO KEY UPDATE`, id).Take(&t).Error
		if err != nil {
			return notFound(err, "tenant", id)
		}
		set(&t.MaxWebhooks, l.MaxWebhooks)
		if on := l.WebhooksEnabled; on != nil && *on != t.WebhooksEnabled {
			t.WebhooksEnabled = *on
			if marks, err = switchWebhooks(tx, id, *on); err != nil {
				return err
			}
		}
		return tx.Exec(`UPDATE tenants SET webhooks_enabled = ?, max_webhooks = ? WHERE id = ?`,
			t.WebhooksEnabled, t.MaxWebhooks, id).Error
	})
	if err != nil {
		return Tenant{}, err
	}
	s.mark(ctx, marks...)
	return t, nil
}

// notFound turns GORM's "no rows" into the 404 that does not tell an unknown id from another tenant's.
func notFound(err error, what string, id any) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return problem.New(problem.NotFound, "NOT_FOUND", "there is no %s %v", what, id)
	}
	return translate(err)
}
