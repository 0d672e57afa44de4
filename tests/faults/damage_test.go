package faults

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
)

// damages are what each of the ledger's checks is there for.
var damages = map[string]string{
	"a conversation without its one creation": `DELETE FROM events WHERE type = 'conversation.created'`,
	"a creation whose tags were not announced once": `DELETE FROM events
		WHERE id = (SELECT id FROM events WHERE type = 'tag.added' ORDER BY id LIMIT 1)`,
	"a creation without its message":                      `DELETE FROM events WHERE type = 'message.received'`,
	"a message without its one event":                     `DELETE FROM events WHERE type = 'message.sent'`,
	"a version that nothing in the timeline accounts for": `UPDATE conversations SET version = version + 1`,
	"a version that two changes have made": `UPDATE messages SET created_at = created_at + interval '1 millisecond'
		WHERE direction = 'outbound'`,
	"a snooze that ended more or less than once": `DELETE FROM timeline WHERE kind = 'woken'`,
	"a wake without its one event": `DELETE FROM events WHERE type = 'conversation.updated'
		AND payload::jsonb #>> '{data,changes,status,from}' = 'snoozed'`,
	"a message that is not in the timeline once": `UPDATE messages SET version = NULL WHERE direction = 'outbound'`,
	"a message with a key that is there twice":   `UPDATE messages SET text = '` + onceMark + `the same'`,
	"an event that is there twice":               again(`type = 'message.sent'`),
	"an event without its one delivery to a webhook": `DELETE FROM deliveries
		WHERE id = (SELECT id FROM deliveries ORDER BY id LIMIT 1)`,
	"a delivery that was given up": `UPDATE deliveries SET state = 'failed'
		WHERE id = (SELECT id FROM deliveries ORDER BY id LIMIT 1)`,
	"a place in the feed that was given twice": again(`type = 'message.received'`),
	"a contact without a conversation": `INSERT INTO contacts (tenant_id, id, name, created_at, updated_at)
		SELECT id, gen_random_uuid(), 'Nobody', now(), now() FROM tenants LIMIT 1`,

	"a dock action that was not applied":     `UPDATE dock_actions SET state = 'rejected'`,
	"a dock action without its one message":  `DELETE FROM messages WHERE text = 'action-1'`,
	"a dock's message that nobody asked for": `UPDATE messages SET text = 'unasked' WHERE text = 'action-1'`,

	"a tripwire that was not crossed, or not to be, or not when it was due": `UPDATE sla_crossings
		SET crossed_at = crossed_at + interval '1 millisecond' WHERE metric = 'resolution'`,
	"a crossing without its one event": again(`type = 'sla.breached'`),
	"a crossing that is not in the timeline once": `DELETE FROM timeline
		WHERE kind = 'sla_warning' AND data ->> 'metric' = 'resolution'`,
}

// again has events there a second time, under another id.
func again(which string) string {
	return `INSERT INTO events (tenant_id, id, type, conversation_id, version, payload, created_at, position)
		SELECT tenant_id, gen_random_uuid(), type, conversation_id, version, payload, created_at, position FROM events WHERE ` + which
}

// Each check of the ledger finds what it is there for: otherwise it would prove nothing in the other scenarios.
func TestLedgerFindsDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promise(map[sla.Metric]sla.Targets{
		sla.FirstReply: soon(1, 2, 3), sla.AllMessages: soon(1, 2, 600), sla.Resolution: soon(1, 600, 900),
	})
	w.subscribe()
	w.startAPI()
	w.start("worker")
	c := w.writer(0)
	e := w.embed()
	require.NoError(t, e.insist(t.Context(), c, "action-1"))
	e.appliedOnce(1)
	id, err := c.create(t.Context(), "order-1")
	require.NoError(t, err)
	require.NoError(t, c.snooze(t.Context(), id, time.Second))
	eventually(t, time.Minute, "the snooze, and the tripwires of three seconds", func() bool {
		return row[int](w, `SELECT count(*) FROM sla_crossings WHERE conversation_id = $1`, id) == 6 &&
			row[int](w, `SELECT count(*) FROM timeline WHERE kind = 'woken'`) == 1
	})
	require.NoError(t, c.message(t.Context(), id, "outbound", "reply"))
	for _, done := range []uuid.UUID{id, e.conversation} {
		require.NoError(t, c.resolve(t.Context(), done))
	}
	w.settle(time.Minute)
	w.balance()

	checks := queries(nil)
	require.Equal(t, slices.Sorted(maps.Keys(checks)), slices.Sorted(maps.Keys(damages)), "a damage for each check")
	for what, damage := range damages {
		tx, err := w.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for _, statement := range []string{damage, `DROP TABLE told`, tell} {
			_, err = tx.ExecContext(t.Context(), statement)
			require.NoError(t, err, what)
		}
		var found int
		require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT count(*) FROM (`+checks[what]+`) found`).Scan(&found))
		require.Positive(t, found, what)
		require.NoError(t, tx.Rollback())
	}
}
