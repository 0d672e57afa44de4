// Package clients tries the served OpenAPI document with what makes clients of it, as users of the API do. The
// generators are not small, so that the clients are made and used in the long form of the tests alone; what the
// generators are known to refuse is looked for in the short form.
package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

const installer = "../../deploy/tools/install.sh"

// tool installs what install.sh knows by a name, at its pinned version, and returns its path.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := run(t, "", nil, installer, name)
	return strings.TrimSpace(path)
}

// run runs a program in a directory and returns what it prints; that it fails, fails the test.
func run(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s %v:\n%s%s", filepath.Base(program), args, out, &said)
	return string(out)
}

// workshop is a directory with the served document, openapi.json, and the files of another.
func workshop(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.json"), conformance.Served().Text, 0o600))
	return dir
}

// journey runs a client's program against an API whose answers and deliveries are held against the document.
func journey(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	s, in := stack.Start(t), inbox.Open(t)
	said := run(t, dir, []string{"ATENDER_KEY=" + s.Key}, program, append(args, s.URL, in.URL())...)
	require.Equal(t, "done\n", said)
}

// operations are the ids of the served operations, without those that receivers of webhooks implement.
func operations(t *testing.T) (ids []string) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(conformance.Served().Text, &doc))
	for _, item := range doc.Paths {
		for method, text := range item {
			if method == "parameters" {
				continue
			}
			var operation struct{ OperationID string }
			require.NoError(t, json.Unmarshal(text, &operation))
			ids = append(ids, operation.OperationID)
		}
	}
	return ids
}

func TestAGoClientOfOgenMakesAJourney(t *testing.T) {
	t.Parallel()
	if !deps.Long() {
		t.Skip("long")
	}
	dir := workshop(t, "ogen")
	run(t, dir, nil, tool(t, "ogen"), "--config", "ogen.yml", "--target", "client", "--package", "client", "openapi.json")
	generated, err := os.ReadFile(filepath.Join(dir, "client", "oas_client_gen.go"))
	require.NoError(t, err)
	require.Len(t, regexp.MustCompile(`(?m)^func \(c \*Client\) [A-Z]`).FindAll(generated, -1), len(operations(t)),
		"an operation was left out")
	// The module's sums are checked in; a workspace or a vendor directory of the environment is not for it.
	run(t, dir, []string{"GOFLAGS=-mod=readonly", "GOWORK=off"}, "go", "build", "-o", "journey", ".")
	journey(t, dir, filepath.Join(dir, "journey"))
}

// The version stands in two files, since a module has to name what it imports.
func TestOgensVersionIsOne(t *testing.T) {
	t.Parallel()
	versions, err := os.ReadFile("../../deploy/tools/versions.mk")
	require.NoError(t, err)
	module, err := os.ReadFile("ogen/go.mod")
	require.NoError(t, err)
	pinned := regexp.MustCompile(`(?m)^OGEN_VERSION=(\S+)$`).FindSubmatch(versions)
	require.NotNil(t, pinned)
	require.Contains(t, string(module), fmt.Sprintf("github.com/ogen-go/ogen %s\n", pinned[1]))
}

// oldestNode is what @hey-api/openapi-ts runs with.
var oldestNode = [2]int{20, 19}

// typescript generates both clients in TypeScript, has them and the programs that use them compiled, and returns the
// directory with what came out.
func typescript(t *testing.T) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("Node is missing")
	}
	var have [2]int
	_, err := fmt.Sscanf(run(t, "", nil, "node", "--version"), "v%d.%d.", &have[0], &have[1])
	require.NoError(t, err)
	if have[0] < oldestNode[0] || have[0] == oldestNode[0] && have[1] < oldestNode[1] {
		t.Skipf("Node %d.%d or newer is missing", oldestNode[0], oldestNode[1])
	}
	dir = workshop(t, "typescript")
	modules := tool(t, "clients")
	bin := func(name string) string { return filepath.Join(modules, ".bin", name) }
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	run(t, dir, nil, bin("openapi-typescript"), "openapi.json", "-o", "api.d.ts")
	run(t, dir, nil, bin("openapi-ts"), "-i", "openapi.json", "-o", "hey", "-c", "@hey-api/client-fetch", "--no-log-file")
	for file, what := range map[string]string{
		"api.d.ts": `(?m)^    %s: \{$`, "hey/sdk.gen.ts": `(?m)^export const %s = `,
	} {
		generated, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		for _, id := range operations(t) {
			require.Regexp(t, fmt.Sprintf(what, id), string(generated))
		}
	}
	run(t, dir, nil, bin("tsc"), "-p", ".")
	return dir
}

func TestTypeScriptClientsMakeAJourney(t *testing.T) {
	t.Parallel()
	if !deps.Long() {
		t.Skip("long")
	}
	dir := typescript(t)
	for _, program := range []string{"types.js", "heyapi.js"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			journey(t, dir, "node", filepath.Join("out", program))
		})
	}
}
