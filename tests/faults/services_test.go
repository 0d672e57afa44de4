package faults

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/tests/deps"
)

// services are a PostgreSQL and a Temporal that serve many scenarios. They start when the first one needs them.
type services struct {
	*local.Deps
	once    sync.Once
	failed  error
	data    string // directory
	unwatch context.CancelFunc

	turn    sync.Mutex // of the scenarios that take them away
	unclean bool       // there were workflows in the default namespace since Temporal's data was wiped
}

// shared are for the scenarios that leave them alone; disturbed are taken away, so that the fault of one scenario does not
// reach those beside it.
var shared, disturbed services

// get returns the services, started.
func (s *services) get(t *testing.T) *services {
	t.Helper()
	s.once.Do(func() { s.failed = s.start() })
	require.NoError(t, s.failed, "PostgreSQL and Temporal")
	return s
}

// template is the database that those of the scenarios are copied from.
const template = "faults_template"

// temporalGOGC is how much garbage Temporal lets lie, in per cent of what it uses, before it collects it: its heap is small
// here, so that it would be at it all the time. The processes under test are not told.
const temporalGOGC = "400"

func (s *services) start() (err error) {
	if s.data, err = deps.DataDir("atender-faults-"); err != nil {
		return err
	}
	if err := os.Setenv("GOGC", temporalGOGC); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // the Temporal CLI may have to be built
	defer cancel()
	if s.Deps, err = local.StartDeps(ctx, local.Options{Dir: s.data}); err != nil {
		return err
	}
	// Whole pages in the log matter when the machine, not PostgreSQL, crashes; each new database ends in a checkpoint, after
	// which the log would have every page that changes whole.
	for _, statement := range []string{
		`ALTER SYSTEM SET full_page_writes = off`, `SELECT pg_reload_conf()`, `CREATE DATABASE ` + template,
	} {
		if err := s.admin(ctx, statement); err != nil {
			return err
		}
	}
	if err := postgres.Migrate(ctx, s.databaseURL(template), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := execute(ctx, s.databaseURL(template), watchClaims); err != nil {
		return err
	}
	ctx, s.unwatch = context.WithCancel(context.Background())
	go s.restartInterrupted(ctx)
	return nil
}

// stop stops the services and removes their data. They need not have been started.
func (s *services) stop() {
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.Deps != nil {
		s.Stop()
	}
	if s.data != "" {
		_ = os.RemoveAll(s.data) // the system clears its directory for temporary files
	}
}

// restartInterrupted restarts a Temporal whose SQLite answers every query with "interrupted" for seconds: a query that was
// called off is left open on its one connection (temporalio/temporal uses modernc.org/sqlite), and nothing but a restart
// ends that. Such a Temporal would fail every scenario that comes after.
func (s *services) restartInterrupted(ctx context.Context) {
	namespaces, err := client.NewNamespaceClient(client.Options{
		HostPort: s.TemporalAddress, Logger: sdklog.NewStructuredLogger(discard),
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
		err := s.KillService(temporal)
		if err == nil {
			err = s.StartService(ctx, temporal)
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

func (s *services) databaseURL(name string) string {
	return strings.Replace(s.DatabaseURL, "/atender?", "/"+name+"?", 1)
}

// admin runs a statement outside the scenarios' databases.
func (s *services) admin(ctx context.Context, statement string) error {
	return execute(ctx, s.DatabaseURL, statement)
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
func (w *world) stop(s local.Service) {
	w.t.Helper()
	w.take(s, w.services.StopService)
}

func (w *world) kill(s local.Service) {
	w.t.Helper()
	w.take(s, w.services.KillService)
}

func (w *world) take(s local.Service, take func(local.Service) error) {
	w.t.Helper()
	require.Same(w.t, &disturbed, w.services, "others use these services")
	require.NoError(w.t, take(s))
	w.t.Cleanup(func() { w.restore(s) })
}

func (w *world) give(s local.Service) {
	w.t.Helper()
	require.NoError(w.t, w.services.StartService(w.t.Context(), s))
}

// restore brings a service back that a scenario, because it failed, has left away: the next one needs it.
func (w *world) restore(s local.Service) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := w.services.StartService(ctx, s); err == nil {
		w.t.Logf("%s was left away; it is back", s)
	}
}

// wipe has Temporal, which was stopped, forget everything.
func (w *world) wipe() {
	w.t.Helper()
	require.NoError(w.t, w.services.WipeTemporal())
}
