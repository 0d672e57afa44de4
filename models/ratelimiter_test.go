package models_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
)

// leases counts the statements that a store sends for rate limits.
type leases struct{ n atomic.Int64 }

func (l *leases) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "rate_windows") {
		l.n.Add(1)
	}
	return ctx
}

func (*leases) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// rated is a bench with a starter key and a clock that tests move.
type rated struct {
	*bench
	clock
	subject account.RateSubject
	plain   string
	key     account.APIKey
}

func setupRates(t *testing.T, in account.NewKey, options ...func(*models.Options)) *rated {
	t.Helper()
	r := &rated{}
	r.bench = setupAlone(t, append(options, r.option)...)
	in.Name, in.Scopes = "limited", []string{"full_access"}
	var err error
	r.key, r.plain, err = r.Keys.Create(t.Context(), r.tenant.ID, in)
	require.NoError(t, err)
	r.subject = r.whose(r.Store)
	return r
}

// whose is what a store counts the key's calls for.
func (r *rated) whose(s *models.Store) account.RateSubject {
	r.t.Helper()
	p, err := s.Keys.Authenticate(r.t.Context(), r.plain)
	require.NoError(r.t, err)
	return p.RateSubject(false)
}

// call makes a call and tells whether it was let through; if not, what was used up and for how many seconds.
func (r *rated) call(s *models.Store) (granted bool, state ratelimit.State, wait int) {
	r.t.Helper()
	state, err := s.Limiter.Limit(r.t.Context(), r.subject)
	if err == nil {
		return true, state, 0
	}
	p, ok := problem.As(err)
	require.True(r.t, ok, err)
	require.Equal(r.t, "RATE_LIMITED", p.Code, err)
	require.Equal(r.t, state.Window, p.Details["window"])
	return false, state, p.Details["retryAfter"].(int)
}

func (r *rated) calls(s *models.Store, n int) (granted int) {
	for range n {
		if ok, _, _ := r.call(s); ok {
			granted++
		}
	}
	return granted
}

// callsAfter moves the clock and makes n calls. A lease that was under way while the clock moved is heard too late for its
// time: the limiter asks again within ratelimit.LeaseLife, so the first of the calls may have to be made again until then.
func (r *rated) callsAfter(d time.Duration, n int) (granted int) {
	r.t.Helper()
	r.pass(d)
	require.Eventually(r.t, func() bool {
		ok, _, _ := r.call(r.Store)
		return ok
	}, 5*ratelimit.LeaseLife, 10*time.Millisecond)
	return 1 + r.calls(r.Store, n-1)
}

func TestAStarterKeyHasSeventyCallsInAMinute(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	for i := range 70 {
		ok, state, _ := r.call(r.Store)
		require.True(t, ok, i)
		require.Equal(t, 70, state.Limit)
		require.Equal(t, 69-i, state.Remaining, i)
	}
	for range 10 {
		ok, state, wait := r.call(r.Store)
		require.False(t, ok)
		require.Zero(t, state.Remaining)
		require.Equal(t, "minute", state.Window)
		require.GreaterOrEqual(t, wait, 50)
		require.LessOrEqual(t, wait, 61)
		require.WithinDuration(t, time.Now().Add(time.Duration(wait)*time.Second), state.Reset, 2*time.Second)
	}
	require.Equal(t, 70, r.count(`SELECT (SELECT sum(n) FROM unnest(counts) n) FROM rate_windows`), "refused calls do not count")
	require.Equal(t, 70, r.callsAfter(61*time.Second, 80))
	require.Equal(t, 140, r.count(`SELECT in_day FROM rate_windows`))
}

func TestTheDayOfAKey(t *testing.T) {
	r := setupRates(t, account.NewKey{Tier: "custom", Limits: ratelimit.Limits{PerMinute: 60, PerDay: 90}})
	// The clock is moved to noon, so that the minutes of this test are of one day.
	require.Equal(t, 60, r.callsAfter(time.Until(time.Now().UTC().Truncate(24*time.Hour).Add(36*time.Hour)), 65))
	require.Equal(t, 30, r.callsAfter(61*time.Second, 65))
	r.pass(61 * time.Second)
	ok, state, wait := r.call(r.Store)
	require.False(t, ok)
	require.Equal(t, "day", state.Window)
	require.InDelta(t, 12*3600, wait, 300)
	require.Zero(t, state.Reset.UTC().Truncate(time.Second).Sub(state.Reset.UTC().Truncate(24*time.Hour)), "midnight in UTC")
	require.Equal(t, 60, r.callsAfter(12*time.Hour, 65))
}

func TestThreeProcessesHoldAKeyToItsLimit(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	stores := []*models.Store{r.Store, r.open(r.option), r.open(r.option)}
	flood := func(n int) (granted int64) {
		var sum atomic.Int64
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				<-time.After(time.Duration(i%100) * time.Millisecond) // spread over 100 ms, as the demand is
				if state, err := stores[i%3].Limiter.Limit(t.Context(), r.subject); err == nil {
					sum.Add(1)
				} else if p, _ := problem.As(err); p == nil || p.Code != "RATE_LIMITED" || state.Remaining != 0 {
					t.Error(err, state)
				}
			})
		}
		all.Wait()
		return sum.Load()
	}
	granted := flood(300)
	require.GreaterOrEqual(t, granted, int64(63))
	require.LessOrEqual(t, granted, int64(77))

	// The next minute: the demand trickles in at two of them, and the third starts when half of it is used.
	r.pass(61 * time.Second)
	sum := 0
	for i := range 35 {
		sum += r.calls(stores[i%2], 1)
	}
	require.Equal(t, 35, sum)
	cold := r.open(r.option)
	sum += r.calls(cold, 80)
	for i := range 20 {
		sum += r.calls(stores[i%2], 1)
	}
	require.GreaterOrEqual(t, sum, 63)
	require.LessOrEqual(t, sum, 77)
}

func TestManyCallsCostFewLeases(t *testing.T) {
	seen := &leases{}
	r := setupRates(t, account.NewKey{Tier: "enterprise"}, func(o *models.Options) { o.Tracer = seen })
	require.Equal(t, 1_000, r.calls(r.Store, 1_000))
	require.LessOrEqual(t, seen.n.Load(), int64(1_000/40*5/4+5))

	// Those that come at once share the lease of the first.
	r.pass(61 * time.Second)
	seen.n.Store(0)
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			if _, err := r.Limiter.Limit(t.Context(), r.subject); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, seen.n.Load(), int64(20))

	// And those that are refused ask no database.
	require.Equal(t, 700, r.calls(r.Store, 720))
	seen.n.Store(0)
	require.Zero(t, r.calls(r.Store, 1_000))
	require.LessOrEqual(t, seen.n.Load(), int64(3))
}

func TestWhatIsNotUsedIsGivenBackOnce(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	other := r.open(r.option)
	require.Equal(t, 1, r.calls(r.Store, 1))
	taken := `SELECT (SELECT sum(n) FROM unnest(counts) n) FROM rate_windows`
	require.Equal(t, 3, r.count(taken), "one is used, a block of two is held")
	require.Eventually(t, func() bool { return r.count(taken) == 1 }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, r.count(`SELECT in_day FROM rate_windows`))
	require.Equal(t, 69, r.calls(other, 80))
	require.Zero(t, r.calls(r.Store, 5), "what it gave back it has no more")
}

func TestWithoutTheDatabaseWhatIsLeasedServes(t *testing.T) {
	r := setupRates(t, account.NewKey{Tier: "enterprise"})
	require.Equal(t, 1, r.calls(r.Store, 1))
	r.exec(`ALTER TABLE rate_windows RENAME TO rate_windows_away`) // the lease fails as it would without a database
	served := 0
	var err error
	for err == nil && served < 100 {
		if _, err = r.Limiter.Limit(t.Context(), r.subject); err == nil {
			served++
		}
	}
	require.Equal(t, 40, served, "a block was held")
	p, _ := problem.As(err)
	require.Equal(t, problem.Unavailable, p.Kind)
	r.exec(`ALTER TABLE rate_windows_away RENAME TO rate_windows`)
	require.Equal(t, 10, r.calls(r.Store, 10))
}

func TestChangedLimitsHoldInAllProcessesAtOnce(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	other := r.open(r.option)
	require.Equal(t, 5, r.calls(other, 5))
	custom, five, none := "custom", 5, 0
	_, err := r.Keys.Set(t.Context(), r.tenant.ID, r.key.ID, account.KeyChange{Tier: &custom, PerMinute: &five})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.whose(other).Limits == ratelimit.Limits{PerMinute: 5} },
		2*time.Second, 10*time.Millisecond, "sooner than a process forgets by itself")
	r.subject = r.whose(other)
	require.Zero(t, r.calls(other, 5))
	ten := 10
	key, err := r.Keys.Set(t.Context(), r.tenant.ID, r.key.ID, account.KeyChange{Burst: &ten, PerDay: &ten})
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerMinute: 5, Burst: 10, PerDay: 10}, key.Limits(), "what is not named stays")
	key, err = r.Keys.Set(t.Context(), r.tenant.ID, r.key.ID, account.KeyChange{PerMinute: &none})
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerDay: 10}, key.Limits())
	starter := "starter"
	key, err = r.Keys.Set(t.Context(), r.tenant.ID, r.key.ID, account.KeyChange{Tier: &starter})
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerMinute: 60, Burst: 10, PerDay: 10_000}, key.Limits())
	gold, negative := "gold", -1
	for _, change := range []account.KeyChange{
		{Tier: &gold}, {PerMinute: &five}, {Tier: &custom, PerDay: &negative}, {Tier: &custom, Burst: &five},
	} {
		_, err = r.Keys.Set(t.Context(), r.tenant.ID, r.key.ID, change)
		require.Equal(t, problem.CodeValidation, code(err))
	}
	_, err = r.Keys.Set(t.Context(), r.tenant.ID, uuid.New(), account.KeyChange{Tier: &starter})
	require.Equal(t, "NOT_FOUND", code(err))
}

func TestARevokedKeyLeavesNoWindow(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	require.Equal(t, 1, r.calls(r.Store, 1))
	require.NoError(t, r.Keys.Revoke(t.Context(), r.tenant.ID, r.key.ID))
	require.Zero(t, r.count(`SELECT count(*) FROM rate_windows`))
}

func TestOldWindowsAreDeleted(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	r.calls(r.Store, 1)
	session := account.RateSubject{TenantID: r.tenant.ID, ID: uuid.New(), Kind: "session", Limits: ratelimit.ConsoleSession}
	_, err := r.Limiter.Limit(t.Context(), session)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // what was not used has been given back: nothing else will write
		return r.count(`SELECT sum((SELECT sum(n) FROM unnest(counts) n)) FROM rate_windows`) == 2
	}, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, r.Limiter.PurgeWindows(t.Context()))
	require.Equal(t, 2, r.count(`SELECT count(*) FROM rate_windows`))
	r.exec(`UPDATE rate_windows SET leased_at = leased_at - interval '6 minutes' WHERE kind = 'session'`)
	require.NoError(t, r.Limiter.PurgeWindows(t.Context()))
	require.Equal(t, 1, r.count(`SELECT count(*) FROM rate_windows`), "a key's day is kept")
	r.exec(`UPDATE rate_windows SET leased_at = leased_at - interval '1 day'`)
	require.NoError(t, r.Limiter.PurgeWindows(t.Context()))
	require.Zero(t, r.count(`SELECT count(*) FROM rate_windows`))
}

// The statement against the function that it is in SQL.
func TestTheLeaseIsTheWindowInSQL(t *testing.T) {
	r := setupRates(t, account.NewKey{})
	rapid.Check(t, func(rt *rapid.T) {
		limits := ratelimit.Limits{
			PerMinute: rapid.IntRange(0, 40).Draw(rt, "minute"), PerDay: rapid.IntRange(0, 120).Draw(rt, "day"),
		}
		subject := account.RateSubject{TenantID: r.tenant.ID, ID: uuid.New(), Kind: "key", Limits: limits}
		var w ratelimit.Window
		var back []ratelimit.Return
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			r.pass(time.Duration(rapid.SampledFrom([]int{0, 600, 5_000, 59_000, 61_000, 40_000_000, -30_000, -3_600_000}).
				Draw(rt, "ms")) * time.Millisecond)
			ask := rapid.IntRange(0, 60).Draw(rt, "ask")
			a, err := r.Limiter.Lease(t.Context(), subject, ratelimit.Request{Tokens: ask, Limits: limits,
				Back: back})
			require.NoError(rt, err)
			var n int
			w, n = w.Take(a.Now, limits, ask, back)
			require.Equal(rt, n, a.Tokens)
			require.Equal(rt, w, a.Window)
			back = nil
			if n > 0 {
				back = []ratelimit.Return{{Slot: w.Slot, Tokens: rapid.IntRange(0, n).Draw(rt, "back")}}
			}
		}
	})
}
