package postgres

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// stocked is a counter's Numbers with blocks that need no database.
func stocked(t *testing.T, blocks ...block) (*Numbers, func() *Number) {
	n, tenant := &Numbers{}, uuid.New()
	key := counterKey{tenant, MessageNumbers}
	c := n.use(key)
	c.blocks, c.users = blocks, 0
	return n, func() *Number {
		r, err := n.Reserve(t.Context(), tenant, MessageNumbers)
		require.NoError(t, err)
		return r
	}
}

// What was reserved and not needed is the next one's, and what was taken is no other's.
func TestAReservedNumberIsUsedUpOnlyWhenTaken(t *testing.T) {
	_, reserve := stocked(t, block{1, 3}, block{10, 12})
	unused, first, second := reserve(), reserve(), reserve()
	unused.Release()
	unused.Release()
	for _, want := range []struct {
		of    *Number
		above int64
		value int64
	}{{second, 0, 1}, {first, 0, 2}, {second, 0, 1}, {second, 1, 10}, {reserve(), 0, 11}} {
		got, ok := want.of.Take(want.above)
		require.True(t, ok)
		require.Equal(t, want.value, got)
	}
	_, ok := first.Take(2)
	require.False(t, ok, "there are no more")
}

// A number that is promised to one is not another's second one.
func TestAPromisedNumberIsKept(t *testing.T) {
	_, reserve := stocked(t, block{1, 3})
	twice, other := reserve(), reserve()
	got, ok := twice.Take(0)
	require.True(t, ok)
	require.EqualValues(t, 1, got)
	_, ok = twice.Take(1)
	require.False(t, ok)
	got, ok = other.Take(0)
	require.True(t, ok)
	require.EqualValues(t, 2, got)
}

// P2: a block that lies behind the number of a conversation's last message is dropped; the rest of one that
// does not is used.
func TestABlockThatLiesBehindIsDropped(t *testing.T) {
	n, reserve := stocked(t, block{1, 6}, block{10, 20})
	before, late := reserve(), reserve()
	got, ok := before.Take(12)
	require.True(t, ok)
	require.EqualValues(t, 13, got)
	_, ok = late.Take(19)
	require.False(t, ok, "both are behind")
	require.Empty(t, n.counters[late.key].blocks)
}

// What is promised to others stays for them: they may be above what they need.
func TestWhatIsPromisedOfABlockThatLiesBehindIsKept(t *testing.T) {
	n, reserve := stocked(t, block{1, 6})
	behind, others := reserve(), []*Number{reserve(), reserve()}
	_, ok := behind.Take(100)
	require.False(t, ok)
	require.Equal(t, []block{{1, 3}}, n.counters[behind.key].blocks)
	for i, other := range others {
		got, ok := other.Take(0)
		require.True(t, ok)
		require.EqualValues(t, i+1, got)
	}
	require.Empty(t, n.counters[behind.key].blocks)
}

// A process remembers so many counters at most, and those that nobody has used for an hour not at all.
func TestCountersAreForgotten(t *testing.T) {
	n := &Numbers{}
	inUse := counterKey{uuid.New(), MessageNumbers}
	n.use(inUse)
	for range maxCounters + 100 {
		n.use(counterKey{uuid.New(), ContactNumbers}).users--
	}
	require.Len(t, n.counters, maxCounters)
	require.Contains(t, n.counters, inUse)
	n.sweep(n.sweptAt.Add(2 * counterIdle))
	require.Len(t, n.counters, 1)
	require.Contains(t, n.counters, inUse)
}
