package wire

import (
	"github.com/google/uuid"

	"github.com/atender/atender/models/calendar"
)

// OpeningHours are a rule with a name.
type OpeningHours struct {
	ID        uuid.UUID                  `json:"id"`
	Name      string                     `json:"name"`
	IsDefault bool                       `json:"isDefault"`
	TimeZone  string                     `json:"timeZone"`
	Weekly    map[string][]calendar.Slot `json:"weekly"`
	Holidays  *string                    `json:"holidays"` // null: none
	Overrides []calendar.Override        `json:"overrides"`
	CreatedAt Time                       `json:"createdAt"`
	UpdatedAt Time                       `json:"updatedAt"`
}

// OpeningHoursAssignment says which conversations go by opening hours that are not the default.
type OpeningHoursAssignment struct {
	ID             uuid.UUID  `json:"id"`
	OpeningHoursID uuid.UUID  `json:"openingHoursId"`
	TeamID         *uuid.UUID `json:"teamId"`
	Channel        *string    `json:"channel"`
	CreatedAt      Time       `json:"createdAt"`
}

// HoursPreview is what opening hours mean from a time on.
type HoursPreview struct {
	At      Time     `json:"at"`
	IsOpen  bool     `json:"isOpen"`
	Windows []Window `json:"windows"`
}

// Window is a stretch of time that is open throughout.
type Window struct {
	Opens  Time `json:"opens"`
	Closes Time `json:"closes"`
}

// AutoArchive is how long after it was resolved a conversation is archived, in business time.
type AutoArchive struct {
	Days    int `json:"days"`
	Hours   int `json:"hours"`
	Minutes int `json:"minutes"`
}

// Settings are what a tenant's owner can set.
type Settings struct {
	AutoArchive *AutoArchive `json:"autoArchive"` // null: off
	UnknownTags string       `json:"unknownTags"` // create, drop or reject
}
