// Package deps gives integration tests a PostgreSQL and a Temporal. Under `make test` one of each serves the whole run;
// for a plain `go test` of one package, a local stack of its own is started when the first test asks, once per process.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }
package deps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models/migrations"
	"github.com/atender/atender/models/postgres"
)

// The variables by which `make test` tells where the services are.
const (
	databaseVar  = "ATENDER_TEST_DATABASE_URL"
	addressVar   = "ATENDER_TEST_TEMPORAL_ADDRESS"
	namespaceVar = "ATENDER_TEST_TEMPORAL_NAMESPACE"
	dataVar      = "ATENDER_TEST_DATA" // where services keep their data
)

// timeout bounds what a test waits for a database or for the services.
const timeout = 2 * time.Minute

// services are where the two are, and how to stop what was started for this process.
type services struct {
	databaseURL, address, namespace string
	stop                            func()
}

var start = sync.OnceValues(startServices)

// started is set when start has run, so that Main does not start a stack only to stop it.
var started sync.Once

func startServices() (*services, error) {
	s := &services{
		databaseURL: os.Getenv(databaseVar), address: os.Getenv(addressVar), namespace: os.Getenv(namespaceVar),
		stop: func() {},
	}
	if s.databaseURL != "" && s.address != "" && s.namespace != "" {
		return s, nil
	}
	dir, err := DataDir("atender-deps-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // the Temporal CLI may have to be built
	defer cancel()
	stack, err := local.StartDeps(ctx, local.Options{Dir: dir})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &services{
		databaseURL: stack.DatabaseURL, address: stack.TemporalAddress, namespace: stack.TemporalNamespace,
		stop: func() {
			stack.Stop()
			_ = os.RemoveAll(dir) // the system clears its directory for temporary files
		},
	}, nil
}

// DataDir makes a directory, whose name begins as given, for the data of services that are started for a test: in memory
// under `make test` where there is room for it. The caller removes it.
func DataDir(prefix string) (string, error) {
	dir, err := os.MkdirTemp(os.Getenv(dataVar), prefix)
	if err != nil {
		return "", err
	}
	// PostgreSQL runs as another user when root runs the tests, and has to get through.
	return dir, os.Chmod(dir, 0o711) //nolint:gosec // it may be passed through, not read
}

// Main runs a package's tests, then stops what they have shared and what was started for them, and returns the exit
// status.
func Main(m *testing.M) int {
	defer func() {
		used := true
		started.Do(func() { used = false })
		if !used {
			return
		}
		if s, err := start(); err == nil {
			admin.Lock()
			closeAdmin(context.Background())
			admin.Unlock()
			s.stop()
		}
	}()
	return Process.(*process).end(m.Run())
}

func get(t testing.TB) *services {
	t.Helper()
	started.Do(func() {})
	s, err := start()
	if err != nil {
		t.Fatalf("PostgreSQL and Temporal for tests: %v", err)
	}
	return s
}

// Temporal returns where Temporal's frontend is and the namespace to use. Both are shared by all tests: use task queues
// and workflow ids of your own.
func Temporal(t testing.TB) (address, namespace string) {
	t.Helper()
	s := get(t)
	return s.address, s.namespace
}

// Namespace makes a namespace of the test's own in that Temporal: the ids of dispatch workflows are the same in all.
func Namespace(t testing.TB) (address, namespace string) {
	t.Helper()
	address, _ = Temporal(t)
	namespace = "test-" + uuid.NewString()
	namespaces, err := client.NewNamespaceClient(client.Options{
		HostPort: address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatalf("client of Temporal: %v", err)
	}
	defer namespaces.Close()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	err = namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		t.Fatalf("register a test's namespace: %v", err)
	}
	return address, namespace
}

// Database returns the URL of a new, migrated, empty database, which is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	return dropped(t, createDatabase)
}

// UnmigratedDatabase returns the URL of a new database without any tables, which is dropped when the test ends.
func UnmigratedDatabase(t testing.TB) string {
	t.Helper()
	return dropped(t, func(ctx context.Context, conn *pgx.Conn, _, name string) error {
		return execute(ctx, conn, `CREATE DATABASE `+name)
	})
}

// creator makes a database of a name on a server, over a connection to it.
type creator func(ctx context.Context, conn *pgx.Conn, server, name string) error

// dropped makes a database that is dropped when the test ends, and returns its URL.
func dropped(t testing.TB, create creator) string {
	t.Helper()
	url, drop := newDatabase(t, create)
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return url
}

// newDatabase makes a database, and returns its URL and what drops it.
func newDatabase(t testing.TB, create creator) (url string, drop func() error) {
	t.Helper()
	server := get(t).databaseURL
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	err := asAdmin(ctx, server, func(conn *pgx.Conn) error { return create(ctx, conn, server, name) })
	if err != nil {
		t.Fatalf("database for a test: %v", err)
	}
	return withDatabase(server, name), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return asAdmin(ctx, server, func(conn *pgx.Conn) error {
			// By force: a test that failed may have left connections.
			return execute(ctx, conn, `DROP DATABASE `+name+` WITH (FORCE)`)
		})
	}
}

// admin is the process's one connection for making and dropping databases: a new one costs more than either.
var admin struct {
	sync.Mutex
	conn *pgx.Conn // nil until it is used, and after an error
}

// asAdmin runs f on the connection, which f has for itself. After an error it is closed, which also gives back what
// lock f may have taken.
func asAdmin(ctx context.Context, server string, f func(*pgx.Conn) error) error {
	admin.Lock()
	defer admin.Unlock()
	if admin.conn == nil || admin.conn.IsClosed() {
		conn, err := pgx.Connect(ctx, server)
		if err != nil {
			return err
		}
		admin.conn = conn
	}
	err := f(admin.conn)
	if err != nil {
		closeAdmin(context.WithoutCancel(ctx))
	}
	return err
}

// closeAdmin closes the connection, whose lock the caller has.
func closeAdmin(ctx context.Context) {
	if admin.conn != nil {
		_ = admin.conn.Close(ctx) // nothing is lost with it
		admin.conn = nil
	}
}

func createDatabase(ctx context.Context, conn *pgx.Conn, server, name string) error {
	template, err := ensureTemplate(ctx, conn, server)
	if err != nil {
		return fmt.Errorf("template: %w", err)
	}
	// Copied as files it costs half of what it costs through the log, and brings the template's relation cache along.
	return execute(ctx, conn, `CREATE DATABASE `+name+` TEMPLATE `+template+` STRATEGY FILE_COPY`)
}

// thrownAway are settings of a server whose data nothing reads after the tests: they only matter when the machine, not
// PostgreSQL, crashes. Each new database ends in a checkpoint, after which the log would have every page that changes whole.
var thrownAway = []string{
	`ALTER SYSTEM SET fsync = off`, `ALTER SYSTEM SET full_page_writes = off`, `SELECT pg_reload_conf()`,
}

// ensureTemplate returns the name of the database that new ones are copied from: migrating takes a second, copying a
// few hundredths. There is one for each state of the migrations, made under a lock, and there under its name only when
// it is complete.
func ensureTemplate(ctx context.Context, conn *pgx.Conn, server string) (string, error) {
	sum, err := migrationsSum()
	if err != nil {
		return "", err
	}
	name := "template_" + sum
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('atender test template'))`); err != nil {
		return "", err
	}
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there)
	if err != nil {
		return "", err
	}
	if !there {
		unfinished := name + "_new"
		err := execute(ctx, conn, append(thrownAway,
			`DROP DATABASE IF EXISTS `+unfinished+` WITH (FORCE)`, `CREATE DATABASE `+unfinished)...)
		if err != nil {
			return "", err
		}
		if err := migrate(ctx, withDatabase(server, unfinished)); err != nil {
			return "", err
		}
		if err := execute(ctx, conn, `ALTER DATABASE `+unfinished+` RENAME TO `+name); err != nil {
			return "", err
		}
	}
	return name, execute(ctx, conn, `SELECT pg_advisory_unlock(hashtext('atender test template'))`)
}

// migrate migrates a database, and connects once more, as the first one to find it as it will be: PostgreSQL keeps what that
// one had to look up of its catalogs in a file, which the copies then have, too.
func migrate(ctx context.Context, url string) error {
	if err := postgres.Migrate(ctx, url, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func execute(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// migrationsSum identifies the state of the migrations and the week: partitions are made for the weeks ahead.
func migrationsSum() (string, error) {
	year, week := time.Now().UTC().ISOWeek()
	sum := sha256.New()
	fmt.Fprintf(sum, "%d-%d\n", year, week)
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := migrations.FS.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(content), content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(databaseVar + " has to be a URL: " + err.Error())
	}
	u.Path = "/" + name
	return u.String()
}
