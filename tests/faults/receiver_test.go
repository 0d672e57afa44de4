package faults

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/inbox"
)

// moody is a receiver that fails now and then: it refuses, takes its time, breaks connections off, or is down for a while.
type moody struct {
	mu     sync.Mutex
	rng    *rand.Rand
	down   int // requests still to be refused
	failed map[string]int
}

// What a moody receiver does.
const (
	refuses = "refuses"
	cutsOff = "cuts off"
	dallies = "is slow"
	isDown  = "is down"
)

// retryAtOnce has a webhook's failures tried again each second, more often than a receiver can fail by bad luck.
func retryAtOnce(s *webhook.NewSubscription) {
	for range 20 {
		s.Retry = append(s.Retry, 1)
	}
}

// moody has a receiver fail from now on, as the seed will have it.
func (w *world) moody(in *inbox.Inbox) *moody {
	w.t.Helper()
	m := &moody{rng: rand.New(rand.NewPCG(w.rng.Uint64(), w.rng.Uint64())), failed: map[string]int{}} //nolint:gosec // repeatable
	in.Answer(m.answer)
	in.Hold(m.hold)
	return m
}

func (m *moody) answer(inbox.Delivery) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	what, status := "", http.StatusOK
	switch n := m.rng.IntN(100); {
	case m.down > 0:
		m.down--
		what, status = isDown, http.StatusServiceUnavailable
	case n < 3:
		what, status = refuses, http.StatusServiceUnavailable
	case n < 6:
		what, status = cutsOff, inbox.Cut
	}
	m.failed[what]++
	return status
}

func (m *moody) hold(d inbox.Delivery) {
	m.mu.Lock()
	wait := time.Duration(0)
	if m.rng.IntN(100) < 3 {
		wait = time.Duration(m.rng.IntN(1500)) * time.Millisecond
		m.failed[dallies]++
	}
	m.mu.Unlock()
	if d.Status == http.StatusOK {
		<-time.After(wait)
	}
}

// goDown has the receiver refuse the next n requests: its circuit opens.
func (m *moody) goDown(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = n
}

func (m *moody) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed[what]
}
