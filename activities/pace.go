package activities

import (
	"container/list"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/webhook"
)

const (
	// slowAfter is the median of its recent answers over which an endpoint is slow (P4.2).
	slowAfter = time.Second
	// paceAnswers is how many of its last answers the median is of.
	paceAnswers = 15
	// paceFor is how long an answer says something about the endpoint.
	paceFor = 10 * time.Minute
	// slowFor is how long an endpoint counts as slow that was: one that is quick only now and then gains nothing by it.
	slowFor = time.Minute
	// paceEndpoints is how many endpoints are remembered in a process; the one that was heard of longest ago is forgotten
	// first, and one of a subscription that is gone so, too.
	paceEndpoints = 10_000
)

// tempo says how an endpoint answers.
type tempo int

const (
	unproven tempo = iota // there is no recent answer
	prompt
	slow
)

// paces remember how quickly endpoints answer, for all dispatchers and retries of a process. The zero value is ready.
type paces struct {
	mu     sync.Mutex
	byID   map[uuid.UUID]*list.Element
	recent list.List // of *pace, the one that was heard of last in front
}

// pace is what is remembered of one endpoint.
type pace struct {
	id        uuid.UUID
	late      [paceAnswers]bool // whether each of the last answers took longer than slowAfter; a ring
	answers   int
	next      int
	at        time.Time // of the last answer
	slowUntil time.Time
	fullAt    time.Time // when it was last at its own limit
}

// answered notes what came of a request. Faults on our side say nothing about the endpoint.
func (p *paces) answered(id uuid.UUID, attempt webhook.Attempt, now time.Time) {
	if attempt.IsOwnFault() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.get(id)
	if now.Sub(e.at) > paceFor {
		e.answers, e.next = 0, 0
	}
	e.late[e.next] = attempt.Duration > slowAfter
	e.next = (e.next + 1) % paceAnswers
	e.answers = min(e.answers+1, paceAnswers)
	e.at = now
	p.classify(e, 0, now)
}

// tempo is how an endpoint answers, which has a number of requests under way for longer than slowAfter: they count as its
// latest answers, so that an endpoint that has stopped answering is known long before its requests time out.
func (p *paces) tempo(id uuid.UUID, waiting int, now time.Time) tempo {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e *pace
	if at, known := p.byID[id]; known {
		e = at.Value.(*pace)
	} else if waiting == 0 {
		return unproven
	} else {
		e = p.get(id)
	}
	return p.classify(e, waiting, now)
}

func (p *paces) classify(e *pace, waiting int, now time.Time) tempo {
	answers := e.answers
	if now.Sub(e.at) > paceFor {
		answers = 0
	}
	waiting = min(waiting, paceAnswers)
	answers = min(answers, paceAnswers-waiting)
	late := waiting
	for i := range answers {
		if e.late[(e.next-1-i+paceAnswers)%paceAnswers] {
			late++
		}
	}
	if 2*late > answers+waiting {
		e.slowUntil = now.Add(slowFor)
	}
	switch {
	case now.Before(e.slowUntil):
		return slow
	case answers+waiting == 0:
		return unproven
	default:
		return prompt
	}
}

// full notes that an endpoint is at its own limit.
func (p *paces) full(id uuid.UUID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get(id).fullAt = now
}

// holds says when an endpoint was last at its own limit, and whether it is slow.
func (p *paces) holds(id uuid.UUID, now time.Time) (fullAt time.Time, isSlow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.byID[id]
	if !known {
		return time.Time{}, false
	}
	e := at.Value.(*pace)
	return e.fullAt, now.Before(e.slowUntil)
}

// get is what is remembered of an endpoint, in front of all others.
func (p *paces) get(id uuid.UUID) *pace {
	if at, known := p.byID[id]; known {
		p.recent.MoveToFront(at)
		return at.Value.(*pace)
	}
	if p.byID == nil {
		p.byID = map[uuid.UUID]*list.Element{}
	}
	if len(p.byID) >= paceEndpoints {
		last := p.recent.Back()
		delete(p.byID, last.Value.(*pace).id)
		p.recent.Remove(last)
	}
	e := &pace{id: id}
	p.byID[id] = p.recent.PushFront(e)
	return e
}
