package wire

import "github.com/google/uuid"

// Session is who is signed in to the console.
type Session struct {
	Agent         SessionAgent  `json:"agent"`
	Tenant        SessionTenant `json:"tenant"`
	Role          string        `json:"role"`
	Scopes        []string      `json:"scopes"`
	TemporalUIURL *string       `json:"temporalUiUrl"`
	Version       string        `json:"version"`
	EventsAfter   string        `json:"eventsAfter"`
}

// SessionAgent is the agent of a session.
type SessionAgent struct {
	ID      uuid.UUID   `json:"id"`
	Number  int64       `json:"number"`
	Name    string      `json:"name"`
	Email   string      `json:"email"`
	TeamIDs []uuid.UUID `json:"teamIds"`
}

// SessionTenant is the tenant of a session.
type SessionTenant struct {
	ID          uuid.UUID `json:"id"`
	Number      int64     `json:"number"`
	Name        string    `json:"name"`
	Environment string    `json:"environment"`
}

// APIKey is a key without what it is; Key is that, once, when it is made.
type APIKey struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Prefix      string    `json:"prefix"`
	Scopes      []string  `json:"scopes"`
	Tier        string    `json:"tier"`
	Limits      KeyLimits `json:"limits"`
	IsActive    bool      `json:"isActive"`
	CreatedAt   Time      `json:"createdAt"`
	LastUsedAt  *Time     `json:"lastUsedAt"`
	RevokedAt   *Time     `json:"revokedAt"`
	Key         *string   `json:"key,omitempty"`
}

// KeyLimits are how many calls a key may make: PerMinute and Burst in any 60 s, PerDay in a day (UTC); null for no limit.
type KeyLimits struct {
	PerMinute *int `json:"perMinute"`
	Burst     *int `json:"burst"`
	PerDay    *int `json:"perDay"`
}

// KeyUse is how often a key was used on a day (UTC) for an endpoint, with answers of a class of status, such as 2xx.
type KeyUse struct {
	Day      string `json:"day"`
	Endpoint string `json:"endpoint"`
	Status   string `json:"status"`
	Requests int64  `json:"requests"`
}
