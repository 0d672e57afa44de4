package models_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
)

// lastQuery is a tracer that keeps the last statement that reads rows, but for how a list's clocks stand.
type lastQuery struct {
	mu   sync.Mutex
	sql  string
	args []any
}

func (l *lastQuery) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(strings.TrimSpace(q.SQL), "SELECT") && !strings.HasPrefix(q.SQL, "SELECT time_version") {
		l.sql, l.args = q.SQL, q.Args
	}
	return ctx
}

func (l *lastQuery) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// pages runs the last query again and tells how many pages of the database it touched.
func (l *lastQuery) pages(b *bench) (touched int, plan string) {
	b.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	row := b.db.QueryRowContext(b.t.Context(), `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) `+l.sql, l.args...)
	require.NoError(b.t, row.Scan(&text))
	var plans []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	require.NoError(b.t, json.Unmarshal(text, &plans))
	return plans[0].Plan.Hit + plans[0].Plan.Read, string(text)
}

// A page of a list costs what is on it, not what the tenant has: of 20,000 conversations, whose rows alone fill more than
// 600 pages of the database and whose walk through an index touches more than 20,000, each list touches a few hundred.
func TestListsCostWhatIsOnThePage(t *testing.T) {
	trace := &lastQuery{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = trace })
	agent, err := b.Accounts.CreateAgent(
		t.Context(),
		b.tenant.ID,
		account.NewAgent{Name: "Grace", Email: "g@example.com", Role: "agent"},
	)
	require.NoError(t, err)
	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Returns"})
	require.NoError(t, err)
	b.exec(`INSERT INTO contacts (tenant_id, id, name, email, phone, created_at, updated_at)
		SELECT $1, gen_random_uuid(), 'Customer ' || i, 'c' || i || '@shop' || i % 100 || '.example', '+44' || 1000000 + i, now(), now()
		FROM generate_series(1, 20000) i`, b.tenant.ID)
	b.exec(`INSERT INTO conversations (tenant_id, id, number, subject, channel, status, engagement, contact_id, assignee_id,
			team_id, tags, version, chain_id, created_at, updated_at, archived_at, sla_state, sla_due_at,
			sla_breached_since, last_message_at, clocks)
		SELECT $1, c.id, i, CASE WHEN i % 700 = 0 THEN 'A needle' ELSE 'Order ' || i || ' has not come' END, 'email',
			CASE WHEN i % 400 = 0 THEN 'active' ELSE 'archived' END, 'pending', c.id,
			CASE WHEN i % 500 = 0 THEN $2::uuid END, CASE WHEN i % 600 = 0 THEN $3::uuid END,
			CASE WHEN i % 300 = 0 THEN '{rare}'::text[] WHEN i % 3 = 0 THEN '{common}' ELSE '{}' END, 1, c.id,
			now() - i * interval '1 second', now() - i * interval '1 second', CASE WHEN i % 400 <> 0 THEN now() END,
			CASE WHEN i % 350 = 0 THEN 'breached' ELSE 'ok' END, CASE WHEN i % 3 = 0 THEN now() - i * interval '1 minute' END,
			CASE WHEN i % 350 = 0 THEN now() - i * interval '1 minute' END,
			CASE WHEN i % 7 <> 0 THEN now() - i * interval '1 second' END,
			CASE WHEN i % 350 = 0 THEN '[{"metric": "resolution", "state": "breached", "stoppedAt": null}]' ELSE '[]' END::jsonb
		FROM (SELECT id, row_number() OVER (ORDER BY number) AS i FROM contacts WHERE tenant_id = $1) c`,
		b.tenant.ID, agent.ID, team.ID)
	b.exec(
		`INSERT INTO conversation_recency SELECT tenant_id, id, status, assignee_id, team_id, sla_state, updated_at,
			coalesce(last_message_at, created_at) FROM conversations`,
	)
	b.exec(`VACUUM ANALYZE contacts, conversations, conversation_recency`)
	var somebody uuid.UUID
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT id FROM contacts WHERE email LIKE 'c77@%'`).Scan(&somebody))

	for name, list := range map[string]struct {
		filter listing.Filter
		want   int
	}{
		"all":             {listing.Filter{}, 50},
		"from the oldest": {listing.Filter{Sort: listing.SortCreated}, 50},
		"status":          {listing.Filter{Status: "active"}, 50},
		"assignee":        {listing.Filter{AssigneeID: &agent.ID}, 40},
		"team":            {listing.Filter{TeamID: &team.ID}, 33},
		"contact":         {listing.Filter{ContactID: &somebody}, 1},
		"rare tag":        {listing.Filter{Tag: "rare"}, 50},
		"common tag":      {listing.Filter{Tag: "common"}, 50},
		"no tag":          {listing.Filter{Tag: "unheard of"}, 0},
		"late":            {listing.Filter{SLAState: "breached"}, 50},
		"in time":         {listing.Filter{SLAState: "ok"}, 50},
		"what is next":    {listing.Filter{Sort: listing.SortSLADue}, 50},
		"latest message":  {listing.Filter{Sort: listing.SortLastMessage}, 50},
		"open, by message": {
			listing.Filter{Sort: listing.SortLastMessage, Status: "active"}, 50,
		},
		"an agent's, by message": {
			listing.Filter{Sort: listing.SortLastMessage, AssigneeID: &agent.ID}, 40,
		},
		"a team's, by message": {
			listing.Filter{Sort: listing.SortLastMessage, TeamID: &team.ID}, 33,
		},
		"late, by message": {
			listing.Filter{Sort: listing.SortLastMessage, SLAState: "breached"}, 50,
		},
		"rare tag, by message": {
			listing.Filter{Sort: listing.SortLastMessage, Tag: "rare"}, 50,
		},
		"breached and open": {
			listing.Filter{Sort: listing.SortSLADue, BreachedMetric: listing.AnyMetric}, 50,
		},
		"resolutions breached and open": {
			listing.Filter{Sort: listing.SortLastMessage, BreachedMetric: "resolution"}, 50,
		},
		"subject":   {listing.Filter{Query: "needl"}, 28},
		"e-mail":    {listing.Filter{Query: "c77@shop77"}, 3},
		"number":    {listing.Filter{Query: "#77"}, 1},
		"reference": {listing.Filter{ExternalReference: "none"}, 0},
	} {
		found, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID, list.filter, postgres.Page{})
		require.NoError(t, err, name)
		require.Len(t, found, list.want, name)
		touched, plan := trace.pages(b)
		t.Log(name, touched)
		require.Less(t, touched, 700, "%s\n%s", name, plan)
	}
	for name, list := range map[string]struct {
		filter listing.ContactFilter
		want   int
	}{
		"all":    {listing.ContactFilter{}, 50},
		"e-mail": {listing.ContactFilter{Email: "C77@shop77.example"}, 1},
		"phone":  {listing.ContactFilter{Phone: "+441000077"}, 1},
		"words":  {listing.ContactFilter{Query: "c77"}, 50},
	} {
		found, _, err := b.Lists.Contacts(t.Context(), b.tenant.ID, list.filter, postgres.Page{})
		require.NoError(t, err, name)
		require.Len(t, found, list.want, name)
		touched, plan := trace.pages(b)
		t.Log("contacts", name, touched)
		require.Less(t, touched, 700, "%s\n%s", name, plan)
	}
}

// Whatever people type is a query, never an error, and nothing they type is the query language.
func TestAnythingCanBeSearchedFor(t *testing.T) {
	b := setupAlone(t)
	b.conversation("o'neil:smith")
	for query, found := range map[string]int{
		"o'neil": 1, "SMITH & neil": 1, "neil | nobody": 0, "!nobody": 0, `\`: 0, "'": 0, ":*": 0, "(": 0, "  ": 0, "“": 0,
		"order? “where”": 1, "o'neil:*": 1, "#": 0, "#99999999999999999999": 0, "neil order": 0,
	} {
		list, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{Query: query}, postgres.Page{})
		require.NoError(t, err, "%q", query)
		require.Len(t, list, found, "%q", query)
	}
}

// A page of a timeline, whose entries are in two tables, costs what is on it, wherever in a long conversation it is.
func TestAPageOfATimelineCostsWhatIsOnIt(t *testing.T) {
	trace := &lastQuery{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = trace })
	c := b.conversation("long")
	b.exec(`INSERT INTO messages (tenant_id, id, number, conversation_id, chain_id, direction, text, author_type, author_name,
			sent_at, created_at, version)
		SELECT $1, ('10000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 1000 + i, $2, $2, 'inbound', 'Hello', 'customer',
			'Noor', now(), now(), i FROM generate_series(1, 20000) i`, b.tenant.ID, c.ID)
	b.exec(`INSERT INTO timeline (tenant_id, id, conversation_id, kind, actor, version, created_at)
		SELECT $1, ('10000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $2, 'resolved', '{"type": "system"}', i, now()
		FROM generate_series(5, 20000, 7) i`, b.tenant.ID, c.ID)
	b.exec(`VACUUM ANALYZE messages, timeline`)
	page, kinds := postgres.Page{Limit: 100}, map[string]int{}
	for range 3 {
		entries, next, err := b.Lists.Timeline(t.Context(), b.tenant.ID, c.ID, page)
		require.NoError(t, err)
		require.Len(t, entries, 100)
		touched, plan := trace.pages(b)
		require.Less(t, touched, 250, "%s", plan)
		for _, e := range entries {
			kinds[e.Kind]++
		}
		page.Cursor = next
	}
	require.Greater(t, kinds["message_received"], 150)
	require.Greater(t, kinds["resolved"], 30)
}
