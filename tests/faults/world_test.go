package faults

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver that the ledger reads with
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/inbox"
)

// world is one scenario's installation: a database, a Temporal namespace, a tenant with its key, and the processes that
// it starts.
type world struct {
	t         *testing.T
	began     time.Time
	services  *services
	rng       *rand.Rand // of the test's goroutine
	dir       string     // of logs
	env       []string   // of every process
	namespace string
	url       string // of the database
	db        *sql.DB
	store     *models.Store
	temporal  client.Client
	tenant    account.Tenant
	actor     wire.Actor
	key       string
	ledger    *ledger
	apis      []*process
	inboxes   []*inbox.Inbox
	ordered   map[string]*inbox.Inbox // of them those of ordered webhooks, by name
	processes int
	patient   bool          // claims are left to run out in their own time
	cut       time.Time     // when claims may have been cut off last: a worker was killed, or the database taken away
	pace      time.Duration // which writers keep between two operations; 0 for none
}

// defaultNamespace is the one that a Temporal without data makes by itself.
const defaultNamespace = "default"

// newWorld makes an installation in a namespace of its own. Its services are others', too.
func newWorld(t *testing.T) *world {
	t.Helper()
	takePlace(t)
	return openWorld(t, &shared)
}

// newWorldToDisturb makes one whose PostgreSQL and Temporal no other scenario uses meanwhile.
func newWorldToDisturb(t *testing.T) *world {
	t.Helper()
	takeTurn(t)
	return openWorld(t, &disturbed)
}

func takeTurn(t *testing.T) {
	t.Helper()
	disturbed.turn.Lock()
	t.Cleanup(disturbed.turn.Unlock)
}

func openWorld(t *testing.T, services *services) *world {
	t.Helper()
	w := &world{t: t, services: services.get(t), namespace: "faults-" + uuid.NewString()}
	w.open()
	w.registerNamespace()
	return w
}

// newWorldToWipe makes one to disturb in the default namespace, which is there again after Temporal has lost its data. It
// begins with that namespace empty: the ids of dispatch workflows are the same everywhere.
func newWorldToWipe(t *testing.T) *world {
	t.Helper()
	takeTurn(t)
	w := &world{t: t, services: disturbed.get(t), namespace: defaultNamespace}
	if w.services.unclean {
		w.stop(temporal)
		w.wipe()
		w.give(temporal)
	}
	w.services.unclean = true
	w.open()
	return w
}

// scene runs a part of a scenario as a sub-test in the same installation, whose processes that it starts end with it. The
// parts that come after are not run when one fails.
func (w *world) scene(name string, part func(t *testing.T)) {
	w.t.Helper()
	whole := w.t
	ok := whole.Run(name, func(t *testing.T) {
		w.t = t
		defer func() { w.t = whole }()
		part(t)
	})
	if !ok {
		whole.FailNow()
	}
}

func (w *world) open() {
	t := w.t
	t.Helper()
	w.began = time.Now()
	w.rng, w.dir, w.ledger, w.patient = random(t), t.TempDir(), newLedger(), *fullFlag
	w.ordered = map[string]*inbox.Inbox{}
	name := "faults_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	require.NoError(t, w.services.admin(t.Context(),
		`CREATE DATABASE `+name+` TEMPLATE `+template+` STRATEGY FILE_COPY`))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.services.admin(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the scenario's database: %v", err)
		}
	})
	w.url = w.services.databaseURL(name)
	w.env = append(environ(), w.services.Environment()...)
	w.env = append(w.env, "TEMPORAL_NAMESPACE="+w.namespace, shards(sized(1, dispatchers)))
	var err error
	w.db, err = sql.Open("pgx", w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.db.Close() }) // only read from
	w.openStore(w.url)
	w.temporal, err = client.NewLazyClient(client.Options{
		HostPort: w.services.TemporalAddress, Namespace: w.namespace, Logger: sdklog.NewStructuredLogger(discard),
	})
	require.NoError(t, err)
	t.Cleanup(w.temporal.Close)
}

var discard = slog.New(slog.DiscardHandler)

// openStore opens a store as the processes have it, to make what the API does not: the tenant and its key.
func (w *world) openStore(url string) {
	t := w.t
	t.Helper()
	var keys string
	for _, v := range w.env {
		if value, ok := strings.CutPrefix(v, "ATENDER_SECRET_KEYS="); ok {
			keys = value
		}
	}
	ring, err := seal.ParseKeyring(keys)
	require.NoError(t, err)
	w.store, err = models.Open(t.Context(), models.Options{
		URL: url, MaxConns: 4, Keys: ring, Logger: discard,
		Targets: target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.tenant, _, err = w.store.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(t, err)
	key, plain, err := w.store.Keys.Create(t.Context(), w.tenant.ID,
		account.NewKey{Name: "shop", Scopes: []string{"full_access"}, Tier: "custom"})
	require.NoError(t, err)
	w.key, w.actor = plain, wire.Actor{Type: wire.ActorAPIKey, ID: &key.ID, Name: key.Name}
}

func (w *world) registerNamespace() {
	w.t.Helper()
	namespaces, err := client.NewNamespaceClient(client.Options{
		HostPort: w.services.TemporalAddress, Logger: sdklog.NewStructuredLogger(discard),
	})
	require.NoError(w.t, err)
	defer namespaces.Close()
	var failed error
	require.Eventually(w.t, func() bool {
		failed = namespaces.Register(w.t.Context(), &workflowservice.RegisterNamespaceRequest{
			Namespace: w.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
		})
		var made *serviceerror.NamespaceAlreadyExists // by a call that was given up
		return failed == nil || errors.As(failed, &made)
	}, time.Minute, time.Second, "%v", &failed)
}

// startAPI starts one more API. Calls go to all of them in turn.
func (w *world) startAPI(vars ...string) *process {
	w.t.Helper()
	p := w.start("api", vars...)
	w.apis = append(w.apis, p)
	return p
}

// retire lets a worker finish all that is owed, and stops it.
func (w *world) retire(worker *process) {
	w.t.Helper()
	w.settle(time.Minute)
	worker.stop()
}

// subscribe makes a webhook for all events that points at a new receiver.
func (w *world) subscribe(change ...func(*webhook.NewSubscription)) (*inbox.Inbox, wire.Subscription) {
	w.t.Helper()
	in := inbox.Open(w.t, inbox.Lean)
	wanted := webhook.NewSubscription{Name: "receiver", URL: in.URL(), Events: []string{"*"}}
	for _, f := range change {
		f(&wanted)
	}
	sub, err := w.store.Webhooks.Create(w.t.Context(), w.tenant.ID, wanted)
	require.NoError(w.t, err)
	in.Expect(*sub.Secret)
	w.inboxes = append(w.inboxes, in)
	if wanted.Ordering == webhook.OrderingConversation {
		w.ordered[wanted.Name] = in
	}
	return in, sub
}

// arrived is how many deliveries the receivers have accepted so far, repeated ones included.
func (w *world) arrived() int {
	n := 0
	for _, in := range w.inboxes {
		n += in.Count()
	}
	return n
}

// rows reads a result of one column. A database that was just restarted may have to be asked twice.
func rows[T any](w *world, query string, args ...any) []T {
	w.t.Helper()
	var values []T
	var err error
	for range 20 {
		if values, err = tryRows[T](w, query, args...); err == nil {
			return values
		}
		<-time.After(50 * time.Millisecond)
	}
	require.NoError(w.t, err, query)
	return nil
}

func tryRows[T any](w *world, query string, args ...any) (values []T, err error) {
	found, err := w.db.QueryContext(w.t.Context(), query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var v T
		if err := found.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, found.Err()
}

func row[T any](w *world, query string, args ...any) T {
	w.t.Helper()
	values := rows[T](w, query, args...)
	require.Len(w.t, values, 1, query)
	return values[0]
}

// exec changes the database behind the product's back, as an operator or the passing of time would.
func (w *world) exec(statement string, args ...any) int64 {
	w.t.Helper()
	result, err := w.db.ExecContext(w.t.Context(), statement, args...)
	require.NoError(w.t, err, statement)
	n, err := result.RowsAffected()
	require.NoError(w.t, err)
	return n
}

// named is how the ids of workflows name the tenant.
func (w *world) named() durable.Tenant { return durable.Tenant{ID: w.tenant.ID, Slug: w.tenant.Slug} }

// conversationID is the id of a conversation's workflow.
func (w *world) conversationID(conversation uuid.UUID) string {
	w.t.Helper()
	return durable.ConversationID(w.named(), conversation, row[int64](w, `SELECT number FROM conversations WHERE id = $1`, conversation))
}

// logf notes what happens, with the time since the scenario began.
func (w *world) logf(format string, args ...any) {
	w.t.Helper()
	w.t.Logf("%6.1f s: "+format, append([]any{time.Since(w.began).Seconds()}, args...)...)
}
