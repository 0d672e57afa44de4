package models_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sweep"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/webhook"
)

// otherTenant makes one more tenant.
func (b *bench) otherTenant(name string) uuid.UUID {
	b.t.Helper()
	tenant, _, err := b.Accounts.CreateTenant(b.t.Context(), account.NewTenant{Name: name})
	require.NoError(b.t, err)
	return tenant.ID
}

// overdueConversations makes conversations of a tenant that have been due for so long, the first the longest.
func (b *bench) overdueConversations(tenant uuid.UUID, n int, since time.Duration) {
	b.t.Helper()
	contact := ident.New()
	b.exec(`INSERT INTO contacts (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, 'Ada', now(), now())`, tenant, contact)
	b.exec(`INSERT INTO conversations (tenant_id, id, chain_id, number, external_reference, subject, channel, status, engagement,
			contact_id, snoozed_until, next_due_at, version, created_at, updated_at)
		SELECT $1, u, u, 1000000 + i, 'overdue-' || i, 'Where is my order?', 'email', 'snoozed', 'pending', $2, due, due, 1, now(), now()
		FROM generate_series(1, $3) i, LATERAL (SELECT gen_random_uuid() AS u, now() - $4::interval + i * interval '1 ms' AS due) x`,
		tenant, contact, n, since.String())
	b.exec(`INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at)
		SELECT tenant_id, id, status, updated_at FROM conversations WHERE tenant_id = $1 ON CONFLICT DO NOTHING`, tenant)
}

// tenantsIn counts the tenants of a list.
func tenantsIn[T any](rows []T, tenant func(T) uuid.UUID) map[uuid.UUID]int {
	n := map[uuid.UUID]int{}
	for _, r := range rows {
		n[tenant(r)]++
	}
	return n
}

// P3.5: whether little or much is overdue, each tenant's longest overdue is among the first.
func TestOverdueConversationsComeOneTenantAfterTheOther(t *testing.T) {
	for _, flood := range []int{50, 3000} {
		t.Run(fmt.Sprint(flood), func(t *testing.T) {
			b := setupAlone(t)
			few := []uuid.UUID{b.otherTenant("b"), b.otherTenant("c")}
			b.overdueConversations(b.tenant.ID, flood, time.Hour)
			for _, tenant := range few {
				b.overdueConversations(tenant, 2, time.Minute)
			}
			refs, err := b.Sweep.Overdue(t.Context(), time.Second, 8)
			require.NoError(t, err)
			require.Len(t, refs, 8, "what one tenant does not need is the other's")
			tenant := func(r sweep.Ref) uuid.UUID { return r.TenantID }
			require.Equal(t, map[uuid.UUID]int{b.tenant.ID: 4, few[0]: 2, few[1]: 2}, tenantsIn(refs, tenant))
			require.Equal(t, b.tenant.ID, refs[0].TenantID)
			require.Len(t, tenantsIn(refs[:3], tenant), 3, "the longest overdue of each first")
			require.Equal(t, 1, b.count(`SELECT count(*) FROM conversations WHERE id = $1 AND next_due_at =
				(SELECT min(next_due_at) FROM conversations WHERE tenant_id = $2)`, refs[0].ID, b.tenant.ID))
			none, err := b.Sweep.Overdue(t.Context(), 2*time.Hour, 8)
			require.NoError(t, err)
			require.Empty(t, none)
		})
	}
}

// With more tenants than one claim looks at, the next goes on behind them.
func TestEveryTenantHasItsTurn(t *testing.T) {
	b := setupAlone(t)
	const tenants = 70 // more than turnTenants
	b.exec(`INSERT INTO tenants (id, name, environment, created_at)
		SELECT gen_random_uuid(), 'tenant ' || i, environment, created_at FROM tenants, generate_series(1, $1) i
		WHERE id = $2`, tenants, b.tenant.ID)
	rows, err := b.db.QueryContext(t.Context(), `SELECT id FROM tenants`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	for _, id := range ids {
		b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			SELECT $1, 'conversation', gen_random_uuid(), 2, now(), now(), now() FROM generate_series(1, 20)`, id)
	}
	for _, id := range ids {
		b.overdueConversations(id, 20, time.Hour)
	}
	served, ticked := map[uuid.UUID]int{}, map[uuid.UUID]int{}
	for range 4 {
		rows, err := b.Outbox.Claim(t.Context(), outbox.Urgent, 64)
		require.NoError(t, err)
		for _, r := range rows {
			served[r.TenantID]++
		}
		refs, err := b.Sweep.Overdue(t.Context(), time.Second, 64)
		require.NoError(t, err)
		for _, r := range refs {
			ticked[r.TenantID]++
		}
	}
	require.Len(t, served, len(ids))
	require.Len(t, ticked, len(ids))
}

// P1.9
func TestOutboxGivesOneTenantAfterTheOther(t *testing.T) {
	b := setupAlone(t)
	other := b.otherTenant("b")
	rows := func(tenant uuid.UUID, n, priority int, due string) {
		b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			SELECT $1, 'conversation', gen_random_uuid(), $2, now() + $3::interval, now(), now() FROM generate_series(1, $4)`,
			tenant, priority, due, n)
	}
	rows(b.tenant.ID, 1000, 2, "-1 hour")
	rows(b.tenant.ID, 1000, 2, "1 day")
	rows(other, 1, 2, "30 seconds")
	rows(other, 1, 2, "2 days")
	tenant := func(r outbox.Row) uuid.UUID { return r.TenantID }
	for _, which := range []outbox.Urgency{outbox.Urgent, outbox.Calm} {
		claimed, err := b.Outbox.Claim(t.Context(), which, 10)
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]int{b.tenant.ID: 9, other: 1}, tenantsIn(claimed, tenant), "%s", which)
	}
	claimed, err := b.Outbox.Claim(t.Context(), outbox.Urgent, 2000)
	require.NoError(t, err)
	require.Len(t, claimed, 1000-9, "each row once")
}

// P8.5
func TestLateDockActionsComeOneTenantAfterTheOther(t *testing.T) {
	e := setupAlone(t).embed(account.RoleAgent)
	var ids []uuid.UUID
	for i := range 3 {
		ids = append(ids, e.ask("addTag", params{"tag": fmt.Sprint("t", i)}).ID)
	}
	e.exec(`UPDATE dock_actions SET created_at = created_at - interval '6 seconds'`)
	other := e.otherTenant("b")
	e.exec(`ALTER TABLE dock_actions DISABLE TRIGGER ALL`)
	e.exec(`UPDATE dock_actions SET tenant_id = $1 WHERE id = $2`, other, ids[2])
	found, err := e.Docks.LateActions(t.Context(), 5*time.Second, 10)
	require.NoError(t, err)
	require.Equal(t, []dock.ActionRef{
		{TenantID: e.tenant.ID, ID: ids[0]}, {TenantID: other, ID: ids[2]}, {TenantID: e.tenant.ID, ID: ids[1]},
	}, found)
}

// statements remembers what a store asks the database.
type statements struct {
	mu   sync.Mutex
	sql  []string
	args [][]any
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sql, s.args = append(s.sql, q.SQL), append(s.args, q.Args)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

var (
	actualRows  = regexp.MustCompile(`actual .*rows=([0-9.]+) loops=(\d+)`)
	removedRows = regexp.MustCompile(`Rows Removed by .*: (\d+)`)
)

// rowsRead is how many rows the nodes of a statement's plan handle, all together, when it is run; what it does is undone.
func (b *bench) rowsRead(sql string, args []any) (rows int, plan string) {
	b.t.Helper()
	tx, err := b.db.BeginTx(b.t.Context(), nil)
	require.NoError(b.t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(b.t.Context(), strings.ReplaceAll(postgres.ClaimSettings, "SET ", "SET LOCAL "))
	require.NoError(b.t, err)
	result, err := tx.QueryContext(b.t.Context(), `EXPLAIN (ANALYZE, TIMING OFF) `+sql, args...)
	require.NoError(b.t, err, sql)
	defer func() { _ = result.Close() }()
	for result.Next() {
		var line string
		require.NoError(b.t, result.Scan(&line))
		plan += line + "\n"
		if m := actualRows.FindStringSubmatch(line); m != nil {
			n, err := strconv.ParseFloat(m[1], 64)
			require.NoError(b.t, err)
			loops, err := strconv.Atoi(m[2])
			require.NoError(b.t, err)
			rows += int(n * float64(loops))
		}
		if m := removedRows.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			require.NoError(b.t, err)
			rows += n
		}
	}
	require.NoError(b.t, result.Err())
	return rows, plan
}

// One tenant's tens of thousands of rows are not read, and not sorted, to find another tenant's.
func TestTurnsAreFoundByTheirIndexes(t *testing.T) {
	b := setupAlone(t)
	other := b.otherTenant("b")
	const flood = 20_000
	b.overdueConversations(b.tenant.ID, flood, time.Hour)
	b.overdueConversations(other, 1, time.Minute)
	for i, tenant := range []uuid.UUID{b.tenant.ID, other} {
		b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			SELECT $1, 'conversation', gen_random_uuid(), 2, now(), now(), now() FROM generate_series(1, $2)`, tenant, []int{flood, 1}[i])
	}
	for _, analysed := range []bool{false, true} {
		if analysed {
			b.exec(`ANALYZE conversations`)
			b.exec(`ANALYZE outbox`)
		}
		var said statements
		traced := b.open(func(o *models.Options) { o.Tracer = &said })
		refs, err := traced.Sweep.Overdue(t.Context(), time.Second, 64)
		require.NoError(t, err)
		require.Len(t, refs, 64)
		rows, err := traced.Outbox.Claim(t.Context(), outbox.Urgent, 64)
		require.NoError(t, err)
		require.Len(t, rows, 64)
		claims := 0
		for i, sql := range said.sql {
			if !strings.Contains(sql, "FROM conversations") && !strings.Contains(sql, "FROM outbox") {
				continue
			}
			claims++
			read, plan := b.rowsRead(sql, said.args[i])
			require.Less(t, read, 8_000, "analysed %v: %s\n%s", analysed, sql, plan)
		}
		require.GreaterOrEqual(t, claims, 3, "the count, the turns, the outbox")
	}
}

// P4.1: what is large of one tenant fills a claim's 16 MiB only after what is small of another.
func TestLargePayloadsLeaveRoomForOtherTenants(t *testing.T) {
	b := setupAlone(t)
	other := b.otherTenant("b")
	b.subscribe()
	_, err := b.Webhooks.Create(t.Context(), other, webhook.NewSubscription{
		Name: "receiver", URL: "http://127.0.0.1:9/hook", Events: []string{"*"},
	})
	require.NoError(t, err)
	for i, tenant := range []uuid.UUID{b.tenant.ID, other} {
		size, n := []int{1 << 20, 100}[i], []int{40, 5}[i]
		b.exec(`WITH made AS (INSERT INTO events (id, tenant_id, type, payload, created_at)
				SELECT ('0'||(1 + $4::int)||substr(u::text, 3))::uuid, $1, 'conversation.created', repeat('x', $2), now()
				FROM (SELECT gen_random_uuid() AS u FROM generate_series(1, $3)) x RETURNING id)
			INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at, created_at)
			SELECT m.id, $1, s.id, m.id, 'conversation.created', 0, s.shard, 'pending', now(), now()
			FROM made m, subscriptions s WHERE s.tenant_id = $1`, tenant, size, n, i)
	}
	claimed := b.claim(uuid.New(), 100)
	size := 0
	for _, d := range claimed {
		size += len(d.Payload)
	}
	require.GreaterOrEqual(t, size, webhook.ClaimBytes, "a claim that is cut says so by its size")
	require.Less(t, size, webhook.ClaimBytes+1<<20)
	got := tenantsIn(claimed, func(d webhook.Delivery) uuid.UUID { return d.TenantID })
	require.Equal(t, 5, got[other], "though they are younger: %v", got)
	require.Equal(t, 16, got[b.tenant.ID])
}
