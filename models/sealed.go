package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/webhook"
)

// sealedSample is how many values of each kind and key are opened to see whether that works: a key with the right name and
// other bytes opens none of them.
const sealedSample = 5

// Sealed says how the values of one kind that one key has sealed can be read.
type Sealed struct {
	What   string // in words
	KeyID  string // empty for what no key has sealed as it is stored
	Values int    // there are, of all tenants
	Tried  int    // of those, the newest few
	Opened int    // of those that were tried
	// Why is what is wrong with the first that could not be opened, naming its row; nil if all could.
	Why error
}

// InspectSealed counts what is sealed in the database, by kind and key, and opens a few values of each. It changes nothing and
// works through all sealed values. Errors: UNAVAILABLE, the context's.
func (s *Store) InspectSealed(ctx context.Context) ([]Sealed, error) {
	var all []Sealed
	for _, c := range sealedColumns {
		found, err := s.inspectColumn(ctx, c)
		if err != nil {
			return nil, postgres.Doing(err, "inspect %s", c.what)
		}
		all = append(all, found...)
	}
	return all, nil
}

// CheckKeys tells whether the keyring's keys have the bytes of those of their ids that have sealed webhooks' secrets: otherwise
// none of a few values of a key can be opened, and no webhook of its be sent. Errors: that, naming the key; UNAVAILABLE, the
// context's.
func (s *Store) CheckKeys(ctx context.Context) error {
	for _, c := range sealedColumns {
		if c.place != webhook.SecretPlace {
			continue
		}
		found, err := s.inspectColumn(ctx, c)
		if err != nil {
			return postgres.Doing(err, "inspect %s", c.what)
		}
		for _, one := range found {
			if slices.Contains(s.DB.Keyring.IDs(), one.KeyID) && one.Tried > 0 && one.Opened == 0 {
				return fmt.Errorf("keyring: key %s does not open what is sealed under it in the database: give this process the "+
					"ATENDER_SECRET_KEYS of the others, and start it anew", one.KeyID)
			}
		}
	}
	return nil
}

// sealHead is how SQL reads the beginning of a sealed value, which says what key has sealed it: format, length of the id, id.
func sealHead(column string) string {
	return `CASE WHEN length(` + column + `) < 2 THEN '\x'::bytea ELSE substr(` + column + `, 1, 2 + get_byte(` + column + `, 1)) END`
}

func (s *Store) inspectColumn(ctx context.Context, c sealedColumn) ([]Sealed, error) {
	reads := s.DB.Main.WithContext(ctx) // it may take longer than a report: all stored answers are looked through
	var heads []struct {
		Head   []byte
		Values int
	}
	err := reads.Raw(`SELECT ` + sealHead(c.column) + ` AS head, count(*) AS values FROM ` + c.table +
		` WHERE ` + c.where + ` GROUP BY 1 ORDER BY 1`).Scan(&heads).Error
	if err != nil {
		return nil, err
	}
	all := make([]Sealed, len(heads))
	for i, head := range heads {
		one := Sealed{What: c.what, Values: head.Values}
		var rows []struct {
			ID    string
			Value []byte
		}
		err := reads.Raw(`SELECT `+c.ids.read+` AS id, `+c.column+` AS value FROM `+c.table+` WHERE `+c.where+
			` AND `+sealHead(c.column)+` = ? ORDER BY `+c.table+`.id DESC LIMIT ?`, head.Head, sealedSample).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			one.Tried++
			if id, err := seal.KeyID(row.Value); err == nil {
				one.KeyID = id
			}
			_, err := s.DB.Keyring.Open(row.Value, c.place+row.ID)
			switch {
			case err == nil:
				one.Opened++
			case one.Why == nil:
				one.Why = fmt.Errorf("%s of %s %s: %w", c.column, c.table, row.ID, err)
			}
		}
		all[i] = one
	}
	return all, nil
}
