package local

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortsFollowTheBaseAndAreNeverGivenTwice(t *testing.T) {
	base := freeBase(t)
	ports, release, err := reservePorts(base)
	require.NoError(t, err)
	for i, p := range ports.wanted() {
		require.Equal(t, base+i, *p.chosen, p.what)
	}
	_, _, err = reservePorts(base)
	require.ErrorContains(t, err, "is taken: choose another --port-base")

	usual, releaseUsual, err := reservePorts(0)
	require.NoError(t, err)
	others, releaseOthers, err := reservePorts(0)
	require.NoError(t, err)
	for i, p := range usual.wanted() {
		require.NotEqual(t, *p.chosen, *others.wanted()[i].chosen, p.what)
	}
	for _, done := range []func(){release, releaseUsual, releaseOthers} {
		done()
	}
	_, release, err = reservePorts(base)
	require.NoError(t, err, "released ports can be had again")
	release()
	for _, wrong := range []int{1, 1023, 65001, -5} {
		_, _, err := reservePorts(wrong)
		require.ErrorContains(t, err, "from 1024 to 65000")
	}
}

func TestAPortSomebodyListensOnIsMovedAside(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	taken := l.Addr().(*net.TCPAddr).Port
	require.False(t, portFree(taken))
	dir, err := reservationDir()
	require.NoError(t, err)
	var chosen int
	f, err := reserveOne(dir, taken, min(taken+tries, 65535), &chosen)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Greater(t, chosen, taken)
}

// freeBase finds a range of ports that is free now.
func freeBase(t *testing.T) int {
	t.Helper()
next:
	for base := 20000; base < 32000; base += 10 {
		for p := base; p < base+10; p++ {
			if !portFree(p) {
				continue next
			}
		}
		return base
	}
	t.Fatal("no ten free ports in a row")
	return 0
}

func TestTheStateIsMadeOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), stateFile)
	first, err := loadState(path)
	require.NoError(t, err)
	require.NotEmpty(t, first.PostgresPassword)
	first.Seeded.APIKey = "sa_live_x"
	require.NoError(t, first.save())
	second, err := loadState(path)
	require.NoError(t, err)
	require.Equal(t, first, second)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = loadState(path)
	require.ErrorContains(t, err, "remove the directory to start afresh")
}

func TestAShellReadsTheEnvironmentAsItIs(t *testing.T) {
	const awkward = `it's $HOME "and" \ a` + "\nsecond line"
	path := filepath.Join(t.TempDir(), envFile)
	require.NoError(t, writeFile(path, shellExports([][2]string{{"A_VALUE", awkward}})))
	out, err := exec.Command("sh", "-c", `. "$0"; sh -c 'printf %s "$A_VALUE"'`, path).Output()
	require.NoError(t, err)
	require.Equal(t, awkward, string(out))
}

func TestLinesOfSeveralSourcesStayWhole(t *testing.T) {
	var out bytes.Buffer
	term := newTerminal(&out)
	api, worker := term.source("api", cyan), term.source("worker", magenta)
	for _, w := range []struct {
		to   *source
		text string
	}{
		{api.(*source), "one "}, {worker.(*source), "two\nthr"}, {api.(*source), "line\n"}, {worker.(*source), "ee\n"},
	} {
		n, err := w.to.Write([]byte(w.text))
		require.NoError(t, err)
		require.Equal(t, len(w.text), n)
	}
	require.Equal(t, "worker │ two\napi    │ one line\nworker │ three\n", out.String())

	out.Reset()
	_, err := api.Write(bytes.Repeat([]byte("x"), longestLine+1))
	require.NoError(t, err)
	require.NotEmpty(t, out.String(), "a line without an end is not kept for ever")
}

func TestTheLogForPeopleShowsLevelOnlyWhenSomethingIsWrong(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(plain{out: &out}).With("stack", "a")
	log.Debug("not shown")
	log.Info("up", "port", 1)
	log.Warn("down")
	require.Equal(t, "up  stack=a  port=1\nWARN down  stack=a\n", out.String())
}

func TestAProcessIsKnownByItsCommandNotItsNumber(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }() // ended below, unless the test fails
	mine := child{PID: cmd.Process.Pid, Command: "sleep 60"}
	eventually(t, "it has its command line a moment after it was started", func() bool { return runs(mine) })
	require.False(t, runs(child{PID: mine.PID, Command: "sleep 61"}))

	path := filepath.Join(t.TempDir(), childrenFile)
	log := slog.New(slog.DiscardHandler)
	r, err := openRegistry(path, log)
	require.NoError(t, err)
	require.NoError(t, r.add("api", mine.PID, "another command"))
	_, err = openRegistry(path, log)
	require.NoError(t, err)
	require.True(t, runs(mine), "somebody else's process is left alone")
	require.NoError(t, r.add("api", mine.PID, mine.Command))
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	_, err = openRegistry(path, log)
	require.NoError(t, err)
	require.Error(t, <-done, "it was ended")
}

func TestALargeLogIsSetAsideAndTheTailIsOfThisRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), postgresLog)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), maxLog+1), 0o600))
	f, err := openLog(path)
	require.NoError(t, err)
	_, err = f.WriteString("earlier\n")
	require.NoError(t, err)
	require.FileExists(t, path+".1")
	_, err = f.WriteString("now\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, "\nnow", logTail(path, int64(len("earlier\n"))))
	require.Empty(t, logTail(path, 1000))
}

func TestPasswordsAreNotShown(t *testing.T) {
	require.NotContains(t, withoutPassword("postgres://a:hunter2@h:1/d?sslmode=disable"), "hunter2")
	require.NotContains(t, withoutPassword("host=h password=hunter2"), "hunter2")
}

func TestTheChildrensEnvironmentDropsWhatWouldMislead(t *testing.T) {
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("KEPT", "1")
	env := environ([]string{"PG"}, "NEW=2")
	require.Contains(t, env, "KEPT=1")
	require.Contains(t, env, "NEW=2")
	require.False(t, strings.Contains(strings.Join(env, "\n"), "PGHOST="))
	require.Equal(t, "127.0.0.1:"+strconv.Itoa(5), loopback(5))
}
