// Package tools gives Go programs what install.sh gives shells: the way to the programs that Atender's local stack
// runs. The script is embedded, so that there is one place that knows where PostgreSQL lies and how the Temporal CLI
// is built, and a binary finds them far from its source.
package tools

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// waitDelay is how long the script has, after it was told to stop, to clean up.
const waitDelay = 5 * time.Second

//go:embed install.sh
var script []byte

//go:embed versions.mk
var versions []byte

// Postgres returns the directory of a PostgreSQL server's programs (initdb, postgres, pg_ctl). It installs nothing:
// starting a program should not bring packages into the system. The error says how to get one.
func Postgres(ctx context.Context) (string, error) {
	return run(ctx, io.Discard, "--find", "postgres")
}

// Temporal returns the path of the Temporal CLI at the pinned version: from PATH, from the user's cache, or built
// into that cache, which takes minutes; progress, which says so, is told what is being done.
func Temporal(ctx context.Context, progress io.Writer) (string, error) {
	return run(ctx, progress, "temporal")
}

// Chromium returns the path of a Chromium or Chrome, which tests show pages in. Like Postgres it installs nothing.
func Chromium(ctx context.Context) (string, error) {
	return run(ctx, io.Discard, "--find", "chromium")
}

// Prometheus returns the directory of the programs prometheus and promtool, with which the rules and the dashboard are
// tested. Like Postgres it installs nothing.
func Prometheus(ctx context.Context) (string, error) {
	return run(ctx, io.Discard, "--find", "prometheus")
}

// run runs the script in a directory of its own and returns its answer, one line.
func run(ctx context.Context, progress io.Writer, args ...string) (string, error) {
	dir, err := os.MkdirTemp("", "atender-tools-")
	if err != nil {
		return "", fmt.Errorf("make a directory for install.sh: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, content := range map[string][]byte{"install.sh": script, "versions.mk": versions} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", fmt.Errorf("write %s: %w", name, err)
		}
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", append([]string{filepath.Join(dir, "install.sh")}, args...)...)
	cmd.Stderr = io.MultiWriter(progress, &said)
	// The script removes its lock and what it has half built when it is told to stop, not when it is killed.
	// A shell heeds a signal only after the program it waits for: both get it, as a process group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = waitDelay
	out, err := cmd.Output()
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	if reason := lastError(said.String()); reason != "" {
		return "", errors.New(reason)
	}
	return "", fmt.Errorf("install.sh %s: %w", strings.Join(args, " "), err)
}

// lastError returns what the script said after "error: ", its last words, which may be of several lines.
func lastError(said string) string {
	const mark = "error: "
	i := strings.LastIndex("\n"+said, "\n"+mark)
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(said[i+len(mark):])
}
