package conversation

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// Contact is a customer. E-mail is the match key, case-insensitively.
type Contact struct {
	TenantID     uuid.UUID `gorm:"<-:create"`
	ID           uuid.UUID `gorm:"<-:create"`
	Number       int64     `gorm:"<-:create"`
	Name         *string
	Email        *string
	Phone        *string
	CustomFields freeform.Values
	CreatedAt    time.Time `gorm:"<-:create"`
	UpdatedAt    time.Time
}

// Wire is the contact's JSON shape.
func (c Contact) Wire() wire.Contact {
	return wire.Contact{
		ID: c.ID, Number: c.Number, Name: c.Name, Email: c.Email, Phone: c.Phone,
		CustomFields: postgres.OrEmptyMap(c.CustomFields),
		CreatedAt:    wire.At(c.CreatedAt), UpdatedAt: wire.At(c.UpdatedAt),
	}
}

// NewContact is what a creation says of its customer. Name falls back to the local part of the e-mail.
type NewContact struct{ Email, Name, Phone string }

// fillBlanks completes a matched contact: what is blank is filled, nothing is overwritten. It returns what changed.
func (c *Contact) fillBlanks(in NewContact, now time.Time) map[string]lifecycle.FieldChange {
	changes := map[string]lifecycle.FieldChange{}
	fill := func(field string, have **string, value string) {
		if (*have == nil || **have == "") && value != "" {
			changes[field] = lifecycle.FieldChange{From: *have, To: value}
			*have = &value
		}
	}
	fill("name", &c.Name, in.Name)
	fill("phone", &c.Phone, in.Phone)
	if len(changes) > 0 {
		c.UpdatedAt = now
	}
	return changes
}

func newContact(tenantID, id uuid.UUID, number int64, in NewContact, now time.Time) Contact {
	name := in.Name
	if name == "" {
		name, _, _ = strings.Cut(in.Email, "@")
	}
	c := Contact{TenantID: tenantID, ID: id, Number: number, Name: &name, Email: &in.Email, CreatedAt: now, UpdatedAt: now}
	if in.Phone != "" {
		c.Phone = &in.Phone
	}
	return c
}
