package models_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/migrations"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// bench is a store on a database of its own, with a tenant and what the tests ask of it.
type bench struct {
	*models.Store
	t      testing.TB
	url    string
	keys   *seal.Keyring
	db     *sql.DB
	tenant account.Tenant
	actor  wire.Actor
}

// opened is what tests share one after the other: a store, and connections of its own, over a database.
type opened struct {
	store *models.Store
	url   string
	keys  *seal.Keyring
	db    *sql.DB
}

var spares = deps.Spares[opened]{Open: func(t testing.TB, url string) (opened, func()) {
	b := over(t, url)
	b.Store, b.db = b.openStore(), b.connect()
	return opened{b.Store, url, b.keys, b.db}, func() {
		_ = b.db.Close()
		b.Close()
	}
}}

// setup is a bench over a database without rows, whose store other tests have used: see deps.Spares.
func setup(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	o := spares.Take(t)
	b := &bench{t: t, url: o.url, keys: o.keys, Store: o.store, db: o.db}
	b.begin()
	return b
}

// setupAlone is a bench over a new database and a new store.
func setupAlone(t *testing.T, options ...func(*models.Options)) *bench {
	t.Helper()
	t.Parallel()
	b := over(t, deps.Database(t))
	b.Store = b.open(options...)
	b.db = b.connect()
	t.Cleanup(func() { _ = b.db.Close() })
	b.begin()
	return b
}

func over(t testing.TB, url string) *bench {
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	return &bench{t: t, url: url, keys: keys}
}

func (b *bench) connect() *sql.DB {
	db, err := sql.Open("pgx", b.url)
	require.NoError(b.t, err)
	return db
}

// begin makes the tenant, and who acts.
func (b *bench) begin() {
	var err error
	b.tenant, _, err = b.Accounts.CreateTenant(b.t.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(b.t, err)
	key, _, err := b.Keys.Create(b.t.Context(), b.tenant.ID, account.NewKey{Name: "shop", Scopes: []string{"full_access"}})
	require.NoError(b.t, err)
	b.actor = wire.Actor{Type: wire.ActorAPIKey, ID: &key.ID, Name: key.Name}
}

// open opens one more store on the same database, as another process would.
func (b *bench) open(options ...func(*models.Options)) *models.Store {
	b.t.Helper()
	s := b.openStore(options...)
	b.t.Cleanup(s.Close)
	return s
}

func (b *bench) openStore(options ...func(*models.Options)) *models.Store {
	b.t.Helper()
	o := models.Options{
		URL: b.url, Keys: b.keys, Logger: slog.New(slog.DiscardHandler), HashPassword: password.HashCheaply,
		Targets: target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for _, option := range options {
		option(&o)
	}
	s, err := models.Open(b.t.Context(), o)
	require.NoError(b.t, err)
	return s
}

func text(s string) *string { return &s }

func (b *bench) newConversation(reference string) conversation.NewConversation {
	return conversation.NewConversation{
		ExternalReference: reference,
		Subject:           "Where is my order?",
		Contact:           contact.Identity{Email: reference + "@example.com"},
		Message:           &conversation.FirstMessage{Text: text("It has not come.")},
	}
}

func (b *bench) conversation(reference string) conversation.Conversation {
	b.t.Helper()
	c, err := b.Conversations.Create(b.t.Context(), b.tenant.ID, b.actor, b.newConversation(reference))
	require.NoError(b.t, err)
	return c
}

func (b *bench) change(id uuid.UUID, cmds ...conversation.Command) conversation.Conversation {
	b.t.Helper()
	c, err := b.Conversations.Change(b.t.Context(), b.tenant.ID, id, b.actor, cmds...)
	require.NoError(b.t, err)
	return c
}

func (b *bench) post(id uuid.UUID, m conversation.NewMessage) conversation.PostedMessage {
	b.t.Helper()
	p, err := b.Conversations.PostMessage(b.t.Context(), b.tenant.ID, id, b.actor, m)
	require.NoError(b.t, err)
	return p
}

func (b *bench) subscribe(change ...func(*webhook.NewSubscription)) wire.Subscription {
	b.t.Helper()
	in := webhook.NewSubscription{Name: "receiver", URL: "http://127.0.0.1:9/hook", Events: []string{"*"}}
	for _, f := range change {
		f(&in)
	}
	sub, err := b.Webhooks.Create(b.t.Context(), b.tenant.ID, in)
	require.NoError(b.t, err)
	return sub
}

// event is a row of the events table.
type event struct {
	id      uuid.UUID
	kind    lifecycle.EventType
	version *int64
	payload string
}

// events are all events of the database in the order of their ids.
func (b *bench) events() []event {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), `SELECT id, type, version, payload FROM events ORDER BY id`)
	require.NoError(b.t, err)
	defer func() { _ = rows.Close() }()
	var events []event
	for rows.Next() {
		var e event
		require.NoError(b.t, rows.Scan(&e.id, &e.kind, &e.version, &e.payload))
		events = append(events, e)
	}
	require.NoError(b.t, rows.Err())
	return events
}

func kinds(events []event) []lifecycle.EventType {
	ks := make([]lifecycle.EventType, len(events))
	for i, e := range events {
		ks[i] = e.kind
	}
	return ks
}

// payload is an event's envelope.
type payload struct {
	Event     string                     `json:"event"`
	TenantID  uuid.UUID                  `json:"tenantId"`
	Timestamp time.Time                  `json:"timestamp"`
	Data      map[string]json.RawMessage `json:"data"`
}

func (b *bench) decode(e event) payload {
	b.t.Helper()
	var p payload
	require.NoError(b.t, json.Unmarshal([]byte(e.payload), &p))
	return p
}

// count runs a query that answers one number.
func (b *bench) count(query string, args ...any) int {
	b.t.Helper()
	var n int
	require.NoError(b.t, b.db.QueryRowContext(b.t.Context(), query, args...).Scan(&n))
	return n
}

// exec changes the database behind the store's back, as time would.
func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	_, err := b.db.ExecContext(context.Background(), query, args...)
	require.NoError(b.t, err)
}

// migrateTo applies what is missing up to and with a migration, but for what only Go makes between two.
func (b *bench) migrateTo(migration int64) {
	b.t.Helper()
	provider, err := goose.NewProvider(goose.DialectPostgres, b.db, migrations.FS)
	require.NoError(b.t, err)
	_, err = provider.UpTo(b.t.Context(), migration)
	require.NoError(b.t, err)
}

// backTo leaves of the database what a version of Atender had, up to and with a migration, with a tenant, whom it returns. The
// test has the database to itself (setupAlone).
func (b *bench) backTo(migration int64) uuid.UUID {
	b.t.Helper()
	b.exec(`DROP SCHEMA public CASCADE`)
	b.exec(`CREATE SCHEMA public`)
	b.migrateTo(migration)
	tenant := uuid.New()
	b.exec(`INSERT INTO tenants (id, name, environment, created_at) VALUES ($1, 'Old', 'production', now())`, tenant)
	return tenant
}
