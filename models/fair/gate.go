// Package fair divides what a process has only so much of among tenants.
package fair

import (
	"context"
	"math"
	"sync"

	"github.com/google/uuid"
)

// Refusal says why a gate did not let a tenant in.
type Refusal int

// The refusals.
const (
	Entered Refusal = iota // it did
	Share                  // the tenant has its share of the places, those it waits for included
	Full                   // all places were taken for as long as the caller wanted to wait
)

// Gate hands out a number of places. A tenant has at most its share of them, and never more than are still free, so that
// there is a place for a tenant that comes later: with n tenants that want all they can get, each has about 1/(n+1) of
// the places. Those who wait are let in one tenant after the other, within a tenant in the order in which they came.
type Gate struct {
	places, share int

	mu      sync.Mutex
	used    int
	tenants map[uuid.UUID]*tenant
	turn    uint64 // rises with each place that is given
}

// tenant is one that has places or waits for some. It is forgotten when it has neither.
type tenant struct {
	used    int
	last    uint64 // when it was let in last
	waiting []chan struct{}
}

// NewGate makes a gate of a number of places, of which a tenant has at most share; both at least 1.
func NewGate(places, share int) *Gate {
	return &Gate{places: max(places, 1), share: min(max(share, 1), max(places, 1)), tenants: map[uuid.UUID]*tenant{}}
}

// TryEnter takes a place, which Leave gives back, if the tenant may have one at once.
func (g *Gate) TryEnter(id uuid.UUID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenant(id)
	if len(t.waiting) == 0 && g.mayEnter(t) {
		g.admit(t)
		return true
	}
	g.forget(id, t)
	return false
}

// Enter takes a place, which Leave gives back, and waits for one until ctx ends. What a tenant has and waits for together
// is at most its share, so the number of those who wait is bounded by the number of tenants.
func (g *Gate) Enter(ctx context.Context, id uuid.UUID) Refusal {
	return g.enter(ctx, id, g.share)
}

// Wait is Enter for callers of whom something else bounds the number: a tenant may wait for more than its share.
func (g *Gate) Wait(ctx context.Context, id uuid.UUID) bool {
	return g.enter(ctx, id, math.MaxInt) == Entered
}

func (g *Gate) enter(ctx context.Context, id uuid.UUID, most int) Refusal {
	g.mu.Lock()
	t := g.tenant(id)
	switch {
	case len(t.waiting) == 0 && g.mayEnter(t):
		g.admit(t)
		g.mu.Unlock()
		return Entered
	case t.used+len(t.waiting) >= most:
		g.forget(id, t)
		g.mu.Unlock()
		return Share
	}
	let := make(chan struct{})
	t.waiting = append(t.waiting, let)
	g.mu.Unlock()
	select {
	case <-let:
		return Entered
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, waiting := range t.waiting {
		if waiting == let {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			g.forget(id, t)
			return Full
		}
	}
	return Entered // it was let in just now
}

// Leave gives a place back, to the tenant whose turn it is.
func (g *Gate) Leave(id uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[id]
	t.used--
	g.used--
	g.forget(id, t)
	for next := g.next(); next != nil; next = g.next() {
		let := next.waiting[0]
		next.waiting = next.waiting[1:]
		g.admit(next)
		close(let)
	}
}

// Used is how many places a tenant has.
func (g *Gate) Used(id uuid.UUID) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tenants[id]; t != nil {
		return t.used
	}
	return 0
}

// next is the tenant that waits, may enter, has the fewest places, and of those the one that was let in longest ago.
func (g *Gate) next() (next *tenant) {
	for _, t := range g.tenants {
		if len(t.waiting) == 0 || !g.mayEnter(t) {
			continue
		}
		if next == nil || t.used < next.used || t.used == next.used && t.last < next.last {
			next = t
		}
	}
	return next
}

func (g *Gate) mayEnter(t *tenant) bool { return t.used < g.share && t.used < g.places-g.used }

func (g *Gate) admit(t *tenant) {
	g.turn++
	t.last = g.turn
	t.used++
	g.used++
}

func (g *Gate) tenant(id uuid.UUID) *tenant {
	t := g.tenants[id]
	if t == nil {
		t = &tenant{}
		g.tenants[id] = t
	}
	return t
}

func (g *Gate) forget(id uuid.UUID, t *tenant) {
	if t.used == 0 && len(t.waiting) == 0 {
		delete(g.tenants, id)
	}
}
