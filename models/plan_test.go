package models_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
)

// A plan made while the tables are young and never analysed is kept by a connection for as long as statistics are
// missing. It must use the index that finds the one row, not one that finds all rows of the tenant.
func TestYoungDatabaseLooksRowsUpByTheirKey(t *testing.T) {
	b := setupAlone(t)
	for want, query := range map[string]string{
		"conversations_pkey":               `SELECT * FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`,
		"conversations_external_reference": `SELECT id FROM conversations WHERE tenant_id = $1 AND external_reference = $2::text`,
		"conversations_successor":          `SELECT id FROM conversations WHERE tenant_id = $1 AND previous_conversation_id = $2`,
		"conversation_recency_pkey": `UPDATE conversation_recency SET updated_at = now()
			WHERE tenant_id = $1 AND conversation_id = $2`,
		"conversations_contact": `SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2
			ORDER BY id FOR NO KEY UPDATE`,
		"contacts_pkey":        `SELECT 1 FROM ONLY contacts x WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE OF x`,
		"contacts_email":       `SELECT * FROM contacts WHERE tenant_id = $1 AND email_key = $2::text`,
		"contacts_external_id": `SELECT * FROM contacts WHERE tenant_id = $1 AND external_id = $2::text`,
		"messages_pkey":        `SELECT * FROM messages WHERE tenant_id = $1 AND id = $2`,
		"messages_external_id": `SELECT id FROM messages
			WHERE tenant_id = $1 AND chain_id = '00000000-0000-0000-0000-000000000000' AND external_id = $2::text`,
		"agents_pkey":             `SELECT 1 FROM agents WHERE tenant_id = $1 AND id = $2`,
		"tags_tenant_id_name_key": `SELECT id FROM tags WHERE tenant_id = $1 AND name = $2::text`,
	} {
		b.inGenericMode(want, query, func(plan string) { require.Contains(t, plan, "using "+want+" ", "%s\n%s", query, plan) })
	}
}

// PostgreSQL compiles nothing of ours, wherever it is told to compile: a claim of a few rows of a large backlog, whose plan
// is good and whose estimate is not, would be compiled for seconds each time.
func TestNothingIsCompiled(t *testing.T) {
	b := setupAlone(t)
	var database string
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&database))
	for _, setting := range []string{`jit = on`, `jit_above_cost = 0`} {
		_, err := b.db.ExecContext(t.Context(), `ALTER DATABASE "`+database+`" SET `+setting)
		require.NoError(t, err)
	}
	settings, err := models.Settings(t.Context(), b.open(), "jit")
	require.NoError(t, err)
	require.Equal(t, []string{"off", "off", "off", "off", "off", "off", "off", "off"}, settings)
}

func (b *bench) inGenericMode(want, query string, check func(plan string)) {
	b.t.Helper()
	conn, err := b.db.Conn(b.t.Context())
	require.NoError(b.t, err)
	defer func() { _ = conn.Close() }()
	for _, s := range []string{`SET plan_cache_mode = force_generic_plan`, `PREPARE ` + want + `_plan AS ` + query} {
		_, err = conn.ExecContext(b.t.Context(), s)
		require.NoError(b.t, err, s)
	}
	rows, err := conn.QueryContext(b.t.Context(), fmt.Sprintf(`EXPLAIN EXECUTE %s_plan('%s', '%s')`, want, uuid.Nil, uuid.Nil))
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(b.t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(b.t, rows.Err())
	check(plan.String())
}

// A message changes these columns and leaves the rest. As long as no index has one of them, PostgreSQL updates the row in
// place (HOT) and none of the table's indexes gets a new entry; the order of the latest change is another table's.
func TestNoIndexOfConversationsHasWhatAMessageChanges(t *testing.T) {
	b := setupAlone(t)
	rows, err := b.db.QueryContext(t.Context(), `SELECT indexdef FROM pg_indexes WHERE tablename = 'conversations'`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var definition string
		require.NoError(t, rows.Scan(&definition))
		require.NotRegexp(t, `\b(updated_at|version|engagement|first_reply_at|last_message_at|waiting_since|clocks)\b`,
			definition)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, n, 5)
}
