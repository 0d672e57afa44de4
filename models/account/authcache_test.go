package account

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// What a process knows of keys has a bound, and one tenant's keys, or guesses, do not drive out another's.
func TestTheAuthCacheHasABoundAndASharePerTenant(t *testing.T) {
	t.Parallel()
	c := &authCache{}
	hash := func(name string) TokenHash { return sha256.Sum256([]byte(name)) }
	put := func(name string, p *Principal) { c.put(hash(name), p, time.Now().Add(time.Hour), c.now()) }
	knows := func(name string) bool {
		_, known := c.get(hash(name), time.Now())
		return known == isGood
	}
	many := uuid.New()
	put("one", &Principal{TenantID: uuid.New()})
	for i := range 25_000 {
		put(fmt.Sprint("many", i), &Principal{TenantID: many})
	}
	require.True(t, knows("one"))
	require.True(t, knows("many24999"))
	require.False(t, knows("many0"))
	require.Len(t, c.good, 10_000)
	for i := range 10_500 { // those of many make room, then the new ones themselves; each looks at all of them
		put(fmt.Sprint("t", i), &Principal{TenantID: uuid.New()})
	}
	require.Len(t, c.good, 10_000)
	for i := range 45_000 {
		put(fmt.Sprint("bad", i), nil)
	}
	require.Len(t, c.good, 10_000)
	require.Len(t, c.bad, 20_000)
}
