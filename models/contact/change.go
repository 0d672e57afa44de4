package contact

import (
	"reflect"
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Input is what a contact is made from, apart from a conversation. It has an e-mail address or a phone number; the
// name falls back to the local part of the e-mail. The caller has checked shapes and limits; Phone is E.164.
type Input struct {
	Email, Name, Phone, ExternalID *string
	CustomFields                   freeform.Values
}

// Contact is the contact that is made of it, without id, number and times.
func (in Input) Contact(tenantID uuid.UUID) Contact {
	c := Contact{
		TenantID: tenantID, Name: in.Name, Phone: in.Phone, ExternalID: in.ExternalID,
		CustomFields: in.CustomFields,
	}
	c.SetEmail(in.Email)
	if c.Name == nil && c.Email != nil {
		local, _, _ := strings.Cut(*c.Email, "@")
		c.Name = &local
	}
	return c
}

// Update is a change of a contact; what is nil or not set stays, null clears.
type Update struct {
	Email, Name, Phone, ExternalID wire.Optional[string]
	CustomFields                   freeform.Values // replace those it has
}

// Apply changes c and tells what changed.
func (u Update) Apply(c *Contact) map[string]lifecycle.FieldChange {
	changes := map[string]lifecycle.FieldChange{}
	set := func(field string, have **string, want wire.Optional[string]) {
		if want.Set && !reflect.DeepEqual(*have, want.Value) {
			changes[field] = lifecycle.FieldChange{From: *have, To: want.Value}
			*have = want.Value
		}
	}
	set("name", &c.Name, u.Name)
	set("email", &c.Email, u.Email)
	if _, changed := changes["email"]; changed {
		c.SetEmail(c.Email)
	}
	set("externalId", &c.ExternalID, u.ExternalID)
	set("phone", &c.Phone, u.Phone)
	if u.CustomFields != nil && !u.CustomFields.Equal(c.CustomFields) {
		changes["customFields"] = lifecycle.FieldChange{From: postgres.OrEmptyMap(c.CustomFields), To: u.CustomFields}
		c.CustomFields = u.CustomFields
	}
	return changes
}

// Check refuses a contact without an address.
func (c Contact) Check() error {
	if c.Email == nil && c.Phone == nil {
		return problem.Fields(problem.Field{
			Field: "email", Code: "required", Message: "a contact needs an e-mail address or a phone number",
		})
	}
	return nil
}
