package conversation

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Conversation is a row of the conversations table. Its state changes only through the write path (P1); what is marked as
// settable at creation never changes.
type Conversation struct {
	TenantID               uuid.UUID       `gorm:"<-:create"`
	ID                     uuid.UUID       `gorm:"<-:create"`
	Number                 int64           `gorm:"<-:create"`
	ExternalReference      *string         `gorm:"<-:create"`
	Channel                string          `gorm:"<-:create"`
	lifecycle.State                        // what commands change
	ContactID              uuid.UUID       `gorm:"<-:create"`
	Metadata               freeform.Values `gorm:"<-:create"`
	Version                int64
	ChainID                uuid.UUID  `gorm:"<-:create"`
	PreviousConversationID *uuid.UUID `gorm:"<-:create"`
	CreatedAt              time.Time  `gorm:"<-:create"`
	UpdatedAt              time.Time
	NextDueAt              *time.Time
	ArmedFor               *time.Time
	Clocks                 []sla.Clock `gorm:"serializer:json"` // the latest cycle of each metric
	TimeVersion            int64       // of the tenant's time configuration that clocks and auto-archive go by
	SetAside               *setAside   `gorm:"serializer:json"` // nil: its ticks do not fail (P3.8)
	LastMessageNumber      int64       // that no later message's number is below (P2); 0 before the first

	Contact contact.Contact `gorm:"-"` // read with it, by the queries of this package
	SLA     *wire.SLA       `gorm:"-"` // how the clocks stand, filled in by what reads or writes the conversation
}

// Wire is the conversation's JSON shape.
func (c Conversation) Wire() wire.Conversation {
	return wire.Conversation{
		ID: c.ID, Number: c.Number, ExternalReference: c.ExternalReference, Subject: c.Subject, Channel: c.Channel,
		Status: string(c.Status), Engagement: string(c.Engagement), Contact: c.Contact.Wire(),
		AssigneeID: c.AssigneeID, TeamID: c.TeamID, Tags: postgres.Texts(c.Tags),
		CustomFields: postgres.OrEmptyMap(c.CustomFields), Metadata: postgres.OrEmptyMap(c.Metadata),
		SnoozedUntil: wire.AtPtr(c.SnoozedUntil), SLA: c.SLA, Version: c.Version,
		PreviousConversationID: c.PreviousConversationID,
		CreatedAt:              wire.At(c.CreatedAt), UpdatedAt: wire.At(c.UpdatedAt), FirstReplyAt: wire.AtPtr(c.FirstReplyAt),
		LastMessageAt: wire.AtPtr(c.LastMessageAt), ResolvedAt: wire.AtPtr(c.ResolvedAt), ArchivedAt: wire.AtPtr(c.ArchivedAt),
	}
}

// LastMessage is where the conversation is in the order of the latest messages; one without any is where its beginning is.
func (c *Conversation) LastMessage() time.Time {
	if c.LastMessageAt == nil {
		return c.CreatedAt
	}
	return *c.LastMessageAt
}

// setState takes over what a change made of the state, and what follows from it.
func (c *Conversation) setState(s lifecycle.State) {
	c.State, c.NextDueAt = s, s.NextDue()
}

// Direction says which way a message goes.
type Direction string

// The directions. A note is internal: no event, no clock, never shown to a dock.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
	Note     Direction = "note"
)

// Message is one entry of a conversation's thread. Messages are never changed, but for the erasure of a contact.
type Message struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	Number         int64
	ConversationID uuid.UUID
	ChainID        uuid.UUID
	Direction      Direction
	Text           *string
	HTML           *string
	AuthorType     wire.ActorType
	AuthorID       *uuid.UUID
	AuthorName     string
	Automated      bool
	ExternalID     *string
	SentAt         time.Time
	CreatedAt      time.Time
	Metadata       freeform.Values
	// As an entry of the timeline: the version of the conversation, and through whom the author acted. A message without a
	// version was written by an earlier version of Atender, and has a row in timeline.
	Version *int64
	Via     *wire.Via `gorm:"serializer:json"`
}

// Wire is the message's JSON shape.
func (m Message) Wire() wire.Message {
	return wire.Message{
		ID: m.ID, Number: m.Number, ConversationID: m.ConversationID, Direction: string(m.Direction), Text: m.Text,
		HTML: m.HTML, Author: wire.Author{Type: m.AuthorType, ID: m.AuthorID, Name: m.AuthorName}, Automated: m.Automated,
		ExternalID: m.ExternalID, SentAt: wire.At(m.SentAt), CreatedAt: wire.At(m.CreatedAt),
		Metadata: postgres.OrEmptyMap(m.Metadata),
	}
}
