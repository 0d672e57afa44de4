package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// startWithin is generous: the first start on a machine makes a database cluster, and tests share the machine.
	startWithin = time.Minute
	// stopWithin is what the product promises after SIGTERM.
	stopWithin = 25 * time.Second
	// ports is how many ports a stack takes from its base on.
	ports = 10
)

// stack is one `atender dev`.
type stack struct {
	ready
	dir    string
	out    *output
	cmd    *exec.Cmd
	exited chan error // gets how it ended, once
}

// ready is what ready.json tells scripts.
type ready struct {
	PID               int    `json:"pid"`
	Binary            string `json:"binary"`
	APIURL            string `json:"apiUrl"`
	DocsURL           string `json:"docsUrl"`
	ConsoleURL        string `json:"consoleUrl"`
	SignInURL         string `json:"signInUrl"`
	TemporalUIURL     string `json:"temporalUiUrl"`
	TemporalAddress   string `json:"temporalAddress"`
	TemporalNamespace string `json:"temporalNamespace"`
	MetricsURL        string `json:"metricsUrl"`
	DatabaseURL       string `json:"databaseUrl"`
	APIKey            string `json:"apiKey"`
	SandboxAPIKey     string `json:"sandboxApiKey"`
	TenantID          string `json:"tenantId"`
	ReceiverURL       string `json:"receiverUrl"`
	SampleDockURL     string `json:"sampleDockUrl"`
	PlaygroundURL     string `json:"playgroundUrl"`
}

// start starts a stack in a directory and waits until it says that it is ready.
func start(dir string) (*stack, error) {
	base, err := freePorts()
	if err != nil {
		return nil, err
	}
	s := &stack{dir: dir, out: &output{}, exited: make(chan error, 1)}
	s.cmd = exec.Command(binary, "dev", "--dir", dir, "--port-base", strconv.Itoa(base))
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = environment(), s.out, s.out
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	err = poll(startWithin, func() error {
		select {
		case ended := <-s.exited:
			s.exited <- ended
			return final{fmt.Errorf("atender dev ended: %w", ended)}
		default:
		}
		content, err := os.ReadFile(s.readyFile())
		if err != nil {
			return err
		}
		return json.Unmarshal(content, &s.ready)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("atender dev: %w\n%s", err, s.out.tail()), s.stop())
	}
	return s, nil
}

// startStack is start for one test, which stops the stack when it has not done so itself.
func startStack(t *testing.T, dir string) *stack {
	t.Helper()
	s, err := start(dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.stop())
		if t.Failed() {
			t.Logf("the end of what the stack has said:\n%s", s.out.tail())
		}
	})
	return s
}

func (s *stack) readyFile() string { return filepath.Join(s.dir, "ready.json") }

// stop sends SIGTERM and waits for the end, which has to be an orderly one.
func (s *stack) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("still runs %s after SIGTERM", stopWithin), s.cmd.Process.Kill())
	}
}

// environment is the test's own without what would lead a stack elsewhere.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "TEMPORAL_") || strings.HasPrefix(entry, "OTEL_") ||
			strings.HasPrefix(entry, "ATENDER_") && !strings.HasPrefix(entry, "ATENDER_TOOLS_DIR=")
	})
}

// freePorts finds a base for --port-base, below the ports that systems give to outgoing connections.
func freePorts() (int, error) {
	for range 100 {
		base := 20000 + ports*rand.IntN(1200)
		if free(base) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func free(base int) bool {
	for port := base; port < base+ports; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		if l.Close() != nil {
			return false
		}
	}
	return true
}

// shell runs a command of atender's in a shell that has sourced the stack's env file.
func (s *stack) shell(t *testing.T, args ...string) string {
	t.Helper()
	sh := exec.CommandContext(t.Context(), "sh", slices.Concat([]string{"-c", `. "$0" && exec "$@"`, filepath.Join(s.dir, "env")},
		args)...)
	sh.Env = environment()
	var said bytes.Buffer
	sh.Stderr = &said
	out, err := sh.Output()
	require.NoError(t, err, "%v: %s", args, &said)
	return string(out)
}

// process is a running process, as ps shows it.
type process struct {
	pid, parent int
	args        string
}

// processes are all of this machine but those that have ended and are not collected yet.
func processes(t *testing.T) []process {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-ww", "-A", "-o", "pid=,ppid=,stat=,args=").Output()
	require.NoError(t, err)
	var all []process
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		p := process{args: strings.Join(fields[3:], " ")}
		p.pid, err = strconv.Atoi(fields[0])
		require.NoError(t, err)
		p.parent, err = strconv.Atoi(fields[1])
		require.NoError(t, err)
		all = append(all, p)
	}
	return all
}

// family are the stack's process and all that it has started, directly or not.
func (s *stack) family(t *testing.T) []process {
	t.Helper()
	all := processes(t)
	pids, family := map[int]bool{}, []process(nil) // in whatever order: the numbers of processes begin anew now and then
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if (p.pid == s.PID || pids[p.parent]) && !pids[p.pid] {
				pids[p.pid], grown = true, true
				family = append(family, p)
			}
		}
	}
	return family
}

// role returns the process that serves as api or worker; 0 if there is none at the moment.
func (s *stack) role(t *testing.T, name string) int {
	t.Helper()
	for _, p := range processes(t) {
		if p.parent == s.PID && p.args == binary+" "+name {
			return p.pid
		}
	}
	return 0
}

// output keeps what a stack says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) tail() string {
	text := o.String()
	return text[max(0, len(text)-8<<10):]
}

// final is an error that waiting does not mend.
type final struct{ error }

// poll calls f until it succeeds, and returns the last error when that takes too long.
func poll(within time.Duration, f func() error) error {
	deadline, tick := time.After(within), time.NewTicker(25*time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[final](err); ok {
			return final.error
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("not within %s: %w", within, err)
		}
	}
}

func eventually(t *testing.T, within time.Duration, f func() error) {
	t.Helper()
	require.NoError(t, poll(within, f))
}
