package wire

import "github.com/google/uuid"

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
