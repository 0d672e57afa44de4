package activities

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/webhook"
)

// division is one division of free slots among endpoints.
type division struct {
	*slots
	claimants []*claimant
	tenants   []*share
	slowHeld  int // slots of endpoints that are slow
	idleHeld  int // slots of those that are slow or unproven
}

// claimant is an endpoint that wants slots.
type claimant struct {
	endpoint *webhook.Endpoint
	tempo    tempo
	tenant   *share
	held     int // now, with what this division gives
	most     int // it may hold
	rows     int // what this division gives
}

// share is a tenant whose endpoints want slots.
type share struct {
	id        uuid.UUID
	held      int
	claimants []*claimant
}

// division begins a division. The lock must be held until its end.
func (s *slots) division(endpoints []webhook.Endpoint, want func(*webhook.Endpoint) int) *division {
	if len(s.served) > servedKept {
		clear(s.served)
	}
	d := &division{slots: s}
	now := time.Now()
	for id, h := range s.endpoints {
		switch s.tempo(id, now) {
		case slow:
			d.slowHeld += h.n
			d.idleHeld += h.n
		case unproven:
			d.idleHeld += h.n
		case prompt:
		}
	}
	byID := map[uuid.UUID]*share{}
	for i := range endpoints {
		e := &endpoints[i]
		c := &claimant{endpoint: e, tempo: s.tempo(e.ID, now), held: s.held(e.ID).n}
		c.most = min(c.held+want(e), e.MaxInFlight, s.part(subscriptionPart))
		if c.tempo == unproven {
			c.most = min(c.most, s.part(firstPart))
		}
		if c.tenant = byID[e.TenantID]; c.tenant == nil {
			c.tenant = &share{id: e.TenantID, held: s.tenants[e.TenantID]}
			byID[e.TenantID] = c.tenant
			d.tenants = append(d.tenants, c.tenant)
		}
		c.tenant.claimants = append(c.tenant.claimants, c)
		d.claimants = append(d.claimants, c)
	}
	return d
}

// next is the endpoint whose turn it is; nil when none may have a slot more.
func (d *division) next() *claimant {
	for {
		at := -1
		for i, t := range d.tenants {
			if at < 0 || d.before(t.held, t.id, d.tenants[at].held, d.tenants[at].id) {
				at = i
			}
		}
		if at < 0 {
			return nil
		}
		if c := d.nextOf(d.tenants[at]); c != nil {
			return c
		}
		d.tenants = append(d.tenants[:at], d.tenants[at+1:]...) // it gets nothing more: what it could have only dwindles
	}
}

func (d *division) nextOf(t *share) (next *claimant) {
	if t.held >= d.part(tenantPart) {
		return nil
	}
	for _, c := range t.claimants {
		if d.mayHaveMore(c) && (next == nil || d.before(c.held, c.endpoint.ID, next.held, next.endpoint.ID)) {
			next = c
		}
	}
	return next
}

// mayHaveMore tells whether an endpoint may have one more slot, as far as it is its own and that of its kind.
func (d *division) mayHaveMore(c *claimant) bool {
	if c.held >= c.most {
		return false
	}
	half := d.part(slowPart)
	switch c.tempo {
	case slow:
		return d.idleHeld < half && d.slowHeld < max(half-d.part(unprovenPart), 1)
	case unproven:
		return d.idleHeld < half
	default:
		return true
	}
}

// before tells whether the first of two comes before the second: it holds fewer slots, or was served longer ago.
func (d *division) before(held int, id uuid.UUID, than int, other uuid.UUID) bool {
	return held < than || held == than && d.served[id] < d.served[other]
}

// grant reserves one slot.
func (d *division) grant(c *claimant) {
	s, e := d.slots, c.endpoint
	if s.endpoints[e.ID] == nil {
		s.endpoints[e.ID] = &held{}
	}
	s.endpoints[e.ID].n++
	s.tenants[e.TenantID]++
	s.total++
	s.turn++
	s.served[e.ID], s.served[e.TenantID] = s.turn, s.turn
	c.held++
	c.rows++
	c.tenant.held++
	if c.tempo != prompt {
		d.idleHeld++
	}
	if c.tempo == slow {
		d.slowHeld++
	}
}
