package faults

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/webhook"
)

// chaosRounds is the variable by which `make chaos` says how many rounds there are to be; without it there is a small one.
const chaosRounds = "ATENDER_CHAOS_ROUNDS"

// chaosSize is how much happens in a round.
type chaosSize struct {
	faults      int           // different ones, one after the other
	writers     int           // at once
	before      int           // operations before the first fault
	between     int           // operations after each fault, and at random up to twice as many
	pace        time.Duration // between two operations of a writer: what is owed in the end is what takes longest
	share       int           // of what a fault is given time for, in a full round, one in so many
	dispatchers int
	patient     bool // claims are left to run out in their own time
}

var (
	smallRound = chaosSize{
		faults: 2, writers: 2, before: 10, between: 5, pace: 250 * time.Millisecond, share: 10, dispatchers: 2,
	}
	fullRound = chaosSize{
		faults: 5, writers: 8, before: 100, between: 30, pace: 80 * time.Millisecond, share: 1, dispatchers: dispatchers,
		patient: true,
	}
)

// Everything at once: rounds of random faults under a mixed load. Each round is an installation of its own, whose faults
// come from the seed and the round's number; afterwards it settles, and the ledger balances. Over a few rounds every fault
// has its turn, and all that they are there to bring about is seen to have happened. The small form is one small round.
func TestChaos(t *testing.T) {
	beside(t)
	rounds, size := 1, smallRound
	if said := os.Getenv(chaosRounds); said != "" {
		var err error
		rounds, err = strconv.Atoi(said)
		require.NoError(t, err, "%s is how many rounds there are to be, 1 or more", chaosRounds)
		require.Positive(t, rounds, "%s is how many rounds there are to be, 1 or more", chaosRounds)
		size = fullRound
	}
	happened := map[string]int{}
	ran := 0
	for i := range rounds {
		t.Run(fmt.Sprintf("round-%d", i+1), func(t *testing.T) {
			ran++
			chaosRound(t, i, size, happened)
		})
	}
	t.Logf("over %d rounds there were %v", ran, happened)
	if ran*size.faults < len(faults)+size.faults || t.Failed() {
		return // not every fault had its turn
	}
	for _, what := range append(slices.Clone(faultNames), effects...) {
		require.Positive(t, happened[what], "it never happened: %s", what)
	}
}

// wiped is the fault that only leaves the default namespace.
const wiped = "Temporal is wiped"

// faults are what a round takes away, or has happen.
var faults = map[string]func(*chaos){
	"an API is killed":     func(c *chaos) { c.loseAPIs(c.apis[c.rng.IntN(2)]) },
	"both APIs are killed": func(c *chaos) { c.loseAPIs(c.apis...) },
	"a worker is killed":   func(c *chaos) { c.loseWorkers(c.workers[c.rng.IntN(2)]) },
	"both workers are killed": func(c *chaos) {
		c.loseWorkers(c.workers...)
	},
	"Temporal is stopped": func(c *chaos) { c.loseTemporal(c.stop) },
	"Temporal is killed":  func(c *chaos) { c.loseTemporal(c.kill) },
	wiped: func(c *chaos) {
		c.loseTemporal(c.stop, c.wipe)
	},
	"PostgreSQL is stopped": func(c *chaos) { c.losePostgres(c.stop) },
	"PostgreSQL is killed":  func(c *chaos) { c.losePostgres(c.kill) },
	"a worker is killed while PostgreSQL is away": func(c *chaos) {
		c.losePostgres(c.stop, c.workers[c.rng.IntN(2)])
	},
	"a worker is killed while Temporal is away": func(c *chaos) {
		c.loseTemporal(c.kill, func() { c.loseWorkers(c.workers[c.rng.IntN(2)]) })
	},
	"an endpoint goes down": func(c *chaos) { c.loseEndpoint() },
	"the policy is edited": func(c *chaos) {
		require.NoError(c.t, c.writer(-1).touch(c.t.Context(), c.policy, c.rng.IntN(2) == 0))
	},
}

var faultNames = slices.Sorted(maps.Keys(faults))

// effects are what must have come of the faults.
var effects = []string{
	refuses, cutsOff, dallies, isDown, "calls unanswered", "answers of 503", "answers given again", "deliveries tried again",
	"circuits opened", "claims cut off", "snoozes ended",
}

func chaosRound(t *testing.T, round int, size chaosSize, happened map[string]int) {
	hand := dealt(round, size.faults)
	c := &chaos{size: size}
	if slices.Contains(hand, wiped) {
		c.world = newWorldToWipe(t)
	} else {
		c.world = newWorldToDisturb(t)
	}
	c.rng.Shuffle(len(hand), func(i, j int) { hand[i], hand[j] = hand[j], hand[i] })
	c.patient = size.patient
	c.policy = c.promise(map[sla.Metric]sla.Targets{
		sla.FirstReply: soon(2, 4, 6), sla.AllMessages: soon(1, 3, 5), sla.Resolution: soon(3, 6, 9),
	})
	c.subscribe()
	failing, _ := c.subscribe(retryAtOnce)
	inTurn, _ := c.subscribe(retryAtOnce, func(s *webhook.NewSubscription) { s.Ordering = webhook.OrderingConversation })
	c.endpoints = []*moody{c.moody(failing), c.moody(inTurn)}
	c.startAPI()
	c.startAPI()
	spread := shards(size.dispatchers)
	c.workers = []*process{c.start("worker", spread), c.start("worker", spread)}
	c.docks = c.embeds(4)
	reader := c.follow()
	c.pace = size.pace
	c.load = c.drive(size.writers, c.mixed)
	c.load.await(time.Minute, size.before)
	for _, fault := range hand {
		c.logf("%s", fault)
		faults[fault](c)
		happened[fault]++
		c.load.await(2*time.Minute, size.between+c.rng.IntN(size.between*2))
	}
	c.load.halt()
	c.logf("all is answered")
	c.settle(5 * time.Minute)
	for _, worker := range c.workers {
		require.True(t, worker.running(), "a worker ended by itself")
	}
	c.logf("settled; snoozes ended late, by seconds: %v", firstOf(c.lateness(), 3))
	c.balance()
	reader().finish()
	c.tally(happened)
}

// dealt are the faults of a round, which has them in an order of its own. They are dealt in turn, in one that is the seed's.
func dealt(round, n int) (hand []string) {
	deck := slices.Clone(faultNames)
	dealer := rand.New(rand.NewPCG(*seedFlag, nameHash("faults"))) //nolint:gosec // repeatable
	dealer.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	for i := range n {
		hand = append(hand, deck[(round*n+i)%len(deck)])
	}
	return hand
}

func firstOf(values []float64, n int) []float64 { return values[:min(n, len(values))] }

// tally adds what came of a round's faults.
func (c *chaos) tally(happened map[string]int) {
	for _, endpoint := range c.endpoints {
		for _, what := range []string{refuses, cutsOff, dallies, isDown} {
			happened[what] += endpoint.count(what)
		}
	}
	c.ledger.do(func() {
		happened["calls unanswered"] += c.ledger.silent
		happened["answers of 503"] += c.ledger.statuses[http.StatusServiceUnavailable]
		happened["answers given again"] += c.ledger.replayed
		happened["claims cut off"] += len(c.ledger.repeatable)
	})
	happened["deliveries tried again"] += row[int](c.world, `SELECT count(*) FROM deliveries WHERE attempts > 1`)
	happened["circuits opened"] += c.circuits
	happened["snoozes ended"] += len(c.lateness())
}

type chaos struct {
	*world
	size      chaosSize
	workers   []*process
	load      *load
	policy    uuid.UUID
	docks     []*embed
	endpoints []*moody
	circuits  int // that were seen to open
}

// some is how many of n the round has time for: all, or its share of them and one.
func (c *chaos) some(n int) int {
	if c.size.share == 1 {
		return n
	}
	return 1 + n/c.size.share
}

// follow reads the feed while all goes on, until the function that it returns is called.
func (w *world) follow() (stop func() *feed) {
	ctx, cancel := context.WithCancel(w.t.Context())
	reader := w.feed()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := reader.follow(ctx); err != nil {
			w.t.Errorf("%v", err)
		}
	}()
	stop = sync.OnceValue(func() *feed {
		cancel()
		<-ended
		return reader
	})
	w.t.Cleanup(func() { stop() })
	return stop
}

// mixed makes a conversation and does something with it: messages, a short sleep, a resolution; or it lets it wait, for
// about as long as tripwires take, and goes on with one that has waited. Half of what is made is kept from being made twice
// by an Idempotency-Key. At times an agent beside another one uses a dock.
func (c *chaos) mixed(ctx context.Context, client *writer, i int) (bool, error) {
	create, message := client.create, client.message
	if client.rng.IntN(2) == 0 {
		create, message = client.createOnce, client.messageOnce
	}
	id, err := create(ctx, fmt.Sprintf("order-%d", i))
	if err != nil {
		return false, err
	}
	for m := range client.rng.IntN(3) {
		direction := []string{"inbound", "outbound"}[client.rng.IntN(2)]
		if err := message(ctx, id, direction, fmt.Sprintf("message-%d-%d", i, m)); err != nil {
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

func (c *chaos) loseAPIs(apis ...*process) {
	c.t.Helper()
	for _, api := range apis {
		api.kill()
	}
	c.unanswered(c.some(5 + c.rng.IntN(50)))
	for _, api := range apis {
		api.again()
	}
}

// loseWorkers kills workers in the middle of their work, and lets the others, if any, go on alone for a while.
func (c *chaos) loseWorkers(workers ...*process) {
	c.t.Helper()
	within(5*time.Second, func() bool {
		return row[int](c.world, `SELECT count(*) FROM deliveries WHERE state = 'leased'`) > 0
	})
	for _, worker := range workers {
		c.killWorker(worker)
	}
	c.load.await(time.Minute, c.some(c.rng.IntN(100)))
	for _, worker := range workers {
		worker.again()
	}
}

func (c *chaos) loseTemporal(take func(local.Service), meanwhile ...func()) {
	c.t.Helper()
	take(temporal)
	c.load.await(time.Minute, c.some(50+c.rng.IntN(150)))
	for _, f := range meanwhile {
		f()
	}
	c.give(temporal)
	c.disturbed(temporal)
}

// losePostgres takes PostgreSQL away, and kills workers meanwhile: what they had claimed can be seen when it is back.
func (c *chaos) losePostgres(take func(local.Service), workers ...*process) {
	c.t.Helper()
	take(database)
	c.unanswered(c.some(20 + c.rng.IntN(150)))
	for _, worker := range workers {
		worker.kill()
	}
	ended := time.Now()
	c.unanswered(c.some(20 + c.rng.IntN(150)))
	c.give(database)
	c.disturbed(database)
	for _, worker := range workers {
		c.bury(worker, ended)
		worker.again()
	}
}

// enoughRefused is more than is recorded together: where successes follow in the same record, the circuit is closed again
// before it was seen open.
const enoughRefused = 400

// loseEndpoint has an endpoint refuse everything for long enough for its circuit to open.
func (c *chaos) loseEndpoint() {
	c.t.Helper()
	c.endpoints[c.rng.IntN(len(c.endpoints))].goDown(enoughRefused)
	opened := func() bool {
		return row[int](c.world, `SELECT count(*) FROM subscriptions WHERE circuit_opened_at IS NOT NULL`) > 0
	}
	if within(20*time.Second, opened) {
		c.circuits++
	}
	for _, endpoint := range c.endpoints {
		endpoint.goDown(0)
	}
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
