package faults

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is an api or a worker, which can be killed and started again at the same address.
type process struct {
	t       *testing.T
	role    string
	number  int    // among the scenario's processes
	url     string // of the database
	addr    string // of the API; empty for a worker
	metrics string
	log     string // path
	env     []string
	cmd     *exec.Cmd
	ended   chan struct{}
	starts  int
}

// start starts a process in the world's environment and waits until it is ready. vars are NAME=value, and win.
func (w *world) start(role string, vars ...string) *process {
	w.t.Helper()
	p := w.prepare(role, vars...)
	p.launch()
	p.awaitReady()
	return p
}

func (w *world) prepare(role string, vars ...string) *process {
	w.t.Helper()
	w.processes++
	p := &process{
		t: w.t, role: role, number: w.processes, url: w.url, metrics: freeAddress(w.t),
		log: filepath.Join(w.dir, fmt.Sprintf("%s-%d.log", role, w.processes)),
	}
	env := append([]string{"ATENDER_LOG_LEVEL=warn"}, w.env...)
	if role == "api" {
		p.addr = freeAddress(w.t)
		env = append(env, "ATENDER_HTTP_ADDR="+p.addr, "ATENDER_PUBLIC_URL=http://"+p.addr, "ATENDER_METRICS_ADDR="+p.metrics)
	} else {
		env = append(env, "ATENDER_WORKER_METRICS_ADDR="+p.metrics)
	}
	p.env = append(env, vars...)
	w.t.Cleanup(func() {
		if p.running() {
			p.kill()
		}
		if w.t.Failed() {
			w.t.Logf("%s, the end of its log:\n%s", role, tail(p.log))
		}
	})
	return p
}

func (p *process) launch() {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(p.t, err)
	p.cmd = exec.Command(binary, p.role)
	p.starts++
	p.cmd.Env = append(slices.Clone(p.env), "ATENDER_DATABASE_URL="+p.url+"&application_name="+p.name())
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = childAttributes()
	require.NoError(p.t, spawn(p.cmd))
	require.NoError(p.t, out.Close())
	ended, cmd := make(chan struct{}), p.cmd
	p.ended = ended
	go func() {
		_ = cmd.Wait() // that it ended is what counts
		close(ended)
	}()
}

// name tells the processes of a scenario apart, those of one role and those before and after a kill. The database knows
// their connections by it.
func (p *process) name() string { return fmt.Sprintf("%s-%d.%d", p.role, p.number, p.starts) }

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the process with SIGKILL and returns when it has ended. One that had ended by itself fails the test.
func (p *process) kill() {
	p.t.Helper()
	require.True(p.t, p.running(), "the %s had ended by itself", p.role)
	require.NoError(p.t, p.cmd.Process.Kill())
	<-p.ended
}

// stop ends the process in order: a worker hands back what it does, so that the next one need not wait until Temporal
// misses its heartbeats.
func (p *process) stop() {
	p.t.Helper()
	require.True(p.t, p.running(), "the %s had ended by itself", p.role)
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	eventually(p.t, time.Minute, "the "+p.role+" ends", func() bool { return !p.running() })
}

// again starts it again after a kill and waits until it is ready.
func (p *process) again() {
	p.t.Helper()
	p.launch()
	p.awaitReady()
}

// awaitReady waits for the probe of liveness: what it needs may be away.
func (p *process) awaitReady() {
	p.t.Helper()
	addr := p.metrics
	if p.addr != "" {
		addr = p.addr
	}
	eventually(p.t, time.Minute, p.role+" answers", func() bool {
		require.True(p.t, p.running(), "the %s ended: %s", p.role, tail(p.log))
		ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
		require.NoError(p.t, err)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close() // its status is all that matters
		return answer.StatusCode == http.StatusOK
	})
}

func tail(path string) string {
	content, _ := os.ReadFile(path) // only for a message
	return string(content[max(0, len(content)-4000):])
}

// counted adds up what a process says of itself: the samples of a metric that have all the labels, each name="value".
func (p *process) counted(metric string, labels ...string) (n int) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	require.NoError(p.t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer func() { _ = answer.Body.Close() }()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		lacks := func(label string) bool { return !strings.Contains(name, label) }
		if strings.HasPrefix(name, metric+"{") && !slices.ContainsFunc(labels, lacks) {
			f, err := strconv.ParseFloat(value, 64)
			require.NoError(p.t, err)
			n += int(f)
		}
	}
	return n
}

// within polls for a condition for a while, and says whether it came to hold.
func within(while time.Duration, condition func() bool) bool {
	began := time.Now()
	for time.Since(began) < while {
		if condition() {
			return true
		}
		pollPause(began)
	}
	return condition()
}

// eventually polls until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	began := time.Now()
	for !condition() {
		if t.Failed() { // a writer has, in the background
			t.FailNow()
		}
		if time.Since(began) > within {
			require.FailNow(t, "not in time: "+what, "waited %s", within)
		}
		pollPause(began)
	}
}

// How often a condition is asked for: mostly the database or Temporal are, whose answer takes some milliseconds of computing,
// and several scenarios wait at once. So one that has been waited for longer is asked for less often.
const (
	pollFirst = 25 * time.Millisecond
	pollLast  = 200 * time.Millisecond
)

// pollPause waits before a condition is asked for again that has been waited for since then.
func pollPause(since time.Time) {
	<-time.After(min(max(time.Since(since)/10, pollFirst), pollLast))
}

// nextPort is where the search for free ports goes on. They lie below those that the system gives to connections, which
// could otherwise take the port of a process while it is down.
var nextPort = func() *atomic.Int32 {
	var n atomic.Int32
	n.Store(int32(20_000 + os.Getpid()%8_000)) //nolint:gosec // small
	return &n
}()

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", fmt.Sprint(nextPort.Add(1)))
		if l, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, l.Close())
			return addr
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

func newSpawner() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
}

func spawn(cmd *exec.Cmd) error {
	done := make(chan error)
	spawner() <- func() { done <- cmd.Start() }
	return <-done
}

// environ is this process's environment without what configures an atender, and with others.
func environ(with ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "ATENDER_") && !strings.HasPrefix(name, "TEMPORAL_") && name != "GOGC" {
			env = append(env, entry)
		}
	}
	return append(env, with...)
}
