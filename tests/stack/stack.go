// Package stack runs the API and a worker within a test process, on a real PostgreSQL and a real Temporal. All that the
// API answers is held against the served document.
package stack

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/activities"
	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/api"
	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/worker"
)

// TaskQueue is the task queue of a stack's workflows.
const TaskQueue = "atender"

// Loopback is a policy that lets webhooks go to this machine.
var Loopback = target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// Stack is a running product with a database and a Temporal namespace, and one tenant.
type Stack struct {
	t           testing.TB
	DatabaseURL string
	keys        *seal.Keyring
	SecretKeys  string // the text of its keys
	log         *slog.Logger
	Store       *models.Store
	Temporal    client.Client
	Namespace   string
	URL         string // of the API
	Tenant      account.Tenant
	Key         string
	Actor       wire.Actor
	API         *apiclient.ClientWithResponses
	// Spans are those of calls that came with a sampled traceparent; nothing else is traced.
	Spans      *tracetest.InMemoryExporter
	tracing    trace.TracerProvider
	StopWorker func() // of the one that was started with the stack; waits for its end. Nil where it is shared

	mu         sync.Mutex
	registries []*prometheus.Registry // of the workers
}

// Start starts a stack, which is stopped when the test ends. Its worker's configuration may be changed.
func Start(t testing.TB, change ...func(*worker.Config)) *Stack {
	t.Helper()
	return StartLogging(t, discard, change...)
}

// StartLogging is Start for a stack that logs.
func StartLogging(t testing.TB, log *slog.Logger, change ...func(*worker.Config)) *Stack {
	t.Helper()
	s := launch(t, log, change...)
	s.join()
	return s
}

// Shared is the one stack of the test process, with a tenant and a key of the test's own. It is started for the first test
// that asks and stopped after the last. It is for tests that neither stop nor break anything of it, and whose statements
// keep to their tenant: a product of its own costs a test more than most tests do with it.
func Shared(t testing.TB) *Stack {
	t.Helper()
	all := shared()
	s := &Stack{
		t: t, log: discard, DatabaseURL: all.DatabaseURL, keys: all.keys, SecretKeys: all.SecretKeys,
		Store: all.Store, Temporal: all.Temporal, Namespace: all.Namespace, URL: all.URL,
		Spans: all.Spans,
	}
	s.join()
	return s
}

var shared = sync.OnceValue(func() *Stack { return launch(deps.Process, discard) })

// launch starts a stack in which there is no tenant yet.
func launch(t testing.TB, log *slog.Logger, change ...func(*worker.Config)) *Stack {
	t.Helper()
	s := &Stack{t: t, log: log, DatabaseURL: deps.Database(t)}
	var err error
	s.SecretKeys = seal.GenerateKeyring()
	s.keys, err = seal.ParseKeyring(s.SecretKeys)
	require.NoError(t, err)
	s.trace()
	s.Store = s.OpenStore()
	s.connect()
	s.serve()
	s.StopWorker = s.StartWorker(change...)
	return s
}

// join makes the stack's tenant, with a key for all there is.
func (s *Stack) join() {
	s.t.Helper()
	var err error
	s.Tenant, _, err = s.Store.Accounts.CreateTenant(s.t.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(s.t, err)
	key, plain, err := s.Store.Keys.Create(
		s.t.Context(),
		s.Tenant.ID,
		account.NewKey{Name: "shop", Scopes: []string{"full_access"}, Tier: "custom"},
	)
	require.NoError(s.t, err)
	s.Key, s.Actor = plain, wire.Actor{Type: wire.ActorAPIKey, ID: &key.ID, Name: key.Name}
	s.API, err = apiclient.NewClientWithResponses(s.URL, apiclient.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+s.Key)
			return nil
		}))
	require.NoError(s.t, err)
}

// NamedTenant is how the ids of workflows name the stack's tenant.
func (s *Stack) NamedTenant() durable.Tenant {
	return durable.Tenant{ID: s.Tenant.ID, Slug: s.Tenant.Slug}
}

// ConversationID is the id of a conversation's workflow.
func (s *Stack) ConversationID(c wire.Conversation) string {
	return durable.ConversationID(s.NamedTenant(), c.ID, c.Number)
}

// ReplayID is the id of a replay's workflow.
func (s *Stack) ReplayID(sub wire.Subscription, replay uuid.UUID) string {
	return durable.ReplayID(s.NamedTenant(), durable.Endpoint{ID: sub.ID, URL: sub.URL}, replay)
}

var discard = slog.New(slog.DiscardHandler)

// OpenStore opens one more store on the stack's database.
func (s *Stack) OpenStore(options ...func(*models.Options)) *models.Store {
	s.t.Helper()
	o := models.Options{
		URL: s.DatabaseURL, Keys: s.keys, Logger: s.log, Targets: Loopback, Docks: dockurl.Policy{AllowLoopbackHTTP: true},
		HashPassword: password.HashCheaply,
	}
	for _, option := range options {
		option(&o)
	}
	store, err := models.Open(s.t.Context(), o)
	require.NoError(s.t, err)
	s.t.Cleanup(store.Close)
	return store
}

// Exec runs a statement on the stack's database, for what would take too long, or cannot be done, in the product's own way.
func (s *Stack) Exec(statement string, args ...any) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.DatabaseURL)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(s.t.Context()) }()
	_, err = conn.Exec(s.t.Context(), statement, args...)
	require.NoError(s.t, err)
}

// trace has what a traced call does noted in Spans. What comes without a traceparent is as untraced as where tracing is off.
func (s *Stack) trace() {
	s.Spans = tracetest.NewInMemoryExporter()
	s.tracing = sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(s.Spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())),
	)
}

// connect makes a namespace of the stack's own.
func (s *Stack) connect() {
	s.t.Helper()
	var address string
	address, s.Namespace = deps.Namespace(s.t)
	interceptors, err := worker.TraceInterceptors(s.tracing)
	require.NoError(s.t, err)
	s.Temporal, err = client.NewLazyClient(client.Options{
		HostPort: address, Namespace: s.Namespace, Logger: sdklog.NewStructuredLogger(s.log), Interceptors: interceptors,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(s.Temporal.Close)
}

func (s *Stack) serve() {
	s.t.Helper()
	post := sender.New(sender.Config{Policy: Loopback})
	s.t.Cleanup(post.Close)
	server, err := api.New(api.Config{Version: "test"}, // its origin is whatever name it is called by
		api.Deps{
			Store: s.Store, Temporal: s.Temporal, Tester: activities.Tester{Sender: post}, Logger: s.log,
			Tracing: s.tracing,
		})
	require.NoError(s.t, err)
	listener := httptest.NewServer(conformance.Handler(s.t, server.Handler()))
	s.t.Cleanup(listener.Close)
	s.URL = listener.URL
}

// StartWorker starts one more worker. The function it returns stops it and waits for its end.
func (s *Stack) StartWorker(change ...func(*worker.Config)) (stop func()) {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	config := worker.Config{
		TaskQueue: TaskQueue, Namespace: s.Namespace, Registry: registry,
		Dispatchers: 2, // many stacks run beside each other, and most have little to deliver
		Sender:      sender.Config{Policy: Loopback, SendTraceparent: true},
		Activities:  activities.Config{RunFor: 5 * time.Second},
	}
	for _, f := range change {
		f(&config)
	}
	w, err := worker.New(config, worker.Deps{
		Store: s.OpenStore(), Temporal: s.Temporal, Logger: s.log, Tracing: s.tracing,
	})
	require.NoError(s.t, err)
	s.mu.Lock()
	s.registries = append(s.registries, registry)
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			s.t.Errorf("worker: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return stop
}

// Fired is how often time did something of a kind ("wake", "warning", "breach", "archive"), by who noticed ("workflow",
// "sweeper", "recompute"), as the metrics of the stack's workers say.
func (s *Stack) Fired(kind string) map[string]int {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	fired := map[string]int{}
	for _, registry := range s.registries {
		families, err := registry.Gather()
		require.NoError(s.t, err)
		for _, family := range families {
			if family.GetName() != "atender_timer_lag_seconds" {
				continue
			}
			for _, m := range family.GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				if n := m.GetHistogram().GetSampleCount(); labels["kind"] == kind && n > 0 {
					fired[labels["by"]] += int(n) //nolint:gosec // a count
				}
			}
		}
	}
	return fired
}

// SubscribeAs makes a webhook of another tenant.
func (s *Stack) SubscribeAs(tenant uuid.UUID, url string, change ...func(*webhook.NewSubscription)) wire.Subscription {
	s.t.Helper()
	in := webhook.NewSubscription{Name: "receiver", URL: url, Events: []string{"*"}}
	for _, f := range change {
		f(&in)
	}
	sub, err := s.Store.Webhooks.Create(s.t.Context(), tenant, in)
	require.NoError(s.t, err)
	return sub
}

// Subscribe makes a webhook that points at the inbox, which then verifies with its secret.
func (s *Stack) Subscribe(i *inbox.Inbox, change ...func(*webhook.NewSubscription)) wire.Subscription {
	s.t.Helper()
	sub := s.SubscribeAs(s.Tenant.ID, i.URL(), change...)
	i.Expect(*sub.Secret)
	return sub
}
