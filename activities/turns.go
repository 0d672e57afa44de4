package activities

import (
	"sync"
	"time"

	"github.com/atender/atender/models/fair"
)

const (
	// LongRuns is how many runs of retries and replays a process works on at a time. Temporal is to give it more, since
	// runs of a tenant that has its share of them are answered at once.
	LongRuns = 200
	// replaySteps is how many steps of replays, which the database has work with, are under way in a process.
	replaySteps = 8
	// tickPlaces is how many ticks that workflows ask for are made at a time, of which a tenant has at most half. Each holds a
	// connection to the database, and a thousand that are due at once would keep the sweeper, which knows whose turn it is, from
	// getting one: of the 20 of a process, these leave it 8.
	tickPlaces = 12
	// turnPart is the part of the others that a tenant may have.
	turnPart = 4
	// turnPause is about how long a run waits that was not its tenant's turn.
	turnPause = 2 * time.Second
)

// turns divide what retries and replays use of a process among tenants. The zero value is ready.
type turns struct {
	once    sync.Once
	retries *slots     // the requests of retries
	runs    *fair.Gate // runs of retries and replays
	steps   *fair.Gate // of replays
	ticks   *fair.Gate // of conversations
}

func (t *turns) of(a *Activities) *turns {
	t.once.Do(func() {
		t.retries = newSlots(a.inFlightLimit(), &a.paces)
		t.runs = fair.NewGate(LongRuns, LongRuns/turnPart)
		t.ticks = fair.NewGate(tickPlaces, tickPlaces/2)
		t.steps = fair.NewGate(replaySteps, replaySteps/turnPart)
	})
	return t
}

// turnAgain is when a run comes again whose tenant had its share: not all at once.
func turnAgain() time.Duration { return turnPause + time.Duration(jitter()*float64(turnPause)/2) }
