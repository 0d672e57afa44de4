package intake

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxWaiting is how many large bodies wait at the gate, at most; the budget of bytes lets no more than some 250 in.
	maxWaiting = 64
	// gatePatience is how long one waits. A body of 1 MiB takes some 50 ms, so that this is many times a full budget.
	gatePatience = 5 * time.Second
)

// ErrBusy says that too many large bodies wait, or that one has waited too long.
var ErrBusy = errors.New("too many large bodies are waiting to be read")

// gate lets a number of large bodies in at a time, in the order in which they came, the urgent ones first.
type gate struct {
	mu         sync.Mutex
	free       int
	maxWaiting int
	urgent     list.List // of chan struct{}, closed when its turn has come
	others     list.List
}

func newGate(places, maxWaiting int) *gate { return &gate{free: places, maxWaiting: maxWaiting} }

// enter waits for a place. Errors: ErrBusy, and the context's.
func (g *gate) enter(ctx context.Context, urgent bool) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	queue := &g.others
	if urgent {
		queue = &g.urgent
	}
	if queue.Len() >= g.maxWaiting {
		g.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan struct{})
	place := queue.PushBack(turn)
	g.mu.Unlock()

	patience := time.NewTimer(gatePatience)
	defer patience.Stop()
	err := ErrBusy
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // it came just now, and goes to the next one
		g.pass()
	default:
		queue.Remove(place)
	}
	return err
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass()
}

// pass gives a place that has become free to the next in line.
func (g *gate) pass() {
	for _, queue := range []*list.List{&g.urgent, &g.others} {
		if first := queue.Front(); first != nil {
			close(queue.Remove(first).(chan struct{}))
			return
		}
	}
	g.free++
}
