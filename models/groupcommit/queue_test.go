package groupcommit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/groupcommit"
)

var (
	acme, globex = uuid.New(), uuid.New()
	limits       = groupcommit.Limits{Size: 4, AtOnce: 2, Waiting: 8, Wait: 10 * time.Second}
)

func own(subjects ...uuid.UUID) groupcommit.Subjects { return groupcommit.Subjects{Own: subjects} }

// writer writes groups for as long as it is told to, and remembers them.
type writer struct {
	mu      sync.Mutex
	groups  [][]string
	release chan struct{}
}

func newQueue(l groupcommit.Limits) (*groupcommit.Queue[string], *writer) {
	w := &writer{release: make(chan struct{})}
	return groupcommit.New(l, func(group []string) {
		w.mu.Lock()
		w.groups = append(w.groups, group)
		w.mu.Unlock()
		<-w.release
	}), w
}

func (w *writer) seen() [][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.groups
}

// do has members written, one after the other in the order of the names, each with a subject of its own.
func do(q *groupcommit.Queue[string], errs *sync.Map, tenant uuid.UUID, names ...string) {
	for _, name := range names {
		go func() { errs.Store(name, q.Do(context.Background(), tenant, own(uuid.New()), name)) }()
		synctest.Wait()
	}
}

func TestWhatArrivesMeanwhileGoesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		var errs sync.Map
		do(q, &errs, acme, "1", "2", "3", "4", "5", "6", "7")
		require.Equal(t, [][]string{{"1"}, {"2"}}, w.seen(), "nothing waits for company, and two are written at a time")
		require.Equal(t, 5, q.Waiting())
		w.release <- struct{}{}
		synctest.Wait()
		require.Equal(t, [][]string{{"1"}, {"2"}, {"3", "4", "5", "6"}}, w.seen(), "as many as a group has, the oldest first")
		close(w.release)
		synctest.Wait()
		require.Equal(t, [][]string{{"1"}, {"2"}, {"3", "4", "5", "6"}, {"7"}}, w.seen())
		for _, name := range []string{"1", "2", "3", "4", "5", "6", "7"} {
			err, done := errs.Load(name)
			require.True(t, done, name)
			require.Nil(t, err, name)
		}
	})
}

func TestTenantsTakeTurnsInAGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		var errs sync.Map
		do(q, &errs, acme, "a1", "a2", "a3", "a4", "a5", "a6")
		do(q, &errs, globex, "g1", "g2")
		w.release <- struct{}{}
		synctest.Wait()
		require.ElementsMatch(t, []string{"a3", "g1", "a4", "g2"}, w.seen()[2])
		close(w.release)
	})
}

func TestASubjectIsInOneGroupAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		hot := uuid.New()
		for _, name := range []string{"1", "2", "3"} {
			go func() { _ = q.Do(context.Background(), acme, own(hot), name) }()
			synctest.Wait()
		}
		var errs sync.Map
		do(q, &errs, acme, "other")
		require.Equal(t, [][]string{{"1"}, {"other"}}, w.seen(), "what else there is goes on meanwhile")
		close(w.release)
		synctest.Wait()
		require.Equal(t, [][]string{{"1"}, {"other"}, {"2"}, {"3"}}, w.seen(), "in their order")
	})
}

// What has a subject in common may share a group, in its order, but no two groups, and nothing that wants the subject for itself.
func TestACommonSubjectIsInOneGroupAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		hot := uuid.New()
		send := func(name string, s groupcommit.Subjects) {
			go func() { _ = q.Do(context.Background(), acme, s, name) }()
			synctest.Wait()
		}
		common := groupcommit.Subjects{Common: hot}
		for _, name := range []string{"1", "2", "3"} {
			send(name, common)
		}
		send("own", own(hot))
		send("4", common)
		send("keyed", groupcommit.Subjects{Common: hot, Own: []uuid.UUID{acme}})
		send("keyed too", groupcommit.Subjects{Common: hot, Own: []uuid.UUID{acme}})
		send("other", own(uuid.New()))
		require.Equal(t, [][]string{{"1"}, {"other"}}, w.seen(), "what else there is goes on meanwhile")
		w.release <- struct{}{}
		w.release <- struct{}{}
		synctest.Wait()
		require.Equal(t, [][]string{{"2", "3", "4", "keyed"}}, w.seen()[2:])
		close(w.release)
		synctest.Wait()
		require.Equal(t, [][]string{{"own"}, {"keyed too"}}, w.seen()[3:])
	})
}

func TestATenantHasSoManyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		var errs sync.Map
		do(q, &errs, acme, "w1", "w2", "1", "2", "3", "4", "5", "6", "7", "8")
		require.ErrorIs(t, q.Do(t.Context(), acme, own(uuid.New()), "9"), groupcommit.ErrFull)
		do(q, &errs, globex, "g")
		_, refused := errs.Load("g")
		require.False(t, refused, "another tenant's waits")
		close(w.release)
	})
}

func TestACallIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newQueue(limits)
		var errs sync.Map
		do(q, &errs, acme, "w1", "w2", "late")
		ctx, cancel := context.WithCancel(t.Context())
		var gone, taken error
		go func() { gone = q.Do(ctx, acme, own(uuid.New()), "gone") }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, gone, context.Canceled)
		<-time.After(limits.Wait + time.Second) // of the bubble's clock
		late, _ := errs.Load("late")
		require.ErrorIs(t, late.(error), groupcommit.ErrLate)
		require.Zero(t, q.Waiting())
		_, answered := errs.Load("w1")
		require.False(t, answered, "what is being written is not given up: it may have happened")
		close(w.release)
		synctest.Wait()
		require.Len(t, w.seen(), 2, "neither was written")

		w.release = make(chan struct{})
		ctx, cancel = context.WithCancel(t.Context())
		go func() { taken = q.Do(ctx, acme, own(uuid.New()), "taken") }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, taken, groupcommit.ErrUnknown)
		require.ErrorIs(t, taken, context.Canceled)
		close(w.release)
	})
}

// Whatever comes in whatever order, each is written once, and never two of a subject at a time.
func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	subjects := make([]uuid.UUID, 7)
	for i := range subjects {
		subjects[i] = uuid.New()
	}
	var writing [7]atomic.Int32
	var written, groups atomic.Int32
	q := groupcommit.New(groupcommit.Limits{Size: 4, AtOnce: 2, Waiting: 1000, Wait: time.Minute}, func(group []int) {
		groups.Add(1)
		for _, subject := range group {
			if writing[subject].Add(1) > 1 {
				t.Errorf("subject %d is in two groups", subject)
			}
		}
		written.Add(int32(len(group))) //nolint:gosec // at most 4
		for _, subject := range group {
			writing[subject].Add(-1)
		}
	})
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			tenant := []uuid.UUID{acme, globex}[i%2]
			if err := q.Do(t.Context(), tenant, own(subjects[i%7]), i%7); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 500, written.Load())
	require.Zero(t, q.Waiting())
}
