package deployment

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/deps"
)

// enterArg has the test's own binary become a program of the image: enter says with which arguments.
const enterArg = "enter-the-container"

// packaging runs a command of Go in the module of what is deployed, for an atender that is built.
func packaging(t *testing.T, binary string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "../../deploy/packaging"
	// The module's sums are checked in; a workspace or a vendor directory of the environment is not for it.
	cmd.Env = append(os.Environ(),
		"GOFLAGS=-mod=readonly -trimpath", "GOWORK=off", "CGO_ENABLED=0", "ATENDER_TEST_BINARY="+binary)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %v:\n%s", args, said)
}

// The module of the files has its own tests, and what it needs is compiled once for all clones: the first time takes
// minutes, the others seconds.
func TestTheFilesOfDeployment(t *testing.T) {
	t.Parallel()
	binary, err := deps.Binary(t.TempDir())
	require.NoError(t, err)
	packaging(t, binary, "test", "-count=1", "-vet=off", "-ldflags=-s -w", "./...")
}
