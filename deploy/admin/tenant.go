package admin

import (
	"context"
	"time"

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
