// Package groupcommit brings together what can be written in one transaction: what arrives while others are being committed
// goes together in the next group (P1.10). It knows nothing of what is written.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Errors of Do, beside the context's.
var (
	// ErrFull refuses a call whose tenant has as many waiting as it may.
	ErrFull = errors.New("as many of the tenant's calls wait as may")
	// ErrLate gives up a call that was not taken into a group in time. Nothing of it has happened, nor will.
	ErrLate = errors.New("the call waited too long")
	// ErrUnknown is of a call whose context ended while its group was being written: it may have happened, or may yet.
	ErrUnknown = errors.New("the call ended while its group was being written")
)

// Limits bound a queue.
type Limits struct {
	Size    int           // of a group
	AtOnce  int           // groups that are written at a time
	Waiting int           // calls of one tenant that wait for a group
	Wait    time.Duration // how long a call waits for a group
}

// Subjects are what a member writes, which no other group may write at the time.
type Subjects struct {
	Own    []uuid.UUID // nor another member of its group
	Common uuid.UUID   // members of its group may, if they have it in common, too; none when zero
}

// Queue holds what waits for a group. No two groups have a subject of each other's at a time. Members with a common subject come
// into a group, and from group to group, in the order in which they came. Tenants take turns: the longest waiting of each, then
// each one's next. It is safe for concurrent use, and has no goroutine while there is nothing to do.
type Queue[M any] struct {
	limits Limits
	write  func([]M)

	mu      sync.Mutex
	tenants map[uuid.UUID][]*entry[M] // those with something waiting, oldest first; never empty
	turns   []uuid.UUID               // the same tenants, the next first
	busy    map[uuid.UUID]taken       // the subjects that are being written
	groups  int64                     // so far
	writers int
}

// taken says who has a subject: a group, by its number, and whether one of its members alone.
type taken struct {
	group int64
	own   bool
}

type entry[M any] struct {
	subjects Subjects
	member   M
	written  chan struct{} // closed when its group is
}

// New is a queue whose groups are written by the function, which deals with each member of its argument before it returns. It
// must not panic.
func New[M any](limits Limits, write func([]M)) *Queue[M] {
	return &Queue[M]{
		limits: limits, write: write, tenants: map[uuid.UUID][]*entry[M]{}, busy: map[uuid.UUID]taken{},
	}
}

// Do puts a tenant's member into a group, and returns when the group was written.
// Errors: ErrFull, ErrLate, ErrUnknown; ctx's, and then nothing of it has happened, nor will.
func (q *Queue[M]) Do(ctx context.Context, tenant uuid.UUID, subjects Subjects, member M) error {
	e := &entry[M]{subjects: subjects, member: member, written: make(chan struct{})}
	if err := q.add(tenant, e); err != nil {
		return err
	}
	timer := time.NewTimer(q.limits.Wait)
	defer timer.Stop()
	select {
	case <-e.written:
		return nil
	case <-ctx.Done():
		if q.withdraw(tenant, e) {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	case <-timer.C:
	}
	if q.withdraw(tenant, e) {
		return ErrLate
	}
	select { // it is being written
	case <-e.written:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// Waiting is how many wait for a group now.
func (q *Queue[M]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, waiting := range q.tenants {
		n += len(waiting)
	}
	return n
}

func (q *Queue[M]) add(tenant uuid.UUID, e *entry[M]) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.tenants[tenant]
	if len(waiting) >= q.limits.Waiting {
		return ErrFull
	}
	if len(waiting) == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.tenants[tenant] = append(waiting, e)
	if q.writers < q.limits.AtOnce {
		q.writers++
		go q.work()
	}
	return nil
}

// withdraw takes an entry out, and tells whether it was still waiting.
func (q *Queue[M]) withdraw(tenant uuid.UUID, e *entry[M]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.tenants[tenant]
	for i, other := range waiting {
		if other == e {
			q.keep(tenant, slices.Delete(waiting, i, i+1))
			return true
		}
	}
	return false
}

// keep leaves a tenant with what still waits.
func (q *Queue[M]) keep(tenant uuid.UUID, waiting []*entry[M]) {
	if len(waiting) > 0 {
		q.tenants[tenant] = waiting
		return
	}
	delete(q.tenants, tenant)
	for i, other := range q.turns {
		if other == tenant {
			q.turns = slices.Delete(q.turns, i, i+1)
			return
		}
	}
}

// work writes groups until nothing waits that may be written.
func (q *Queue[M]) work() {
	for {
		group := q.take()
		if group == nil {
			return
		}
		members := make([]M, len(group))
		for i, e := range group {
			members[i] = e.member
		}
		q.write(members)
		q.mu.Lock()
		for _, e := range group {
			for _, subject := range e.subjects.Own {
				delete(q.busy, subject)
			}
			delete(q.busy, e.subjects.Common)
			close(e.written)
		}
		q.mu.Unlock()
	}
}

// take takes a group out of what waits; nil, and one writer less, if there is none.
func (q *Queue[M]) take() []*entry[M] {
	q.mu.Lock()
	defer q.mu.Unlock()
	var group []*entry[M]
	q.groups++
	for progress := true; progress && len(group) < q.limits.Size; {
		progress = false
		for range len(q.turns) {
			if len(group) == q.limits.Size {
				break
			}
			tenant := q.turns[0]
			q.turns = append(q.turns[1:], tenant)
			if e := q.next(tenant); e != nil {
				group, progress = append(group, e), true
			}
		}
	}
	if group == nil {
		q.writers--
	}
	return group
}

// next takes out the tenant's oldest entry that may come into the latest group, and keeps its subjects.
func (q *Queue[M]) next(tenant uuid.UUID) *entry[M] {
	waiting := q.tenants[tenant]
	for i, e := range waiting {
		if q.isFree(e.subjects) {
			for _, subject := range e.subjects.Own {
				q.busy[subject] = taken{q.groups, true}
			}
			if e.subjects.Common != uuid.Nil {
				q.busy[e.subjects.Common] = taken{q.groups, false}
			}
			q.keep(tenant, slices.Delete(waiting, i, i+1))
			return e
		}
	}
	return nil
}

// isFree tells whether the latest group may write the subjects.
func (q *Queue[M]) isFree(s Subjects) bool {
	if by, busy := q.busy[s.Common]; busy && by != (taken{q.groups, false}) {
		return false
	}
	return !slices.ContainsFunc(s.Own, func(subject uuid.UUID) bool { _, busy := q.busy[subject]; return busy })
}
