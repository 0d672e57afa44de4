package local

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The tiers in the order in which they stop: who uses a service stops before it.
const (
	tierAtender = iota
	tierTemporal
	tierPostgres
	tiers
)

// restartPause is how long a process that died stays down. It keeps one that cannot start from spinning.
const restartPause = time.Second

// stopGrace is how long a process has to stop before it is killed: api and worker promise to exit in 25 s.
const stopGrace = 30 * time.Second

// command is a process to run for as long as the stack runs.
type command struct {
	name   string
	tier   int
	path   string
	args   []string
	env    []string // the whole environment
	dir    string
	as     *osAccount     // the user to run as; nil: this one
	signal syscall.Signal // that asks it to stop
	out    io.Writer      // takes stdout and stderr; a file is closed when the service has ended for good
}

func (c command) line() string { return strings.Join(append([]string{c.path}, c.args...), " ") }

// service is a command that runs. At first its end is final, for the caller that waits for it to be ready; once keep
// was called it is started again whenever it ends.
type service struct {
	command
	log      *slog.Logger
	registry *registry
	stopping chan struct{} // closed when it shall stop
	ended    chan struct{} // closed when it will not run any more

	mu     sync.Mutex
	kept   bool
	cmd    *exec.Cmd
	reason error // why it ended; set before ended is closed
	once   sync.Once
}

func startService(c command, r *registry, log *slog.Logger) (*service, error) {
	s := &service{
		command: c, log: log, registry: r,
		stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := s.launch(); err != nil {
		s.closeOutput()
		return nil, err
	}
	go s.supervise()
	return s, nil
}

// keep makes the service start again from now on when it ends.
func (s *service) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

// launch starts the process, unless the service is to stop.
func (s *service) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return errStopping
	default:
	}
	cmd := exec.Command(s.path, s.args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	cmd.Stdout, cmd.Stderr = s.out, s.out
	cmd.SysProcAttr = childAttributes(s.signal, s.as)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the output open
	if err := spawn(cmd); err != nil {
		return err
	}
	s.cmd = cmd
	if err := s.registry.add(s.name, cmd.Process.Pid, s.line()); err != nil {
		s.log.Warn("cannot note a process for the next start", "process", s.name, "error", err)
	}
	return nil
}

func (s *service) closeOutput() {
	if f, ok := s.out.(*os.File); ok {
		_ = f.Close() // written by the process: this one has nothing to lose
	}
}

var errStopping = errors.New("the stack is stopping")

func (s *service) supervise() {
	defer close(s.ended)
	defer s.closeOutput()
	for {
		err := s.cmd.Wait()
		s.mu.Lock()
		kept := s.kept
		s.reason = ended(err)
		s.mu.Unlock()
		select {
		case <-s.stopping:
			return
		default:
		}
		if !kept {
			return
		}
		for running := false; !running; {
			s.log.Warn(s.name+" ended by itself; starting it again in a second", "reason", s.reason)
			select {
			case <-s.stopping:
				return
			case <-time.After(restartPause):
			}
			err := s.launch()
			if errors.Is(err, errStopping) {
				return
			}
			running = err == nil
			s.reason = err
		}
	}
}

// ended says in words how a process ended.
func ended(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// stop asks the process to stop and waits until it has, or kills it when it takes too long.
func (s *service) stop() {
	s.once.Do(func() {
		s.mu.Lock()
		close(s.stopping)
		process := s.cmd.Process
		s.mu.Unlock()
		_ = process.Signal(s.signal) // it may have ended already
		select {
		case <-s.ended:
		case <-time.After(stopGrace):
			s.log.Warn(s.name+" does not stop; killing it", "waited", stopGrace)
			s.kill()
		}
	})
	<-s.ended
}

// kill ends the process and what it has started, at once.
func (s *service) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
	default:
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // its process group; it may have ended already
	}
}

// failed returns an error when the service has ended, for use while waiting for it to be ready.
func (s *service) failed() error {
	select {
	case <-s.ended:
		return fmt.Errorf("%s ended: %w", s.name, s.reason)
	default:
		return nil
	}
}

// spawner runs functions on one thread that never ends. On Linux a child's parent, whose death it is told of, is the
// thread that started it, and Go ends threads when it likes.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func spawn(cmd *exec.Cmd) error {
	done := make(chan error)
	spawner() <- func() { done <- cmd.Start() }
	return <-done
}

// environ is this process's environment without the variables that begin with one of the prefixes, and with others.
func environ(without []string, with ...string) []string {
	var env []string
next:
	for _, entry := range os.Environ() {
		for _, prefix := range without {
			if strings.HasPrefix(entry, prefix) {
				continue next
			}
		}
		env = append(env, entry)
	}
	return append(env, with...)
}
