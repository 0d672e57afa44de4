package faults

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
)

// chaosRounds is the variable by which `make chaos` says how many rounds there are to be; none without it.
const chaosRounds = "ATENDER_CHAOS_ROUNDS"

// Everything at once: rounds of random faults under a mixed load. Each round is an installation of its own, whose faults
// come from the seed and the round's number; afterwards it settles, and the ledger balances.
func TestChaos(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv(chaosRounds))
	if err != nil || rounds < 1 {
		t.Skipf("%s does not say how many rounds: make chaos does", chaosRounds)
	}
	for i := range rounds {
		t.Run(fmt.Sprintf("round-%d", i+1), chaosRound)
	}
}

func chaosRound(t *testing.T) {
	c := &chaos{world: newWorldToWipe(t)}
	c.patient = true
	c.policy = c.promise(map[sla.Metric]sla.Targets{
		sla.FirstReply: soon(2, 4, 6), sla.AllMessages: soon(1, 3, 5), sla.Resolution: soon(3, 6, 9),
	})
	c.subscribe()
	c.api = c.startAPI()
	c.workers = []*process{c.start("worker"), c.start("worker")}
	c.docks = c.embeds(4)
	c.pace = 10 * time.Millisecond
	c.load = c.drive(8, c.mixed)
	c.load.await(time.Minute, 100)
	for range 4 + c.rng.IntN(3) {
		c.disturb()
		c.load.await(2*time.Minute, 50+c.rng.IntN(100))
	}
	c.load.halt()
	c.logf("all is answered")
	c.settle(5 * time.Minute)
	for _, worker := range c.workers {
		require.True(t, worker.running(), "a worker ended by itself")
	}
	c.logf("settled; the latest snooze ended %.1f s late", c.lateness()[0])
	c.balance()
}

type chaos struct {
	*world
	api     *process
	workers []*process
	load    *load
	policy  uuid.UUID
	docks   []*embed
}

// mixed makes a conversation and does something with it: messages, a short sleep, a resolution; or it lets it wait, for
// about as long as tripwires take, and goes on with one that has waited. At times an agent beside another one uses a dock.
func (c *chaos) mixed(ctx context.Context, client *writer, i int) (bool, error) {
	id, err := client.create(ctx, fmt.Sprintf("order-%d", i))
	if err != nil {
		return false, err
	}
	for m := range client.rng.IntN(3) {
		direction := []string{"inbound", "outbound"}[client.rng.IntN(2)]
		if err := client.message(ctx, id, direction, fmt.Sprintf("message-%d", m)); err != nil {
			return false, err
		}
	}
	switch client.rng.IntN(4) {
	case 0:
		err = client.snooze(ctx, id, time.Second+time.Duration(client.rng.IntN(4000))*time.Millisecond)
	case 1:
		err = client.resolve(ctx, id)
	case 2:
		wait := time.Duration(client.rng.IntN(10_000)) * time.Millisecond
		client.aside = append(client.aside, aside{id, time.Now().Add(wait)})
	}
	if err == nil && client.rng.IntN(20) == 0 {
		err = c.docks[client.rng.IntN(len(c.docks))].insist(ctx, client, fmt.Sprintf("action-%d", i))
	}
	if err == nil {
		err = client.goOn(ctx)
	}
	return true, err
}

// goOn answers or resolves the conversation that was put aside first, if its time has come.
func (c *writer) goOn(ctx context.Context) error {
	if len(c.aside) == 0 || time.Now().Before(c.aside[0].until) {
		return nil
	}
	id := c.aside[0].id
	c.aside = c.aside[1:]
	if c.rng.IntN(2) == 0 {
		return c.resolve(ctx, id)
	}
	return c.message(ctx, id, "outbound", "reply")
}

// disturb takes something away, for as long as some answers, or refusals, take.
func (c *chaos) disturb() {
	c.t.Helper()
	switch fault := c.rng.IntN(9); fault {
	case 0:
		c.logf("the API is killed")
		c.api.kill()
		c.unanswered(5 + c.rng.IntN(50))
		c.api.again()
	case 1, 2:
		worker := c.workers[c.rng.IntN(len(c.workers))]
		c.logf("a worker is killed")
		c.killWorker(worker)
		c.load.await(time.Minute, c.rng.IntN(200))
		worker.again()
	case 3:
		c.logf("both workers are killed")
		for _, worker := range c.workers {
			c.killWorker(worker)
		}
		c.load.await(time.Minute, c.rng.IntN(200))
		for _, worker := range c.workers {
			worker.again()
		}
	case 4, 5, 6:
		c.disturbTemporal(fault == 4, fault == 6)
	case 7:
		c.logf("the policy is edited")
		require.NoError(c.t, c.writer(-1).touch(c.t.Context(), c.policy, c.rng.IntN(2) == 0))
	default:
		c.disturbPostgres(c.rng.IntN(2) == 0)
	}
}

func (c *chaos) disturbTemporal(killed, wiped bool) {
	c.t.Helper()
	c.logf("Temporal goes (killed: %t, wiped: %t)", killed, wiped)
	if killed {
		kill(c.t, temporal)
	} else {
		stop(c.t, temporal)
	}
	c.load.await(time.Minute, 100+c.rng.IntN(400))
	if wiped {
		require.NoError(c.t, services.WipeTemporal())
	}
	give(c.t, temporal)
}

func (c *chaos) disturbPostgres(killed bool) {
	c.t.Helper()
	c.logf("PostgreSQL goes (killed: %t)", killed)
	if killed {
		kill(c.t, postgres)
	} else {
		stop(c.t, postgres)
	}
	c.unanswered(20 + c.rng.IntN(300))
	give(c.t, postgres)
}

// unanswered waits for n more calls that got no answer, or that the API is away.
func (c *chaos) unanswered(n int) {
	c.t.Helper()
	away := func() (sum int) {
		c.ledger.do(func() { sum = c.ledger.silent + c.ledger.statuses[503] })
		return sum
	}
	until := away() + n
	eventually(c.t, time.Minute, "clients notice", func() bool { return away() >= until })
}
