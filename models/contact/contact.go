// Package contact is who conversations are with: what a contact is known by, and how one is matched, completed and changed.
package contact

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Contact is a customer. The customer's own id in another system and the e-mail address are what it is known by.
type Contact struct {
	TenantID     uuid.UUID `gorm:"<-:create"`
	ID           uuid.UUID `gorm:"<-:create"`
	Number       int64     `gorm:"<-:create"`
	Name         *string
	Email        *string
	EmailKey     *string // address.EmailKey of it; null where an older contact has the same (migrations.Fill)
	Phone        *string // E.164
	ExternalID   *string // unique in the tenant
	CustomFields freeform.Values
	CreatedAt    time.Time `gorm:"<-:create"`
	UpdatedAt    time.Time
}

// Wire is the contact's JSON shape.
func (c Contact) Wire() wire.Contact {
	return wire.Contact{
		ID: c.ID, Number: c.Number, Name: c.Name, Email: c.Email, Phone: c.Phone, ExternalID: c.ExternalID,
		CustomFields: postgres.OrEmptyMap(c.CustomFields),
		CreatedAt:    wire.At(c.CreatedAt), UpdatedAt: wire.At(c.UpdatedAt),
	}
}

// Identity is what the creation of a conversation says of its customer. Name falls back to the local part of the e-mail.
type Identity struct{ Email, Name, Phone, ExternalID string }

// SetEmail changes the e-mail address and what the contact is found by with it.
func (c *Contact) SetEmail(email *string) {
	c.Email, c.EmailKey = email, nil
	if email != nil {
		key := address.EmailKey(*email)
		c.EmailKey = &key
	}
}

// Matched is the contact that a creation is for, of those that it names: the one with its external id, or else the one
// with its e-mail address. Both are zero if there is none. Errors: CONTACT_CONFLICT if they are two, or if the one that
// was found by e-mail is known by another external id.
func (in Identity) Matched(byExternalID, byEmail Contact) (Contact, error) {
	switch {
	case byExternalID.ID == uuid.Nil && byEmail.ID == uuid.Nil:
		return Contact{}, nil
	case byExternalID.ID == uuid.Nil:
		if other := postgres.Deref(byEmail.ExternalID); in.ExternalID != "" && other != "" {
			return Contact{}, errConflict("the contact with this e-mail address has another externalId", byEmail.ID)
		}
		return byEmail, nil
	case byEmail.ID != uuid.Nil && byEmail.ID != byExternalID.ID:
		return Contact{}, errConflict("externalId and e-mail address are of two contacts", byExternalID.ID, byEmail.ID)
	}
	return byExternalID, nil
}

// errConflict refuses what names contacts that cannot be one. The ids are those of the contacts, the one with the external
// id first.
func errConflict(message string, ids ...uuid.UUID) error {
	return problem.New(problem.Conflict, problem.CodeContactConflict, "%s: nothing was done", message).With("contactIds", ids)
}

// FillBlanks completes a matched contact: what is blank is filled, nothing is overwritten. It returns what changed.
func (c *Contact) FillBlanks(in Identity, now time.Time) map[string]lifecycle.FieldChange {
	changes := map[string]lifecycle.FieldChange{}
	fill := func(field string, have **string, value string) {
		if (*have == nil || **have == "") && value != "" {
			changes[field] = lifecycle.FieldChange{From: *have, To: value}
			*have = &value
		}
	}
	if postgres.Deref(c.Email) == "" && in.Email != "" {
		changes["email"] = lifecycle.FieldChange{From: c.Email, To: in.Email}
		c.SetEmail(&in.Email)
	}
	fill("externalId", &c.ExternalID, in.ExternalID)
	fill("name", &c.Name, in.Name)
	fill("phone", &c.Phone, in.Phone)
	if len(changes) > 0 {
		c.UpdatedAt = now
	}
	return changes
}

// New is the contact that a creation makes of what it says.
func New(tenantID, id uuid.UUID, number int64, in Identity, now time.Time) Contact {
	name := in.Name
	if name == "" {
		name, _, _ = strings.Cut(in.Email, "@")
	}
	c := Contact{
		TenantID: tenantID, ID: id, Number: number, Name: &name, Phone: postgres.OrNull(in.Phone),
		ExternalID: postgres.OrNull(in.ExternalID), CreatedAt: now, UpdatedAt: now,
	}
	c.SetEmail(&in.Email)
	return c
}
