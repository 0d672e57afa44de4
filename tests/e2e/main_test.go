// Package e2e uses the product as its users do: the built binary, started by `atender dev`; HTTP as a curl would speak
// it; the files and commands that operators are told of.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/atender/atender/tests/deps"
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
		binary, err = deps.Binary(dir)
		err = errors.Join(err, os.Chmod(dir, 0o711))
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
