package listing

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/postgres"
)

// ContactFilter narrows a list of contacts; zero values do not.
type ContactFilter struct {
	Email      string // in any spelling
	Phone      string // E.164
	ExternalID string
	Query      string // beginnings of words in name and e-mail, or an external id
}

// Contacts lists contacts, oldest first, and returns the cursor of the next page. Errors: VALIDATION_FAILED for a cursor
// that is not of this list; QUERY_TOO_EXPENSIVE.
func (s *Store) Contacts(
	ctx context.Context, tenantID uuid.UUID, f ContactFilter, page postgres.Page,
) (_ []contact.Contact, _ string, err error) {
	defer postgres.During(&err, "list contacts of tenant %s", tenantID)
	db := s.db.Lists.WithContext(ctx)
	list := func() *gorm.DB {
		q := db.Model(&contact.Contact{}).Where("tenant_id = ? AND number > 0", tenantID) // the condition of contacts_listed
		if f.Email != "" {
			q = q.Where("email_key = ?", address.EmailKey(f.Email))
		}
		if f.Phone != "" {
			q = q.Where("phone = ?", f.Phone)
		}
		if f.ExternalID != "" {
			q = q.Where("external_id = ?", f.ExternalID)
		}
		return q
	}
	narrow := []string{"q (more or longer words)", "email", "phone", "externalId"}
	if f.Query == "" {
		return postgres.Listed(list(), page, func(c contact.Contact) uuid.UUID { return c.ID }, narrow...)
	}
	at, err := page.After("")
	if err != nil {
		return nil, "", err
	}
	rows, err := searchContacts(db, tenantID, list, f.Query, at, page.Size()+1)
	if err != nil {
		return nil, "", postgres.ListError(ctx, err, narrow...)
	}
	rows, next := postgres.Cut(rows, page, func(c contact.Contact) postgres.Position { return postgres.Position{ID: c.ID} })
	return rows, next, nil
}
