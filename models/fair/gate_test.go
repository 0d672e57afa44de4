package fair_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/fair"
)

// entered counts how many places a tenant gets that takes all it can.
func entered(g *fair.Gate, tenant uuid.UUID) (n int) {
	for g.TryEnter(tenant) {
		n++
	}
	return n
}

func TestATenantHasItsShareAndOthersHavePlaces(t *testing.T) {
	g := fair.NewGate(16, 4)
	for range 2 {
		require.Equal(t, 4, entered(g, uuid.New()))
	}
	require.Equal(t, 4, entered(g, uuid.New()), "two tenants do not starve a third")
	require.Equal(t, 2, entered(g, uuid.New()), "never more than are left")
	require.Equal(t, 1, entered(g, uuid.New()))
	require.Equal(t, 1, entered(g, uuid.New()))
	require.Zero(t, entered(g, uuid.New()))
}

func TestTenantsThatWaitTakeTurns(t *testing.T) {
	g := fair.NewGate(1, 1)
	first := uuid.New()
	require.True(t, g.TryEnter(first))
	var order []uuid.UUID
	var mu sync.Mutex
	var waiting sync.WaitGroup
	second := uuid.New()
	started := make(chan struct{})
	waiting.Go(func() {
		close(started)
		require.Equal(t, fair.Entered, g.Enter(t.Context(), second))
		mu.Lock()
		order = append(order, second)
		mu.Unlock()
	})
	<-started
	require.Equal(t, fair.Share, g.Enter(t.Context(), first), "it has its share: it does not wait")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, fair.Full, g.Enter(ended, uuid.New()), "nobody waits for longer than it wants to")
	g.Leave(first)
	waiting.Wait()
	require.Equal(t, []uuid.UUID{second}, order)
	require.Equal(t, 1, g.Used(second))
	g.Leave(second)
	require.Zero(t, g.Used(second))
}

func TestGateKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places, share := rapid.IntRange(1, 20).Draw(t, "places"), rapid.IntRange(1, 6).Draw(t, "share")
		g := fair.NewGate(places, share)
		tenants := make([]uuid.UUID, rapid.IntRange(1, 8).Draw(t, "tenants"))
		for i := range tenants {
			tenants[i] = uuid.New()
		}
		total := 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			tenant := rapid.SampledFrom(tenants).Draw(t, "tenant")
			had := g.Used(tenant)
			if rapid.Bool().Draw(t, "enter") {
				may := had < min(share, places) && had < places-total
				require.Equal(t, may, g.TryEnter(tenant))
				if may {
					total++
				}
			} else if had > 0 {
				g.Leave(tenant)
				total--
			}
			require.LessOrEqual(t, total, places)
			require.LessOrEqual(t, g.Used(tenant), share)
		}
	})
}
