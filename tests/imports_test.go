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

// conversing is what conversations are made with.
var conversing = []string{
	"postgres", "outbox", "feed", "idempotency", "account", "worktime", "webhook", "contact", "tag",
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
	"contact":      {"postgres"},
	"tag":          {"postgres"},
	"sweep":        {"postgres", "outbox"},
	"worktime":     {"postgres", "outbox", "feed", "account"},
	"webhook":      {"postgres", "outbox", "feed", "account"},
	"conversation": conversing,
	"listing":      append([]string{"conversation"}, conversing...),
	"dock":         append([]string{"conversation"}, conversing...),
}

// serving is the packages below api, each with those of them that it may import, directly or not. Package api itself puts
// them together and imports what it likes of them.
var serving = func() map[string][]string {
	handlers := func(besides ...string) []string {
		return append([]string{"contract", "request", "respond"}, besides...)
	}
	checks := []string{"contract", "request", "respond", "intake", "validation", "validation/jsonscan"}
	passed := append([]string{"console", "metrics", "origin"}, checks...)
	return map[string][]string{
		"client":              nil,
		"console":             nil,
		"contract":            nil,
		"intake":              nil,
		"safehtml":            nil,
		"sdk":                 nil,
		"validation/jsonscan": nil,
		"request":             {"contract"},
		"respond":             {"contract", "request"},
		"origin":              {"contract", "request"},
		"metrics":             {"contract", "request"},
		"validation":          {"contract", "request", "respond", "intake", "validation/jsonscan"},
		"middleware":          passed,
		"pages":               append([]string{"middleware", "safehtml", "sdk"}, passed...),
		"conversations":       append([]string{"safehtml"}, checks...),
		"people":              checks,
		"webhooks":            handlers(),
		"docks":               handlers("metrics"),
		"worktime":            handlers(),
		"settings":            handlers("origin"),
	}
}()

// The domain's packages import each other in one direction, and what is pure imports none of them.
func TestTheDomainsPackagesPointOneWay(t *testing.T) {
	t.Parallel()
	pointOneWay(t, "models", domain, false)
}

// So do the parts of the API: the groups of operations know nothing of each other, nor of what requests pass before them.
func TestTheAPIsPackagesPointOneWay(t *testing.T) {
	t.Parallel()
	pointOneWay(t, "api", serving, true)
}

// pointOneWay holds the packages below a folder to the edges that are allowed. Where all are listed, a package that is not
// has to be added.
func pointOneWay(t *testing.T, folder string, allowed map[string][]string, all bool) {
	t.Helper()
	packages := dependencies(t)
	for name := range allowed {
		require.Contains(t, packages, module+"/"+folder+"/"+name)
	}
	for path, imports := range packages {
		name, inside := strings.CutPrefix(path, module+"/"+folder+"/")
		if !inside {
			continue
		}
		if all {
			require.Contains(t, allowed, name, "what may %s/%s import?", folder, name)
		}
		for _, imported := range imports {
			other, inside := strings.CutPrefix(imported, module+"/"+folder+"/")
			if _, held := allowed[other]; inside && held {
				require.Contains(t, allowed[name], other, "%s/%s depends on %s/%s", folder, name, folder, other)
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
