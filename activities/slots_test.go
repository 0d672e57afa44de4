package activities

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/webhook"
)

// dispatcher is a dispatcher's slots with the endpoints that tests give it.
type dispatcher struct {
	*slots
	now time.Time
}

func newDispatcher(limit int) *dispatcher {
	return &dispatcher{slots: newSlots(limit, &paces{}), now: time.Now()}
}

// endpoint is one of a tenant, whose last answers all took so long; none with 0.
func (d *dispatcher) endpoint(tenant uuid.UUID, took time.Duration) webhook.Endpoint {
	e := webhook.Endpoint{ID: uuid.New(), TenantID: tenant, MaxInFlight: webhook.MaxInFlight}
	for range paceAnswers {
		if took > 0 {
			d.paces.answered(e.ID, webhook.Attempt{Class: webhook.ClassOK, Duration: took}, d.now)
		}
	}
	return e
}

// all divides all slots among endpoints that want all they can get, and returns what each has got.
func (d *dispatcher) all(endpoints ...webhook.Endpoint) []int {
	got := map[uuid.UUID]int{}
	for _, q := range d.divide(endpoints, func(*webhook.Endpoint) int { return webhook.ClaimRows }, webhook.ClaimRows) {
		got[q.Endpoint.ID] += q.Rows
	}
	rows := make([]int, len(endpoints))
	for i, e := range endpoints {
		rows[i] = got[e.ID]
	}
	return rows
}

func sum(rows []int) (n int) {
	for _, r := range rows {
		n += r
	}
	return n
}

const (
	quick = 5 * time.Millisecond
	tardy = 9 * time.Second
)

func TestASubscriptionHoldsAnEighthAndATenantAQuarter(t *testing.T) {
	d := newDispatcher(256)
	tenant := uuid.New()
	require.Equal(t, []int{32}, d.all(d.endpoint(tenant, quick)), "also while nothing else wants the slots")
	require.Equal(t, []int{16, 16}, d.all(d.endpoint(tenant, quick), d.endpoint(tenant, quick)), "the other half of a quarter")
	require.Equal(t, []int{0}, d.all(d.endpoint(tenant, quick)))
	require.Equal(t, []int{32}, d.all(d.endpoint(uuid.New(), quick)))
}

// One tenant's ten webhooks that answer after nine seconds held 2,022 of 2,048 slots.
func TestSlowEndpointsOfOneTenantLeaveTheSlotsOfOthers(t *testing.T) {
	d := newDispatcher(256)
	attacker := uuid.New()
	var endpoints []webhook.Endpoint
	for range 10 {
		endpoints = append(endpoints, d.endpoint(attacker, tardy))
	}
	require.Equal(t, 64, sum(d.all(endpoints...)))
	require.Equal(t, []int{32}, d.all(d.endpoint(uuid.New(), quick)))
}

func TestSlowEndpointsShareHalfOfTheSlots(t *testing.T) {
	d := newDispatcher(256)
	var endpoints []webhook.Endpoint
	for range 20 {
		tenant := uuid.New()
		for range 10 {
			endpoints = append(endpoints, d.endpoint(tenant, tardy))
		}
	}
	held := d.all(endpoints...)
	require.Equal(t, 96, sum(held))
	for i := range 20 {
		require.InDelta(t, 96.0/20, sum(held[10*i:10*i+10]), 1, "tenants have equal shares")
	}
	require.Equal(t, 4, sum(d.all(d.endpoint(uuid.New(), 0))), "one that had nothing to do does not wait for the slow ones")
	var well []webhook.Endpoint
	for range 8 {
		well = append(well, d.endpoint(uuid.New(), quick))
	}
	require.Equal(t, 156, sum(d.all(well...)), "the rest is for those that answer")
}

// Endpoints that nothing is known of: each a few slots, together with the slow ones half, until the first answer.
func TestEndpointsProveThemselvesBeforeTheyHoldMore(t *testing.T) {
	d := newDispatcher(256)
	e := d.endpoint(uuid.New(), 0)
	require.Equal(t, []int{4}, d.all(e))
	d.begin(&e, d.now)
	d.paces.answered(e.ID, webhook.Attempt{Class: webhook.ClassOK, Duration: quick}, d.now)
	require.True(t, d.end(&e, d.now), "it may have more at once")
	require.Equal(t, []int{29}, d.all(e))

	d = newDispatcher(256)
	var unknown []webhook.Endpoint
	for range 100 {
		unknown = append(unknown, d.endpoint(uuid.New(), 0))
	}
	require.Equal(t, 128, sum(d.all(unknown...)))
	require.Equal(t, []int{32}, d.all(d.endpoint(uuid.New(), quick)))
}

// An endpoint that was prompt and has stopped answering counts as slow a second later, not when its requests time out.
func TestRequestsThatHangMakeAnEndpointSlow(t *testing.T) {
	d := newDispatcher(256)
	e := d.endpoint(uuid.New(), quick)
	require.Equal(t, []int{32}, d.all(e))
	d.mu.Lock()
	require.Equal(t, prompt, d.tempo(e.ID, d.now))
	d.mu.Unlock()
	for range 32 {
		d.begin(&e, d.now)
	}
	d.mu.Lock()
	require.Equal(t, prompt, d.tempo(e.ID, d.now.Add(slowAfter)))
	require.Equal(t, slow, d.tempo(e.ID, d.now.Add(slowAfter+time.Millisecond)))
	d.mu.Unlock()
}

func TestAnEndpointIsSlowByTheMedianOfItsRecentAnswers(t *testing.T) {
	p, id, now := &paces{}, uuid.New(), time.Now()
	answer := func(n int, took time.Duration) {
		for range n {
			p.answered(id, webhook.Attempt{Class: webhook.ClassOK, Duration: took}, now)
		}
	}
	require.Equal(t, unproven, p.tempo(id, 0, now))
	answer(8, quick)
	answer(7, tardy)
	require.Equal(t, prompt, p.tempo(id, 0, now), "7 of 15")
	p.answered(id, webhook.Attempt{Class: webhook.ClassOwnFault, Duration: tardy}, now)
	require.Equal(t, prompt, p.tempo(id, 0, now), "our own faults are not the endpoint's")
	answer(1, tardy)
	require.Equal(t, slow, p.tempo(id, 0, now), "8 of 15")
	answer(paceAnswers, quick)
	require.Equal(t, slow, p.tempo(id, 0, now), "to be quick now and then gains nothing")
	now = now.Add(slowFor)
	require.Equal(t, prompt, p.tempo(id, 0, now))
	require.Equal(t, unproven, p.tempo(id, 0, now.Add(paceFor+time.Second)), "that was long ago")
}

func TestEndpointsAreForgotten(t *testing.T) {
	p, now := &paces{}, time.Now()
	first := uuid.New()
	for i := range paceEndpoints + 10 {
		id := uuid.New()
		if i == 0 {
			id = first
		}
		p.answered(id, webhook.Attempt{Class: webhook.ClassOK, Duration: quick}, now)
	}
	require.Len(t, p.byID, paceEndpoints)
	require.Equal(t, paceEndpoints, p.recent.Len())
	require.Equal(t, unproven, p.tempo(first, 0, now), "the one heard of longest ago")
}

// With fewer slots than tenants, each gets one in its turn, whatever the order in which they are listed.
func TestTenantsTakeTurns(t *testing.T) {
	d := newDispatcher(16)
	endpoints := make([]webhook.Endpoint, 48)
	for i := range endpoints {
		endpoints[i] = d.endpoint(uuid.New(), quick)
	}
	times := map[uuid.UUID]int{}
	for range 6 {
		quotas := d.divide(endpoints, func(*webhook.Endpoint) int { return webhook.ClaimRows }, webhook.ClaimRows)
		for _, q := range quotas {
			times[q.Endpoint.ID] += q.Rows
			d.give(q.Endpoint, q.Rows)
		}
	}
	for _, e := range endpoints {
		require.Equal(t, 2, times[e.ID])
	}
}

func TestDivisionsKeepToTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDispatcher(rapid.IntRange(8, 300).Draw(t, "limit"))
		tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
		var endpoints []webhook.Endpoint
		tempos, wants, held := map[uuid.UUID]time.Duration{}, map[uuid.UUID]int{}, map[uuid.UUID]int{}
		for range rapid.IntRange(1, 40).Draw(t, "endpoints") {
			took := rapid.SampledFrom([]time.Duration{0, quick, tardy}).Draw(t, "took")
			e := d.endpoint(rapid.SampledFrom(tenants).Draw(t, "tenant"), took)
			e.MaxInFlight = rapid.IntRange(1, 256).Draw(t, "maxInFlight")
			endpoints = append(endpoints, e)
			tempos[e.ID] = took
		}
		for range rapid.IntRange(1, 6).Draw(t, "claims") {
			for _, e := range endpoints {
				wants[e.ID] = rapid.IntRange(0, 50).Draw(t, "want")
			}
			most := rapid.IntRange(0, 300).Draw(t, "most")
			quotas := d.divide(endpoints, func(e *webhook.Endpoint) int { return wants[e.ID] }, most)
			given := 0
			for _, q := range quotas {
				require.Positive(t, q.Rows)
				require.LessOrEqual(t, q.Rows, wants[q.Endpoint.ID])
				given += q.Rows
				held[q.Endpoint.ID] += q.Rows
			}
			require.LessOrEqual(t, given, most)
			total, idle, byTenant := 0, 0, map[uuid.UUID]int{}
			for i, e := range endpoints {
				require.LessOrEqual(t, held[e.ID], min(e.MaxInFlight, max(d.limit/8, 1)))
				byTenant[e.TenantID] += held[e.ID]
				total += held[e.ID]
				if tempos[e.ID] != quick {
					idle += held[e.ID]
				}
				if rapid.Bool().Draw(t, "ends") {
					d.give(&endpoints[i], held[e.ID])
					held[e.ID] = 0
				}
			}
			for _, n := range byTenant {
				require.LessOrEqual(t, n, d.limit/4)
			}
			require.LessOrEqual(t, total, d.limit)
			require.LessOrEqual(t, idle, d.limit/2)
		}
	})
}

func TestFloodedEndpointDoesNotCrowdOutTheOthers(t *testing.T) {
	d := newDispatcher(256)
	tenant := uuid.New()
	endpoints := []webhook.Endpoint{d.endpoint(tenant, quick), d.endpoint(tenant, quick), d.endpoint(tenant, quick),
		d.endpoint(tenant, quick)}
	wants := map[uuid.UUID]int{endpoints[0].ID: 250, endpoints[1].ID: 5, endpoints[2].ID: 250}
	var rows []int
	for _, q := range d.divide(endpoints, func(e *webhook.Endpoint) int { return wants[e.ID] }, 45) {
		rows = append(rows, q.Rows)
	}
	require.Equal(t, []int{20, 5, 20}, rows, "those without room are left out")
}
