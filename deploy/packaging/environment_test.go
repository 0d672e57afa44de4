// Package packaging holds what is deployed with Atender against what reads it: the chart against Helm and the types of
// Kubernetes, the Compose file against Compose's own loader, the units against systemd, and the environment of each against
// `atender help config`. It is a module of its own, so that the product does without all of these.
package packaging

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// binaryVar is the variable by which `make test` names the atender that it has just built.
const binaryVar = "ATENDER_TEST_BINARY"

// variable is what `atender help config` says of one.
type variable struct{ required, secret bool }

// documented are the variables that the binary describes. Those that others have named, Temporal and OpenTelemetry, are
// neither required nor secret: there are no files of them.
var documented = sync.OnceValues(func() (map[string]variable, error) {
	text, err := helpConfig()
	if err != nil {
		return nil, err
	}
	found := map[string]variable{}
	for _, entry := range regexp.MustCompile(`(?m)^  (ATENDER_[A-Z_]+)\n(?:      .*\n?)+`).FindAllStringSubmatch(text, -1) {
		found[entry[1]] = variable{
			required: strings.Contains(entry[0], "; required"),
			secret:   strings.Contains(entry[0], "or "+entry[1]+"_FILE, the path of a file that holds it"),
		}
	}
	for _, name := range regexp.MustCompile(`\b(?:TEMPORAL|OTEL)_[A-Z_]+`).FindAllString(text, -1) {
		found[name] = variable{}
	}
	return found, nil
})

func helpConfig() (string, error) {
	binary := os.Getenv(binaryVar)
	if binary == "" {
		dir, err := os.MkdirTemp("", "atender-packaging-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(dir) }() // the system clears its directory for temporary files
		binary = filepath.Join(dir, "atender")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Dir, build.Stderr = "../..", os.Stderr
		if err := build.Run(); err != nil {
			return "", err
		}
	}
	text, err := exec.Command(binary, "help", "config").Output()
	return string(text), err
}

// ofGo are variables that Go's runtime reads, and those of containers.
var ofGo = []string{"GOMEMLIMIT", "GOGC", "GOMAXPROCS", "PATH"}

// requireEnvironment holds the environment of a role against what the binary reads. Empty values are set all the same.
func requireEnvironment(t *testing.T, role string, env map[string]string) {
	t.Helper()
	known, err := documented()
	require.NoError(t, err)
	require.Greater(t, len(known), 20, "the text of help config is not what it was")
	for name := range env {
		of, isFile := strings.CutSuffix(name, "_FILE")
		v, ok := known[name]
		if !ok && isFile {
			v, ok = known[of]
			ok = ok && v.secret
		}
		require.True(t, ok || slices.Contains(ofGo, name), "%s sets %s, which `atender help config` does not know", role, name)
		require.False(t, v.secret && !isFile, "%s has %s in its environment: name a file with it", role, name)
	}
	for name, v := range known {
		if v.required && (role != "migrate" || name == "ATENDER_DATABASE_URL") {
			require.True(t, env[name] != "" || env[name+"_FILE"] != "", "%s lacks %s", role, name)
		}
	}
}

// What the other tests rest on: names are read out of the text, with what is said of them.
func TestTheTextOfHelpConfigIsUnderstood(t *testing.T) {
	t.Parallel()
	known, err := documented()
	require.NoError(t, err)
	require.Equal(t, variable{required: true, secret: true}, known["ATENDER_DATABASE_URL"])
	require.Equal(t, variable{required: true, secret: true}, known["ATENDER_SECRET_KEYS"])
	require.Equal(t, variable{}, known["ATENDER_LOG_LEVEL"])
	require.Contains(t, known, "TEMPORAL_TLS_SERVER_CA_CERT_PATH")
	names := slices.Sorted(maps.Keys(known))
	require.Contains(t, names, "ATENDER_WORKER_METRICS_ADDR")
}
