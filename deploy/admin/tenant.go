package admin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/webhook"
)

type tenantCreateCmd struct {
	Name string `arg:"" help:"The organisation's name."`
	Slug string `help:"How the ids of its workflows in Temporal name it, for good: a to z, 0 to 9 and hyphens, such as acme. Made from the name when not given."`
}

// Run carries the command out.
func (c tenantCreateCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		live, sandbox, err := s.Accounts.CreateTenant(ctx, account.NewTenant{Name: c.Name, Slug: c.Slug})
		if err != nil {
			return err
		}
		return table("ENVIRONMENT\tID\tSLUG", func(row rowFunc) {
			row(live.Environment, live.ID, live.Slug)
			row(sandbox.Environment, sandbox.ID, sandbox.Slug)
		})
	})
}

type tenantListCmd struct{}

// Run carries the command out.
func (tenantListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		tenants, err := s.Accounts.Tenants(ctx)
		if err != nil {
			return err
		}
		return table("NUMBER\tNAME\tENVIRONMENT\tID\tSLUG\tCREATED", func(row rowFunc) {
			for _, t := range tenants {
				row(t.Number, t.Name, t.Environment, t.ID, t.Slug, t.CreatedAt.UTC().Format(time.DateOnly))
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
	limits := webhook.TenantLimits{MaxWebhooks: c.MaxWebhooks}
	if c.Webhooks != "unchanged" {
		on := c.Webhooks == "on"
		limits.WebhooksEnabled = &on
	}
	if limits == (webhook.TenantLimits{}) {
		return errors.New("nothing to change: say --webhooks on, --webhooks off or --max-webhooks N")
	}
	return withStore(ctx, func(s *models.Store) error {
		t, err := s.Webhooks.SetLimits(ctx, c.Tenant, limits)
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
