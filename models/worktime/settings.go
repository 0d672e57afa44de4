package worktime

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// UnknownTags are what a tenant can have done with tags that do not exist when a conversation is created with them.
var UnknownTags = []string{"create", "drop", "reject"}

// maxAutoArchive bounds the delay of auto-archive, its days having 24 hours.
const maxAutoArchive = 365 * 24 * time.Hour

// SettingsUpdate changes a tenant's settings; what is nil or not Set stays.
type SettingsUpdate struct {
	AutoArchive wire.Optional[wire.AutoArchive] // null switches it off
	UnknownTags *string
}

func (u SettingsUpdate) check() error {
	var wrong []problem.Field
	if a := u.AutoArchive.Value; a != nil {
		wrong = checkAutoArchive(*a)
	}
	if u.UnknownTags != nil && !slices.Contains(UnknownTags, *u.UnknownTags) {
		wrong = append(wrong, problem.Field{
			Field: "unknownTags", Code: "invalid", Message: fmt.Sprintf("must be one of %v", UnknownTags),
		})
	}
	return problem.Fields(wrong...)
}

func checkAutoArchive(a wire.AutoArchive) (wrong []problem.Field) {
	refuse := func(field, message string) {
		wrong = append(wrong, problem.Field{Field: "autoArchive" + field, Code: "out_of_range", Message: message})
	}
	var total time.Duration
	for _, part := range []struct {
		field string
		value int
		unit  time.Duration
	}{{".days", a.Days, 24 * time.Hour}, {".hours", a.Hours, time.Hour}, {".minutes", a.Minutes, time.Minute}} {
		if most := int(maxAutoArchive / part.unit); part.value < 0 || part.value > most {
			refuse(part.field, fmt.Sprintf("must be 0 to %d", most))
		}
		total += time.Duration(part.value) * part.unit
	}
	switch {
	case len(wrong) > 0:
	case total == 0:
		refuse("", "must be longer than nothing; null switches it off")
	case total > maxAutoArchive:
		refuse("", "must be 365 days at most, everything together")
	}
	return wrong
}

// Settings returns what a tenant's owner can set. Errors: NOT_FOUND for the tenant.
func (s *Store) Settings(ctx context.Context, tenantID uuid.UUID) (wire.Settings, error) {
	return settingsOf(s.db.Main.WithContext(ctx), tenantID)
}

func settingsOf(db *gorm.DB, tenantID uuid.UUID) (wire.Settings, error) {
	var row struct {
		UnknownTags string
		AutoArchive *string
	}
	err := db.Raw(`SELECT unknown_tags, auto_archive::text FROM tenants WHERE id = ?`, tenantID).Take(&row).Error
	if err != nil {
		return wire.Settings{}, postgres.NotFound(err, "tenant", tenantID)
	}
	settings := wire.Settings{UnknownTags: row.UnknownTags}
	if row.AutoArchive != nil {
		err = json.Unmarshal([]byte(*row.AutoArchive), &settings.AutoArchive)
	}
	return settings, err
}

// UpdateSettings changes a tenant's settings. Conversations that are done are archived by the new delay, counted from when
// they became so. Errors: VALIDATION_FAILED, NOT_FOUND for the tenant.
func (s *Store) UpdateSettings(ctx context.Context, tenantID uuid.UUID, u SettingsUpdate) (_ wire.Settings, err error) {
	defer postgres.During(&err, "update the settings of tenant %s", tenantID)
	if err := u.check(); err != nil {
		return wire.Settings{}, err
	}
	var now wire.Settings
	err = s.editTime(ctx, tenantID, func(tx *gorm.DB, _ time.Time) (timeEdit, error) {
		before, err := settingsOf(tx, tenantID)
		if err != nil {
			return 0, err
		}
		now = before
		wire.Set(&now.UnknownTags, u.UnknownTags)
		if u.AutoArchive.Set {
			now.AutoArchive = u.AutoArchive.Value
		}
		var delay *string
		if now.AutoArchive != nil {
			text := postgres.JSONArg(now.AutoArchive)
			delay = &text
		}
		err = tx.Exec(`UPDATE tenants SET unknown_tags = ?, auto_archive = ?::jsonb WHERE id = ?`,
			now.UnknownTags, delay, tenantID).Error
		if equal(now.AutoArchive, before.AutoArchive) {
			return timeUnchanged, err
		}
		return timeChanged, err
	})
	return now, err
}

// equal tells whether two optional values are the same.
func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
