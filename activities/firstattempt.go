package activities

import (
	"time"

	"github.com/atender/atender/models/webhook"
)

// What held a first attempt back that is the endpoint's own affair, as a label of a metric. The promise that a first
// attempt is made within a second is for those that nothing held back; the others are late because their owner wants
// it, or because the endpoint fails.
const (
	heldByNothing = "nothing"
	heldByCircuit = "circuit" // it was put on its way while the circuit was open
	heldByLimit   = "limit"   // since then the endpoint was at its maxPerSecond or maxInFlight
	heldBySlow    = "slow"    // the endpoint is slow, and slow ones share some of the slots (P4.2)
	heldByOrder   = "order"   // the endpoint gets the deliveries of a conversation one after the other (P4.5)
)

var allHeldBy = []string{heldByNothing, heldByCircuit, heldByLimit, heldBySlow, heldByOrder}

// restraint is what may have held back the deliveries of a claim for one endpoint. It is taken before the first of
// them is posted, since posting them may take the endpoint to its limit.
type restraint struct {
	fullAt time.Time // when the endpoint was last at its own limit, as far as this process saw; zero if it was not
	isSlow bool
	probe  bool // the circuit is open
}

// restraint is what holds back deliveries to the endpoint now.
func (c *courier) restraint(e *webhook.Endpoint, probe bool) restraint {
	fullAt, isSlow := c.a.paces.holds(e.ID, time.Now())
	return restraint{fullAt: fullAt, isSlow: isSlow, probe: probe}
}

// heldBy says what held back a delivery that is posted now.
func (r restraint) heldBy(d webhook.Delivery, e *webhook.Endpoint) string {
	switch {
	case r.probe || e.ClosedAt != nil && d.DueAt.Before(*e.ClosedAt):
		return heldByCircuit
	case d.Ordered:
		return heldByOrder
	case r.isSlow:
		return heldBySlow
	case d.DueAt.Before(r.fullAt):
		return heldByLimit
	}
	return heldByNothing
}
