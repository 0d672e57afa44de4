package people

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// ListContacts implements GET /v1/contacts.
func (h *Handlers) ListContacts(ctx context.Context, r contract.ListContactsRequestObject) (
	contract.ListContactsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	phone, err := storedPhone(r.Params.Phone)
	if err != nil {
		return nil, err
	}
	found, cursor, err := h.store.Lists.Contacts(ctx, p.TenantID, listing.ContactFilter{
		Email: postgres.Deref(r.Params.Email), Phone: postgres.Deref(phone), Query: postgres.Deref(r.Params.Q),
		ExternalID: postgres.Deref(r.Params.ExternalID),
	}, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListContacts200JSONResponse{
		Data:       postgres.Each(found, contact.Contact.Wire),
		NextCursor: respond.Next(cursor),
	}, nil
}

// CreateContact implements POST /v1/contacts.
func (h *Handlers) CreateContact(ctx context.Context, r contract.CreateContactRequestObject) (
	contract.CreateContactResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	phone, err := storedPhone(b.Phone)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Contacts.Create(ctx, p.TenantID, p.Actor(), contact.Input{
		Email: b.Email, Name: b.Name, Phone: phone, ExternalID: b.ExternalID, CustomFields: postgres.Deref(b.CustomFields),
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/contacts/" + c.ID.String()
	return contract.CreateContact201JSONResponse{
		Body: c.Wire(), Headers: contract.CreateContact201ResponseHeaders{Location: &location},
	}, nil
}

// GetContact implements GET /v1/contacts/{id}.
func (h *Handlers) GetContact(ctx context.Context, r contract.GetContactRequestObject) (
	contract.GetContactResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	c, err := h.store.Contacts.Get(ctx, p.TenantID, r.ID)
	return contract.GetContact200JSONResponse(c.Wire()), err
}

// UpdateContact implements PATCH /v1/contacts/{id}.
func (h *Handlers) UpdateContact(ctx context.Context, r contract.UpdateContactRequestObject) (
	contract.UpdateContactResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	b := r.Body
	phone, err := storedPhone(b.Phone.Value)
	if err != nil {
		return nil, err
	}
	c, err := h.store.Contacts.Update(ctx, p.TenantID, r.ID, p.Actor(), contact.Update{
		Email: b.Email, Name: b.Name, CustomFields: postgres.Deref(b.CustomFields),
		Phone: wire.Optional[string]{Set: b.Phone.Set, Value: phone}, ExternalID: b.ExternalID,
	})
	return contract.UpdateContact200JSONResponse(c.Wire()), err
}

// storedPhone is a phone number as it is stored; nil for nil. validate has let only possible numbers through.
func storedPhone(given *string) (*string, error) {
	if given == nil {
		return nil, nil
	}
	phone, err := address.Phone(*given)
	if err != nil {
		return nil, problem.Fields(problem.Field{Field: "phone", Code: "invalid_format", Message: err.Error()})
	}
	return &phone, nil
}
