package conversation

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/wire"
)

// Get returns one contact. Errors: NOT_FOUND, also for another tenant's.
func (s *Contacts) Get(ctx context.Context, tenantID, id uuid.UUID) (contact.Contact, error) {
	var c contact.Contact
	err := s.db.Main.WithContext(ctx).Take(&c, "tenant_id = ? AND id = ?", tenantID, id).Error
	return c, postgres.NotFound(err, "contact", id)
}

// Create adds a contact, with contact.created, in one transaction as in P1.
// Errors: CONTACT_EXISTS with details.contactId when the e-mail address or the external id is taken, CONTACT_CONFLICT with
// details.contactIds when they are by two, or the address is by one with another external id; VALIDATION_FAILED without
// an address.
func (s *Contacts) Create(
	ctx context.Context, tenantID uuid.UUID, actor wire.Actor, in contact.Input,
) (_ contact.Contact, err error) {
	defer postgres.During(&err, "create a contact of tenant %s", tenantID)
	number, err := s.db.Numbers.Reserve(ctx, tenantID, postgres.ContactNumbers) // before the transaction (P2)
	if err != nil {
		return contact.Contact{}, err
	}
	defer number.Release()
	w, err := s.conversations.writing(ctx, func(tx *gorm.DB) (*write, error) {
		var row struct{ Now time.Time }
		if err := tx.Raw(`SELECT clock_timestamp() AS now`).Take(&row).Error; err != nil {
			return nil, err
		}
		c := in.Contact(tenantID)
		if err := c.Check(); err != nil {
			return nil, err
		}
		if c.Number, err = number.TakeWithin(ctx, tx, 0); err != nil {
			return nil, err
		}
		w := s.newWrite(tx, c, actor, row.Now)
		made := &w.conversation.Contact
		made.ID, made.CreatedAt, made.UpdatedAt = w.ids.Next(), w.now, w.now
		w.conversation.ContactID, w.contact = made.ID, contactNew
		return w, w.saveContact(ctx)
	})
	if isTaken(err) {
		return contact.Contact{}, s.taken(ctx, tenantID, uuid.Nil, in.Email, in.ExternalID)
	}
	if err != nil {
		return contact.Contact{}, err
	}
	return w.conversation.Contact, nil
}

// Update changes a contact, with contact.updated, in one transaction as in P1. A change in which nothing changed
// commits nothing and fires nothing.
// Errors: NOT_FOUND; CONTACT_EXISTS with details.contactId when the e-mail address or the external id is taken,
// CONTACT_CONFLICT with details.contactIds when they are by two; VALIDATION_FAILED when no address would be left.
func (s *Contacts) Update(
	ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, u contact.Update,
) (_ contact.Contact, err error) {
	defer postgres.During(&err, "update contact %s", id)
	w, err := s.conversations.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, err := s.lock(tx, tenantID, id, actor)
		if err != nil {
			return nil, err
		}
		c := &w.conversation.Contact
		if w.contactChanges = u.Apply(c); len(w.contactChanges) == 0 {
			return w, nil
		}
		w.contact = contactFilled
		if err := c.Check(); err != nil {
			return nil, err
		}
		return w, w.saveContact(ctx)
	})
	if isTaken(err) {
		return contact.Contact{}, s.taken(ctx, tenantID, id, u.Email.Value, u.ExternalID.Value)
	}
	if err != nil {
		return contact.Contact{}, err
	}
	return w.conversation.Contact, nil
}

// lockContactSQL reads the time outside the CTE, as lockSQL does.
var lockContactSQL = `
WITH locked AS MATERIALIZED (SELECT * FROM contacts WHERE tenant_id = ? AND id = ? FOR NO KEY UPDATE)
SELECT ` + postgres.Columns[contact.Contact]("l", "ct_") + `, clock_timestamp() AS now FROM locked l`

// lock begins a write that is about a contact and about no conversation. Errors: NOT_FOUND.
func (s *Contacts) lock(tx *gorm.DB, tenantID, id uuid.UUID, actor wire.Actor) (*write, error) {
	var row struct {
		Contact contact.Contact `gorm:"embedded;embeddedPrefix:ct_"`
		Now     time.Time
	}
	r := tx.Raw(lockContactSQL, tenantID, id).Scan(&row)
	if r.Error == nil && r.RowsAffected == 0 {
		r.Error = postgres.NotFound(gorm.ErrRecordNotFound, "contact", id)
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return s.newWrite(tx, row.Contact, actor, row.Now), nil
}

func (s *Contacts) newWrite(tx *gorm.DB, c contact.Contact, actor wire.Actor, now time.Time) *write {
	w := newWrite(tx, actor, s.db.Clock(now))
	w.conversation = Conversation{TenantID: c.TenantID, ContactID: c.ID, Contact: c}
	w.change = &lifecycle.Change{Now: w.now}
	return w
}

// saveContact ends the write (P1.5 to P1.7) with the contact, its event and the deliveries.
func (w *write) saveContact(ctx context.Context) error {
	ct := &w.conversation.Contact
	switch w.contact {
	case contactKnown:
		return nil // nothing happened
	case contactFilled:
		ct.UpdatedAt = w.now
	case contactNew: // has its times
	}
	w.trace = traced.Parent(ctx)
	var st postgres.Statement
	w.insertContact(&st)
	var woken postgres.Ints
	shards := w.insertEvents(&st)
	err := st.Row(ctx, w.tx, `SELECT `+shards, &woken)
	w.wakeTopics = append(w.wakeTopics, deliveryTopics(woken)...)
	return err
}

// isTaken tells whether a write met another contact with its e-mail address or its external id.
func isTaken(err error) bool {
	return postgres.Violates(err, "contacts_email") || postgres.Violates(err, "contacts_external_id")
}

// taken says which contacts, other than the one that was written, have the e-mail address and the external id that the
// write met.
func (s *Contacts) taken(ctx context.Context, tenantID, written uuid.UUID, email, externalID *string) error {
	var key *string
	if email != nil {
		folded := address.EmailKey(*email)
		key = &folded
	}
	var others []contact.Contact
	err := s.db.Main.WithContext(ctx).Find(&others,
		"tenant_id = ? AND id <> ? AND (email_key = ? OR external_id = ?)", tenantID, written, key, externalID).Error
	if err != nil {
		return postgres.Translate(err)
	}
	var byExternalID, byEmail contact.Contact
	for _, c := range others {
		if externalID != nil && postgres.Deref(c.ExternalID) == *externalID {
			byExternalID = c
		}
		if key != nil && postgres.Deref(c.EmailKey) == *key {
			byEmail = c
		}
	}
	in := contact.Identity{ExternalID: postgres.Deref(externalID)}
	other, err := in.Matched(byExternalID, byEmail)
	if err != nil {
		return err
	}
	what := "e-mail address"
	if byExternalID.ID != uuid.Nil {
		what = "externalId"
	}
	taken := problem.New(problem.Conflict, problem.CodeContactExists, "there is a contact with this %s already", what)
	if other.ID == uuid.Nil {
		return taken // it had; it has let go since
	}
	return taken.With("contactId", other.ID)
}
