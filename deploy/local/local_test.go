package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// stackDir is a directory for a stack that PostgreSQL's user can reach, which t.TempDir's is not under root.
func stackDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "atender-local-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return dir
}

// eventually waits for something that other processes do.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 30*time.Second, 20*time.Millisecond, what)
}

func ask(databaseURL, sql string) (value string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	return value, conn.QueryRow(ctx, sql).Scan(&value)
}

// children are the processes whose command line names the directory, which those of PostgreSQL and Temporal do.
func children(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-ww", "-e", "-o", "args=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir+"/") && !strings.HasPrefix(line, "ps ") {
			found = append(found, line)
		}
	}
	return found
}

func TestDepsStartStopAndKeepTheirData(t *testing.T) {
	dir := stackDir(t)
	deps, err := StartDeps(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(deps.Stop)
	t.Run("settings", func(t *testing.T) {
		for name, want := range map[string]string{
			"synchronous_commit": "on", "max_connections": "200", "shared_buffers": "256MB",
			"listen_addresses": "127.0.0.1", "password_encryption": "scram-sha-256", "server_encoding": "UTF8",
		} {
			got, err := ask(deps.DatabaseURL, `SHOW `+name)
			require.NoError(t, err)
			require.Equal(t, want, got, name)
		}
		collation, err := ask(deps.DatabaseURL, `SELECT datcollate FROM pg_database WHERE datname = 'atender'`)
		require.NoError(t, err)
		require.Contains(t, []string{"C.UTF-8", "C.utf8", "C"}, collation)
	})
	t.Run("nobody gets in without the password", func(t *testing.T) {
		_, err := ask(strings.Replace(deps.DatabaseURL, deps.stack.state.PostgresPassword, "wrong", 1), `SELECT ''`)
		require.ErrorContains(t, err, "password authentication failed")
	})
	t.Run("a second stack in the directory is refused", func(t *testing.T) {
		_, err := StartDeps(t.Context(), Options{Dir: dir})
		require.ErrorContains(t, err, "already running in "+dir)
		require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	})
	t.Run("another directory is another stack", func(t *testing.T) {
		other, err := StartDeps(t.Context(), Options{Dir: stackDir(t)})
		require.NoError(t, err)
		defer other.Stop()
		require.NotEqual(t, deps.TemporalAddress, other.TemporalAddress)
		mine, err := ask(deps.DatabaseURL, `SELECT system_identifier::text FROM pg_control_system()`)
		require.NoError(t, err)
		theirs, err := ask(other.DatabaseURL, `SELECT system_identifier::text FROM pg_control_system()`)
		require.NoError(t, err)
		require.NotEqual(t, mine, theirs)
	})
	t.Run("what dies comes back", func(t *testing.T) {
		var postgres *service
		for _, s := range deps.stack.services {
			if s.name == postgresName {
				postgres = s
			}
		}
		before := postgres.cmd.Process.Pid
		require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
		eventually(t, "PostgreSQL is started again", func() bool {
			_, err := ask(deps.DatabaseURL, `SELECT ''`)
			postgres.mu.Lock()
			defer postgres.mu.Unlock()
			return err == nil && postgres.cmd.Process.Pid != before
		})
	})

	identity, err := ask(deps.DatabaseURL, `SELECT system_identifier::text FROM pg_control_system()`)
	require.NoError(t, err)
	deps.Stop()
	deps.Stop() // once more does nothing
	require.Empty(t, children(t, dir))

	again, err := StartDeps(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	defer again.Stop()
	same, err := ask(again.DatabaseURL, `SELECT system_identifier::text FROM pg_control_system()`)
	require.NoError(t, err)
	require.Equal(t, identity, same)
}

// helperDir makes this test's own binary a process that runs a stack in the directory until it is killed.
const helperDir = "ATENDER_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		_, err := StartDeps(context.Background(), Options{Dir: dir})
		fmt.Println("started:", err)
		select {}
	}
	os.Exit(m.Run())
}

func TestAKilledStackLeavesNothingAndTheNextOneGoesOn(t *testing.T) {
	dir := stackDir(t)
	helper := exec.Command(os.Args[0])
	helper.Env = append(os.Environ(), helperDir+"="+dir)
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started: <nil>\n", line)
	require.NotEmpty(t, children(t, dir))

	require.NoError(t, helper.Process.Kill())
	require.Error(t, helper.Wait())
	// At once, while the children may still be stopping.
	deps, err := StartDeps(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	_, err = ask(deps.DatabaseURL, `SELECT ''`)
	require.NoError(t, err)
	deps.Stop()
	require.Empty(t, children(t, dir))
}

func TestAGivenDatabaseHasToBeEmptyOrOurs(t *testing.T) {
	deps, err := StartDeps(t.Context(), Options{Dir: stackDir(t)})
	require.NoError(t, err)
	defer deps.Stop()
	base := strings.TrimSuffix(deps.DatabaseURL, "/atender?sslmode=disable")
	conn, err := pgx.Connect(t.Context(), deps.DatabaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	for _, name := range []string{"blank", "taken"} {
		_, err = conn.Exec(t.Context(), `CREATE DATABASE `+name)
		require.NoError(t, err)
	}
	run := func(database, sql string) {
		c, err := pgx.Connect(t.Context(), base+"/"+database)
		require.NoError(t, err)
		_, err = c.Exec(t.Context(), sql)
		require.NoError(t, errors.Join(err, c.Close(t.Context())))
	}
	run("taken", `CREATE TABLE customers (id int)`)
	require.ErrorContains(t, claimDatabase(t.Context(), base+"/taken"), `"taken" is neither empty nor made by atender dev`)
	require.NoError(t, claimDatabase(t.Context(), base+"/blank"))
	run("blank", `CREATE TABLE ours (id int)`)
	require.NoError(t, claimDatabase(t.Context(), base+"/blank"), "it was claimed before")
	require.NoError(t, claimDatabase(t.Context(), deps.DatabaseURL))
	require.ErrorContains(t, claimDatabase(t.Context(), base+"/missing"), "ATENDER_DATABASE_URL")
}

func TestRootKeepsTheClusterWherePostgresCanReachIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another user")
	}
	as, err := unprivileged()
	require.NoError(t, err)
	require.NotZero(t, as.uid)
	within := stackDir(t)
	require.NoError(t, os.Chmod(within, 0o700))
	home, err := clusterHome(within, as)
	require.NoError(t, err)
	require.Equal(t, within, home)
	info, err := os.Stat(within)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o710), info.Mode().Perm(), "its group may pass, and nothing else")
	require.EqualValues(t, as.gid, info.Sys().(*syscall.Stat_t).Gid)
	require.True(t, as.reachable(within))
	require.False(t, (&osAccount{"other", as.uid + 1000, as.gid + 1000}).reachable(within))

	root := stackDir(t) // root's home, say
	require.NoError(t, os.Chmod(root, 0o700))
	closed := filepath.Join(root, "stack")
	require.NoError(t, os.Mkdir(closed, 0o700))
	home, err = clusterHome(closed, as)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(home)) })
	require.NotContains(t, home, closed)
	again, err := clusterHome(closed, as)
	require.NoError(t, err)
	require.Equal(t, home, again, "the next start finds it")

	deps, err := StartDeps(t.Context(), Options{Dir: closed})
	require.NoError(t, err)
	defer deps.Stop()
	require.DirExists(t, filepath.Join(home, clusterDir))

	require.NoError(t, os.Chmod(root, 0o711))
	moved, err := clusterHome(closed, as)
	require.NoError(t, err)
	require.Equal(t, home, moved, "the data that is there is found, although the directory could be reached now")
	require.NoError(t, os.Chmod(home, 0o777))
	_, err = clusterHome(closed, as)
	require.ErrorContains(t, err, "does not belong to this user alone")
}

func TestADirectoryOfAStackIsClosedToOthers(t *testing.T) {
	parent := stackDir(t)
	mode := func(dir string) os.FileMode {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	made, err := makeDir(filepath.Join(parent, "new"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), mode(made))

	loose := filepath.Join(parent, "loose") // as earlier versions made it, and looser
	require.NoError(t, os.Mkdir(loose, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(loose, lockFile), nil, 0o600))
	for _, was := range []os.FileMode{0o711, 0o755, 0o777} {
		require.NoError(t, os.Chmod(loose, was))
		_, err = makeDir(loose)
		require.NoError(t, err)
		require.Zero(t, mode(loose)&0o067, "%o", was)
	}

	strange := filepath.Join(parent, "strange") // it is not for a stack to close what is not its own
	require.NoError(t, os.Mkdir(strange, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(strange, "thesis.txt"), nil, 0o600))
	require.NoError(t, os.Chmod(strange, 0o755))
	_, err = makeDir(strange)
	require.ErrorContains(t, err, "a directory of its own with --dir")
	require.Equal(t, os.FileMode(0o755), mode(strange))
	_, err = makeDir(os.TempDir())
	require.Error(t, err)
}
