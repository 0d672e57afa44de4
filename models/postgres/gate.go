package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/problem"
)

const (
	// queuePerSlot is how many calls of a tenant may wait for each place that it may have at once; what comes on top is
	// refused. Sixteen are a burst that is over within a second where a call takes 50 ms.
	queuePerSlot = 16
	// gateWait is how long a call waits for its turn at most. It is less than an API request may take (25 s), so that there
	// is time left for what it waited for.
	gateWait = 10 * time.Second
	// busyRetry is the Retry-After, in seconds, of calls that were refused for their tenant's other calls.
	busyRetry = 2
)

// gate stands in front of a pool of connections and lets a tenant hold a share of them at most: its further calls wait for
// one another, oldest first, and all other tenants' go on.
type gate struct {
	share int // places that a tenant may have at once
	queue int // calls of a tenant that may wait

	mu      sync.Mutex
	tenants map[uuid.UUID]*turns // those with a call behind the gate
	waiting int
	refused int64
}

// turns are one tenant's calls at a gate.
type turns struct {
	held    int
	waiting []chan struct{} // oldest first; closed when it is its turn, with the place taken
}

// half is the gate of a pool of n connections: a tenant gets half of it.
func half(n int) *gate { return shareOf(max(1, n/2)) }

func shareOf(share int) *gate {
	return &gate{share: share, queue: queuePerSlot * share, tenants: map[uuid.UUID]*turns{}}
}

// enter takes a place for the call that ctx belongs to, waiting for it if need be; leave, to be called once, gives it back.
// Errors: TENANT_BUSY; ctx's own.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	c := CallerOf(ctx)
	if g == nil || c == nil {
		return func() {}, nil
	}
	c.mu.Lock()
	tenant := c.tenant
	if s := c.slots[g]; s.depth > 0 {
		s.depth++
		c.slots[g] = s
		c.mu.Unlock()
		return func() { g.leave(c) }, nil
	}
	c.mu.Unlock()
	if err := g.take(ctx, tenant); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[g]
	if s.depth > 0 { // another goroutine of the same call was quicker
		g.give(tenant)
	} else {
		s.tenant = tenant
	}
	s.depth++
	if c.slots == nil {
		c.slots = map[*gate]slot{}
	}
	c.slots[g] = s
	return func() { g.leave(c) }, nil
}

func (g *gate) leave(c *Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[g]
	if s.depth--; s.depth > 0 {
		c.slots[g] = s
		return
	}
	delete(c.slots, g)
	g.give(s.tenant)
}

// take takes one of the tenant's places.
func (g *gate) take(ctx context.Context, tenant uuid.UUID) error {
	g.mu.Lock()
	t := g.tenants[tenant]
	if t == nil {
		t = &turns{}
		g.tenants[tenant] = t
	}
	if t.held < g.share {
		t.held++
		g.mu.Unlock()
		return nil
	}
	if len(t.waiting) >= g.queue {
		g.refused++
		g.mu.Unlock()
		return g.busy()
	}
	turn := make(chan struct{})
	t.waiting = append(t.waiting, turn)
	g.waiting++
	g.mu.Unlock()

	timer := time.NewTimer(gateWait)
	defer timer.Stop()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.giveUp(tenant, turn)
		return ctx.Err()
	case <-timer.C:
		g.giveUp(tenant, turn)
		return g.busy()
	}
}

// give gives a place back, which is the next one's that waits.
func (g *gate) give(tenant uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[tenant]
	if len(t.waiting) > 0 {
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
		g.waiting--
		return
	}
	if t.held--; t.held == 0 {
		delete(g.tenants, tenant)
	}
}

// giveUp ends a wait. A turn that has come meanwhile passes to the next.
func (g *gate) giveUp(tenant uuid.UUID, turn chan struct{}) {
	g.mu.Lock()
	t := g.tenants[tenant]
	if t != nil {
		for i, other := range t.waiting {
			if other == turn {
				t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
				g.waiting--
				g.mu.Unlock()
				return
			}
		}
	}
	g.mu.Unlock()
	g.give(tenant)
}

func (g *gate) busy() error { return tenantBusy(g.share) }

// tenantBusy refuses a call of a tenant that has as many under way as it may.
func tenantBusy(atOnce int) error {
	return problem.New(problem.Unavailable, codeTenantBusy,
		"%d calls of this tenant use the database now, which is as many as may, and others wait for their turn: "+
			"make fewer at the same time, and this one again after Retry-After seconds", atOnce).
		With("atOnce", atOnce).With("retryAfter", busyRetry)
}

// GateStats are a gate's figures, for metrics.
type GateStats struct {
	Waiting int   // calls that wait for their tenant's turn now
	Refused int64 // calls refused since the start, because too many waited
}

func (g *gate) stats() GateStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return GateStats{g.waiting, g.refused}
}

// GateStats are the figures of the gates in front of the pools, by pool: calls, lists and reports.
func (s *DB) GateStats() map[string]GateStats {
	out := make(map[string]GateStats, len(s.gates))
	for name, g := range s.gates {
		out[name] = g.stats()
	}
	return out
}
