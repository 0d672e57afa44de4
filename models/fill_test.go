package models_test

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/migrations"
)

// Rows that are older than the keys get them, in any number of runs; of two that have come to be one mailbox the older has it.
func TestOldRowsGetTheirKeysNumbersAndZones(t *testing.T) {
	b := setupAlone(t)
	var tenant uuid.UUID
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT id FROM tenants LIMIT 1`).Scan(&tenant))
	ids := make([]uuid.UUID, 4)
	for i, email := range []string{
		"Ada@B\u00dcCHER.example", "ada@xn--bcher-kva.example", "\u212a@Example.com", "k@example.com",
	} {
		ids[i] = uuid.Must(uuid.NewV7())
		b.exec(`INSERT INTO contacts (tenant_id, id, name, email, phone, created_at, updated_at)
			VALUES ($1, $2, 'Ada', $3, '+4402079460958', now(), now())`, tenant, ids[i], email)
	}
	b.exec(`UPDATE contacts SET email_key = NULL`)
	b.exec(`INSERT INTO opening_hours (tenant_id, id, name, rule, created_at, updated_at)
		VALUES ($1, $2, 'Old', '{"timeZone": "right/Europe/Berlin", "weekly": {}}', now(), now())`, tenant, uuid.New())
	for range 2 {
		require.NoError(t, migrations.Fill(t.Context(), b.db, slog.Default()))
		for i, want := range []any{"ada@xn--bcher-kva.example", nil, "\u212a@example.com", "k@example.com"} {
			var key *string
			var phone string
			require.NoError(t, b.db.QueryRowContext(t.Context(),
				`SELECT email_key, phone FROM contacts WHERE id = $1`, ids[i]).Scan(&key, &phone))
			require.Equal(t, "+442079460958", phone)
			if want == nil {
				require.Nil(t, key)
			} else {
				require.Equal(t, want, *key)
			}
		}
		var zone string
		require.NoError(
			t,
			b.db.QueryRowContext(t.Context(), `SELECT rule->>'timeZone' FROM opening_hours WHERE name = 'Old'`).Scan(&zone),
		)
		require.Equal(t, "Europe/Berlin", zone)
	}
	// A process of the version before writes no key, and is given one.
	b.exec(`UPDATE contacts SET email = 'Eve@example.com' WHERE id = $1`, ids[3])
	var key string
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT email_key FROM contacts WHERE id = $1`, ids[3]).Scan(&key))
	require.Equal(t, "eve@example.com", key)
}
