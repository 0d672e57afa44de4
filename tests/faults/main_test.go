// Package faults runs the product as processes and takes parts of it away under load: api and worker are killed, Temporal
// and PostgreSQL stopped, killed and wiped. Afterwards a ledger must balance: what the API has answered with success,
// against what the database has, against what a receiver has accepted.
//
// Every scenario draws what is random from a seed, which it prints; -seed repeats it (timing aside). Sizes are small
// enough for every run of the tests; -full, or ATENDER_FAULTS=full, takes those of a thorough one.
package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models/postgres"
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

// services are PostgreSQL and Temporal for the whole package. Scenarios that take them away run one after the other, so that
// the fault of one does not reach another; then the others do, a few at a time, each with a database, a namespace and
// processes of its own: mostly they wait.
var services *local.Deps

// binary is the atender under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if *seedFlag == 0 {
		*seedFlag = rand.Uint64N(1 << 32) //nolint:gosec // not secret
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "atender-faults-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // the system clears its directory for temporary files
		binary, err = deps.Binary(dir)
	}
	data, failed := deps.DataDir("atender-faults-")
	defer func() { _ = os.RemoveAll(data) }()
	if err = errors.Join(err, failed); err == nil {
		err = startServices(data)
	}
	if services != nil {
		defer services.Stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go restartInterrupted(ctx)
	return m.Run()
}

// restartInterrupted restarts a Temporal whose SQLite answers every query with "interrupted" for seconds: a query that was
// called off is left open on its one connection (temporalio/temporal uses modernc.org/sqlite), and nothing but a restart
// ends that. Such a Temporal would fail every scenario that comes after.
func restartInterrupted(ctx context.Context) {
	namespaces, err := client.NewNamespaceClient(client.Options{
		HostPort: services.TemporalAddress, Logger: sdklog.NewStructuredLogger(discard),
	})
	if err != nil { // options that do not fit each other
		panic(err)
	}
	defer namespaces.Close()
	var lost int
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if lost++; !isInterrupted(ctx, namespaces) {
			lost = 0
		}
		if lost < 5 {
			continue
		}
		lost = 0
		err := services.KillService(temporal)
		if err == nil {
			err = services.StartService(ctx, temporal)
		}
		fmt.Fprintln(os.Stderr, "Temporal's database was stuck, and Temporal restarted:", err)
	}
}

func isInterrupted(ctx context.Context, namespaces client.NamespaceClient) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := namespaces.Describe(ctx, "a namespace that is in no cache "+uuid.NewString())
	return err != nil && strings.Contains(err.Error(), "interrupted")
}

// template is the database that those of the scenarios are copied from.
const template = "faults_template"

func startServices(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // the Temporal CLI may have to be built
	defer cancel()
	if services, err = local.StartDeps(ctx, local.Options{Dir: dir}); err != nil {
		return err
	}
	if err := admin(ctx, `CREATE DATABASE `+template); err != nil {
		return err
	}
	if err := postgres.Migrate(ctx, databaseURL(template), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	return execute(ctx, databaseURL(template), watchClaims)
}

func databaseURL(name string) string {
	return strings.Replace(services.DatabaseURL, "/atender?", "/"+name+"?", 1)
}

// admin runs a statement outside the scenarios' databases.
func admin(ctx context.Context, statement string) error {
	return execute(ctx, services.DatabaseURL, statement)
}

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// The services, for short.
const (
	database = local.Postgres
	temporal = local.Temporal
)

// stop takes a service away in order, kill without notice; give brings it back.
func stop(t *testing.T, s local.Service) {
	t.Helper()
	if err := services.StopService(s); err != nil {
		t.Fatalf("stop %s: %v", s, err)
	}
	t.Cleanup(func() { restore(t, s) })
}

func kill(t *testing.T, s local.Service) {
	t.Helper()
	if err := services.KillService(s); err != nil {
		t.Fatalf("kill %s: %v", s, err)
	}
	t.Cleanup(func() { restore(t, s) })
}

func give(t *testing.T, s local.Service) {
	t.Helper()
	if err := services.StartService(t.Context(), s); err != nil {
		t.Fatalf("start %s: %v", s, err)
	}
}

// restore brings a service back that a scenario, because it failed, has left away: the next one needs it.
func restore(t *testing.T, s local.Service) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := services.StartService(ctx, s); err == nil {
		t.Logf("%s was left away; it is back", s)
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
