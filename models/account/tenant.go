package account

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/text"
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
	Number          int64  `gorm:"->"`
	Slug            string // unique, never changed: names the tenant in the ids of its workflows (P12)
	Name            string
	Environment     Environment
	SandboxOf       *uuid.UUID // the production tenant, for a sandbox
	UnknownTags     string     // what creation does with tags that do not exist: create, drop or reject
	WebhooksEnabled bool
	MaxWebhooks     int
	CreatedAt       time.Time
}

// NewTenant is what a tenant is made from.
type NewTenant struct {
	Name string
	Slug string // made from the name when empty
}

// nameOf is a name as it is stored, without the spaces around it: the operator's commands give names as they were typed,
// where the API has trimmed them. One of which nothing can be seen is refused.
func nameOf(given, what string) (string, error) {
	name := text.Trim(given)
	if name == "" {
		return "", problem.Fields(problem.Field{Field: "name", Code: "required", Message: what + " needs a name"})
	}
	return name, nil
}

// CreateTenant makes a tenant with its sandbox twin. Errors: VALIDATION_FAILED without a name, or for a slug
// that is none or taken.
func (s *Store) CreateTenant(ctx context.Context, in NewTenant) (live, sandbox Tenant, err error) {
	defer postgres.During(&err, "create a tenant")
	if in.Name, err = nameOf(in.Name, "a tenant"); err != nil {
		return live, sandbox, err
	}
	if in.Slug != "" {
		if err := checkSlug(in.Slug); err != nil {
			return live, sandbox, err
		}
	}
	now := time.Now()
	live = Tenant{
		ID: ident.New(), Name: in.Name, Environment: Production,
		UnknownTags: "create", WebhooksEnabled: true, MaxWebhooks: 10, CreatedAt: now,
	}
	sandbox = live
	sandbox.ID, sandbox.Environment, sandbox.SandboxOf = ident.New(), Sandbox, &live.ID
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		if err := giveSlugs(tx, in.Slug, &live, &sandbox); err != nil {
			return err
		}
		for _, t := range []*Tenant{&live, &sandbox} {
			if err := tx.Create(t).Error; err != nil {
				if postgres.Violates(err, "tenants_slug") {
					return postgres.ErrRaced // the next try finds another one free, or none
				}
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
func (s *Store) Tenants(ctx context.Context) (_ []Tenant, err error) {
	defer postgres.During(&err, "list tenants")
	var tenants []Tenant
	err = s.db.Main.WithContext(ctx).Order("id").Find(&tenants).Error
	return tenants, err
}

// Tenant returns one tenant. Errors: NOT_FOUND.
func (s *Store) Tenant(ctx context.Context, id uuid.UUID) (Tenant, error) {
	var t Tenant
	err := s.db.Main.WithContext(ctx).Take(&t, "id = ?", id).Error
	return t, postgres.NotFound(err, "tenant", id)
}
