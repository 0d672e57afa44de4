package activities

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/webhook"
)

// Only what nothing of the endpoint's own held back counts for the promise that first attempts are made within a
// second.
func TestWhatHeldAFirstAttemptBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	queued := now.Add(-time.Minute)
	before, after := queued.Add(-time.Second), queued.Add(time.Second)
	for want, c := range map[string]struct {
		delivery webhook.Delivery
		endpoint webhook.Endpoint
		held     restraint
	}{
		heldByNothing: {endpoint: webhook.Endpoint{ClosedAt: &before}, held: restraint{fullAt: before}},
		heldByCircuit: {endpoint: webhook.Endpoint{ClosedAt: &after}, held: restraint{fullAt: after}},
		heldByLimit:   {held: restraint{fullAt: after}},
		heldBySlow:    {held: restraint{isSlow: true}},
		heldByOrder:   {delivery: webhook.Delivery{Ordered: true}},
	} {
		c.delivery.DueAt = queued
		require.Equal(t, want, c.held.heldBy(c.delivery, &c.endpoint))
	}
	require.Equal(t, heldByCircuit, restraint{probe: true}.heldBy(webhook.Delivery{DueAt: queued}, &webhook.Endpoint{}))
}

// An endpoint is at its maxInFlight from the request that fills it to the first that ends.
func TestAnEndpointIsNotedToBeAtItsLimit(t *testing.T) {
	t.Parallel()
	var p paces
	s := newSlots(64, &p)
	e := webhook.Endpoint{ID: uuid.New(), TenantID: uuid.New(), MaxInFlight: 1}
	fullAt := func() time.Time {
		at, _ := p.holds(e.ID, time.Now())
		return at
	}
	require.Zero(t, fullAt())
	require.Equal(t, 1, s.take(&e, 1))
	began := time.Now()
	s.begin(&e, began)
	require.Equal(t, began, fullAt())
	s.end(&e, began)
	require.True(t, fullAt().After(began) || fullAt().Equal(began))

	roomy := webhook.Endpoint{ID: uuid.New(), TenantID: uuid.New(), MaxInFlight: 2}
	require.Equal(t, 1, s.take(&roomy, 1))
	s.begin(&roomy, began)
	s.end(&roomy, began)
	at, _ := p.holds(roomy.ID, time.Now())
	require.Zero(t, at, "it never held more than one of its two")
}
