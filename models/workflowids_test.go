package models_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
)

// beforeSlugs is the last migration without slugs of tenants.
const beforeSlugs = 26

// told are the ids of the workflows that the outbox tells, and makes it empty.
func (b *bench) told() (current, former []string) {
	b.t.Helper()
	b.exec(`UPDATE outbox SET available_at = now(), priority = 0`)
	rows, err := b.Outbox.Claim(b.t.Context(), outbox.Urgent, 100)
	require.NoError(b.t, err)
	for _, row := range rows {
		m, known := row.Message()
		require.True(b.t, known)
		require.LessOrEqual(b.t, len(m.Summary), 200, "Temporal's limit")
		require.Equal(b.t, b.tenant.Slug, m.Tenant)
		if m.Former {
			former = append(former, m.WorkflowID)
		} else {
			current = append(current, m.WorkflowID)
		}
	}
	b.exec(`DELETE FROM outbox`)
	return current, former
}

func (b *bench) named() durable.Tenant { return durable.Tenant{ID: b.tenant.ID, Slug: b.tenant.Slug} }

// P12.3: a conversation's workflow under another id is told where it goes on, and the current one is signalled. What is due
// happens all the same.
func TestATickUnderAFormerIDHandsOver(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	id := b.snoozed("b")
	current := durable.ConversationID(b.named(), c.ID, c.Number)
	former := "conversation/" + b.tenant.ID.String() + "/"
	b.told()

	tick, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, former+c.ID.String())
	require.NoError(t, err)
	require.Equal(t, []any{current, true, (*time.Time)(nil)}, []any{tick.MovedTo, tick.MayEnd, tick.NextDue})
	have, _ := b.told()
	require.Equal(t, []string{current}, have, "nothing is due, but the conversation is open")
	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, current)
	require.NoError(t, err)
	require.Equal(t, []any{"", false}, []any{tick.MovedTo, tick.MayEnd})

	b.overdue(id)
	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, id, former+id.String())
	require.NoError(t, err)
	require.Len(t, tick.Fired, 1)
	require.Equal(t, lifecycle.Active, tick.Status)
	require.Equal(t, "conversation/"+b.tenant.Slug+"/2", tick.MovedTo)
	have, _ = b.told()
	require.Equal(t, []string{tick.MovedTo}, have)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM timeline WHERE kind = 'woken'`))

	later := b.snoozed("c")
	b.told()
	armed := b.count(`SELECT count(*) FROM conversations WHERE armed_for IS NOT NULL`)
	_, err = b.Clocks.Tick(t.Context(), b.tenant.ID, later, former+later.String())
	require.NoError(t, err)
	require.Equal(t, armed, b.count(`SELECT count(*) FROM conversations WHERE armed_for IS NOT NULL`), "it arms for nothing")

	b.exec(`UPDATE conversations SET status = 'archived', archived_at = now(), snoozed_until = NULL, next_due_at = NULL`)
	b.told()
	tick, err = b.Clocks.Tick(t.Context(), b.tenant.ID, later, former+later.String())
	require.NoError(t, err)
	require.True(t, tick.MayEnd)
	have, _ = b.told()
	require.Empty(t, have, "nothing can become due: none needs to go on")
}

// P12.3: so it is with retries, whose id has another host when the URL has; the one under the former id is told at once.
func TestRetriesUnderAFormerIDHandOver(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	b.record(owner, failed(b.claim(owner, 1)[0], time.Now().Add(time.Hour)))
	endpoint := durable.Endpoint{ID: sub.ID, URL: sub.URL}
	old := durable.RetryID(b.named(), endpoint)
	require.Equal(t, "webhook/"+b.tenant.Slug+"/127.0.0.1-"+strings.Split(sub.ID.String(), "-")[4][4:], old)
	have, _ := b.told()
	require.Contains(t, have, old)
	_, err := b.Webhooks.ArmRetries(t.Context(), sub.ID, old)
	require.NoError(t, err)

	for _, path := range []string{"http://127.0.0.1:9/elsewhere", "http://127.0.0.1:8/hook"} {
		_, err = b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &path})
		require.NoError(t, err)
	}
	have, former := b.told()
	require.Empty(t, append(have, former...), "the host is the same")
	elsewhere := "http://127.0.0.2:9/hook"
	_, err = b.Webhooks.Update(t.Context(), b.tenant.ID, sub.ID, webhook.SubscriptionUpdate{URL: &elsewhere})
	require.NoError(t, err)
	have, former = b.told()
	require.Empty(t, have)
	require.Equal(t, []string{old}, former)

	endpoint.URL = elsewhere
	moved := durable.RetryID(b.named(), endpoint)
	state, err := b.Webhooks.ArmRetries(t.Context(), sub.ID, old)
	require.NoError(t, err)
	require.Equal(t, []any{moved, (*time.Time)(nil)}, []any{state.MovedTo, state.NextDue})
	require.Equal(t, 1, b.count(`SELECT count(*) FROM subscriptions WHERE retry_armed_for IS NOT NULL`))
	have, _ = b.told()
	require.Equal(t, []string{moved}, have)
	state, err = b.Webhooks.ArmRetries(t.Context(), sub.ID, moved)
	require.NoError(t, err)
	require.Equal(t, []any{"", 1}, []any{state.MovedTo, state.Pending})
}

// P12.3: and with replays, which make no step under a former id.
func TestAReplayUnderAFormerIDHandsOver(t *testing.T) {
	b := setup(t)
	b.conversation("a")
	sub := b.subscribe()
	r := b.replay(sub.ID, webhook.NewReplay{})
	current := durable.ReplayID(b.named(), durable.Endpoint{ID: sub.ID, URL: sub.URL}, r.ID)
	have, _ := b.told()
	require.Contains(t, have, current)
	step, err := b.Replays.Advance(t.Context(), b.tenant.ID, r.ID, "webhook-replay/"+b.tenant.ID.String()+"/"+r.ID.String())
	require.NoError(t, err)
	require.Equal(t, []any{current, int64(0)}, []any{step.MovedTo, step.Replay.Queued})
	have, _ = b.told()
	require.Equal(t, []string{current}, have)
	step, err = b.Replays.Advance(t.Context(), b.tenant.ID, r.ID, current)
	require.NoError(t, err)
	require.Empty(t, step.MovedTo)
	require.Positive(t, step.Replay.Queued)
}

func TestTenantsHaveSlugs(t *testing.T) {
	b := setupAlone(t)
	create := func(name, slug string) (account.Tenant, error) {
		live, sandbox, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: name, Slug: slug})
		if err == nil {
			require.Equal(t, live.Slug+"-sandbox", sandbox.Slug)
		}
		return live, err
	}
	taken := b.tenant.Slug
	for _, c := range []struct{ name, slug, want string }{
		{"Über Büro", "", "uber-buro"}, {"über büro!", "", "uber-buro-2"}, {"Uber Buro 2", "", "uber-buro-2-2"},
		{"Uber Buro Sandbox", "", "uber-buro-sandbox-2"}, {"東京", "", "tenant"}, {"Any", "bureau", "bureau"},
	} {
		made, err := create(c.name, c.slug)
		require.NoError(t, err)
		require.Equal(t, c.want, made.Slug)
		read, err := b.Accounts.Tenant(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, c.want, read.Slug)
	}
	for _, wrong := range []string{taken, "uber-buro-sandbox", "Über", "a/b", strings.Repeat("a", 33)} {
		_, err := create("Other", wrong)
		p, ok := problem.As(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, problem.CodeValidation, p.Code, wrong)
	}
	var group errgroup.Group
	for range 6 {
		group.Go(func() error { _, err := create("At once", ""); return err })
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 6, b.count(`SELECT count(*) FROM tenants WHERE slug ~ '^at-once(-[2-6])?$'`))
}

// Tenants of the version before get slugs from their names, and those that its processes go on making get some.
func TestTenantsOfAnEarlierVersionGetSlugs(t *testing.T) {
	b := setupAlone(t)
	old := b.backTo(beforeSlugs)
	add := func(name string, sandboxOf *uuid.UUID) uuid.UUID {
		id := uuid.New()
		b.exec(`INSERT INTO tenants (id, name, environment, sandbox_of, created_at) VALUES ($1, $2, $3, $4, now())`, id, name,
			map[bool]string{true: "sandbox", false: "production"}[sandboxOf != nil], sandboxOf)
		return id
	}
	wanted := map[uuid.UUID]string{old: "old"}
	for _, c := range []struct{ name, slug string }{
		{"Åcme Øutdoor & Co.", "acme-outdoor-co"}, {"OLD", "old-2"}, {"Old 2", "old-2-2"},
		{"ÆSSE ß", "aesse-ss"}, {"東京", "tenant-10"},
		{strings.Repeat("long ", 20), "long-long-long-long-long-long-lo"},
	} {
		id := add(c.name, nil)
		wanted[id], wanted[add(c.name, &id)] = c.slug, c.slug+"-sandbox"
	}
	for range 2 { // the second finds it done
		b.migrateTo(beforeSlugs + 1)
		b.exec(`DELETE FROM goose_db_version WHERE version_id > $1`, beforeSlugs)
	}
	require.NoError(t, postgres.Migrate(t.Context(), b.url, slog.New(slog.DiscardHandler)))
	wanted[add("Meanwhile", nil)] = ""
	b.Store = b.open()
	tenants, err := b.Accounts.Tenants(t.Context())
	require.NoError(t, err)
	require.Len(t, tenants, len(wanted))
	for _, have := range tenants {
		if want := wanted[have.ID]; want != "" {
			require.Equal(t, want, have.Slug, have.Name)
		} else {
			require.Regexp(t, `^tenant-[0-9a-f]{12}$`, have.Slug)
		}
	}
}
