package models_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
)

func (b *bench) key(key, body string) idempotency.Key {
	return idempotency.Key{
		TenantID: b.tenant.ID, APIKeyID: *b.actor.ID, Method: "POST", Path: "/v1/things", Key: key,
		Request: sha256.Sum256([]byte(body)),
	}
}

// creation is a call that makes a conversation.
func (b *bench) creation(s *models.Store, reference string) func(context.Context) (idempotency.Answer, error) {
	return func(ctx context.Context) (idempotency.Answer, error) {
		c, err := s.Conversations.Create(ctx, b.tenant.ID, b.actor, b.newConversation(reference))
		return answer(c.Wire(), err)
	}
}

// answer is what package api would make of it.
func answer(v any, err error) (idempotency.Answer, error) {
	a := idempotency.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Decided: true}
	if p, ok := problem.As(err); ok {
		a.Status, a.Decided, v = http.StatusConflict, p.Kind == problem.Conflict, p.Code
	} else if err != nil {
		return a, err
	}
	a.Body, err = json.Marshal(v)
	return a, err
}

// P7: however many calls come with one key, through however many processes, one has an effect, and all get its answer.
func TestOneKeyOneEffect(t *testing.T) {
	b := setup(t)
	stores := []*models.Store{b.Store, b.open()}
	var mu sync.Mutex
	firsts := 0
	answers := map[string]int{}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			s := stores[i%2]
			a, replayed, err := s.Idempotency.Do(t.Context(), b.key("k", "body"), b.creation(s, fmt.Sprintf("call-%d", i)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				answers["error: "+err.Error()]++
				return
			}
			if !replayed {
				firsts++
			}
			answers[fmt.Sprint(a.Status, a.Header, string(a.Body))]++
		})
	}
	all.Wait()
	require.Len(t, answers, 1)
	require.Equal(t, 1, firsts)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM conversations`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM idempotency_keys WHERE status = 201`))
}

func TestAKeyIsItsScopes(t *testing.T) {
	b := setup(t)
	calls := 0
	run := func(change func(*idempotency.Key)) (bool, error) {
		key := b.key("k", "body")
		change(&key)
		_, replayed, err := b.Idempotency.Do(t.Context(), key, func(context.Context) (idempotency.Answer, error) {
			calls++
			return answer("done", nil)
		})
		return replayed, err
	}
	for i, change := range []func(*idempotency.Key){
		func(*idempotency.Key) {},
		func(k *idempotency.Key) { k.Key = "other" },
		func(k *idempotency.Key) { k.Method = "PUT" },
		func(k *idempotency.Key) { k.Path = "/v1/others" },
		func(k *idempotency.Key) { k.APIKeyID = uuid.Max },
	} {
		replayed, err := run(change)
		require.NoError(t, err)
		require.False(t, replayed)
		require.Equal(t, i+1, calls)
	}
	_, err := run(func(k *idempotency.Key) { k.Request = sha256.Sum256([]byte("other")) })
	require.ErrorContains(t, err, "IDEMPOTENCY_KEY_REUSED")
	require.Equal(t, 5, calls)
}

// A refusal is an answer like another: it is kept, and what the operation had begun is not.
func TestRefusalsAreReplayedAndLeaveNoEffect(t *testing.T) {
	b := setup(t)
	first := b.conversation("taken")
	b.exec(`UPDATE tenants SET unknown_tags = 'create'`)
	before := b.count(`SELECT count(*) FROM contacts`) + b.count(`SELECT count(*) FROM events`)
	refuse := func(ctx context.Context) (idempotency.Answer, error) {
		in := b.newConversation("taken")
		in.Contact.Email, in.Tags = "new@example.com", []string{"new"}
		_, err := b.Conversations.Create(ctx, b.tenant.ID, b.actor, in)
		return answer(nil, err)
	}
	for i := range 2 {
		a, replayed, err := b.Idempotency.Do(t.Context(), b.key("k", ""), refuse)
		require.NoError(t, err)
		require.Equal(t, i == 1, replayed)
		require.Equal(t, 409, a.Status)
		require.JSONEq(t, `"EXTERNAL_REFERENCE_EXISTS"`, string(a.Body))
		b.change(first.ID, conversation.Edit{Subject: text(fmt.Sprint("changed ", i))}) // nothing is locked any more
	}
	require.Equal(t, before+2, b.count(`SELECT count(*) FROM contacts`)+b.count(`SELECT count(*) FROM events`))
}

// What the moment decides is neither kept nor done.
func TestWhatIsNotDecidedLeavesNothing(t *testing.T) {
	b := setup(t)
	for i := range 2 {
		a, replayed, err := b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
			_, err := b.creation(b.Store, "half done")(ctx)
			return idempotency.Answer{Status: 500}, err
		})
		require.NoError(t, err)
		require.False(t, replayed)
		require.Equal(t, 500, a.Status, i)
	}
	require.Panics(t, func() {
		_, _, _ = b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
			_, _ = b.creation(b.Store, "half done")(ctx)
			panic("handler")
		})
	})
	require.Zero(t, b.count(`SELECT count(*) FROM conversations`))
	require.Zero(t, b.count(`SELECT count(*) FROM idempotency_keys`))
	_, replayed, err := b.Idempotency.Do(t.Context(), b.key("k", ""), b.creation(b.Store, "done"))
	require.NoError(t, err)
	require.False(t, replayed)
}

// P7.2 ✗: the first call dies with its connection; the second, which waits on its row, does the work.
func TestTheSecondDoesTheWorkOfAKilledFirst(t *testing.T) {
	b := setup(t)
	other := b.open()
	begun, killed, firstDone := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
			a, err := b.creation(b.Store, "first")(ctx)
			close(begun)
			<-killed
			return a, err
		})
		firstDone <- err
	}()
	<-begun
	second := make(chan error, 1)
	go func() {
		_, replayed, err := other.Idempotency.Do(t.Context(), b.key("k", ""), b.creation(other, "second"))
		if err == nil && replayed {
			err = sql.ErrTxDone
		}
		second <- err
	}()
	require.Eventually(t, func() bool {
		return b.count(
			`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
		) == 1
	}, 5*time.Second, 5*time.Millisecond, "the second waits for the first")
	b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`)
	require.NoError(t, <-second)
	close(killed)
	err := <-firstDone
	p, ok := problem.As(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, problem.Unavailable, p.Kind)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM conversations WHERE external_reference = 'second'`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM conversations`))
}

// P7.2: the wait has an end, in the same process and from another one.
func TestTheWaitForTheFirstEnds(t *testing.T) {
	b := setup(t)
	other := b.open()
	begun, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
			close(begun)
			<-release
			return b.creation(b.Store, "slow")(ctx)
		})
		done <- err
	}()
	<-begun
	var waits sync.WaitGroup
	for _, s := range []*models.Store{b.Store, other} {
		waits.Go(func() {
			start := time.Now()
			_, _, err := s.Idempotency.Do(t.Context(), b.key("k", ""), b.creation(s, "never"))
			if err == nil || !problemIs(err, "IDEMPOTENCY_IN_PROGRESS") || time.Since(start) < 4900*time.Millisecond {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
	waits.Wait()
	close(release)
	require.NoError(t, <-done)
	_, replayed, err := other.Idempotency.Do(t.Context(), b.key("k", ""), b.creation(other, "never"))
	require.NoError(t, err)
	require.True(t, replayed)
}

func problemIs(err error, code string) bool {
	p, ok := problem.As(err)
	return ok && p.Code == code
}

// What f waits for is bounded by its own context, not by the wait for the key.
func TestOnlyTheClaimHasALockTimeout(t *testing.T) {
	b := setup(t)
	c := b.conversation("a")
	_, _, err := b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
		_, err := b.Conversations.Change(ctx, b.tenant.ID, c.ID, b.actor, conversation.Resolve{})
		require.NoError(t, err)
		require.Equal(t, "0", b.lockTimeout(ctx))
		return answer("done", nil)
	})
	require.NoError(t, err)
}

func (b *bench) lockTimeout(ctx context.Context) string {
	b.t.Helper()
	value, err := models.Setting(ctx, b.Store, "lock_timeout")
	require.NoError(b.t, err)
	return value
}

func TestSecretAnswersAreSealed(t *testing.T) {
	b := setup(t)
	call := func(ctx context.Context) (idempotency.Answer, error) {
		sub, err := b.Webhooks.Create(ctx, b.tenant.ID, webhook.NewSubscription{
			Name: "r", URL: "http://127.0.0.1:9/hook", Events: []string{"*"},
		})
		require.NoError(t, err)
		return idempotency.Answer{Status: 201, Body: []byte(*sub.Secret), Decided: true, Secret: true}, nil
	}
	first, _, err := b.Idempotency.Do(t.Context(), b.key("k", ""), call)
	require.NoError(t, err)
	var stored []byte
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT body FROM idempotency_keys WHERE is_sealed`).Scan(&stored))
	require.NotContains(t, string(stored), string(first.Body))
	again, replayed, err := b.Idempotency.Do(t.Context(), b.key("k", ""), call)
	require.NoError(t, err)
	require.True(t, replayed)
	require.Equal(t, first.Body, again.Body)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM subscriptions`))

	other := b.key("other", "")
	_, _, err = b.Idempotency.Do(t.Context(), other, call)
	require.NoError(t, err)
	b.exec(`UPDATE idempotency_keys SET body = $1`, stored) // moved to another row, it does not open
	_, _, errA := b.Idempotency.Do(t.Context(), b.key("k", ""), call)
	_, _, errB := b.Idempotency.Do(t.Context(), other, call)
	require.True(t, (errA == nil) != (errB == nil), "%v, %v", errA, errB)
}

func TestAnswersExpire(t *testing.T) {
	b := setup(t)
	for _, key := range []string{"old", "new"} {
		_, _, err := b.Idempotency.Do(t.Context(), b.key(key, ""), b.creation(b.Store, key))
		require.NoError(t, err)
	}
	b.exec(`UPDATE idempotency_keys SET created_at = created_at - interval '23 hours 59 minutes'`)
	_, replayed, err := b.Idempotency.Do(t.Context(), b.key("old", ""), b.creation(b.Store, "again"))
	require.NoError(t, err)
	require.True(t, replayed)
	b.exec(`UPDATE idempotency_keys SET created_at = created_at - interval '1 minute'`)
	_, replayed, err = b.Idempotency.Do(t.Context(), b.key("old", "other"), b.creation(b.Store, "again"))
	require.NoError(t, err)
	require.False(t, replayed)
	require.Equal(t, 3, b.count(`SELECT count(*) FROM conversations`))
	purged, err := b.Idempotency.Purge(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, purged)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM idempotency_keys`))
}

// Everything inside uses the connection that the call has; only numbers come over others, which no waiting call holds.
func TestASmallPoolDoesNotLockUp(t *testing.T) {
	b := setupAlone(t, func(o *models.Options) { o.MaxConns = 5 })
	in := account.NewAgent{Name: "Grace", Email: "g@example.com", Role: account.RoleAgent}
	agent, err := b.Accounts.CreateAgent(t.Context(), b.tenant.ID, in)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, _, err := b.Idempotency.Do(ctx, b.key(fmt.Sprint(i), ""), func(ctx context.Context) (idempotency.Answer, error) {
				c, err := b.Conversations.Create(ctx, b.tenant.ID, b.actor, b.newConversation(fmt.Sprint(i)))
				if err != nil {
					return idempotency.Answer{}, err
				}
				m := conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello"), AgentID: &agent.ID}
				_, err = b.Conversations.PostMessage(ctx, b.tenant.ID, c.ID, b.actor, m)
				return answer("done", err)
			})
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 40, b.count(`SELECT count(*) FROM conversations`))
	require.Equal(t, 40, b.count(`SELECT count(*) FROM messages WHERE direction = 'outbound'`))
}

// P7.4: two calls that lock each other's conversations: the one that PostgreSQL turns back is run again as a whole, and
// nothing of its first run stays.
func TestDeadlockedCallsRunAgainAsAWhole(t *testing.T) {
	b := setup(t)
	one, two := b.conversation("one"), b.conversation("two")
	var meet sync.WaitGroup
	meet.Add(2)
	var mu sync.Mutex
	runs := 0
	call := func(first, second uuid.UUID) func(context.Context) (idempotency.Answer, error) {
		met := false
		return func(ctx context.Context) (idempotency.Answer, error) {
			mu.Lock()
			runs++
			mu.Unlock()
			_, err := b.Conversations.Change(
				ctx,
				b.tenant.ID,
				first,
				b.actor,
				conversation.AddTag{Name: "first-" + first.String()},
			)
			if err != nil {
				return idempotency.Answer{}, err
			}
			if !met {
				met = true
				meet.Done()
				meet.Wait()
			}
			_, err = b.Conversations.Change(
				ctx,
				b.tenant.ID,
				second,
				b.actor,
				conversation.AddTag{Name: "second-" + first.String()},
			)
			return answer("done", err)
		}
	}
	var both sync.WaitGroup
	for i, f := range []func(context.Context) (idempotency.Answer, error){call(one.ID, two.ID), call(two.ID, one.ID)} {
		both.Go(func() {
			a, _, err := b.Idempotency.Do(t.Context(), b.key(fmt.Sprint(i), ""), f)
			if err != nil || a.Status != 201 {
				t.Errorf("call %d: %v, %v", i, a, err)
			}
		})
	}
	both.Wait()
	require.Greater(t, runs, 2, "they did not meet")
	for _, c := range []conversation.Conversation{one, two} {
		now, err := b.Conversations.Get(t.Context(), b.tenant.ID, c.ID)
		require.NoError(t, err)
		require.Len(t, now.Tags, 2)
		require.Equal(t, c.Version+2, now.Version)
	}
}

// hears waits until the store is woken by what another one says.
func (b *bench) hears(topic string, other *models.Store) {
	b.t.Helper()
	woken, stop := b.Wakeups().Listen(topic)
	defer stop()
	require.Eventually(b.t, func() bool {
		other.Wakeups().Mark(topic)
		select {
		case <-woken:
			return true
		default:
			return false
		}
	}, 10*time.Second, 10*time.Millisecond)
}

// P7.4, P9: wake-ups go out after the commit, and not at all without one.
func TestWakeUpsWaitForTheCommit(t *testing.T) {
	b := setup(t)
	b.hears("first", b.open())
	b.hears("second", b.open()) // behind the one wake-up of all listeners when the store begins to listen
	woken, stop := b.Wakeups().Listen(outbox.Topic)
	defer stop()
	_, _, err := b.Idempotency.Do(t.Context(), b.key("k", ""), func(ctx context.Context) (idempotency.Answer, error) {
		a, err := b.creation(b.Store, "a")(ctx)
		select {
		case <-woken:
			t.Error("woken before the commit")
		default:
		}
		return a, err
	})
	require.NoError(t, err)
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
		t.Fatal("not woken")
	}
	_, _, err = b.Idempotency.Do(t.Context(), b.key("other", ""), func(ctx context.Context) (idempotency.Answer, error) {
		_, err := b.creation(b.Store, "b")(ctx)
		return idempotency.Answer{Status: 503}, err
	})
	require.NoError(t, err)
	select {
	case <-woken:
		t.Fatal("woken for what did not happen")
	default:
	}
}
