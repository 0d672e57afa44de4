// Package e2e uses the product as its users do: the built binary, started by `atender dev`; HTTP as a curl would speak
// it; the files and commands that operators are told of.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the atender that all stacks run.
var binary string

// shared is the stack that most scenarios use.
var shared *stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "atender-e2e-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // the system clears its directory for temporary files
		err = errors.Join(os.Chmod(dir, 0o711), build(dir))
	}
	if err == nil {
		shared, err = start(filepath.Join(dir, "shared"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	status := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the shared stack:", err)
		status = 1
	}
	if status != 0 {
		fmt.Fprintf(os.Stderr, "e2e: the end of what the shared stack has said:\n%s\n", shared.out.tail())
	}
	return status
}

// build makes the binary as a release does.
func build(dir string) error {
	binary = filepath.Join(dir, "atender")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version=e2e", "-o", binary, ".")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
