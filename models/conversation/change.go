package conversation

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Change applies commands to a conversation, all or none, in one transaction (P1). A change in which nothing changed
// commits nothing and fires nothing.
// Errors: NOT_FOUND, INVALID_TRANSITION, VALIDATION_FAILED for what only the database knows, UNAVAILABLE.
func (s *Store) Change(
	ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, cmds ...Command,
) (_ Conversation, err error) {
	defer postgres.During(&err, "change conversation %s", id)
	var want lockOptions
	for _, cmd := range cmds {
		switch t := cmd.(type) {
		case AddTag:
			want.tags = append(want.tags, t.Name)
		case RemoveTag:
			want.tags = append(want.tags, t.Name)
		}
	}
	w, err := s.writing(ctx, func(tx *gorm.DB) (*write, error) {
		for _, cmd := range cmds {
			if a, ok := cmd.(Assign); ok {
				if err := a.check(ctx, tx, tenantID); err != nil {
					return nil, err
				}
			}
		}
		w, _, err := s.lock(ctx, tx, tenantID, id, actor, want)
		if err != nil {
			return nil, err
		}
		for _, cmd := range cmds {
			if err := cmd.apply(w.change); err != nil {
				return nil, explain(err)
			}
		}
		return w, w.save(ctx)
	})
	if err != nil {
		return Conversation{}, err
	}
	return w.conversation, nil
}

// writing runs the transaction of a write and, after the commit, wakes whom it concerns (P1.8). f returns a nil write
// when it found nothing to do.
func (s *Store) writing(ctx context.Context, f func(tx *gorm.DB) (*write, error)) (*write, error) {
	var w *write
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		w, err = f(tx)
		if err == nil && w != nil {
			fault.At(fault.BeforeCommit)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if w != nil {
		fault.At(fault.AfterCommit)
		s.db.Wake(ctx, w.wakeTopics...)
	}
	return w, nil
}

// NewConversation is what a conversation is made from. The caller has checked shapes and limits; Phone is E.164.
type NewConversation struct {
	ExternalReference string
	Subject           string
	Channel           string // email when empty
	Contact           contact.Identity
	Message           *FirstMessage // the customer's, if there is one
	Metadata          freeform.Values
	Tags              []string
	CustomFields      freeform.Values
}

// FirstMessage is the customer's message that a conversation begins with.
type FirstMessage struct {
	Text, HTML *string
	SentAt     *time.Time // shown; clocks start at arrival regardless
}

// creationRow is what the first statement of a creation brings.
type creationRow struct {
	ByEmail       contact.Contact `gorm:"embedded;embeddedPrefix:ct_"`
	ByExternalID  contact.Contact `gorm:"embedded;embeddedPrefix:known_"`
	UnknownTags   string
	TimeVersion   int64
	Now           time.Time
	TagIDs        map[string]uuid.UUID `gorm:"serializer:json"`
	Existing      *uuid.UUID
	Enabled       bool // the channel is
	DefaultTeamID *uuid.UUID
}

// creationColumns are what every first statement of a creation brings along: of the contacts ct, with the e-mail address, and k,
// with the external id, of the tenant t and the channel ch.
var creationColumns = postgres.Columns[contact.Contact]("ct", "ct_") + `, ` +
	postgres.Columns[contact.Contact]("k", "known_") + `,
	t.unknown_tags, t.time_version, ch.enabled, ch.default_team_id`

var creationSQL = `
WITH known AS MATERIALIZED (SELECT * FROM contacts WHERE tenant_id = ? AND external_id = ? FOR NO KEY UPDATE),
	contact AS MATERIALIZED (SELECT * FROM contacts WHERE tenant_id = ? AND email_key = ? FOR NO KEY UPDATE)
SELECT ` + creationColumns + `, clock_timestamp() AS now,
	(SELECT jsonb_object_agg(name, id) FROM tags WHERE tenant_id = t.id AND name = ANY(?::text[])) AS tag_ids,
	(SELECT id FROM conversations WHERE tenant_id = t.id AND external_reference = ?) AS existing
FROM tenants t JOIN channels ch ON ch.tenant_id = t.id AND ch.channel = ? LEFT JOIN known k ON true LEFT JOIN contact ct ON true
WHERE t.id = ?`

// Create makes a conversation, its contact if neither external id nor e-mail address is known, and its first message, in
// one transaction.
// Errors: EXTERNAL_REFERENCE_EXISTS with details.conversationId of the first, and then nothing else happened;
// CHANNEL_DISABLED; CONTACT_CONFLICT with details.contactIds; VALIDATION_FAILED for unknown tags where the tenant rejects
// them; UNAVAILABLE.
func (s *Store) Create(
	ctx context.Context,
	tenantID uuid.UUID,
	actor wire.Actor,
	in NewConversation,
) (_ Conversation, err error) {
	defer postgres.During(&err, "create a conversation of tenant %s", tenantID)
	m, err := s.newCreating(ctx, tenantID, actor, in)
	if err != nil {
		return Conversation{}, err
	}
	defer m.creation.numbers.release()
	if !postgres.IsOneTransaction(ctx) {
		if err := s.share(ctx, m); err != nil {
			return Conversation{}, err
		}
		if m.written {
			return m.w.conversation, nil
		}
	}
	m.creation.numbers.alone = true
	w, err := s.writing(ctx, func(tx *gorm.DB) (*write, error) {
		w, err := s.create(ctx, tx, m)
		if err != nil {
			return nil, err
		}
		if err := w.make(in); err != nil {
			return nil, err
		}
		err = w.save(ctx)
		if postgres.Violates(err, "contacts_email") || postgres.Violates(err, "contacts_external_id") ||
			postgres.Violates(err, "conversations_external_reference") {
			return nil, postgres.ErrRaced // the next try finds what the other creation made
		}
		return w, err
	})
	if err != nil {
		return Conversation{}, err
	}
	s.counts.alone.Add(1)
	return w.conversation, nil
}

// CreateShared makes a conversation for a call with an Idempotency-Key together with other writes, and the call's answer with
// it, which it returns; render is a function of the conversation alone.
// Errors: idempotency.ErrAlone where Create has to do it in the call's own unit of work; TENANT_BUSY; UNAVAILABLE, with
// details.outcome "unknown" where it may have happened.
func (s *Store) CreateShared(
	ctx context.Context, call *idempotency.Shared, tenantID uuid.UUID, actor wire.Actor, in NewConversation,
	render func(Conversation) (idempotency.Answer, error),
) (_ idempotency.Answer, err error) {
	defer postgres.During(&err, "create a conversation of tenant %s", tenantID)
	m, err := s.newCreating(ctx, tenantID, actor, in)
	if err != nil {
		return idempotency.Answer{}, err
	}
	defer m.creation.numbers.release()
	return s.shareAnswered(ctx, m, call, func(w *write) (idempotency.Answer, error) { return render(w.conversation) })
}

// create begins the write that makes a conversation.
func (s *Store) create(ctx context.Context, tx *gorm.DB, m *member) (*write, error) {
	var row creationRow
	in := m.creation.in
	r := tx.Raw(creationSQL, m.tenantID, postgres.OrNull(in.Contact.ExternalID), m.tenantID, address.EmailKey(in.Contact.Email),
		postgres.Strings(in.Tags), in.ExternalReference, in.channel(), m.tenantID).Scan(&row)
	if r.Error != nil {
		return nil, r.Error
	}
	if row.Existing != nil {
		return nil, problem.New(problem.Conflict, problem.CodeExternalReferenceExists,
			"there is a conversation with this externalReference already; it was created by an earlier call").
			With("conversationId", *row.Existing)
	}
	w, err := s.newCreation(ctx, tx, m, row)
	if err != nil {
		return nil, err
	}
	return w, w.openClocks(ctx, s, row.TimeVersion)
}

func (in NewConversation) channel() string { return cmp.Or(in.Channel, "email") }

// newCreation begins the write that makes a conversation, given what is there of it.
func (s *Store) newCreation(ctx context.Context, tx *gorm.DB, m *member, row creationRow) (*write, error) {
	in := m.creation.in
	if !row.Enabled {
		return nil, problem.New(problem.Conflict, problem.CodeChannelDisabled,
			"the channel %s is switched off: no conversation can be created on it", in.channel()).With("channel", in.channel())
	}
	customer, err := in.Contact.Matched(row.ByExternalID, row.ByEmail)
	if err != nil {
		return nil, err
	}
	tags, err := admitTags(in.Tags, row.TagIDs, row.UnknownTags)
	if err != nil {
		return nil, err
	}
	w := newWrite(tx, m.actor, s.db.Clock(row.Now))
	w.tags = row.TagIDs
	number, contactNumber, err := m.creation.take(ctx, w, customer.ID == uuid.Nil)
	if err != nil {
		return nil, err
	}
	if customer.ID == uuid.Nil {
		customer = contact.New(m.tenantID, w.ids.Next(), contactNumber, in.Contact, w.now)
		w.contact = contactNew
	} else if w.contactChanges = customer.FillBlanks(in.Contact, w.now); len(w.contactChanges) > 0 {
		w.contact = contactFilled
	}
	w.begin(Conversation{
		TenantID: m.tenantID, Number: number, ExternalReference: &in.ExternalReference, Channel: in.channel(),
		State: lifecycle.State{
			Subject: in.Subject, TeamID: row.DefaultTeamID, Tags: tags, CustomFields: in.CustomFields,
		},
		Metadata: in.Metadata, Contact: customer, ContactID: customer.ID,
	})
	return w, nil
}

// make applies what a creation does to the conversation that it has begun: the customer's first message, and its tags.
func (w *write) make(in NewConversation) error {
	if in.Message != nil {
		m := Message{Direction: Inbound, Text: in.Message.Text, HTML: in.Message.HTML}
		if in.Message.SentAt != nil {
			m.SentAt = *in.Message.SentAt
		}
		if err := w.receive(m); err != nil {
			return err
		}
	}
	w.change.AnnounceTags()
	return nil
}

func newWrite(tx *gorm.DB, actor wire.Actor, now time.Time) *write {
	return &write{tx: tx, actor: actor, now: now, ids: ident.NewSequence(now), isNew: true}
}

// begin starts a new conversation's life.
func (w *write) begin(c Conversation) {
	c.ID = w.ids.Next()
	if c.ChainID == uuid.Nil {
		c.ChainID = c.ID
	}
	c.CreatedAt = w.now
	w.conversation = c
	w.change = lifecycle.Create(c.State, w.now)
}

// receive adds a customer's message to the write.
func (w *write) receive(m Message) error {
	customer := w.customer()
	m.AuthorType, m.AuthorID, m.AuthorName = customer.Type, customer.ID, customer.Name
	return explain(w.change.Receive(w.addMessage(m)))
}

// admitTags applies the tenant's rule for tags that do not exist yet.
func admitTags(names []string, known map[string]uuid.UUID, rule string) ([]string, error) {
	var admitted []string
	var wrong []problem.Field
	for _, name := range names {
		_, ok := known[name]
		switch {
		case ok || rule == "create":
			admitted = append(admitted, name)
		case rule == "reject":
			wrong = append(wrong, problem.Field{Field: "tags", Code: "unknown", Message: "there is no tag " + name})
		}
	}
	return admitted, problem.Fields(wrong...)
}
