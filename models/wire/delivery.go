package wire

import (
	"encoding/json"

	"github.com/google/uuid"
)

// Delivery is one event on its way to one webhook, as the delivery log shows it.
type Delivery struct {
	ID             uuid.UUID  `json:"id"`
	WebhookID      uuid.UUID  `json:"webhookId"`
	EventID        uuid.UUID  `json:"eventId"`
	Event          string     `json:"event"`
	ConversationID *uuid.UUID `json:"conversationId"`
	Status         string     `json:"status"`   // pending, sending, delivered, failed or cancelled
	Attempts       int        `json:"attempts"` // since it was queued, or queued again
	NextAttemptAt  *Time      `json:"nextAttemptAt"`
	Reason         *string    `json:"reason"` // why it failed for good or was cancelled, upper snake
	CreatedAt      Time       `json:"createdAt"`
	FinishedAt     *Time      `json:"finishedAt"`
	LastAttempt    *Attempt   `json:"lastAttempt"`
}

// Attempt is one request of a delivery, and what came of it.
type Attempt struct {
	Number     int     `json:"number"` // as X-Atender-Attempt had it
	StartedAt  Time    `json:"startedAt"`
	DurationMs int     `json:"durationMs"`
	Status     *int    `json:"status"` // HTTP status; nil when no answer came
	Class      string  `json:"class"`  // package sender lists them
	Error      *string `json:"error"`
	Excerpt    *string `json:"excerpt"` // the beginning of the answer, 1 KiB at most
	// RequestHeaders are the headers that were sent, without the values of secret ones. Only in the answer about a single
	// delivery, and in that of a test.
	RequestHeaders map[string]string `json:"requestHeaders,omitempty"`
}

// DeliveryDetail is a delivery with all that is kept of it.
type DeliveryDetail struct {
	Delivery
	AttemptLog []Attempt       `json:"attemptLog"` // the oldest first
	Payload    json.RawMessage `json:"payload"`    // the bytes that are sent; null when retention has dropped the event
}

// Replay is a run over past events that puts them on their way to a webhook once more.
type Replay struct {
	ID         uuid.UUID `json:"id"`
	WebhookID  uuid.UUID `json:"webhookId"`
	Status     string    `json:"status"` // running, completed or cancelled
	Reason     *string   `json:"reason"` // why it was cancelled without being asked, upper snake
	Since      Time      `json:"since"`
	Until      Time      `json:"until"`
	Events     []string  `json:"events"`
	OnlyFailed bool      `json:"onlyFailed"`
	Progress   float64   `json:"progress"` // 0 to 1: how much of the time from since to until it has looked at
	Queued     int64     `json:"queued"`   // deliveries put on their way
	Missing    int64     `json:"missing"`  // failed deliveries whose event retention has dropped
	CreatedAt  Time      `json:"createdAt"`
	FinishedAt *Time     `json:"finishedAt"`
}
