package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/atender/atender/deploy/tools"
)

const (
	postgresName = "postgres"
	// postgresStop is PostgreSQL's fast shutdown: sessions are ended, a checkpoint is written.
	postgresStop = syscall.SIGINT
	// databaseUser and databaseName are what Atender finds in the private cluster.
	databaseUser = "atender"
	databaseName = "atender"
	// startTimeout is how long PostgreSQL and Temporal have to answer. PostgreSQL may have to recover from a crash.
	startTimeout = time.Minute
	// pollEvery is how often something that is not ready yet is asked again.
	pollEvery = 25 * time.Millisecond
)

// startPostgres starts the stack's own PostgreSQL, making its cluster first if there is none, and returns the URL of
// its database for Atender.
//
// It listens on 127.0.0.1 only and asks for a password (scram-sha-256), which is made once and kept in the stack's
// state: trust would let every user of the machine in as superuser, who can run programs as the cluster's owner. Unix
// sockets are off: their paths may be 107 bytes long, which a clone deep in a home directory easily exceeds.
func (s *stack) startPostgres(ctx context.Context) (string, error) {
	programs, err := tools.Postgres(ctx)
	if err != nil {
		return "", err
	}
	cluster, as, err := s.ensureCluster(ctx, programs)
	if err != nil {
		return "", err
	}
	if programs, err = matching(programs, cluster); err != nil {
		return "", err
	}
	if err := endStalePostmaster(cluster, s); err != nil {
		return "", err
	}
	started := time.Now()
	if err := s.launchPostgres(ctx, programs, cluster, as); err != nil {
		return "", err
	}
	s.log.Info("PostgreSQL is up", "address", loopback(s.ports.Postgres), "data", cluster,
		"took", time.Since(started).Round(time.Millisecond))
	return s.postgresURL(databaseName), nil
}

// launchTries is how often PostgreSQL is started when it ends at once. It does, for a moment, after a predecessor was
// killed: until the system has cleared away its processes and their shared memory.
const launchTries = 4

func (s *stack) launchPostgres(ctx context.Context, programs, cluster string, as *osAccount) error {
	for try := 1; ; try++ {
		log, err := openLog(s.path(postgresLog))
		if err != nil {
			return err
		}
		from, _ := log.Seek(0, io.SeekEnd) // where this try's part begins; wrong only means a longer error text
		sv, err := s.start(command{
			name: postgresName, tier: tierPostgres, signal: postgresStop, as: as, dir: "/",
			path: filepath.Join(programs, "postgres"), args: s.postgresArgs(cluster),
			env: environ([]string{"PG"}), out: log,
		})
		if err != nil {
			return err
		}
		if err = s.waitForPostgres(ctx, sv); err == nil {
			sv.keep()
			return nil
		}
		if sv.failed() == nil || try == launchTries {
			return fmt.Errorf("%w; its log is %s%s", err, log.Name(), logTail(log.Name(), from))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(restartPause):
		}
	}
}

// postgresArgs are the settings; they are arguments, so that an old cluster starts with what a new binary says.
// synchronous_commit stays on: what is tested here has to hold in production.
func (s *stack) postgresArgs(cluster string) []string {
	args := []string{"-D", cluster}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.ports.Postgres),
		"unix_socket_directories=",
		"max_connections=200",
		"shared_buffers=256MB",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_checkpoints=off",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

func (s *stack) postgresURL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(databaseUser, s.state.PostgresPassword),
		Host: loopback(s.ports.Postgres), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// ensureCluster returns the cluster's directory and whom it belongs to.
func (s *stack) ensureCluster(ctx context.Context, programs string) (string, *osAccount, error) {
	as, err := unprivileged()
	if err != nil {
		return "", nil, err
	}
	if existing := s.path(clusterDir); exists(existing) {
		// It may have been made by another user, and root be running this now.
		if as, err = owner(existing); err != nil {
			return "", nil, err
		}
	}
	home, err := clusterHome(s.dir, as)
	if err != nil {
		return "", nil, err
	}
	cluster := filepath.Join(home, clusterDir)
	if exists(cluster) {
		as, err = owner(cluster)
		return cluster, as, err
	}
	if home != s.dir {
		s.log.Warn("PostgreSQL cannot be run by root, and the user it runs as cannot reach the stack's directory: "+
			"its data lies elsewhere", "user", as.name, "data", cluster)
	}
	return cluster, as, s.makeCluster(ctx, programs, cluster, as)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// makeCluster runs initdb in a directory beside the cluster's and renames it when all went well.
func (s *stack) makeCluster(ctx context.Context, programs, cluster string, as *osAccount) error {
	s.log.Info("making a PostgreSQL cluster", "data", cluster, "programs", programs)
	password, err := os.CreateTemp(filepath.Dir(cluster), "password.*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(password.Name()) }()
	_, err = password.WriteString(s.state.PostgresPassword)
	if err := errors.Join(err, password.Close(), as.give(password.Name())); err != nil {
		return fmt.Errorf("password for PostgreSQL: %w", err)
	}
	// C.UTF-8 sorts by code point everywhere; where it is missing (older macOS), C does the same.
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err = initdb(ctx, programs, cluster+".new", password.Name(), locale, as); err == nil {
			return os.Rename(cluster+".new", cluster)
		}
	}
	return err
}

func initdb(ctx context.Context, programs, dir, password, locale string, as *osAccount) error {
	if err := os.RemoveAll(dir); err != nil { // what an interrupted run has left
		return err
	}
	if err := errors.Join(os.Mkdir(dir, 0o700), as.give(dir)); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "initdb"), "-D", dir, "-U", databaseUser,
		"--auth=scram-sha-256", "--pwfile="+password, "--encoding=UTF8", "--locale="+locale, "--no-sync")
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &said, &said
	cmd.Env = environ([]string{"PG", "LC_"}, "LC_ALL=C")
	cmd.SysProcAttr = childAttributes(syscall.SIGTERM, as)
	err := spawn(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// matching returns the programs of the version that made the cluster: the ones found, or others beside them.
func matching(programs, cluster string) (string, error) {
	content, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION"))
	if err != nil {
		return "", fmt.Errorf("%s is no PostgreSQL cluster: %w: remove it to start afresh", cluster, err)
	}
	want := strings.TrimSpace(string(content))
	have := majorVersion(programs)
	if have == want {
		return programs, nil
	}
	other := programs
	for _, mark := range []string{"/", "@", "-"} {
		other = strings.Replace(other, mark+have+"/", mark+want+"/", 1)
	}
	if other != programs && majorVersion(other) == want {
		return other, nil
	}
	return "", fmt.Errorf("%s was made by PostgreSQL %s, and here is PostgreSQL %s (%s): put version %s on PATH, or "+
		"remove the cluster, and all its data", cluster, want, have, programs, want)
}

func majorVersion(programs string) string {
	out, err := exec.Command(filepath.Join(programs, "postgres"), "--version").Output()
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 (Debian …)
	if len(fields) < 3 {
		return "unknown"
	}
	major, _, _ := strings.Cut(fields[2], ".")
	return major
}

// endStalePostmaster ends a server that still works on the cluster, because its stack was killed. PostgreSQL removes
// the file by itself, also one whose process is gone.
func endStalePostmaster(cluster string, s *stack) error {
	content, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first)) // 0 when half written by a server that died
	line := commandLine(pid)
	if pid == 0 || !strings.Contains(line, "-D "+cluster+" ") {
		return nil
	}
	s.log.Info("ending the PostgreSQL that an earlier run has left", "pid", pid)
	return endLeftover(child{pid, line}, true)
}

// waitForPostgres waits until the server answers and makes Atender's database if there is none.
func (s *stack) waitForPostgres(ctx context.Context, sv *service) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var conn *pgx.Conn
	err := poll(ctx, sv, func() (err error) {
		conn, err = pgx.Connect(ctx, s.postgresURL("postgres"))
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == codeWrongPassword {
			return hopeless{fmt.Errorf("%s does not have the password of the PostgreSQL cluster: remove %s to start "+
				"afresh, without its data", s.path(stateFile), s.dir)}
		}
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, databaseName).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, `CREATE DATABASE `+databaseName)
	}
	if err == nil {
		_, err = conn.Exec(ctx, `COMMENT ON DATABASE `+databaseName+` IS '`+databaseMark+`'`)
	}
	return err
}

// codeWrongPassword is the SQLSTATE invalid_password.
const codeWrongPassword = "28P01"

// hopeless marks an error that trying again does not help.
type hopeless struct{ error }

// poll tries f until it works, the service ends or the time is over.
func poll(ctx context.Context, sv *service, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[hopeless](err); ok {
			return final.error
		}
		select {
		case <-sv.ended:
			return sv.failed()
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", sv.name, err)
		case <-time.After(pollEvery):
		}
	}
}
