package conversation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/groupcommit"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// creating is a conversation that is to be made.
type creating struct {
	in      NewConversation
	numbers creationNumbers
}

// newCreating is a conversation on its way, with the numbers that it may need, which the caller releases. Errors: UNAVAILABLE.
func (s *Store) newCreating(ctx context.Context, tenantID uuid.UUID, actor wire.Actor, in NewConversation) (*member, error) {
	numbers, err := s.numbersForCreation(ctx, tenantID) // before the transaction: it has one of its own (P2)
	if err != nil {
		return nil, err
	}
	return &member{
		tenantID: tenantID, actor: actor, subjects: groupcommit.Subjects{Own: in.subjects(tenantID)},
		creation: &creating{in: in, numbers: numbers},
	}, nil
}

// subjects are what no two creations of a tenant may make at the same time: a conversation with the reference, and a contact
// with the address or the external id.
func (in NewConversation) subjects(tenantID uuid.UUID) []uuid.UUID {
	subject := func(kind, value string) uuid.UUID {
		sum := sha256.Sum256([]byte(tenantID.String() + kind + value))
		return uuid.UUID(sum[:16])
	}
	subjects := []uuid.UUID{subject("reference", in.ExternalReference), subject("email", address.EmailKey(in.Contact.Email))}
	if in.Contact.ExternalID != "" {
		subjects = append(subjects, subject("contact", in.Contact.ExternalID))
	}
	return subjects
}

// foundRow is what a group knows of a conversation before it is made.
type foundRow struct {
	// Known is no anonymous field, because GORM passes over those whose types are not exported.
	Known creationRow `gorm:"embedded"`
	Ord   int
	Alone bool // it exists already, or a contact of its is locked by others, or its key is taken
}

// findContactsSQL locks the contacts of creations in one order (P1.2), without those that others have locked, and brings what
// creationSQL does.
var findContactsSQL = `
WITH wanted AS MATERIALIZED (
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bigint[])
		WITH ORDINALITY w (tenant_id, email_key, external_id, reference, channel, tags, key_id, key_turn, ord)
), known AS MATERIALIZED (
	SELECT w.ord, c.* FROM wanted w JOIN contacts c ON c.tenant_id = w.tenant_id AND c.external_id = w.external_id
	ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
), contact AS MATERIALIZED (
	SELECT w.ord, c.* FROM wanted w JOIN contacts c ON c.tenant_id = w.tenant_id AND c.email_key = w.email_key
	ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
), at AS MATERIALIZED (
	SELECT clock_timestamp() AS now FROM (SELECT count(*) FROM known) AS all_known, (SELECT count(*) FROM contact) AS all_locked
)
SELECT w.ord, ` + creationColumns + `, at.now,
	(SELECT jsonb_object_agg(name, id) FROM tags
		WHERE tenant_id = t.id AND name IN (SELECT jsonb_array_elements_text(w.tags::jsonb))) AS tag_ids,
	EXISTS (SELECT FROM conversations v WHERE v.tenant_id = w.tenant_id AND v.external_reference = w.reference)
		OR k.id IS NULL AND EXISTS (SELECT FROM contacts v WHERE v.tenant_id = w.tenant_id AND v.external_id = w.external_id)
		OR ct.id IS NULL AND EXISTS (SELECT FROM contacts v WHERE v.tenant_id = w.tenant_id AND v.email_key = w.email_key)
		OR NOT ` + idempotency.IsFree("w.key_id", "w.key_turn") + ` AS alone
FROM at, wanted w JOIN tenants t ON t.id = w.tenant_id
	JOIN channels ch ON ch.tenant_id = w.tenant_id AND ch.channel = w.channel
	LEFT JOIN known k ON k.ord = w.ord LEFT JOIN contact ct ON ct.ord = w.ord`

// findContacts finds and locks what creations need, and returns it with the time after the last lock, by the place in the group;
// nil for what has to go alone.
func findContacts(ctx context.Context, tx *gorm.DB, group []*member) (found []*foundRow, now time.Time, err error) {
	if len(group) == 0 {
		return nil, now, nil
	}
	n := len(group)
	tenants, emails, references, channels := make([]uuid.UUID, n), make([]string, n), make([]string, n), make([]string, n)
	externalIDs, tags, calls := make([]*string, n), make([]string, n), make([]*idempotency.Shared, n)
	for i, m := range group {
		in := m.creation.in
		tenants[i], calls[i], references[i], channels[i] = m.tenantID, m.call, in.ExternalReference, in.channel()
		emails[i], externalIDs[i] = address.EmailKey(in.Contact.Email), postgres.OrNull(in.Contact.ExternalID)
		names, err := json.Marshal(postgres.Texts(in.Tags))
		if err != nil {
			return nil, now, postgres.Doing(err, "write tags")
		}
		tags[i] = string(names)
	}
	keys, turns := idempotency.Wanted(calls)
	rows, err := tx.Statement.ConnPool.QueryContext(ctx, findContactsSQL,
		postgres.Binary(tenants), emails, externalIDs, references, channels, tags, keys, turns)
	if err != nil {
		return nil, now, postgres.Doing(err, "lock the contacts of a group")
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	found = make([]*foundRow, n)
	for rows.Next() {
		var row foundRow
		if err := tx.ScanRows(rows, &row); err != nil {
			return nil, now, postgres.Doing(err, "read the contacts of a group")
		}
		if now = row.Known.Now; !row.Alone {
			found[row.Ord-1] = &row
		}
	}
	return found, now, postgres.Doing(rows.Err(), "read the contacts of a group")
}

// creationOf begins the write that makes a conversation of a group.
func (s *Store) creationOf(
	ctx context.Context, tx *gorm.DB, m *member, row *foundRow, computeIn time.Duration,
) (*write, error) {
	w, err := s.newCreation(ctx, tx, m, row.Known)
	if err != nil {
		return nil, err
	}
	w.computeLeft = computeIn
	return w, w.openClocks(ctx, s, row.Known.TimeVersion)
}
