package circuit_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/circuit"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func fail(s circuit.State, times int, deliveries ...uuid.UUID) circuit.State {
	for i := range times {
		s = s.Fail(deliveries[i%len(deliveries)], false, noon, 0)
	}
	return s
}

func ids(n int) []uuid.UUID {
	list := make([]uuid.UUID, n)
	for i := range list {
		list[i] = uuid.New()
	}
	return list
}

func TestTenFailuresOverFiveDeliveriesOpen(t *testing.T) {
	five := ids(5)
	require.False(t, fail(circuit.State{}, 9, five...).Open())
	s := fail(circuit.State{}, 10, five...)
	require.True(t, s.Open())
	require.Equal(t, noon.Add(5*time.Second), *s.NextProbeAt)
}

func TestOnePoisonousEventDoesNotOpen(t *testing.T) {
	require.False(t, fail(circuit.State{}, 1000, ids(4)...).Open())
}

func TestSuccessInBetweenStartsAnew(t *testing.T) {
	five := ids(5)
	s := fail(circuit.State{}, 9, five...).Succeed()
	require.False(t, fail(s, 9, five...).Open())
}

func TestProbesBecomeRarer(t *testing.T) {
	s := fail(circuit.State{}, 10, ids(5)...)
	at := noon
	for _, wait := range []int{5, 15, 30, 60, 120, 300, 300, 300} {
		require.Equal(t, time.Duration(wait)*time.Second, s.NextProbeAt.Sub(at))
		at = *s.NextProbeAt
		s = s.Fail(uuid.New(), true, at, 0)
	}
	require.Equal(t, circuit.State{}, s.Succeed())
}

func TestStragglersMoveNoProbe(t *testing.T) {
	s := fail(circuit.State{}, 10, ids(5)...)
	after := s.Fail(uuid.New(), false, noon.Add(3*time.Second), 0)
	require.Equal(t, *s.NextProbeAt, *after.NextProbeAt)
	require.Zero(t, after.Probes)
}

func TestFiveDaysOfNothingButFailuresIsTheEnd(t *testing.T) {
	s := circuit.State{}.Fail(uuid.New(), false, noon, 0)
	require.False(t, s.GivenUp(noon.Add(circuit.GiveUpAfter-time.Second)))
	require.True(t, s.GivenUp(noon.Add(circuit.GiveUpAfter)))
	require.False(t, s.Succeed().GivenUp(noon.Add(10*circuit.GiveUpAfter)))
}

// Whatever happens: the circuit is open exactly after enough trouble without success, and an open one has a probe ahead.
func TestCircuit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := ids(8)
		s, at := circuit.State{}, noon
		failures, different := 0, map[uuid.UUID]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "passed")) * time.Second)
			if rapid.IntRange(0, 12).Draw(t, "success") == 0 {
				s, failures, different = s.Succeed(), 0, map[uuid.UUID]bool{}
				require.False(t, s.Open())
				continue
			}
			id := rapid.SampledFrom(pool).Draw(t, "delivery")
			probe := s.Open() && rapid.Bool().Draw(t, "probe")
			s = s.Fail(id, probe, at, rapid.Float64Range(-1, 1).Draw(t, "jitter"))
			failures++
			different[id] = true
			require.Equal(t, failures >= circuit.OpenAfter && len(different) >= circuit.OpenOver, s.Open())
			require.Equal(t, s.Open(), s.NextProbeAt != nil)
			if probe {
				require.True(t, s.NextProbeAt.After(at))
				require.LessOrEqual(t, s.NextProbeAt.Sub(at), 6*time.Minute)
			}
		}
	})
}
