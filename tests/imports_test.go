package tests

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/atender/atender"

// Imports point one way, also through other packages: what is deterministic stays free of the database and of HTTP
// servers, and models know nothing of who uses them. The linter says the same of direct imports, while one writes.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	packages := dependencies(t)
	for _, rule := range []struct {
		of    string
		never []string // a path, or one with all below it
	}{
		{"workflows", []string{
			"gorm.io/...", "github.com/gin-gonic/...", "database/sql", "github.com/jackc/...",
			module + "/models", module + "/activities/...", module + "/api/...", module + "/worker/...",
		}},
		{"api", []string{module + "/workflows/...", module + "/activities/...", module + "/worker/..."}},
		{"activities", []string{module + "/api/...", module + "/workflows/...", module + "/worker/..."}},
		{"models", []string{
			module + "/api/...", module + "/activities/...", module + "/workflows/...", module + "/worker/...",
			module + "/deploy/...", "github.com/gin-gonic/...", "go.temporal.io/...",
		}},
	} {
		t.Run(rule.of, func(t *testing.T) {
			t.Parallel()
			found := false
			for path, imports := range packages {
				if !within(path, module+"/"+rule.of+"/...") {
					continue
				}
				found = true
				for _, pattern := range rule.never {
					at := slices.IndexFunc(imports, func(i string) bool { return within(i, pattern) })
					require.Negative(t, at, "%s depends on %s: run go list -deps, or see by whom with go mod why", path, pattern)
				}
			}
			require.True(t, found, "there is no such package")
			for _, pattern := range rule.never { // a name that has changed must not make the rule an empty one
				require.True(t, slices.ContainsFunc(packages[module], func(i string) bool { return within(i, pattern) }),
					"nothing in the whole program is called %s", pattern)
			}
		})
	}
}

// dependencies are all packages of the module, each with all that it imports, directly or not; tests aside.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...")
	list.Dir = ".."
	out, err := list.Output()
	require.NoError(t, err)
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		packages[fields[0]] = fields[1:]
	}
	return packages
}

func within(path, pattern string) bool {
	tree, below := strings.CutSuffix(pattern, "/...")
	return path == tree || below && strings.HasPrefix(path, tree+"/")
}
