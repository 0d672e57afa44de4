package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
)

type tenantCreateCmd struct {
	Name string `arg:"" help:"The organisation's name."`
}

// Run carries the command out.
func (c tenantCreateCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		live, sandbox, err := s.CreateTenant(ctx, models.NewTenant{Name: c.Name})
		if err != nil {
			return err
		}
		return table("ENVIRONMENT\tID", func(row rowFunc) {
			row(live.Environment, live.ID)
			row(sandbox.Environment, sandbox.ID)
		})
	})
}

type tenantListCmd struct{}

// Run carries the command out.
func (tenantListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		return table("NUMBER\tNAME\tENVIRONMENT\tID\tCREATED", func(row rowFunc) {
			for _, t := range tenants {
				row(t.Number, t.Name, t.Environment, t.ID, t.CreatedAt.UTC().Format(time.DateOnly))
			}
		})
	})
}

type tenantSetCmd struct {
	Tenant      uuid.UUID `arg:"" help:"The tenant's id. Its sandbox twin has an id and settings of its own."`
	Webhooks    string    `enum:"on,off,unchanged" default:"unchanged" help:"off: nothing is sent any more, and what is owed is cancelled. on: from now on; what happened meanwhile can be replayed."`
	MaxWebhooks *int      `help:"How many webhooks it may have, inactive ones included. Those that it has stay."`
}

// Run carries the command out.
func (c tenantSetCmd) Run(ctx context.Context) error {
	limits := models.TenantLimits{MaxWebhooks: c.MaxWebhooks}
	if c.Webhooks != "unchanged" {
		on := c.Webhooks == "on"
		limits.WebhooksEnabled = &on
	}
	if limits == (models.TenantLimits{}) {
		return errors.New("nothing to change: say --webhooks on, --webhooks off or --max-webhooks N")
	}
	return withStore(ctx, func(s *models.Store) error {
		t, err := s.SetTenantLimits(ctx, c.Tenant, limits)
		if err != nil {
			return err
		}
		return table("TENANT\tWEBHOOKS\tMAX WEBHOOKS", func(row rowFunc) {
			webhooks := "off"
			if t.WebhooksEnabled {
				webhooks = "on"
			}
			row(t.Name, webhooks, t.MaxWebhooks)
		})
	})
}

type keyCreateCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id; that of the sandbox twin for a test key."`
	Name   string    `required:"" help:"What the key is for."`
	Scope  []string  `required:"" help:"What it may do: <surface>:read or :write, or basic, integration, read_all, full_access. Repeatable."`
	Tier   string    `default:"starter" enum:"starter,professional,enterprise,custom" help:"A label of the key, by which nothing is limited: ${enum}."`
}

// Run carries the command out.
func (c keyCreateCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		key, plain, err := s.CreateKey(ctx, c.Tenant, models.NewKey{Name: c.Name, Scopes: c.Scope, Tier: c.Tier})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Key %s. It is shown this once:\n", key.ID)
		_, err = fmt.Println(plain)
		return err
	})
}

type keyListCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
}

// Run carries the command out.
func (c keyListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		keys, err := s.Keys(ctx, c.Tenant)
		if err != nil {
			return err
		}
		return table("ID\tNAME\tBEGINS\tTIER\tACTIVE\tLAST USED\tSCOPES", func(row rowFunc) {
			for _, k := range keys {
				used := "never"
				if k.LastUsedAt != nil {
					used = k.LastUsedAt.UTC().Format(time.RFC3339)
				}
				row(k.ID, k.Name, k.Prefix, k.Tier, k.IsActive, used, strings.Join(k.Scopes, " "))
			}
		})
	})
}

type keyRevokeCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
	Key    uuid.UUID `arg:"" help:"The key's id."`
}

// Run carries the command out.
func (c keyRevokeCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error { return s.RevokeKey(ctx, c.Tenant, c.Key) })
}
