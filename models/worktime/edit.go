package worktime

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// clearSetAsides takes up again what is set aside of a tenant whose time configuration was edited: it is due now, so that
// it is ticked by the new terms.
func clearSetAsides(tx *gorm.DB, tenantID uuid.UUID) error {
	return tx.Exec(`UPDATE conversations SET set_aside = NULL, next_due_at = clock_timestamp()
		WHERE set_aside IS NOT NULL AND tenant_id = ?`, tenantID).Error
}

// maxTimeRules is how many policies, assignments, opening hours, and assignments of those a tenant may have of each: all
// of them are in the memory of every process that needs one.
const maxTimeRules = 1000

// rememberedEdits is of how many edits a tenant knows when they were made.
const rememberedEdits = 100

// timeEdit is what an edit of a tenant's time configuration did.
type timeEdit int

const (
	timeUnchanged timeEdit = iota
	// timeChanged: terms that were, or are new, are other ones now, since the time written on their rows.
	timeChanged
	// timeRemoved: something was taken away, and what stands in for it, which does not know, has done so since now.
	timeRemoved
)

// editTime runs an edit of the tenant's time configuration: policies, opening hours, their assignments, auto-archive.
// Edits of a tenant happen one after another, under the lock of its row. The time is the database's, read after the
// lock, as that of the write path (P1.3), with which it is compared. An edit raises the tenant's version, and leaves a row
// in the outbox for the walk that brings running clocks up to it. f writes rows with UpdateColumns, which leaves their
// updated_at alone: GORM would put this machine's time there. Errors: NOT_FOUND for the tenant, and what f returns.
func (s *Store) editTime(
	ctx context.Context, tenantID uuid.UUID, f func(tx *gorm.DB, now time.Time) (timeEdit, error),
) error {
	var did timeEdit
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		var now time.Time
		r := tx.Raw(`WITH locked AS MATERIALIZED (SELECT FROM tenants WHERE id = ? FOR NO KEY UPDATE)
			SELECT clock_timestamp() FROM locked`, tenantID).Scan(&now)
		if r.Error == nil && r.RowsAffected == 0 {
			return postgres.NotFound(gorm.ErrRecordNotFound, "tenant", tenantID)
		}
		if r.Error != nil {
			return r.Error
		}
		now = s.db.Clock(now)
		var err error
		if did, err = f(tx, now); err != nil || did == timeUnchanged {
			return err
		}
		return timeChangedAt(tx, tenantID, now, did)
	})
	if err == nil && did != timeUnchanged {
		s.db.Wake(ctx, outbox.Topic)
	}
	return err
}

func timeChangedAt(tx *gorm.DB, tenantID uuid.UUID, now time.Time, did timeEdit) error {
	err := tx.Exec(`UPDATE tenants SET time_version = time_version + 1, time_changed_at = ?,
		time_edits = (time_edits || ?::timestamptz)[greatest(1, cardinality(time_edits) + 2 - ?):],
		time_removed_at = CASE WHEN ? THEN ? ELSE time_removed_at END WHERE id = ?`,
		now, now, rememberedEdits, did == timeRemoved, now, tenantID).Error
	if err != nil {
		return err
	}
	if err := clearSetAsides(tx, tenantID); err != nil {
		return err
	}
	return outbox.AddNow(tx, outbox.Entry{Kind: outbox.Recompute, TenantID: tenantID, TargetID: tenantID})
}

// roomFor refuses one more row of a table of the time configuration than a tenant may have. Errors: LIMIT_REACHED.
func roomFor(tx *gorm.DB, table string, tenantID uuid.UUID, what string) error {
	var n int64
	if err := tx.Table(table).Where("tenant_id = ?", tenantID).Count(&n).Error; err != nil {
		return err
	}
	if n >= maxTimeRules {
		return problem.New(problem.Conflict, problem.CodeLimitReached,
			"a tenant may have %d %s: delete one first", maxTimeRules, what).
			With("limit", maxTimeRules)
	}
	return nil
}

// reach is what an assignment applies to: a team, a channel, both, or everything.
type reach struct {
	TeamID  *uuid.UUID
	Channel *string
}

// check returns what is wrong with a reach: a team that the tenant does not have, a channel that does not exist.
func (r reach) check(tx *gorm.DB, tenantID uuid.UUID) ([]problem.Field, error) {
	var wrong []problem.Field
	if r.TeamID != nil {
		var exists bool
		err := tx.Raw(`SELECT EXISTS (SELECT FROM teams WHERE tenant_id = ? AND id = ? FOR KEY SHARE)`, tenantID, *r.TeamID).
			Scan(&exists).Error
		if err != nil {
			return nil, err
		}
		if !exists {
			wrong = append(wrong, problem.Field{
				Field: "teamId", Code: "unknown", Message: "there is no team " + r.TeamID.String(),
			})
		}
	}
	return append(wrong, CheckChannel("channel", r.Channel)...), nil
}

// CheckChannel is what is wrong with the name of a channel in a field; nothing with no channel.
func CheckChannel(field string, channel *string) []problem.Field {
	if channel == nil || slices.Contains(account.Channels, *channel) {
		return nil
	}
	return []problem.Field{{
		Field: field, Code: "unknown",
		Message: fmt.Sprintf("there is no channel %q; the channels are %v", *channel, account.Channels),
	}}
}

func checkName(field, name string) []problem.Field {
	if n := utf8.RuneCountInString(name); n < 1 || n > 200 {
		return []problem.Field{{Field: field, Code: "required", Message: "must have 1 to 200 characters"}}
	}
	return nil
}
