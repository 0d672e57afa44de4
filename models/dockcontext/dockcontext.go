// Package dockcontext writes a conversation as Chatwoot's dashboard apps expect it: the data of the appContext message,
// with every key and every type that their documentation has, so that such an app runs in a dock unchanged. It is pure.
//
// Ids are the numbers that people read; identifier is what the tenant's own systems know a contact by, null for none.
// Times are seconds since 1970. What Atender has no source for is empty, and 0 for a time; nothing is made up. Internal
// notes are no part of it.
package dockcontext

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/wire"
)

// MaxMessages is how many messages the context carries: the newest.
const MaxMessages = 50

// Input is what the context is made from.
type Input struct {
	AccountNumber int64 // the tenant's
	InboxNumber   int   // the channel's
	Conversation  wire.Conversation
	Messages      []wire.Message // the newest, oldest first, at most MaxMessages, without notes
	AllLoaded     bool           // whether there are no others
	Agent         wire.Agent     // who has the conversation open
	Assignee      *wire.Agent
	Team          *Team
	Authors       map[uuid.UUID]wire.Agent // the agents among the authors of the messages
	IsOnline      func(agentID uuid.UUID) bool
	AgentSeen     time.Time // when the agent opened the conversation
	AssigneeSeen  time.Time // the same of the assignee; zero for never
}

// AppContext is the data of an appContext message.
type AppContext struct {
	Conversation Conversation `json:"conversation"`
	Contact      Contact      `json:"contact"`
	CurrentAgent CurrentAgent `json:"currentAgent"`
}

// CurrentAgent is who has the conversation open.
type CurrentAgent struct {
	Email string `json:"email"`
	ID    int64  `json:"id"`
	Name  string `json:"name"`
}

// Team is the team that the conversation is assigned to.
type Team struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Conversation is the conversation with its messages.
type Conversation struct {
	Meta                 Meta                   `json:"meta"`
	ID                   int64                  `json:"id"`
	Messages             []Message              `json:"messages"`
	AccountID            int64                  `json:"account_id"`
	AdditionalAttributes ConversationAttributes `json:"additional_attributes"`
	AgentLastSeenAt      int64                  `json:"agent_last_seen_at"`
	AssigneeLastSeenAt   int64                  `json:"assignee_last_seen_at"`
	CanReply             bool                   `json:"can_reply"`
	ContactLastSeenAt    int64                  `json:"contact_last_seen_at"`
	CustomAttributes     map[string]any         `json:"custom_attributes"`
	InboxID              int                    `json:"inbox_id"`
	Labels               []string               `json:"labels"`
	Muted                bool                   `json:"muted"`
	SnoozedUntil         *int64                 `json:"snoozed_until"`
	Status               string                 `json:"status"`
	Timestamp            int64                  `json:"timestamp"`
	UnreadCount          int                    `json:"unread_count"`
	AllMessagesLoaded    bool                   `json:"allMessagesLoaded"`
	DataFetched          bool                   `json:"dataFetched"`
}

// Meta says who takes part.
type Meta struct {
	Sender       Contact   `json:"sender"`
	Channel      string    `json:"channel"`
	Assignee     *Assignee `json:"assignee"`
	Team         *Team     `json:"team"`
	HMACVerified bool      `json:"hmac_verified"`
}

// ConversationAttributes are how the conversation began.
type ConversationAttributes struct {
	Browser     Browser     `json:"browser"`
	Referer     string      `json:"referer"`
	InitiatedAt InitiatedAt `json:"initiated_at"`
}

// Browser is the customer's, of which nothing is known.
type Browser struct {
	DeviceName      string `json:"device_name"`
	BrowserName     string `json:"browser_name"`
	PlatformName    string `json:"platform_name"`
	BrowserVersion  string `json:"browser_version"`
	PlatformVersion string `json:"platform_version"`
}

// InitiatedAt is when the conversation began, as text.
type InitiatedAt struct {
	Timestamp string `json:"timestamp"`
}

// Attributes are what Chatwoot knows of a person beyond name and addresses.
type Attributes struct {
	Description    string         `json:"description"`
	CompanyName    string         `json:"company_name"`
	SocialProfiles SocialProfiles `json:"social_profiles"`
}

// SocialProfiles are a person's names elsewhere.
type SocialProfiles struct {
	GitHub   string `json:"github"`
	Twitter  string `json:"twitter"`
	Facebook string `json:"facebook"`
	LinkedIn string `json:"linkedin"`
}

// Contact is the customer.
type Contact struct {
	AdditionalAttributes Attributes     `json:"additional_attributes"`
	AvailabilityStatus   string         `json:"availability_status"`
	Email                string         `json:"email"`
	ID                   int64          `json:"id"`
	Name                 string         `json:"name"`
	PhoneNumber          string         `json:"phone_number"`
	Identifier           *string        `json:"identifier"` // what the tenant's own systems know it by; null for none
	Thumbnail            string         `json:"thumbnail"`
	CustomAttributes     map[string]any `json:"custom_attributes"`
	LastActivityAt       int64          `json:"last_activity_at"`
}

// Assignee is the agent who is responsible.
type Assignee struct {
	ID                 int64  `json:"id"`
	AccountID          int64  `json:"account_id"`
	AvailabilityStatus string `json:"availability_status"`
	AutoOffline        bool   `json:"auto_offline"`
	Confirmed          bool   `json:"confirmed"`
	Email              string `json:"email"`
	AvailableName      string `json:"available_name"`
	Name               string `json:"name"`
	Role               string `json:"role"`
	Thumbnail          string `json:"thumbnail"`
}

// Message is one message of the thread.
type Message struct {
	ID                int64          `json:"id"`
	Content           string         `json:"content"`
	InboxID           int            `json:"inbox_id"`
	ConversationID    int64          `json:"conversation_id"`
	MessageType       int            `json:"message_type"` // 0 from the customer, 1 to the customer
	ContentType       string         `json:"content_type"`
	ContentAttributes map[string]any `json:"content_attributes"`
	CreatedAt         int64          `json:"created_at"`
	Private           bool           `json:"private"`
	SourceID          string         `json:"source_id"`
	Sender            Sender         `json:"sender"`
}

// Sender is who wrote a message.
type Sender struct {
	AdditionalAttributes Attributes     `json:"additional_attributes"`
	CustomAttributes     map[string]any `json:"custom_attributes"`
	Email                string         `json:"email"`
	ID                   int64          `json:"id"`
	Identifier           *string        `json:"identifier"` // what the tenant's own systems know it by; null for none
	Name                 string         `json:"name"`
	PhoneNumber          string         `json:"phone_number"`
	Thumbnail            string         `json:"thumbnail"`
	Type                 string         `json:"type"`
}
