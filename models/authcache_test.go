package models_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// lookUps is a tracer that counts the statements which look keys and tokens up.
type lookUps struct{ n atomic.Int64 }

func (l *lookUps) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "hash = ") && strings.HasPrefix(q.SQL, "SELECT") {
		l.n.Add(1)
	}
	return ctx
}

func (l *lookUps) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// made is a key of the right form that does not exist.
func made(i int) string { return fmt.Sprintf("sa_live_%064x", i) }

var (
	errUnauthorized = problem.New(problem.Unauthorized, "UNAUTHORIZED", "")
	errRateLimited  = problem.New(problem.Limited, "RATE_LIMITED", "")
)

// What was never made here is not looked up, and what was refused is not looked up again.
func TestWhatIsNoKeyIsLookedUpOnceOrNever(t *testing.T) {
	count := &lookUps{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = count })
	ctx := t.Context()
	for _, malformed := range []string{
		"", "sa_live_", "sa_live_x", "sa_live_" + strings.Repeat("0", 63), "sa_test_" + strings.Repeat("0", 65),
		"sa_live_" + strings.Repeat("G", 64), "sa_live_" + strings.Repeat("A", 64),
		strings.Repeat("0", 72), "sa_live_" + strings.Repeat("é", 32),
	} {
		_, err := b.Keys.Authenticate(ctx, malformed)
		require.ErrorIs(t, err, errUnauthorized, malformed)
		_, err = b.SignIns.Authenticate(ctx, malformed)
		require.ErrorIs(t, err, errUnauthorized, malformed)
		_, err = b.Docks.Authenticate(ctx, "sa_dock_"+malformed)
		require.ErrorIs(t, err, errUnauthorized, malformed)
	}
	require.Zero(t, count.n.Load())
	b.hears("first", b.open())
	b.hears("second", b.open()) // behind the one wake-up of all listeners, which has what was refused forgotten
	for range 20 {
		_, err := b.Keys.Authenticate(ctx, made(1))
		require.ErrorIs(t, err, errUnauthorized)
		_, err = b.SignIns.Authenticate(ctx, strings.Repeat("A", 43))
		require.ErrorIs(t, err, errUnauthorized)
		_, err = b.Docks.Authenticate(ctx, "sa_dock_"+strings.Repeat("0", 64))
		require.ErrorIs(t, err, errUnauthorized)
	}
	require.EqualValues(t, 3, count.n.Load())

	// A key that comes to be is good at once, in every process that has refused it.
	other := b.open()
	_, err := other.Keys.Authenticate(ctx, made(2))
	require.ErrorIs(t, err, errUnauthorized)
	_, err = b.Keys.Authenticate(ctx, made(2))
	require.ErrorIs(t, err, errUnauthorized)
	key, _, err := b.Keys.Create(ctx, b.tenant.ID, account.NewKey{Name: "new", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	b.exec(`UPDATE api_keys SET hash = sha256($1) WHERE id = $2`, []byte(made(2)), key.ID)
	_, err = b.Keys.Authenticate(ctx, made(3))
	require.ErrorIs(t, err, errUnauthorized)
	_, _, err = b.Keys.Create(ctx, b.tenant.ID, account.NewKey{Name: "newer", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	p, err := b.Keys.Authenticate(ctx, made(2))
	require.NoError(t, err)
	require.Equal(t, key.ID, p.KeyID)
	b.eventually("the other process is told", func() bool {
		_, err := other.Keys.Authenticate(ctx, made(2))
		return err == nil
	})
}

// Ten thousand keys that do not exist take no good one's place, and one tenant's many sessions leave the others' alone.
func TestBadKeysPushNoGoodOneOut(t *testing.T) {
	count := &lookUps{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = count })
	_, good, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "good", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	_, err = b.Keys.Authenticate(t.Context(), good)
	require.NoError(t, err)
	require.EqualValues(t, 1, count.n.Load())
	started := time.Now()
	var group errgroup.Group
	group.SetLimit(8)
	const bad = 10_500
	for i := range bad {
		group.Go(func() error {
			_, err := b.Keys.Authenticate(t.Context(), made(i))
			if !problemIs(err, "UNAUTHORIZED") {
				return fmt.Errorf("key %d: %w", i, err)
			}
			return nil
		})
		if i%100 == 0 { // as a client would, whom nothing of this may concern
			_, err = b.Keys.Authenticate(t.Context(), good)
			require.NoError(t, err)
		}
	}
	require.NoError(t, group.Wait())
	_, err = b.Keys.Authenticate(t.Context(), good)
	require.NoError(t, err)
	renewed := count.n.Load() - 1 - bad
	require.LessOrEqual(t, renewed, int64(time.Since(started)/(5*time.Second))+1, "once in five seconds, as without the others")
}

// An address that presents what is not valid again and again is not looked up for any more; a key that was valid before is
// good from there all the same.
func TestAnAddressThatGuessesIsLimited(t *testing.T) {
	count := &lookUps{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = count })
	_, good, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "good", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	from := func(address, key string) error {
		_, err := b.Keys.Authenticate(postgres.WithCaller(t.Context(), address), key)
		return err
	}
	require.NoError(t, from("203.0.113.7", good))
	limited := 0
	for i := range 90 {
		if err := from("203.0.113.7", made(i)); problemIs(err, "RATE_LIMITED") {
			p, _ := problem.As(err)
			require.Positive(t, p.Details["retryAfter"])
			limited++
		} else {
			require.ErrorIs(t, err, errUnauthorized)
		}
	}
	require.GreaterOrEqual(t, limited, 1)
	looked := count.n.Load()
	require.ErrorIs(t, from("203.0.113.7", made(1)), errRateLimited, "also what is known to be bad")
	require.ErrorIs(t, from("203.0.113.7", "sa_live_x"), errRateLimited)
	require.Equal(t, looked, count.n.Load(), "without a look-up")
	require.NoError(t, from("203.0.113.7", good))
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	otherKey, _, err := b.Keys.Create(t.Context(), other.ID, account.NewKey{Name: "other", Scopes: []string{"full_access"}})
	require.NoError(t, err)
	require.NoError(t, b.Keys.Revoke(t.Context(), other.ID, otherKey.ID)) // all have to be looked up again
	require.NoError(t, from("203.0.113.7", good))
	require.ErrorIs(t, from("203.0.113.8", made(1)), errUnauthorized, "another address")

	for i := range 90 {
		_ = from(fmt.Sprintf("2001:db8:1:1::%x", i+1), made(i))
	}
	require.ErrorIs(t, from("2001:db8:1:1:ffff::1", made(1)), errRateLimited, "of the same /64")
	require.ErrorIs(t, from("2001:db8:1:2::1", made(1)), errUnauthorized, "of another")
}

// One tenant cannot have all the consoles that a process serves.
func TestATenantHasAShareOfTheConsoles(t *testing.T) {
	b := setupAlone(t)
	other, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Other"})
	require.NoError(t, err)
	listen := func(tenant, agent uuid.UUID) error {
		live, err := b.Feed.Listen(t.Context(), tenant, agent, postgres.CursorList{}, "")
		if err == nil {
			t.Cleanup(live.Close)
		}
		return err
	}
	for range 25 {
		agent := uuid.New()
		for range 20 {
			require.NoError(t, listen(b.tenant.ID, agent))
		}
	}
	require.True(t, problemIs(listen(b.tenant.ID, uuid.New()), "TOO_MANY_CONSOLES"))
	require.NoError(t, listen(other.ID, uuid.New()))
}
