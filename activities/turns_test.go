package activities

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A tenant with a hundred subscriptions in trouble, or replays, does not take all runs of a process.
func TestRunsAndStepsAreDividedAmongTenants(t *testing.T) {
	a := &Activities{}
	turns := a.turns.of(a)
	for range 2 {
		tenant, runs, steps := uuid.New(), 0, 0
		for turns.runs.TryEnter(tenant) {
			runs++
		}
		for turns.steps.TryEnter(tenant) {
			steps++
		}
		require.Equal(t, LongRuns/4, runs)
		require.Equal(t, replaySteps/4, steps)
	}
	require.Equal(t, 256, turns.retries.limit, "and all retries together have the slots of a dispatcher")
	require.Same(t, turns, a.turns.of(a))
}
