package dock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Limits of a dock's lists.
const (
	maxFrameOrigins = 20
	maxDockTeams    = 100
)

// apply checks an update and applies it. All that is wrong is reported together.
func (s *Store) apply(tx *gorm.DB, d *Dock, u Update, now time.Time) error {
	var wrong []problem.Field
	wire.Set(&d.Name, u.Name)
	wire.Set(&d.Position, u.Position)
	wire.Set(&d.IsActive, u.IsActive)
	if u.URL != nil {
		wrong = append(wrong, s.policy.CheckURL("url", *u.URL)...)
		d.URL = *u.URL
	}
	if u.Icon != nil {
		wrong = append(wrong, dockurl.CheckIcon("icon", *u.Icon)...)
		d.Icon = *u.Icon
	}
	setNames := func(field *postgres.Strings, name string, values *[]string, known []string) {
		if values == nil {
			return
		}
		wrong = append(wrong, checkNames(name, *values, known)...)
		*field = append(postgres.Strings{}, slices.Compact(slices.Sorted(slices.Values(*values)))...)
	}
	setNames(&d.Actions, "actions", u.Actions, dockaction.Kinds)
	setNames(&d.Confirm, "confirm", u.Confirm, dockaction.Kinds)
	setNames(&d.Channels, "channels", u.Channels, account.Channels)
	setNames(&d.Roles, "roles", u.Roles, account.RoleNames())
	setNames(&d.Permissions, "permissions", u.Permissions, dockurl.Permissions)
	if u.Actions != nil || u.Confirm != nil {
		wrong = append(wrong, d.checkConfirm()...)
	}
	if u.FrameOrigins != nil {
		wrong = append(wrong, s.checkFrameOrigins(*u.FrameOrigins)...)
		d.FrameOrigins = append(postgres.Strings{}, *u.FrameOrigins...)
	}
	if u.TeamIDs != nil {
		missing, err := missingTeams(tx, d.TenantID, *u.TeamIDs)
		if err != nil {
			return err
		}
		wrong = append(wrong, missing...)
		d.TeamIDs = append(postgres.UUIDs{}, *u.TeamIDs...)
	}
	d.UpdatedAt = now
	if len(wrong) == 0 && u.May != nil && u.exposes() {
		return u.May(d.Actions)
	}
	return problem.Fields(wrong...)
}

// checkNames refuses, once, names that there are not.
func checkNames(field string, names, known []string) []problem.Field {
	for _, name := range names {
		if !slices.Contains(known, name) {
			return []problem.Field{{
				Field: field, Code: "unknown", Message: "has one that there is not; there are " + strings.Join(known, ", "),
			}}
		}
	}
	return nil
}

// checkConfirm refuses, once, an action to be confirmed that the dock may not ask for: it would look like a safeguard and
// be none.
func (d *Dock) checkConfirm() []problem.Field {
	for _, name := range d.Confirm {
		if slices.Contains(dockaction.Kinds, name) && !slices.Contains(d.Actions, name) {
			return []problem.Field{{
				Field: "confirm", Code: "not_applicable",
				Message: "names " + name + ", which is not among the dock's actions: add it to actions, or leave it out here",
			}}
		}
	}
	return nil
}

func (s *Store) checkFrameOrigins(origins []string) []problem.Field {
	if len(origins) > maxFrameOrigins {
		return []problem.Field{{
			Field: "frameOrigins", Code: "too_many", Message: fmt.Sprintf("must have at most %d items", maxFrameOrigins),
		}}
	}
	var wrong []problem.Field
	for i, origin := range origins {
		wrong = append(wrong, s.policy.CheckOrigin(fmt.Sprintf("frameOrigins[%d]", i), origin)...)
	}
	return wrong
}

// missingTeams refuses teams that the tenant does not have.
func missingTeams(tx *gorm.DB, tenantID uuid.UUID, ids []uuid.UUID) ([]problem.Field, error) {
	if len(ids) > maxDockTeams {
		return []problem.Field{{
			Field: "teamIds", Code: "too_many", Message: fmt.Sprintf("must have at most %d items", maxDockTeams),
		}}, nil
	}
	var missing []string
	err := tx.Raw(`SELECT u.id::text FROM unnest(?::uuid[]) u (id)
		WHERE NOT EXISTS (SELECT FROM teams t WHERE t.tenant_id = ? AND t.id = u.id)`, postgres.UUIDs(ids), tenantID).Scan(&missing).Error
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []problem.Field{{Field: "teamIds", Code: "unknown", Message: "there is no team " + missing[0]}}, nil
}
