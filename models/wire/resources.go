package wire

import "github.com/google/uuid"

// BulkResult is what came of one conversation of a bulk change: its version now, or why it refused.
type BulkResult struct {
	ID      uuid.UUID  `json:"id"`
	Version *int64     `json:"version"`
	Error   *BulkError `json:"error"`
}

// BulkError is the refusal of one conversation of a bulk change.
type BulkError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// Agent is a person who works on conversations.
type Agent struct {
	ID       uuid.UUID   `json:"id"`
	Number   int64       `json:"number"`
	Name     string      `json:"name"`
	Email    string      `json:"email"`
	Role     string      `json:"role"`
	TeamIDs  []uuid.UUID `json:"teamIds"`
	IsActive bool        `json:"isActive"`
}

// Team is a group of agents that conversations are assigned to.
type Team struct {
	ID          uuid.UUID   `json:"id"`
	Number      int64       `json:"number"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	MemberIDs   []uuid.UUID `json:"memberIds"`
}

// Channel is one of the standard channels, as the tenant has set it.
type Channel struct {
	Channel       string     `json:"channel"`
	Number        int        `json:"number"` // 1 to 8, the same for every tenant
	DisplayName   string     `json:"displayName"`
	Enabled       bool       `json:"enabled"`
	DefaultTeamID *uuid.UUID `json:"defaultTeamId"`
}
