package intake

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var key = Owner{Name: "key", Share: KeyShare}

func TestABodyIsHeldOnceAndGivenBack(t *testing.T) {
	in := New()
	for _, n := range []int{0, 1, firstPiece, firstPiece + 1, 100_000, 1 << 20} {
		text := strings.Repeat("x", n)
		told := httptest.NewRequest("POST", "/", strings.NewReader(text))
		b, err := in.Receive(httptest.NewRecorder(), told, key, 1<<20)
		require.NoError(t, err)
		require.Equal(t, text, string(b.Bytes))
		require.Equal(t, n, cap(b.Bytes))
		require.EqualValues(t, n, in.Held())
		b.Drop()
		require.EqualValues(t, n, in.Held(), "what was made of it is there still")
		b.Release()
		b.Release()
		require.Zero(t, in.Held())

		unknown := httptest.NewRequest("POST", "/", strings.NewReader(text))
		unknown.ContentLength = -1
		b, err = in.Receive(httptest.NewRecorder(), unknown, key, 1<<20)
		require.NoError(t, err)
		require.Equal(t, text, string(b.Bytes))
		require.EqualValues(t, cap(b.Bytes), in.Held())
		b.Release()
		require.Zero(t, in.Held())
	}
	for _, length := range []int64{-1, 1<<20 + 1} {
		long := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 1<<20+1)))
		long.ContentLength = length
		_, err := in.Receive(httptest.NewRecorder(), long, key, 1<<20)
		require.ErrorIs(t, err, ErrTooLong)
		require.Zero(t, in.Held())
	}
	require.Empty(t, in.budget.owners, "who holds nothing is forgotten")
}

func TestSharesOfTheBudget(t *testing.T) {
	b := newBudget()
	for range KeyShare >> 20 {
		require.NoError(t, b.take(key, 1<<20, 0))
	}
	require.ErrorIs(t, b.take(key, 1, 0), ErrShare)
	require.NoError(t, b.take(Owner{"b", MaxHeld}, MaxHeldLarge-KeyShare, 0))
	require.ErrorIs(t, b.take(Owner{"c", KeyShare}, Large+1, 0), ErrFull)
	require.ErrorIs(t, b.take(Owner{"c", KeyShare}, 1, Large), ErrFull, "a body that grows is a large one")
	small := Owner{"c", MaxHeld}
	for range (MaxHeld - MaxHeldLarge) / Large {
		require.NoError(t, b.take(small, Large, 0))
	}
	require.ErrorIs(t, b.take(small, 1, 0), ErrFull)
}

func TestTheGateLetsAFewIn(t *testing.T) {
	g := newGate(2, 100)
	var inside, most atomic.Int32
	var group errgroup.Group
	for range 50 {
		group.Go(func() error {
			if err := g.enter(t.Context(), false); err != nil {
				return err
			}
			defer g.leave()
			now := inside.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			<-time.After(time.Millisecond)
			inside.Add(-1)
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.LessOrEqual(t, most.Load(), int32(2))
	require.Equal(t, 2, g.free)
}

func TestWhoWaitsAtTheGate(t *testing.T) {
	g := newGate(1, 2)
	require.NoError(t, g.enter(t.Context(), false))
	order := make(chan string, 3)
	wait := func(name string, ctx context.Context, urgent bool) <-chan error { //nolint:revive // a name first reads better
		done := make(chan error, 1)
		before := g.others.Len() + g.urgent.Len()
		go func() {
			err := g.enter(ctx, urgent)
			order <- name
			done <- err
		}()
		require.Eventually(t, func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.others.Len()+g.urgent.Len() > before
		}, 5*time.Second, time.Millisecond)
		return done
	}
	gone, cancel := context.WithCancel(t.Context())
	first := wait("first", t.Context(), false)
	hungUp := wait("hung up", gone, false)
	require.ErrorIs(t, g.enter(t.Context(), false), ErrBusy, "two wait, which is as many as may")
	urgent := wait("urgent", t.Context(), true)
	cancel()
	require.ErrorIs(t, <-hungUp, context.Canceled)
	g.leave()
	require.NoError(t, <-urgent)
	g.leave()
	require.NoError(t, <-first)
	require.Equal(t, []string{"hung up", "urgent", "first"}, []string{<-order, <-order, <-order})
	g.leave()
	require.Equal(t, 1, g.free)
}

func TestSmallBodiesDoNotWait(t *testing.T) {
	in := &Intake{budget: newBudget(), gate: newGate(1, 0)}
	receive := func(n int) *Body {
		b, err := in.Receive(httptest.NewRecorder(), httptest.NewRequest("POST", "/",
			strings.NewReader(strings.Repeat("x", n))), key, 1<<20)
		require.NoError(t, err)
		return b
	}
	large, other, small := receive(Large+1), receive(Large+1), receive(Large)
	require.NoError(t, large.Enter(t.Context(), false))
	require.NoError(t, large.Enter(t.Context(), false), "once is enough")
	require.NoError(t, small.Enter(t.Context(), false))
	require.True(t, errors.Is(other.Enter(t.Context(), false), ErrBusy))
	large.Release()
	require.NoError(t, other.Enter(t.Context(), true))
	other.Leave()
	other.Leave()
	require.Equal(t, 1, in.gate.free)
}
