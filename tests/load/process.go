package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// child is a process that this one has started.
type child struct {
	name   string
	cmd    *exec.Cmd
	ended  chan struct{}
	reason error // valid once ended is closed
}

// stopGrace is how long a child has to stop before it is killed: the stack promises 30 s.
const stopGrace = 40 * time.Second

// start starts a process; its output goes to out. It must be called from the main goroutine (see init).
func start(name string, out io.Writer, env []string, path string, args ...string) (*child, error) {
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = childAttributes(syscall.SIGTERM)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the output open
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, ended: make(chan struct{})}
	go func() {
		c.reason = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// failed returns an error when the process has ended.
func (c *child) failed() error {
	select {
	case <-c.ended:
		if c.reason == nil {
			return fmt.Errorf("%s ended by itself", c.name)
		}
		return fmt.Errorf("%s ended by itself: %w", c.name, c.reason)
	default:
		return nil
	}
}

// stop asks the process to stop and waits until it has; one that does not is killed, which is an error.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-c.ended:
		return nil
	case <-time.After(stopGrace):
	}
	err := syscall.Kill(-c.pid(), syscall.SIGKILL)
	<-c.ended
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return errors.Join(fmt.Errorf("%s did not stop within %s and was killed", c.name, stopGrace), err)
}

// environ is this process's environment without the variables that the stack's take the place of, and with those.
func environ(with ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ATENDER_") && !strings.HasPrefix(entry, "TEMPORAL_") {
			env = append(env, entry)
		}
	}
	return append(env, with...)
}
