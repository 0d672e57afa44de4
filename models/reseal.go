package models

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/webhook"
)

// resealRows is how many rows one transaction locks and seals anew.
const resealRows = 100

// Resealed says what became of one kind of sealed values.
type Resealed struct {
	What       string // in words
	Values     int    // there are, of all tenants
	Resealed   int
	Unreadable int // sealed under a key that is not in the keyring, or damaged: they stay as they are
	// Why is what is wrong with the first unreadable one, naming its row; nil if all are readable.
	Why error
}

// sealedColumn is a column whose values are sealed.
type sealedColumn struct {
	what          string
	table, column string
	place         string // what a value is bound to, before the text of its row's id
	ids           idText
	where         string // which rows are meant
}

// idText is how SQL reads ids as the text that values are bound to, and takes that text for an id.
type idText struct{ read, write, least string }

var (
	uuidText   = idText{"id::text", "?::uuid", uuid.Nil.String()}
	digestText = idText{"encode(id, 'hex')", "decode(?, 'hex')", ""}
)

// sealedColumns are all of them. A secret goes before the one it replaced: rotating moves it there, and a value that moves
// between the two passes is then renewed already.
var sealedColumns = []sealedColumn{
	{"webhook secrets", "subscriptions", "secret", webhook.SecretPlace, uuidText, "true"},
	{"webhook secrets before", "subscriptions", "previous_secret", webhook.SecretPlace, uuidText, "previous_secret IS NOT NULL"},
	{"webhook headers", "subscriptions", "headers", webhook.HeadersPlace, uuidText, "headers IS NOT NULL"},
	{"dock secrets", "docks", "secret", dock.SecretPlace, uuidText, "true"},
	{"dock secrets before", "docks", "previous_secret", dock.SecretPlace, uuidText, "previous_secret IS NOT NULL"},
	{"stored answers", "idempotency_keys", "body", idempotency.AnswerPlace, digestText, "is_sealed"},
}

// Reseal seals anew, under the keyring's first key, what its other keys have sealed, of all tenants and also of what is
// deleted. Afterwards those keys are needed no more, provided that all processes seal under the first one by then.
// It may run while they work, and again. Errors: UNAVAILABLE; values that cannot be read are counted instead.
func (s *Store) Reseal(ctx context.Context) ([]Resealed, error) {
	var all []Resealed
	for _, c := range sealedColumns {
		one, err := s.resealColumn(ctx, c)
		if err != nil {
			return all, fmt.Errorf("%s: %w", c.what, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func (s *Store) resealColumn(ctx context.Context, c sealedColumn) (Resealed, error) {
	total := Resealed{What: c.what}
	for after := c.ids.least; ; {
		var batch Resealed
		next := ""
		err := s.DB.Transact(ctx, func(tx *gorm.DB) (err error) {
			batch, next, err = s.resealBatch(tx, c, after)
			return err
		})
		if err != nil {
			return total, err
		}
		total.Values += batch.Values
		total.Resealed += batch.Resealed
		total.Unreadable += batch.Unreadable
		if total.Why == nil {
			total.Why = batch.Why
		}
		if batch.Values < resealRows {
			return total, nil
		}
		after = next
	}
}

// resealBatch does the rows behind an id, and returns the last one's. The rows are locked in the order of their ids, as
// everywhere, so that no transaction moves or replaces a value meanwhile.
func (s *Store) resealBatch(tx *gorm.DB, c sealedColumn, after string) (done Resealed, last string, err error) {
	var rows []struct {
		ID       string
		TenantID uuid.UUID
		Sealed   []byte
	}
	err = tx.Raw(`SELECT `+c.ids.read+` AS id, tenant_id, `+c.column+` AS sealed FROM `+c.table+`
		WHERE `+c.where+` AND id > `+c.ids.write+` ORDER BY `+c.table+`.id LIMIT ? FOR NO KEY UPDATE`, after, resealRows).
		Scan(&rows).Error
	if err != nil {
		return done, "", err
	}
	for _, row := range rows {
		last = row.ID
		done.Values++
		renewed, err := s.DB.Keyring.Reseal(row.Sealed, c.place+row.ID)
		switch {
		case err != nil:
			done.Unreadable++
			if done.Why == nil {
				done.Why = fmt.Errorf("%s of %s %s: %w", c.column, c.table, row.ID, err)
			}
			continue
		case renewed == nil:
			continue
		}
		err = tx.Exec(`UPDATE `+c.table+` SET `+c.column+` = ? WHERE tenant_id = ? AND id = `+c.ids.write,
			renewed, row.TenantID, row.ID).Error
		if err != nil {
			return done, "", err
		}
		done.Resealed++
	}
	return done, last, nil
}
