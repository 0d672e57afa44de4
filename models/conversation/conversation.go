package conversation

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Conversation is a row of the conversations table. Its state changes only through the write path (P1).
type Conversation struct {
	TenantID               uuid.UUID
	ID                     uuid.UUID
	Number                 int64
	ExternalReference      *string
	Subject                string
	Channel                string
	Status                 lifecycle.Status
	Engagement             lifecycle.Engagement
	ContactID              uuid.UUID
	AssigneeID             *uuid.UUID
	TeamID                 *uuid.UUID
	Tags                   postgres.Strings
	CustomFields           map[string]any `gorm:"serializer:json"`
	Metadata               map[string]any `gorm:"serializer:json"`
	SnoozedUntil           *time.Time
	Version                int64
	ChainID                uuid.UUID
	PreviousConversationID *uuid.UUID
	CreatedAt              time.Time
	UpdatedAt              time.Time
	FirstReplyAt           *time.Time
	LastMessageAt          *time.Time
	ResolvedAt             *time.Time
	ArchivedAt             *time.Time
	NextDueAt              *time.Time
	ArmedFor               *time.Time
	OpenedAt               *time.Time
	WaitingSince           *time.Time
	Clocks                 []sla.Clock `gorm:"serializer:json"` // the latest cycle of each metric
	TimeVersion            int64       // of the tenant's time configuration that clocks and auto-archive go by
	SLAState               *string
	SLADueAt               *time.Time // the next tripwire
	AutoArchiveAt          *time.Time
	SetAside               *setAside `gorm:"serializer:json"` // nil: its ticks do not fail (P3.8)

	Contact Contact   `gorm:"-"` // read with it, by the queries of this package
	SLA     *wire.SLA `gorm:"-"` // how the clocks stand, filled in by what reads or writes the conversation
}

// Wire is the conversation's JSON shape.
func (c Conversation) Wire() wire.Conversation {
	tags := []string(c.Tags)
	if tags == nil {
		tags = []string{}
	}
	return wire.Conversation{
		ID: c.ID, Number: c.Number, ExternalReference: c.ExternalReference, Subject: c.Subject, Channel: c.Channel,
		Status: string(c.Status), Engagement: string(c.Engagement), Contact: c.Contact.Wire(),
		AssigneeID: c.AssigneeID, TeamID: c.TeamID, Tags: tags,
		CustomFields: postgres.OrEmptyMap(c.CustomFields), Metadata: postgres.OrEmptyMap(c.Metadata),
		SnoozedUntil: wire.AtPtr(c.SnoozedUntil), SLA: c.SLA, Version: c.Version,
		PreviousConversationID: c.PreviousConversationID,
		CreatedAt:              wire.At(c.CreatedAt), UpdatedAt: wire.At(c.UpdatedAt), FirstReplyAt: wire.AtPtr(c.FirstReplyAt),
		LastMessageAt: wire.AtPtr(c.LastMessageAt), ResolvedAt: wire.AtPtr(c.ResolvedAt), ArchivedAt: wire.AtPtr(c.ArchivedAt),
	}
}

// state is the part that commands change.
func (c Conversation) state() lifecycle.State {
	return lifecycle.State{
		Status: c.Status, Engagement: c.Engagement, Subject: c.Subject, AssigneeID: c.AssigneeID, TeamID: c.TeamID,
		Tags: c.Tags, CustomFields: c.CustomFields, SnoozedUntil: c.SnoozedUntil, FirstReplyAt: c.FirstReplyAt,
		LastMessageAt: c.LastMessageAt, ResolvedAt: c.ResolvedAt, ArchivedAt: c.ArchivedAt, OpenedAt: c.OpenedAt,
		WaitingSince: c.WaitingSince, SLAState: postgres.Deref(c.SLAState), SLADueAt: c.SLADueAt, ArchiveAt: c.AutoArchiveAt,
	}
}

// setState takes over what a change made of the state, and what follows from it.
func (c *Conversation) setState(s lifecycle.State) {
	c.Status, c.Engagement, c.Subject, c.AssigneeID, c.TeamID = s.Status, s.Engagement, s.Subject, s.AssigneeID, s.TeamID
	c.Tags, c.CustomFields, c.SnoozedUntil, c.FirstReplyAt = s.Tags, s.CustomFields, s.SnoozedUntil, s.FirstReplyAt
	c.LastMessageAt, c.ResolvedAt, c.ArchivedAt = s.LastMessageAt, s.ResolvedAt, s.ArchivedAt
	c.OpenedAt, c.WaitingSince, c.SLAState, c.SLADueAt = s.OpenedAt, s.WaitingSince, postgres.OrNull(s.SLAState), s.SLADueAt
	c.AutoArchiveAt, c.NextDueAt = s.ArchiveAt, s.NextDue()
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
	Metadata       map[string]any `gorm:"serializer:json"`
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
