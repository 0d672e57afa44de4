package intake

import (
	"errors"
	"sync"
)

// Bytes of request bodies that a process holds at a time, from the first byte to the end of the request. What is made of a
// body takes up to some five times its length, and garbage as much again, so that these keep a process to a few hundred
// megabytes.
const (
	// MaxHeld is for all bodies.
	MaxHeld = 24 << 20
	// MaxHeldLarge is of that for bodies over Large, so that the others always find room.
	MaxHeldLarge = 16 << 20
	// KeyShare is for one API key, agent or dock session: four bodies of the greatest length.
	KeyShare = 4 << 20
	// AddressShare is for one address without a key, whose bodies have at most 4 KiB.
	AddressShare = 256 << 10
)

// Errors of a budget.
var (
	ErrShare = errors.New("the owner's share of the bytes that are held is used up")
	ErrFull  = errors.New("all the bytes that may be held are in use")
)

// budget counts the bytes that are held.
type budget struct {
	mu     sync.Mutex
	held   int64
	large  int64            // of that for bodies over Large
	owners map[string]int64 // of those who hold any
}

func newBudget() *budget { return &budget{owners: map[string]int64{}} }

// take counts n bytes more for the owner, who has so many already for the same body. Errors: ErrShare, ErrFull.
func (b *budget) take(owner Owner, n, already int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owners[owner.Name]+n > owner.Share {
		return ErrShare
	}
	large := largePart(already+n) - largePart(already)
	if b.held+n > MaxHeld || large > 0 && b.large+large > MaxHeldLarge {
		return ErrFull
	}
	b.held += n
	b.large += large
	b.owners[owner.Name] += n
	return nil
}

// largePart is what of n bytes, which one body holds, counts as those of a large body.
func largePart(n int64) int64 {
	if n > Large {
		return n
	}
	return 0
}

// giveBack ends the counting of n bytes of a body for which the owner has so many.
func (b *budget) giveBack(owner Owner, n, had int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	b.large -= largePart(had) - largePart(had-n)
	if b.owners[owner.Name] -= n; b.owners[owner.Name] <= 0 {
		delete(b.owners, owner.Name)
	}
}

func (b *budget) total() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// holding is what one body takes of a budget.
type holding struct {
	budget *budget
	owner  Owner
	n      int64
}

func (h *holding) take(n int64) error {
	if n <= 0 {
		return nil
	}
	if err := h.budget.take(h.owner, n, h.n); err != nil {
		return err
	}
	h.n += n
	return nil
}

func (h *holding) giveBack(n int64) {
	if n > 0 {
		h.budget.giveBack(h.owner, n, h.n)
		h.n -= n
	}
}

func (h *holding) release() { h.giveBack(h.n) }
