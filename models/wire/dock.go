package wire

import (
	"github.com/google/uuid"
)

// Dock is a tool dock as an administrator reads it: the secret is not in it.
type Dock struct {
	ID           uuid.UUID   `json:"id"`
	Name         string      `json:"name"`
	URL          string      `json:"url"` // with placeholders
	Icon         string      `json:"icon"`
	Position     int         `json:"position"`
	IsActive     bool        `json:"isActive"`
	Actions      []string    `json:"actions"`
	Confirm      []string    `json:"confirm"`
	Permissions  []string    `json:"permissions"`
	FrameOrigins []string    `json:"frameOrigins"`
	TeamIDs      []uuid.UUID `json:"teamIds"`
	Channels     []string    `json:"channels"`
	Roles        []string    `json:"roles"`
	CreatedAt    Time        `json:"createdAt"`
	UpdatedAt    Time        `json:"updatedAt"`

	// Secret is set only in the answer that makes it: creation and rotation.
	Secret *string `json:"secret,omitempty"`
}

// VisibleDock is a dock as a host that shows it to an agent needs it.
type VisibleDock struct {
	ID           uuid.UUID `json:"id"`
	Name         string    `json:"name"`
	URL          string    `json:"url"` // filled in for the conversation
	Icon         string    `json:"icon"`
	Actions      []string  `json:"actions"`
	Confirm      []string  `json:"confirm"`
	Permissions  []string  `json:"permissions"`
	FrameOrigins []string  `json:"frameOrigins"`
}

// DockContext is what a dock is told of the conversation that the agent has open.
type DockContext struct {
	Conversation Conversation `json:"conversation"`
	Contact      Contact      `json:"contact"`
	Agent        Agent        `json:"agent"`
	Dock         ContextDock  `json:"dock"`
}

// ContextDock is the dock in its own context.
type ContextDock struct {
	ID      uuid.UUID `json:"id"`
	Name    string    `json:"name"`
	Actions []string  `json:"actions"`
	Confirm []string  `json:"confirm"`
}

// DockSession is an open dock: what its host needs to show it and to speak for it.
type DockSession struct {
	ID        uuid.UUID   `json:"id"`
	ContextID uuid.UUID   `json:"contextId"` // that actions must name; another one for each conversation
	Dock      VisibleDock `json:"dock"`
	URL       string      `json:"url"` // of the frame
	Context   DockContext `json:"context"`
	// AppContext is the context as a dashboard app of Chatwoot expects it (package dockcontext).
	AppContext any    `json:"appContext"`
	Token      string `json:"token"` // for the dock's own back end (package docktoken)
	ExpiresAt  Time   `json:"expiresAt"`

	// SessionToken is set only in the answer that opens a session for another product's agent UI.
	SessionToken *string `json:"sessionToken,omitempty"`
}

// DockAction is what a dock asked for and what became of it.
type DockAction struct {
	ID        uuid.UUID  `json:"id"`
	RequestID string     `json:"requestId"`
	Action    string     `json:"action"`
	Status    string     `json:"status"` // pending, applied, rejected or expired
	Error     *DockError `json:"error"`  // of a rejected or expired one
	URL       string     `json:"url"`    // where to ask again
	CreatedAt Time       `json:"createdAt"`
	DecidedAt *Time      `json:"decidedAt"`

	// Conversation is the conversation as it is now, once the action is applied.
	Conversation *Conversation `json:"conversation"`
}

// DockError says why an action was not carried out.
type DockError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
