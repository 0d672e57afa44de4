// Package models opens the domain: one set of connections to the database, and the services over them. PostgreSQL owns
// state (P1): every change of a conversation, by any caller, goes through conversation.Store.Change and its siblings,
// which all end in conversation/write.go, in one transaction with its events, deliveries and outbox row. See
// protocols.md for the numbered protocols.
package models

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/sweep"
	"github.com/atender/atender/models/tag"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wakeup"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/worktime"
)

// Options say how a Store is opened.
type Options struct {
	URL      string // postgres://… of the database
	MaxConns int    // connections at most, besides those for lists, reports and special purposes; 20 when 0
	// Serving says that the store serves calls of the API, which have an end: what the database has not done for a call by
	// then, it need not go on with.
	Serving bool
	Keys    *seal.Keyring  // seals webhook secrets and headers; required where subscriptions are touched
	Targets target.Policy  // which URLs a subscription may have
	Docks   dockurl.Policy // which URLs a dock may have
	Logger  *slog.Logger   // slog.Default() when nil
	// Tracer sees every statement, BEGIN and COMMIT included; nil for none.
	Tracer pgx.QueryTracer
	// Clock turns the database's time, read after the locks (P1.3), into the transaction's; nil leaves it as it is.
	// Tests of what time does inject one.
	Clock func(database time.Time) time.Time
	// HashPassword makes the hashes that passwords are kept as: password.Hash when nil. Tests that sign in many times give
	// password.HashCheaply.
	HashPassword func(plain string) string
}

// Store is the domain's services over one database. It is safe for concurrent use; one per process.
type Store struct {
	DB            *postgres.DB
	Outbox        *outbox.Store
	Feed          *feed.Store
	Idempotency   *idempotency.Store
	Accounts      *account.Store
	Keys          *account.Keys
	SignIns       *account.SignIns
	Limiter       *account.Limiter
	Worktime      *worktime.Store
	Webhooks      *webhook.Store
	Replays       *webhook.Replays
	Conversations *conversation.Store
	Contacts      *conversation.Contacts
	Tags          *tag.Store
	Clocks        *conversation.Clocks
	Lists         *listing.Store
	Sweep         *sweep.Store
	Docks         *dock.Store

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open connects to the database, which must be migrated (postgres.Migrate), and starts the connection that carries wake-ups
// (P9). The database need not answer yet: calls fail with problem.Unavailable until it does. Errors: a URL that cannot be
// parsed.
func Open(ctx context.Context, o Options) (*Store, error) {
	db, err := postgres.Open(postgres.Options{
		URL: o.URL, MaxConns: o.MaxConns, Serving: o.Serving, Keyring: o.Keys, Logger: o.Logger, Tracer: o.Tracer, Clock: o.Clock,
	})
	if err != nil {
		return nil, err
	}
	s := &Store{DB: db, Outbox: outbox.New(db), Feed: feed.New(db), Idempotency: idempotency.New(db), Worktime: worktime.New(db)}
	s.Accounts, s.Keys, s.SignIns = account.New(db, o.HashPassword)
	s.Limiter = account.NewLimiter(ctx, db)
	s.Webhooks, s.Replays = webhook.New(db, s.Accounts, o.Targets)
	s.Tags = tag.New(db)
	s.Conversations, s.Contacts, s.Clocks = conversation.New(db, s.Worktime)
	s.Lists = listing.New(db, s.Conversations)
	s.Sweep = sweep.New(db)
	s.Docks = dock.New(db, s.Keys, s.Conversations, o.Docks)
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, run := range []func(context.Context){db.Wakeups.Run, s.Keys.Run, s.Feed.Run} {
		s.running.Go(func() { run(ctx) })
	}
	return s, nil
}

// Close ends the wake-up connection and closes the connections, waiting for what runs.
func (s *Store) Close() {
	s.Limiter.Close()
	s.stop()
	s.running.Wait()
	s.DB.Close()
}

// Wakeups is the hub through which processes tell each other that there is something to do (P9).
func (s *Store) Wakeups() *wakeup.Hub { return s.DB.Wakeups }
