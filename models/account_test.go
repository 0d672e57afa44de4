package models_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
)

func TestKeysOpenTheirOwnTenantUntilRevoked(t *testing.T) {
	b := setup(t)
	live, sandbox, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Shop"})
	require.NoError(t, err)
	require.Equal(t, live.ID, *sandbox.SandboxOf)
	_, plainLive, err := b.Keys.Create(
		t.Context(),
		live.ID,
		account.NewKey{Name: "live", Scopes: []string{"conversations:write"}},
	)
	require.NoError(t, err)
	require.Regexp(t, `^sa_live_[0-9a-f]{64}$`, plainLive)
	testKey, plainTest, err := b.Keys.Create(t.Context(), sandbox.ID, account.NewKey{Name: "test", Scopes: []string{"basic"}})
	require.NoError(t, err)
	require.Regexp(t, `^sa_test_[0-9a-f]{64}$`, plainTest)

	p, err := b.Keys.Authenticate(t.Context(), plainLive)
	require.NoError(t, err)
	require.Equal(t, live.ID, p.TenantID)
	require.True(t, p.Can("conversations:read"), "write implies read")
	require.False(t, p.Can("contacts:read"))
	p, err = b.Keys.Authenticate(t.Context(), plainTest)
	require.NoError(t, err)
	require.Equal(t, sandbox.ID, p.TenantID)

	other := b.open() // another process, which knows the key already
	_, err = other.Keys.Authenticate(t.Context(), plainTest)
	require.NoError(t, err)
	require.NoError(t, b.Keys.Revoke(t.Context(), sandbox.ID, testKey.ID))
	require.Eventually(t, func() bool {
		_, err := other.Keys.Authenticate(t.Context(), plainTest)
		return err != nil
	}, 4*time.Second, 5*time.Millisecond, "before its memory of the key runs out: it is told")
	_, err = b.Keys.Authenticate(t.Context(), plainTest)
	requireProblem(t, err, "UNAUTHORIZED")
}

func TestKeysAreStoredHashed(t *testing.T) {
	b := setup(t)
	_, plain, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "k", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	require.Zero(t, b.count(`SELECT count(*) FROM api_keys k WHERE k::text LIKE '%' || $1 || '%'`, plain[20:]))
}

func TestKeyWithoutScopesIsRefused(t *testing.T) {
	b := setup(t)
	for _, scopes := range [][]string{nil, {}, {"everything"}, {"conversations:delete"}} {
		_, _, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "k", Scopes: scopes})
		requireField(t, err, "scopes")
	}
}

// A command that revokes a key and ends at once is heard all the same.
func TestLastMarksOfAnEndingProcessGoOut(t *testing.T) {
	b := setup(t)
	woken, stop := b.Wakeups().Listen("topic")
	defer stop()
	require.Eventually(t, func() bool { // until the listener's connection is up
		brief := b.open()
		brief.Wakeups().Mark("topic")
		brief.Close()
		select {
		case <-woken:
			return true
		default:
			return false
		}
	}, 10*time.Second, 50*time.Millisecond)
}

// P9: a mark in one process reaches the listeners of another.
func TestWakeUpsCrossProcesses(t *testing.T) {
	b := setup(t)
	other := b.open()
	woken, stop := other.Wakeups().Listen("topic")
	defer stop()
	require.Eventually(t, func() bool {
		b.Wakeups().Mark("topic") // again and again: the other's connection may not be up yet
		select {
		case <-woken:
			return true
		default:
			return false
		}
	}, 5*time.Second, 10*time.Millisecond)
}

func TestOutboxGivesTheMostUrgentFirstAndEachRowToOne(t *testing.T) {
	b := setupAlone(t)
	for _, row := range []struct {
		kind     string
		priority int
		due      *time.Time
	}{
		{"conversation", 2, nil},
		{"conversation", 2, ptr(time.Now().Add(time.Hour))},
		{"conversation", 2, ptr(time.Now().Add(30 * time.Second))},
		{"retry", 1, nil},
	} {
		b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			VALUES ($1, $2, $3, $4, $5, now(), now())`, b.tenant.ID, row.kind, ident.New(), row.priority, row.due)
	}
	first, err := b.Outbox.Claim(t.Context(), outbox.Urgent, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, []int64{4, 3}, []int64{first[0].ID, first[1].ID}, "what somebody waits for")
	calm, err := b.Outbox.Claim(t.Context(), outbox.Calm, 1)
	require.NoError(t, err)
	require.Equal(t, int64(2), calm[0].ID, "what is due sooner")
	rest, err := b.Outbox.Claim(t.Context(), outbox.Calm, 100)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	none, err := b.Outbox.Claim(t.Context(), outbox.Calm, 100)
	require.NoError(t, err)
	require.Empty(t, none)

	require.NoError(t, b.Outbox.Defer(t.Context(), []int64{first[0].ID}, 0))
	require.NoError(t, b.Outbox.Delete(t.Context(), []int64{first[1].ID}))
	again, err := b.Outbox.Claim(t.Context(), outbox.Urgent, 100)
	require.NoError(t, err)
	require.Len(t, again, 1)
	depth, _, err := b.Outbox.Depth(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, depth)
}

// One call signals a workflow for all rows that ask for it, so a claim takes them along; but for actions of docks,
// which are told of one by one, and rows that another relay has.
func TestOutboxGivesAllRowsOfAWorkflowTogether(t *testing.T) {
	b := setupAlone(t)
	late, other := ident.New(), ident.New()
	for _, row := range []struct {
		target uuid.UUID
		kind   string
		due    time.Duration
	}{ // their ids are 1 to 6
		{late, "conversation", -time.Minute},
		{other, "conversation", -30 * time.Second},
		{late, "conversation", time.Hour},
		{late, "dock_action", 10 * time.Second}, // so that it is not first by itself
		{late, "conversation", 2 * time.Hour},
		{late, "conversation", -time.Hour},
	} {
		b.exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			VALUES ($1, $2, $3, 2, $4, now(), now())`, b.tenant.ID, row.kind, row.target, time.Now().Add(row.due))
	}
	b.exec(`UPDATE outbox SET available_at = now() + interval '30 seconds' WHERE id = 6`) // another relay's
	ids := func(which outbox.Urgency, limit int) (ids []int64) {
		rows, err := b.Outbox.Claim(t.Context(), which, limit)
		require.NoError(t, err)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return ids
	}
	require.ElementsMatch(t, []int64{1, 3, 5}, ids(outbox.Urgent, 1))
	require.ElementsMatch(t, []int64{2, 4}, ids(outbox.Urgent, 10))
	require.Empty(t, ids(outbox.Calm, 10))
}

func ptr[T any](v T) *T { return &v }

func TestReadySaysWhatIsMissing(t *testing.T) {
	b := setupAlone(t)
	require.NoError(t, b.DB.Ready(t.Context()))
	// A migration that was left out is missing as well as those that are yet to come.
	b.exec(`DELETE FROM goose_db_version WHERE version_id IN (7, (SELECT max(version_id) FROM goose_db_version))`)
	err := b.DB.Ready(t.Context())
	requireProblem(t, err, "UNAVAILABLE")
	require.ErrorContains(t, err, "atender migrate")
	unmigrated, missing := errors.AsType[*postgres.UnmigratedError](err)
	require.True(t, missing, "%v", err)
	require.Len(t, unmigrated.Missing, 2)
	require.Equal(t, "00007_resources", unmigrated.Missing[0])
	b.exec(`DROP TABLE goose_db_version`)
	unmigrated, missing = errors.AsType[*postgres.UnmigratedError](b.DB.Ready(t.Context()))
	require.True(t, missing)
	require.Equal(t, "00001_core", unmigrated.Missing[0])
}

func TestDatabaseThatIsAwayIsUnavailable(t *testing.T) {
	b := setupAlone(t)
	away := b.open(func(o *models.Options) { o.URL = "postgres://nobody@127.0.0.1:1/none" })
	_, err := away.Conversations.Get(t.Context(), b.tenant.ID, b.tenant.ID)
	requireProblem(t, err, "UNAVAILABLE")
}

// P10: rows land in their week's partition; those of a week without one go to the default.
func TestRowsLandInTheirWeek(t *testing.T) {
	b := setupAlone(t)
	b.conversation("a")
	year, week := time.Now().UTC().ISOWeek()
	require.Equal(
		t,
		len(b.events()),
		b.count(
			`SELECT count(*) FROM events WHERE tableoid::regclass::text = format('events_%sw%s', $1::int, lpad($2::int::text, 2, '0'))`,
			year,
			week,
		),
	)
	require.NoError(t, b.DB.EnsurePartitions(t.Context()))
	b.exec(
		`INSERT INTO events (id, tenant_id, type, payload, created_at) VALUES ($1, $2, 'x', '{}', now())`,
		ident.Floor(time.Now().AddDate(2, 0, 0)),
		b.tenant.ID,
	)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM events_default`))
}
