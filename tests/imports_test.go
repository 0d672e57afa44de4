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
			module + "/models", module + "/models/postgres",
			module + "/activities/...", module + "/api/...", module + "/worker/...",
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

// domain is the packages of models that reach the database, each with those of them that it may import,
// directly or not. What is not here is
// pure, and imports none of them.
var domain = map[string][]string{
	"postgres":     nil,
	"outbox":       {"postgres"},
	"feed":         {"postgres"},
	"idempotency":  {"postgres"},
	"account":      {"postgres", "feed"},
	"worktime":     {"postgres", "outbox", "feed", "account"},
	"webhook":      {"postgres", "outbox", "feed", "account"},
	"conversation": {"postgres", "outbox", "feed", "account", "worktime", "webhook"},
	"dock":         {"postgres", "outbox", "feed", "account", "worktime", "webhook", "conversation"},
}

// The domain's packages import each other in one direction, and what is pure imports none of them.
func TestTheDomainsPackagesPointOneWay(t *testing.T) {
	t.Parallel()
	packages := dependencies(t)
	for name := range domain {
		require.Contains(t, packages, module+"/models/"+name)
	}
	for path, imports := range packages {
		name, inModels := strings.CutPrefix(path, module+"/models/")
		if !inModels {
			continue
		}
		for _, imported := range imports {
			other, inModels := strings.CutPrefix(imported, module+"/models/")
			if _, isDomain := domain[other]; inModels && isDomain {
				require.Contains(t, domain[name], other, "models/%s depends on models/%s", name, other)
			}
		}
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
