// Package faults runs the product as processes and takes parts of it away under load: api and worker are killed, Temporal
// and PostgreSQL stopped, killed and wiped. Afterwards a ledger must balance: what the API has answered with success,
// against what the database has, against what a receiver has accepted.
//
// Scenarios run beside each other, each with a database, a namespace and processes of its own, because mostly they wait. Those
// that take PostgreSQL or Temporal away have a pair of their own for that, one after the other.
//
// Every scenario draws what is random from a seed, which it prints; -seed repeats it (timing aside). Sizes are small
// enough for every run of the tests; -full, or ATENDER_FAULTS=full, takes those of a thorough one.
package faults

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/atender/atender/tests/deps"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of what is random; 0 for a new one")
	fullFlag = flag.Bool("full", os.Getenv("ATENDER_FAULTS") == "full", "run the full sizes")
)

// sized is the small or the full size of something.
func sized[T any](small, full T) T {
	if *fullFlag {
		return full
	}
	return small
}

// random returns a test's own source and prints the seed that repeats it.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("repeat with: %s", repeatLine(t.Name(), *seedFlag, *fullFlag, os.Getenv(chaosRounds)))
	return rand.New(rand.NewPCG(*seedFlag, nameHash(t.Name()))) //nolint:gosec // repeatable, not secret
}

// repeatLine is the command that repeats a test: with the seed, the sizes and the number of rounds that it had, and as
// much time as these may take.
func repeatLine(name string, seed uint64, full bool, rounds string) string {
	line := fmt.Sprintf("go test ./tests/faults -count=1 -run '^%s$' -seed %d",
		strings.ReplaceAll(name, "/", "$/^"), seed)
	if full {
		line += " -full"
	}
	chaos := strings.HasPrefix(name, "TestChaos/")
	if full || chaos {
		line += " -timeout 2h"
	}
	if chaos {
		line = chaosRounds + "=" + rounds + " " + line
	}
	return line
}

func nameHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// binary is the atender under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if *seedFlag == 0 {
		*seedFlag = rand.Uint64N(1 << 32) //nolint:gosec // not secret
	}
	places = make(chan struct{}, sized(3, 2))
	// How many scenarios run at once is said by places: those that wait for one count as running for the testing package.
	if err := flag.Set("test.parallel", "100"); err != nil {
		panic(err) // there is such a flag
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "atender-faults-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // the system clears its directory for temporary files
		binary, err = deps.Binary(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	defer shared.stop()
	defer disturbed.stop()
	return m.Run()
}

// places is how many scenarios run at once beside those that take services away. In the small form mostly they wait, for a
// heartbeat that does not come, say; those of full size keep the machine busy, and are held to times.
var places chan struct{}

// takePlace waits until there is room for the scenario, which has it until it ends.
func takePlace(t *testing.T) {
	t.Helper()
	places <- struct{}{}
	t.Cleanup(func() { <-places })
}

// beside lets a scenario run beside others in the small form; in the full one it has the machine to itself.
func beside(t *testing.T) {
	t.Helper()
	if !*fullFlag && !deps.Long() {
		t.Parallel()
	}
}

// spawner runs functions on one thread that never ends: on Linux a child's parent, whose death it is told of, is the
// thread that started it.
var spawner = sync.OnceValue(newSpawner)

func TestRepeatLine(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{repeatLine("TestX", 7, false, "3"), "go test ./tests/faults -count=1 -run '^TestX$' -seed 7"},
		{repeatLine("TestX/sub", 7, true, ""), "go test ./tests/faults -count=1 -run '^TestX$/^sub$' -seed 7 -full -timeout 2h"},
		{
			repeatLine("TestChaos/round-2", 7, false, "3"),
			"ATENDER_CHAOS_ROUNDS=3 go test ./tests/faults -count=1 -run '^TestChaos$/^round-2$' -seed 7 -timeout 2h",
		},
	} {
		if c.got != c.want {
			t.Errorf("%s, not %s", c.got, c.want)
		}
	}
}
