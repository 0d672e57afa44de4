package activities

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/webhook"
)

// The parts of a dispatcher's slots, its requests under way, that one party may hold (P4.2), as divisors. They hold always,
// also while nothing else wants the slots: a request cannot be taken back when something else does.
const (
	// subscriptionPart and tenantPart: a subscription holds at most 1/8, all subscriptions of a tenant together 1/4.
	subscriptionPart = 8
	tenantPart       = 4
	// slowPart: endpoints that are slow, or have not answered of late, hold at most half; the rest is for those that answer.
	slowPart = 2
	// unprovenPart of that half is for endpoints that have not answered of late: 1/8 of all slots, so that one that is well
	// and had nothing to do for a while need not wait for a slow one to answer.
	unprovenPart = 8
	// firstPart: an endpoint that has not answered of late holds 1/64, until it has.
	firstPart = 64
)

// slots are the requests that a dispatcher, or all retries of a process, may have under way, and who holds them.
type slots struct {
	limit int
	paces *paces

	mu        sync.Mutex
	total     int
	endpoints map[uuid.UUID]*held
	tenants   map[uuid.UUID]int
	turn      uint64               // rises with each slot that is given
	served    map[uuid.UUID]uint64 // when a tenant or endpoint got its last slot, for whose turn it is
}

// servedKept bounds slots.served: what is forgotten is who was served last, and some may go before their turn once.
const servedKept = 4096

// held are one endpoint's slots.
type held struct {
	n     int
	since []time.Time // of those in which a request is under way
}

func newSlots(limit int, paces *paces) *slots {
	return &slots{
		limit: limit, paces: paces, endpoints: map[uuid.UUID]*held{}, tenants: map[uuid.UUID]int{},
		served: map[uuid.UUID]uint64{},
	}
}

// part of the slots; at least one.
func (s *slots) part(divisor int) int { return max(s.limit/divisor, 1) }

// free is how many slots are free.
func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit - s.total
}

// held is what an endpoint holds, to be read only. The lock must be held.
func (s *slots) held(id uuid.UUID) held {
	if h := s.endpoints[id]; h != nil {
		return *h
	}
	return held{}
}

// divide reserves slots, up to most, for endpoints, of which want says how many more each is to have at most: one after the
// other to the tenant that holds the fewest, of its endpoints to the one that does, and among equals to the one that was
// served longest ago. What is reserved is given back by free slots (give) or by the end of a request (end).
func (s *slots) divide(endpoints []webhook.Endpoint, want func(*webhook.Endpoint) int, most int) []webhook.Quota {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.division(endpoints, want)
	for range min(most, s.limit-s.total) {
		c := d.next()
		if c == nil {
			break
		}
		d.grant(c)
	}
	var quotas []webhook.Quota
	for _, c := range d.claimants {
		if c.rows > 0 {
			quotas = append(quotas, webhook.Quota{Endpoint: c.endpoint, Rows: c.rows})
		}
	}
	return quotas
}

// take reserves up to a number of slots for one endpoint, and returns how many.
func (s *slots) take(e *webhook.Endpoint, most int) int {
	quotas := s.divide([]webhook.Endpoint{*e}, func(*webhook.Endpoint) int { return most }, most)
	if len(quotas) == 0 {
		return 0
	}
	return quotas[0].Rows
}

// hasRoom tells whether an endpoint could have one more slot.
func (s *slots) hasRoom(e *webhook.Endpoint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.limit {
		return false
	}
	return s.division([]webhook.Endpoint{*e}, func(*webhook.Endpoint) int { return 1 }).next() != nil
}

// give gives slots back that were reserved and are not needed.
func (s *slots) give(e *webhook.Endpoint, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(e, n)
}

// begin notes that a request is under way in a reserved slot.
func (s *slots) begin(e *webhook.Endpoint, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.endpoints[e.ID]
	h.since = append(h.since, at)
	s.noteFull(e, h, at)
}

// end gives the slot of a request back. It tells whether a claim is worth while: half of the endpoint's slots are free
// again, and an eighth of its tenant's. A claim for each single slot would cost more than it gains. Nor is one for an
// endpoint that is slow: the next poll, a fraction of its answer's time later, serves all of them. With twenty tenants of
// slow endpoints a claim for each answer took the database from everyone else.
func (s *slots) end(e *webhook.Endpoint, began time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.endpoints[e.ID]
	for i, at := range h.since {
		if at.Equal(began) {
			h.since = append(h.since[:i], h.since[i+1:]...)
			break
		}
	}
	s.noteFull(e, h, time.Now())
	s.remove(e, 1)
	if s.tempo(e.ID, time.Now()) != prompt {
		return false
	}
	tenant := s.part(tenantPart)
	return 2*h.n <= min(e.MaxInFlight, s.part(subscriptionPart)) && s.tenants[e.TenantID] <= tenant-max(tenant/8, 1)
}

// noteFull notes that an endpoint is at its maxInFlight, if it is: from the last request that fills it to the first that ends.
func (s *slots) noteFull(e *webhook.Endpoint, h *held, at time.Time) {
	if h.n >= e.MaxInFlight {
		s.paces.full(e.ID, at)
	}
}

func (s *slots) remove(e *webhook.Endpoint, n int) {
	if n == 0 {
		return
	}
	h := s.endpoints[e.ID]
	h.n -= n
	s.total -= n
	if s.tenants[e.TenantID] -= n; s.tenants[e.TenantID] == 0 {
		delete(s.tenants, e.TenantID)
	}
	if h.n == 0 {
		delete(s.endpoints, e.ID)
	}
}

// tempo is how an endpoint answers, its requests under way considered. The lock must be held.
func (s *slots) tempo(id uuid.UUID, now time.Time) tempo {
	waiting := 0
	for _, at := range s.held(id).since {
		if now.Sub(at) > slowAfter {
			waiting++
		}
	}
	return s.paces.tempo(id, waiting, now)
}
