// Package wire has the JSON shapes that leave Atender: the same conversation, contact and message in an API answer, in
// an event's data and in a dock's context. It knows nothing of the database.
package wire

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Time is a moment as the API writes it: RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// At returns t as a Time.
func At(t time.Time) Time { return Time{t} }

// AtPtr returns t as a *Time, nil for nil.
func AtPtr(t *time.Time) *Time {
	if t == nil {
		return nil
	}
	return &Time{*t}
}

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON accepts any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &t.Time) }

// Actor is who did something. Via names the means of an actor who acts through something else: the key with which an
// agent's reply was posted, the dock an agent used.
type Actor struct {
	Type ActorType  `json:"type"`
	ID   *uuid.UUID `json:"id"`
	Name string     `json:"name"`
	Via  *Via       `json:"via"`
}

// Via is the means through which an actor acted.
type Via struct {
	Type ActorType `json:"type"`
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// System is the actor of what time does: wakes, breaches, archiving.
var System = Actor{Type: ActorSystem, Name: "Atender"}

// Contact is a customer.
type Contact struct {
	ID           uuid.UUID      `json:"id"`
	Number       int64          `json:"number"`
	Name         *string        `json:"name"`
	Email        *string        `json:"email"`
	Phone        *string        `json:"phone"`
	ExternalID   *string        `json:"externalId"`
	CustomFields map[string]any `json:"customFields"`
	CreatedAt    Time           `json:"createdAt"`
	UpdatedAt    Time           `json:"updatedAt"`
}

// Conversation is the whole of a conversation.
type Conversation struct {
	ID                     uuid.UUID      `json:"id"`
	Number                 int64          `json:"number"`
	ExternalReference      *string        `json:"externalReference"`
	Subject                string         `json:"subject"`
	Channel                string         `json:"channel"`
	Status                 string         `json:"status"`
	Engagement             string         `json:"engagement"`
	Contact                Contact        `json:"contact"`
	AssigneeID             *uuid.UUID     `json:"assigneeId"`
	TeamID                 *uuid.UUID     `json:"teamId"`
	Tags                   []string       `json:"tags"`
	CustomFields           map[string]any `json:"customFields"`
	Metadata               map[string]any `json:"metadata"`
	SnoozedUntil           *Time          `json:"snoozedUntil"`
	SLA                    *SLA           `json:"sla"` // null: no clock
	Version                int64          `json:"version"`
	PreviousConversationID *uuid.UUID     `json:"previousConversationId"`
	CreatedAt              Time           `json:"createdAt"`
	UpdatedAt              Time           `json:"updatedAt"`
	FirstReplyAt           *Time          `json:"firstReplyAt"`
	LastMessageAt          *Time          `json:"lastMessageAt"`
	ResolvedAt             *Time          `json:"resolvedAt"`
	ArchivedAt             *Time          `json:"archivedAt"`
	Messages               *[]Message     `json:"messages,omitempty"` // only where they were asked for
}

// Author is who wrote a message.
type Author struct {
	Type ActorType  `json:"type"`
	ID   *uuid.UUID `json:"id"`
	Name string     `json:"name"`
}

// Message is one entry of a conversation's thread.
type Message struct {
	ID             uuid.UUID      `json:"id"`
	Number         int64          `json:"number"`
	ConversationID uuid.UUID      `json:"conversationId"`
	Direction      string         `json:"direction"`
	Text           *string        `json:"text"`
	HTML           *string        `json:"html"`
	Author         Author         `json:"author"`
	Automated      bool           `json:"automated"`
	ExternalID     *string        `json:"externalId"`
	SentAt         Time           `json:"sentAt"`
	CreatedAt      Time           `json:"createdAt"`
	Metadata       map[string]any `json:"metadata"`
}

// Tag is a tag as tag.* events name it; in a conversation a tag is its name.
type Tag struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// TimelineEntry is one thing that happened to a conversation, with who did it and what caused it.
type TimelineEntry struct {
	ID        uuid.UUID      `json:"id"`
	Kind      string         `json:"kind"`
	Actor     Actor          `json:"actor"`
	Data      map[string]any `json:"data"`
	Version   int64          `json:"version"`
	CreatedAt Time           `json:"createdAt"`
}

// Subscription is a webhook subscription as its owner reads it: the secret and the values of the custom headers are not
// in it.
type Subscription struct {
	ID             uuid.UUID `json:"id"`
	Name           string    `json:"name"`
	URL            string    `json:"url"`
	Events         []string  `json:"events"`
	Description    string    `json:"description"`
	IsActive       bool      `json:"isActive"`
	DisabledReason *string   `json:"disabledReason"`
	Headers        []string  `json:"headers"` // names only
	MaxPerSecond   *int      `json:"maxPerSecond"`
	MaxInFlight    int       `json:"maxInFlight"`
	Retry          []int     `json:"retry"` // own waits in seconds; null for the default schedule
	Filter         *Filter   `json:"filter"`
	Signing        string    `json:"signing"`
	PublicKey      *string   `json:"publicKey"` // whpk_…, for ed25519
	Ordering       string    `json:"ordering"`
	Health         Health    `json:"health"`
	CreatedAt      Time      `json:"createdAt"`
	UpdatedAt      Time      `json:"updatedAt"`

	// Secret is set only in the answer that makes it: creation and rotation. Not with ed25519: see PublicKey.
	Secret *string `json:"secret,omitempty"`
}

// PublicKey is a key that verifies a webhook's ed25519 signatures.
type PublicKey struct {
	PublicKey  string `json:"publicKey"`  // whpk_…
	SignsUntil *Time  `json:"signsUntil"` // of the one before a rotation; nil for the current one
}

// Health is how an endpoint has been doing.
type Health struct {
	State           string   `json:"state"`    // ok, failing, open or disabled
	Failures        int      `json:"failures"` // since the last success
	FailingSince    *Time    `json:"failingSince"`
	CircuitOpenedAt *Time    `json:"circuitOpenedAt"`
	NextProbeAt     *Time    `json:"nextProbeAt"`
	Backlog         int      `json:"backlog"` // deliveries owed, counted up to 10,000
	OldestOwedAt    *Time    `json:"oldestOwedAt"`
	LastSuccessAt   *Time    `json:"lastSuccessAt"`
	SuccessRate24h  *float64 `json:"successRate24h"` // of the attempts of the last 24 hours, 1,000 at most; nil without any
}

// Filter narrows a subscription to conversations that match every list that is not empty. Events that are about no
// conversation (contact.*) do not match a filter.
type Filter struct {
	Channels []string    `json:"channels,omitempty"`
	Tags     []string    `json:"tags,omitempty"` // any of them
	TeamIDs  []uuid.UUID `json:"teamIds,omitempty"`
}
