package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// registry remembers in a file which processes a stack has started. Were the stack killed where the system does not
// tell its children, the next one ends them.
type registry struct {
	path string

	mu       sync.Mutex
	children map[string]child
}

type child struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// leftoverGrace is how long a process that a killed stack has left has to stop, after which it is killed.
const leftoverGrace = 20 * time.Second

// openRegistry ends what is left of an earlier stack and starts an empty list. The directory has to be locked.
func openRegistry(path string, log *slog.Logger) (*registry, error) {
	r := &registry{path: path, children: map[string]child{}}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("list of processes: %w", err)
	}
	var left map[string]child
	if err := json.Unmarshal(content, &left); err != nil {
		return nil, fmt.Errorf("list of processes %s: %w", path, err)
	}
	for _, name := range []string{"api", "worker", temporalName, postgresName} {
		c, ok := left[name]
		if !ok || !runs(c) {
			continue
		}
		log.Info("ending what an earlier run has left", "process", name, "pid", c.PID)
		if err := endLeftover(c, name == postgresName); err != nil {
			return nil, fmt.Errorf("%s of an earlier run: %w", name, err)
		}
	}
	return r, nil
}

func (r *registry) add(name string, pid int, command string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.children[name] = child{pid, command}
	return writeJSON(r.path, r.children)
}

// close forgets the list, all of which has ended.
func (r *registry) close() error { return removeIfExists(r.path) }

// runs tells whether the process is still there, and still the one that was started: process ids are used again.
func runs(c child) bool {
	return commandLine(c.PID) == c.Command
}

// commandLine returns what a process was started with, separated by spaces; nothing when there is no such process.
func commandLine(pid int) string {
	if content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.ReplaceAll(strings.TrimRight(string(content), "\x00"), "\x00", " ")
	}
	out, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func endLeftover(c child, postgres bool) error {
	signal := syscall.SIGTERM
	if postgres {
		signal = postgresStop
	}
	if err := syscall.Kill(c.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(leftoverGrace); runs(c); {
		if time.Now().After(deadline) {
			if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}
