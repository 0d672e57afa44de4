package webhook

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// tenant locks the tenant's row, so that two creations cannot both be the last one allowed.
func (s *Store) tenant(tx *gorm.DB, tenantID uuid.UUID) (account.Tenant, error) {
	var t account.Tenant
	err := tx.Raw(`SELECT * FROM tenants WHERE id = ? FOR NO KEY UPDATE`, tenantID).Take(&t).Error
	if err == nil && !t.WebhooksEnabled {
		err = errWebhooksDisabled
	}
	return t, postgres.Doing(err, "lock tenant %s", tenantID)
}

var errWebhooksDisabled = problem.New(problem.Forbidden, problem.CodeWebhooksDisabled,
	"webhooks are not enabled for this tenant: ask your operator to enable them")

// Enabled is nil if the tenant may use webhooks at all. Errors: WEBHOOKS_DISABLED.
func (s *Store) Enabled(ctx context.Context, tenantID uuid.UUID) error {
	t, err := s.accounts.Tenant(ctx, tenantID)
	if err == nil && !t.WebhooksEnabled {
		return errWebhooksDisabled
	}
	return postgres.Doing(err, "ask whether webhooks are enabled")
}

// List lists a tenant's subscriptions, oldest first, and returns the cursor of the next page.
// Errors: WEBHOOKS_DISABLED, VALIDATION_FAILED.
func (s *Store) List(ctx context.Context, tenantID uuid.UUID, page postgres.Page) ([]wire.Subscription, string, error) {
	if err := s.Enabled(ctx, tenantID); err != nil {
		return nil, "", err
	}
	db := s.db.Lists.WithContext(ctx)
	rows, next, err := postgres.Listed(postgres.NotDeleted(db, tenantID), page, func(s Subscription) uuid.UUID { return s.ID })
	if err != nil {
		return nil, "", err
	}
	out, err := shown(db, rows...)
	return out, next, postgres.Doing(postgres.ListError(ctx, err), "read the health of webhooks")
}

// Get returns one subscription. Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) Get(ctx context.Context, tenantID, id uuid.UUID) (wire.Subscription, error) {
	sub, err := s.read(ctx, tenantID, id)
	if err != nil {
		return wire.Subscription{}, err
	}
	out, err := show(s.db.Lists.WithContext(ctx), sub)
	return out, postgres.Doing(postgres.ListError(ctx, err), "read the health of a webhook")
}

// read reads one subscription's row. Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Store) read(ctx context.Context, tenantID, id uuid.UUID) (Subscription, error) {
	if err := s.Enabled(ctx, tenantID); err != nil {
		return Subscription{}, err
	}
	return takeSubscription(s.db.Main.WithContext(ctx), tenantID, id)
}

func takeSubscription(db *gorm.DB, tenantID, id uuid.UUID) (sub Subscription, err error) {
	err = postgres.NotDeleted(db, tenantID).Take(&sub, "id = ?", id).Error
	return sub, postgres.NotFound(err, "webhook", id)
}
