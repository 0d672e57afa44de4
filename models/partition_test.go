package models_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/deps"
)

// ahead are the partitions of weeks to come, those of the next week first.
func (b *bench) ahead() []string {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), `SELECT relname FROM (
		SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([0-9a-f-]{36})''\)')::uuid AS low
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent IN ('events'::regclass, 'deliveries'::regclass, 'attempts'::regclass)) p
		WHERE low > $1 ORDER BY low, relname DESC`, ident.Floor(time.Now()))
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(b.t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(b.t, rows.Err())
	require.NotEmpty(b.t, names)
	return names
}

// counted is what the planner believes to be in a partition.
func (b *bench) counted(name string) int {
	return b.count(`SELECT reltuples FROM pg_class WHERE oid = $1::regclass`, name)
}

// having is the one statement that the parts are in.
func (s *statements) having(t *testing.T, parts ...string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, sql := range s.sql {
		for _, part := range parts {
			if !strings.Contains(sql, part) {
				continue next
			}
		}
		return sql
	}
	t.Fatalf("no statement has %q", parts)
	return ""
}

// node is a node of a plan.
type node struct {
	Kind     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	Plans    []node `json:"Plans"`
}

// wholeReads are the nodes of a statement's generic plan that read all of one of the partitions, or of one of its indexes: a
// sequential scan, or an index whose first column is not asked for. An index of few rows, a partial one, may be read whole.
func (b *bench) wholeReads(settings, sql string, partitions []string) (found []string) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	require.NoError(b.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(b.t.Context(), settings)
	require.NoError(b.t, err)
	_, err = conn.Exec(b.t.Context(), `PREPARE kept AS `+sql)
	require.NoError(b.t, err, sql)
	var types []string
	require.NoError(b.t, conn.QueryRow(b.t.Context(), `SELECT parameter_types::text[] FROM pg_prepared_statements
		WHERE name = 'kept'`).Scan(&types))
	args := make([]string, len(types))
	last := 0
	for i, kind := range types {
		args[i] = `NULL::` + kind
		if kind == "uuid" { // bounds that leave out no partition
			args[i], last = `'`+uuid.Nil.String()+`'`, i
		}
	}
	if types[last] == "uuid" {
		args[last] = `'` + uuid.Max.String() + `'`
	}
	var text string
	require.NoError(b.t, conn.QueryRow(b.t.Context(),
		`EXPLAIN (FORMAT JSON) EXECUTE kept(`+strings.Join(args, ", ")+`)`).Scan(&text))
	var plans []struct{ Plan node }
	require.NoError(b.t, json.Unmarshal([]byte(text), &plans))
	watched := map[string]bool{}
	for _, name := range partitions {
		watched[name] = true
	}
	seen := 0
	var walk func(node)
	walk = func(n node) {
		if watched[n.Relation] && n.Kind != "ModifyTable" {
			seen++
			if n.Index == "" || !b.begins(n.Index, n.Cond) {
				found = append(found, strings.TrimSpace(n.Kind+" of "+n.Relation+" by "+n.Index))
			}
		}
		for _, below := range n.Plans {
			walk(below)
		}
	}
	walk(plans[0].Plan)
	require.NotZero(b.t, seen, "the plan reads none of the partitions:\n%s", text)
	return found
}

// begins tells whether a condition asks for the first column of the index, or the index is partial.
func (b *bench) begins(index, cond string) bool {
	var column string
	var partial bool
	require.NoError(b.t, b.db.QueryRowContext(b.t.Context(), `SELECT pg_get_indexdef(indexrelid, 1, true), indpred IS NOT NULL
		FROM pg_index WHERE indexrelid = $1::regclass`, index).Scan(&column, &partial))
	return partial || regexp.MustCompile(`\b`+regexp.QuoteMeta(column)+` [=<>]`).MatchString(cond)
}

// A partition that is vacuumed while empty would be read whole by plans that are kept when its week begins.
func TestPartitionVacuumedWhileEmptyIsReset(t *testing.T) {
	trace := &statements{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = trace })
	b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 10)
	require.NotEmpty(t, claimed)
	_, err := b.Webhooks.ClaimRetries(t.Context(), owner, claimed[0].SubscriptionID, 10)
	require.NoError(t, err)
	_, err = b.Webhooks.ReleaseExpired(t.Context(), 0, webhook.Shards)
	require.NoError(t, err)
	b.DB.Config.Tracer = trace
	b.sequence(b.Store, feed.Sequencer{})()
	b.sequence(b.Store, feed.Sequencer{})
	b.sequenced()

	const generic = `SET plan_cache_mode = force_generic_plan`
	kept := []struct{ name, settings, sql string }{
		{"look for endpoints", postgres.ClaimSettings, trace.having(t, `WITH RECURSIVE ready`)},
		{"claim first attempts", postgres.ClaimSettings, trace.having(t, `t.shared`, `SET state = 'leased'`)},
		{"claim retries", postgres.ClaimSettings, trace.having(t, `d.attempts > 0`, `SET state = 'leased'`)},
		{"release", generic, trace.having(t, `UPDATE deliveries SET state = 'pending'`, `leased_until < clock_timestamp()`)},
		{"give positions", postgres.ClaimSettings, trace.having(t, `UPDATE events e SET position`)},
	}
	look := func() (whole map[string][]string) {
		whole = map[string][]string{}
		for _, k := range kept {
			if found := b.wholeReads(k.settings, k.sql, b.ahead()); len(found) > 0 {
				whole[k.name] = found
			}
		}
		return whole
	}
	require.Empty(t, look(), "never vacuumed")
	ahead := b.ahead()
	b.exec(`VACUUM ` + strings.Join(ahead, ", "))
	whole := look()
	require.Contains(t, whole, "claim first attempts", "the cliff that this is about")
	require.Contains(t, whole, "claim retries")
	require.Contains(t, fmt.Sprint(whole["release"]), "Seq Scan of deliveries_")

	reset, err := b.DB.ResetEmptyPartitions(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, ahead, reset)
	for _, name := range ahead {
		require.Equal(t, -1, b.counted(name), name)
	}
	require.Empty(t, look(), "reset")
	reset, err = b.DB.ResetEmptyPartitions(t.Context())
	require.NoError(t, err)
	require.Empty(t, reset, "there is nothing more to do")
}

// insertAhead puts an event into a partition of a week to come.
func insertAhead(t *testing.T, b *bench, name string) (sql string, id uuid.UUID) {
	t.Helper()
	var low uuid.UUID
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT substring(pg_get_expr(relpartbound, oid) FROM
		'FROM \(''([0-9a-f-]{36})''\)')::uuid FROM pg_class WHERE oid = $1::regclass`, name).Scan(&low))
	return `INSERT INTO events (id, tenant_id, type, payload, created_at) VALUES ('` + low.String() +
		`', gen_random_uuid(), 'conversation.updated', '{}', now())`, low
}

// aheadOfEvents is the events' partition of the next week.
func (b *bench) aheadOfEvents() string {
	for _, name := range b.ahead() {
		if strings.HasPrefix(name, "events_") {
			return name
		}
	}
	b.t.Fatal("events have no partition ahead")
	return ""
}

// A partition with a row is left alone: also a row that is not counted, and one that is written and committed after the upkeep
// has looked and before it has the lock, whatever snapshots the database's transactions have by default.
func TestPartitionWithARowIsNeverReset(t *testing.T) {
	b := setupAlone(t)
	ahead, name := b.ahead(), b.aheadOfEvents()
	insert, id := insertAhead(t, b, name)
	there := func() bool { return b.count(`SELECT count(*) FROM events WHERE id = $1`, id) == 1 }
	b.exec(`ALTER TABLE ` + name + ` SET (autovacuum_enabled = false)`)
	b.exec(`VACUUM ` + strings.Join(ahead, ", "))
	b.exec(insert)
	require.Zero(t, b.counted(name), "nothing has counted it")
	reset, err := b.DB.ResetEmptyPartitions(t.Context())
	require.NoError(t, err)
	require.NotContains(t, reset, name)
	require.Len(t, reset, len(ahead)-1)
	require.True(t, there())

	var database string
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&database))
	b.exec(`ALTER DATABASE "` + database + `" SET default_transaction_isolation = 'repeatable read'`)
	s := b.open() // whose connections begin so
	for try := 0; ; try++ {
		require.Less(t, try, 20, "the upkeep never waits for the lock")
		b.exec(`TRUNCATE ` + name)
		b.exec(`VACUUM ` + name)
		writer, err := b.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = writer.ExecContext(t.Context(), `LOCK TABLE `+name+` IN ROW EXCLUSIVE MODE`) // as its first write would
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() {
			_, err := s.DB.ResetEmptyPartitions(t.Context())
			done <- err
		}()
		require.Eventually(t, func() bool {
			return len(done) > 0 || b.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass`, name) > 0
		}, 20*time.Second, time.Millisecond)
		_, err = writer.ExecContext(t.Context(), insert)
		require.NoError(t, err)
		require.NoError(t, writer.Commit())
		err = <-done
		require.True(t, there(), "the row is gone")
		if err == nil {
			break // it has waited, got the lock, and looked again
		}
		require.ErrorContains(t, err, name) // it has waited for as long as it may
	}
	require.Zero(t, b.counted(name), "it was left alone")
}

// A partition that is in use is left for the next time, and its other users are not held up for long.
func TestResetDoesNotWaitForLong(t *testing.T) {
	b := setupAlone(t)
	name := b.aheadOfEvents()
	b.exec(`VACUUM ` + name)
	reader, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback() }()
	_, err = reader.ExecContext(t.Context(), `SELECT count(*) FROM events`)
	require.NoError(t, err)
	reset, err := b.DB.ResetEmptyPartitions(t.Context())
	require.ErrorContains(t, err, name)
	require.Empty(t, reset)
	require.NoError(t, reader.Rollback())
	reset, err = b.DB.ResetEmptyPartitions(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{name}, reset)
}

// Where a partition was vacuumed while empty after the last upkeep, plans that were kept from before its week are made anew soon
// after that begins, those of pools and of the sequencer.
func TestPlansAreRenewedAfterABorder(t *testing.T) {
	// Not beside others: PostgreSQL makes all connections plan anew when many tables change, as in the tests of migrations.
	b := over(t, deps.Database(t))
	b.Store, b.db = b.open(), b.connect()
	t.Cleanup(func() { _ = b.db.Close() })
	border := time.Now().Add(3 * time.Second)
	from := border.UTC().Truncate(24 * time.Hour)
	b.exec(`DROP TABLE events_` + weekName(time.Now()))
	for name, bounds := range map[string][2]time.Time{
		"events_before": {from.AddDate(0, 0, -7), border}, "events_after": {border, border.Add(time.Hour)},
	} {
		b.exec(fmt.Sprintf(`CREATE TABLE %s PARTITION OF events FOR VALUES FROM ('%s') TO ('%s')`, name,
			ident.Floor(bounds[0]), ident.Floor(bounds[1])))
	}
	b.exec(`ALTER TABLE events_after SET (autovacuum_enabled = false)`)
	b.exec(`VACUUM events_after`)
	id := ident.Floor(border.Add(time.Minute))

	// The claims' connections keep a plan, and so does one as the sequencer's is; a third one is renewed by nothing.
	const prepare = `SET enable_seqscan = on; PREPARE kept AS SELECT type FROM events WHERE id = $1`
	s := b.open()
	own := func() *pgx.Conn {
		conn, err := pgx.ConnectConfig(t.Context(), s.DB.Config.Copy())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		require.NoError(t, postgres.PlanOnce(t.Context(), conn))
		_, err = conn.Exec(t.Context(), prepare)
		require.NoError(t, err)
		return conn
	}
	sequencer, never := own(), own()
	pool := models.ClaimsPool(s)
	_, err := pool.ExecContext(t.Context(), prepare)
	require.NoError(t, err)
	explain := `EXPLAIN (COSTS OFF) EXECUTE kept('` + id.String() + `')`
	const whole, byKey = "Seq Scan on events_after", "Index Scan using events_after_pkey on events_after"
	inPool := func() (plan string) {
		rows, err := pool.QueryContext(t.Context(), explain)
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan += line + "\n"
		}
		require.NoError(t, rows.Err())
		return plan
	}
	on := func(conn *pgx.Conn) string {
		rows, err := conn.Query(t.Context(), explain)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return strings.Join(lines, "\n")
	}
	for _, plan := range []string{inPool(), on(sequencer), on(never)} {
		require.Contains(t, plan, whole)
	}
	require.Eventually(t, func() bool { return time.Now().After(border) }, 10*time.Second, 10*time.Millisecond)
	b.exec(`INSERT INTO events (id, tenant_id, type, payload, created_at) SELECT (left($1::text, 23) || '-' || lpad(i::text, 12, '0'))::uuid,
		gen_random_uuid(), 'x', repeat('x', 500), now() FROM generate_series(1, 5000) i`, id)
	require.Eventually(t, func() bool { return strings.Contains(inPool(), byKey) }, 20*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		require.NoError(t, s.DB.RenewPlans(t.Context(), sequencer))
		return strings.Contains(on(sequencer), byKey)
	}, 20*time.Second, 10*time.Millisecond)
	require.Contains(t, on(never), whole, "nothing else has made it anew")
}

func weekName(at time.Time) string {
	year, week := at.UTC().ISOWeek()
	return fmt.Sprintf("%dw%02d", year, week)
}
