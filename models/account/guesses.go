package account

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

const (
	// guessBurst is how many keys and tokens that are not valid one address may present at once, and guessEvery after how
	// long it may present one more: 60 a minute. A person who mistypes a key needs a few; a program whose key was
	// revoked is told so as often as it asks, until then.
	guessBurst = 60
	guessEvery = time.Second
	// guessAddresses bounds the addresses that are remembered: some 2 MB. The one that sent nothing for the longest
	// makes room.
	guessAddresses = 10_000
)

// guesses counts the invalid keys and tokens of each address, so that guessing costs us nothing. An address's count falls
// by one each guessEvery.
type guesses struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*list.Element
	order     list.List // of *guesser, the latest first
}

type guesser struct {
	address netip.Prefix
	empty   time.Time // when its count is back at nothing
}

// allow tells whether the call's address may have a key looked up. Errors: RATE_LIMITED.
func (g *guesses) allow(c *postgres.Caller) error {
	if c == nil || !c.Address.IsValid() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	element := g.addresses[c.Address]
	if element == nil {
		return nil
	}
	over := time.Until(element.Value.(*guesser).empty) - (guessBurst-1)*guessEvery
	if over <= 0 {
		return nil
	}
	return problem.New(problem.Limited, problem.CodeRateLimited,
		"this address has presented more than %d keys or session tokens within a minute that are not valid: "+
			"correct yours, and try again after Retry-After seconds", guessBurst).
		With("window", "address").With("retryAfter", int((over+time.Second-1)/time.Second))
}

// count counts a key or token of the call's that is not valid.
func (g *guesses) count(c *postgres.Caller) {
	if c == nil || !c.Address.IsValid() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	element := g.addresses[c.Address]
	if element == nil {
		if len(g.addresses) >= guessAddresses {
			oldest := g.order.Remove(g.order.Back()).(*guesser)
			delete(g.addresses, oldest.address)
		}
		if g.addresses == nil {
			g.addresses = map[netip.Prefix]*list.Element{}
		}
		element = g.order.PushFront(&guesser{address: c.Address})
		g.addresses[c.Address] = element
	}
	g.order.MoveToFront(element)
	one := element.Value.(*guesser)
	if one.empty.Before(now) {
		one.empty = now
	}
	one.empty = one.empty.Add(guessEvery)
}
