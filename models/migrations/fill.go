package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/logging"
)

// FillAfter is the migration whose columns Fill fills, and that the next one takes to be filled.
const FillAfter = 20

// fillBatch is how many rows one statement of Fill looks at: it holds the locks of those for some milliseconds.
const fillBatch = 500

// uniqueViolation is PostgreSQL's code for a row whose key another row has (appendix A of its manual).
const uniqueViolation = "23505"

// Fill gives the rows that are older than migration FillAfter what only Go can make: the keys of e-mail addresses, phone
// numbers and time zones as they are read today. It may run while others write, several times, and in several processes.
//
// Where two rows of a tenant have come to be one mailbox (two spellings of a domain), the older one keeps it: the other
// has no key, is found by its id alone, and is named in the log.
func Fill(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	for _, fill := range []filler{
		{db: db, log: log, table: "agents", phone: "NULL::text"}, {db: db, log: log, table: "contacts", phone: "phone"},
	} {
		if err := fill.run(ctx); err != nil {
			return fmt.Errorf("fill the keys of %s: %w", fill.table, err)
		}
	}
	if err := fillZones(ctx, db, log); err != nil {
		return fmt.Errorf("correct the time zones of opening hours: %w", err)
	}
	return nil
}

// filler fills one table.
type filler struct {
	db    *sql.DB
	log   *slog.Logger
	table string
	phone string // the expression of the phone number
}

// addressed is a row that has addresses, with those it is to have.
type addressed struct {
	tenantID, id           uuid.UUID
	email, key, phone      sql.NullString
	wantedKey, wantedPhone sql.NullString
}

func (f filler) run(ctx context.Context) error {
	var after addressed
	for {
		rows, err := f.read(ctx, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1]
		if err := f.write(ctx, rows); err != nil {
			return err
		}
	}
}

// read returns the next rows behind one.
func (f filler) read(ctx context.Context, after addressed) (rows []addressed, err error) {
	found, err := f.db.QueryContext(ctx, `SELECT tenant_id, id, email, email_key, `+f.phone+` FROM `+f.table+`
		WHERE (id, tenant_id) > ($1, $2) ORDER BY id, tenant_id LIMIT $3`, after.id, after.tenantID, fillBatch)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var r addressed
		if err := found.Scan(&r.tenantID, &r.id, &r.email, &r.key, &r.phone); err != nil {
			return nil, err
		}
		r.wantedPhone = r.phone
		if r.email.Valid {
			r.wantedKey = sql.NullString{String: address.EmailKey(r.email.String), Valid: true}
		}
		if phone, err := address.Phone(r.phone.String); err == nil { // what is none stays: it is all there is
			r.wantedPhone.String = phone
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// write changes the rows that are not as they are to be. One by one if they cannot all be.
func (f filler) write(ctx context.Context, rows []addressed) error {
	var changed []addressed
	for _, r := range rows {
		if r.key != r.wantedKey || r.phone != r.wantedPhone {
			changed = append(changed, r)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	err := f.update(ctx, changed)
	if !isTaken(err) {
		return err
	}
	for _, r := range changed {
		err := f.update(ctx, []addressed{r})
		if isTaken(err) {
			f.log.Warn("two have the e-mail address of one mailbox; the older one is found by it from now on",
				"table", f.table, logging.TenantID, r.tenantID, "without", r.id)
			r.wantedKey = sql.NullString{}
			err = f.update(ctx, []addressed{r})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// update leaves alone what has changed since it was read: the writer has made the key.
func (f filler) update(ctx context.Context, rows []addressed) error {
	var tenants, ids, emails []string
	var keys, phones, before []*string
	for _, r := range rows {
		tenants, ids, emails = append(tenants, r.tenantID.String()), append(ids, r.id.String()), append(emails, r.email.String)
		keys, phones = append(keys, pointer(r.wantedKey)), append(phones, pointer(r.wantedPhone))
		before = append(before, pointer(r.phone))
	}
	set := `email_key = u.key`
	if f.phone == "phone" {
		set += `, phone = CASE WHEN t.phone = u.before THEN u.phone ELSE t.phone END`
	}
	_, err := f.db.ExecContext(ctx, `UPDATE `+f.table+` t SET `+set+`
		FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
			u (tenant_id, id, email, key, phone, before)
		WHERE t.tenant_id = u.tenant_id AND t.id = u.id AND coalesce(t.email, '') = u.email`,
		tenants, ids, emails, keys, phones, before)
	return err
}

// fillZones puts the names that Go's library took for time zones, and that are none, into those that they meant.
func fillZones(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	type rule struct{ id, zone string }
	found, err := db.QueryContext(ctx, `SELECT id::text, coalesce(rule->>'timeZone', '') FROM opening_hours`)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	var wrong []rule
	for found.Next() {
		var r rule
		if err := found.Scan(&r.id, &r.zone); err != nil {
			return err
		}
		if !calendar.IsZone(r.zone) {
			wrong = append(wrong, r)
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	for _, r := range wrong {
		zone := calendar.ZoneMeant(r.zone)
		log.Warn("opening hours have a time zone that is none", "id", r.id, "timeZone", r.zone, "now", zone)
		_, err := db.ExecContext(ctx, `UPDATE opening_hours SET rule = jsonb_set(rule, '{timeZone}', to_jsonb($3::text))
			WHERE id = $1 AND rule->>'timeZone' = $2`, r.id, r.zone, zone)
		if err != nil {
			return err
		}
	}
	return nil
}

func pointer(s sql.NullString) *string {
	if !s.Valid {
		return nil
	}
	return &s.String
}

func isTaken(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == uniqueViolation
}
