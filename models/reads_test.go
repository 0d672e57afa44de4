package models_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/worktime"
)

// asCall is a context as a call of the tenant has it.
func asCall(ctx context.Context, tenantID uuid.UUID) context.Context {
	ctx = postgres.WithCaller(ctx, "")
	postgres.SetTenant(ctx, tenantID)
	return ctx
}

// blocked takes locks that every statement on the tables waits for, until the function it returns is called.
func (b *bench) blocked(tables string) (release func()) {
	b.t.Helper()
	tx, err := b.db.BeginTx(context.WithoutCancel(b.t.Context()), nil)
	require.NoError(b.t, err)
	_, err = tx.ExecContext(b.t.Context(), `LOCK TABLE `+tables+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(b.t, err)
	release = sync.OnceFunc(func() { _ = tx.Rollback() })
	b.t.Cleanup(release)
	return release
}

// blockedStatements counts the statements of the database that wait for a lock.
func (b *bench) blockedStatements() int {
	b.t.Helper()
	return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'`)
}

func (b *bench) eventually(why string, condition func() bool) {
	b.t.Helper()
	require.Eventually(b.t, condition, time.Minute, 20*time.Millisecond, why)
}

// Whatever PostgreSQL is held up by, it works on a list for two seconds and on a report for ten, and the caller is told what
// to narrow. Writes have bounds of their own.
func TestReadsEndWhenTheirTimeIsUp(t *testing.T) {
	b := setupAlone(t, func(o *models.Options) { o.Serving = true })
	c := b.conversation("held")
	sub := b.subscribe()
	key, _, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "k", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	id, ctx := b.tenant.ID, t.Context()
	lists := map[string]func() error{
		"conversations": func() error {
			_, _, err := b.Lists.Conversations(ctx, id, listing.Filter{}, postgres.Page{})
			return err
		},
		"search": func() error {
			_, _, err := b.Lists.Conversations(ctx, id, listing.Filter{Query: "a"}, postgres.Page{})
			return err
		},
		"messages": func() error { _, _, err := b.Lists.Messages(ctx, id, c.ID, postgres.Page{}); return err },
		"latest":   func() error { _, err := b.Lists.LatestMessages(ctx, id, c.ID, 5); return err },
		"timeline": func() error { _, _, err := b.Lists.Timeline(ctx, id, c.ID, postgres.Page{}); return err },
		"feed":     func() error { _, err := b.Feed.Read(ctx, id, feed.Query{}); return err },
		"tags":     func() error { _, _, err := b.Tags.List(ctx, id, postgres.Page{}); return err },
		"agents":   func() error { _, _, err := b.Accounts.Agents(ctx, id, "", postgres.Page{}); return err },
		"teams":    func() error { _, _, err := b.Accounts.Teams(ctx, id, postgres.Page{}); return err },
		"keys":     func() error { _, _, err := b.Keys.Page(ctx, id, postgres.Page{}); return err },
		"usage":    func() error { _, err := b.Keys.Usage(ctx, id, key.ID, 30); return err },
		"deliveries": func() error {
			_, _, err := b.Webhooks.Deliveries(ctx, id, sub.ID, webhook.DeliveryFilter{}, postgres.Page{})
			return err
		},
		"webhooks": func() error { _, _, err := b.Webhooks.List(ctx, id, postgres.Page{}); return err },
		"replays":  func() error { _, _, err := b.Replays.List(ctx, id, sub.ID, postgres.Page{}); return err },
		"docks":    func() error { _, _, err := b.Docks.List(ctx, id, postgres.Page{}); return err },
		"channels": func() error { _, err := b.Accounts.ChannelSettings(ctx, id); return err },
		"policies": func() error { _, _, err := b.Worktime.SLAPolicies(ctx, id, postgres.Page{}); return err },
		"hours":    func() error { _, _, err := b.Worktime.ListOpeningHours(ctx, id, postgres.Page{}); return err },
		"report": func() error {
			_, err := b.Worktime.Report(ctx, id, worktime.ReportQuery{From: time.Now().Add(-time.Hour), To: time.Now()})
			return err
		},
	}
	release := b.blocked(`conversation_recency, messages, timeline, events, tags, agents, teams,
		api_key_usage, deliveries, replays,
		docks, channels, sla_policies, opening_hours, sla_clocks`)
	// api_keys and subscriptions are looked at one by one before their own lists: those go on without the lock.
	delete(lists, "keys")
	b.ended(lists, map[string]int{"report": 10})
	release()
	release = b.blocked(`contacts, api_keys`)
	b.ended(map[string]func() error{
		"contacts": func() error {
			_, _, err := b.Lists.Contacts(ctx, id, listing.ContactFilter{Query: "a"}, postgres.Page{})
			return err
		},
		"by age": func() error {
			_, _, err := b.Lists.Conversations(ctx, id, listing.Filter{Sort: listing.SortCreated}, postgres.Page{})
			return err
		},
		"keys": func() error { _, _, err := b.Keys.Page(ctx, id, postgres.Page{}); return err },
	}, nil)
	release()
	for setting, want := range map[string][]string{
		// wake-ups and sequencer, calls, numbers, claims, groups, lists, reports, leases of rate limits
		"statement_timeout":               {"0", "30s", "30s", "30s", "30s", "2s", "10s", "30s"},
		"lock_timeout":                    {"0", "10s", "10s", "10s", "10s", "0", "0", "10s"},
		"max_parallel_workers_per_gather": {"2", "2", "2", "2", "2", "0", "0", "2"},
	} {
		got, err := models.Settings(ctx, b.Store, setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
	got, err := models.Settings(ctx, b.open(), "statement_timeout")
	require.NoError(t, err)
	require.Equal(t, []string{"0", "5min", "5min", "5min", "5min", "2s", "10s", "5min"}, got, "background work")
}

// ended runs all reads at the same time; each ends with QUERY_TOO_EXPENSIVE after its limit, two seconds unless said.
func (b *bench) ended(reads map[string]func() error, limits map[string]int) {
	b.t.Helper()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(reads))
	for name, read := range reads {
		go func() { results <- result{name, read()} }()
	}
	for range reads {
		r := <-results
		p, ok := problem.As(r.err)
		require.True(b.t, ok, "%s: %v", r.name, r.err)
		require.Equal(b.t, "QUERY_TOO_EXPENSIVE", p.Code, r.name)
		require.Equal(b.t, problem.Unavailable, p.Kind)
		limit := 2
		if limits[r.name] != 0 {
			limit = limits[r.name]
		}
		require.Equal(b.t, limit, p.Details["limitSeconds"], r.name)
		require.NotEmpty(b.t, p.Details["narrow"], r.name)
		require.Contains(b.t, p.Message, fmt.Sprintf("after %d s", limit))
		require.Contains(b.t, p.Message, p.Details["narrow"].([]string)[0])
	}
}

// A tenant whose calls are all held up has half of the connections: others' calls, and background work, go on, and what the
// tenant asks for on top of a queue is refused.
func TestATenantHoldsHalfOfThePool(t *testing.T) {
	b := setupAlone(t, func(o *models.Options) { o.MaxConns = 8 })
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	c := b.conversation("held")
	lock, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = lock.Rollback() }()
	_, err = lock.ExecContext(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR UPDATE`, c.ID)
	require.NoError(t, err)

	const share, queue, refused = 4, 64, 12
	results := make(chan error, share+queue+refused)
	call := func(ctx context.Context) {
		_, err := b.Conversations.Change(asCall(ctx, b.tenant.ID), b.tenant.ID, c.ID, b.actor, conversation.AddTag{Name: "held"})
		results <- err
	}
	for range share + queue - 1 {
		go call(t.Context())
	}
	waiting := func(n int) func() bool { return func() bool { return b.DB.GateStats()["calls"].Waiting == n } }
	b.eventually("the queue fills", waiting(queue-1))
	impatient, hangUp := context.WithCancel(t.Context())
	go call(impatient)
	b.eventually("the queue is full", waiting(queue))
	for range refused {
		go call(t.Context())
		p, ok := problem.As(<-results)
		require.True(t, ok)
		require.Equal(t, "TENANT_BUSY", p.Code)
		require.NotZero(t, p.Details["retryAfter"])
	}
	require.Equal(t, postgres.GateStats{Waiting: queue, Refused: refused}, b.DB.GateStats()["calls"])
	hangUp()
	require.ErrorIs(t, <-results, context.Canceled)
	b.eventually("whose caller has gone leaves the queue", waiting(queue-1))
	b.eventually("the share is used", func() bool { return b.blockedStatements() >= share })
	require.LessOrEqual(t, b.blockedStatements(), share, "and no more")
	for range 3 {
		_, err = b.Conversations.Create(asCall(t.Context(), other.ID), other.ID, b.actor, b.newConversation(uuid.NewString()))
		require.NoError(t, err, "another tenant")
		_, err = b.Accounts.Tenants(t.Context())
		require.NoError(t, err, "background work")
	}
	require.NoError(t, lock.Rollback())
	for range share + queue - 1 {
		if err := <-results; err != nil {
			require.True(t, errors.Is(err, problem.New(problem.Unavailable, "TENANT_BUSY", "")), "%v", err)
		}
	}
	require.Equal(t, 0, b.DB.GateStats()["calls"].Waiting)
	_, err = b.Conversations.Get(asCall(t.Context(), b.tenant.ID), b.tenant.ID, c.ID)
	require.NoError(t, err, "every place was given back")
}

// A call counts once, however many transactions and reads are in one another: with a share of one connection, units of work
// that read lists, look things up and write, all at the same time, come to an end.
func TestACallTakesOnePlaceHoweverDeepItReads(t *testing.T) {
	b := setupAlone(t, func(o *models.Options) { o.MaxConns = 2 })
	c := b.conversation("read")
	var group sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		group.Go(func() {
			ctx := asCall(t.Context(), b.tenant.ID)
			_, _, err := b.Idempotency.Do(ctx, idempotency.Key{
				TenantID: b.tenant.ID, APIKeyID: *b.actor.ID, Method: "POST", Path: "/", Key: fmt.Sprint(i),
			}, func(ctx context.Context) (idempotency.Answer, error) {
				_, _, err := b.Lists.Conversations(ctx, b.tenant.ID, listing.Filter{Query: "a"}, postgres.Page{})
				if err == nil {
					_, err = b.Conversations.Create(ctx, b.tenant.ID, b.actor, b.newConversation(fmt.Sprint("n", i)))
				}
				if err == nil {
					_, err = b.Conversations.Get(ctx, b.tenant.ID, c.ID)
				}
				return idempotency.Answer{Status: 200, Decided: true}, err
			})
			errs <- err
		})
	}
	group.Wait()
	for range 8 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 9, b.count(`SELECT count(*) FROM conversations`))
}

// Two reports of a tenant run at once, the others wait for them; another tenant's is not among those.
func TestTwoReportsOfATenantRunAtOnce(t *testing.T) {
	b := setupAlone(t)
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	release := b.blocked(`sla_clocks`)
	report := func(tenantID uuid.UUID, results chan error) {
		_, err := b.Worktime.Report(asCall(t.Context(), tenantID), tenantID,
			worktime.ReportQuery{From: time.Now().Add(-time.Hour), To: time.Now()})
		results <- err
	}
	own, others := make(chan error, 50), make(chan error, 1)
	for range 50 {
		go report(b.tenant.ID, own)
	}
	for range 16 { // of 50 two run and 32 wait
		require.ErrorIs(t, <-own, problem.New(problem.Unavailable, "TENANT_BUSY", ""))
	}
	b.eventually("two run", func() bool { return b.blockedStatements() == 2 })
	go report(other.ID, others)
	b.eventually("and the other tenant's", func() bool { return b.blockedStatements() == 3 })
	release()
	require.NoError(t, <-others)
	for range 34 {
		require.NoError(t, <-own)
	}
}
