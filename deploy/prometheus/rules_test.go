// Package prometheus_test holds the rules, their tests, the runbooks and the dashboard against each other and against
// what the processes export. That their queries find something is shown in tests/e2e, with a Prometheus and a running
// stack.
package prometheus_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/atender/atender/deploy/tools"
)

// rule is one of a rule file: an alert or a recording.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

var ruleFiles = []string{"alerts.yml", "slo.yml"}

func read(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, into), path)
}

func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, name := range ruleFiles {
		var file struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		read(t, name, &file)
		for _, group := range file.Groups {
			all = append(all, group.Rules...)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func alerts(t *testing.T) map[string]rule {
	t.Helper()
	byName := map[string]rule{}
	for _, r := range rules(t) {
		if r.Alert != "" {
			require.NotContains(t, byName, r.Alert, "two alerts of one name")
			byName[r.Alert] = r
		}
	}
	return byName
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	bin, err := tools.Prometheus(t.Context())
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "promtool"), args...).CombinedOutput()
	require.NoError(t, err, "promtool %s:\n%s", strings.Join(args, " "), out)
}

func TestPromtoolAcceptsTheFiles(t *testing.T) {
	t.Parallel()
	promtool(t, append([]string{"check", "rules", "--lint-fatal"}, ruleFiles...)...)
	promtool(t, "check", "config", "prometheus.yml")
}

func TestEachAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("tests/*.yml")
	require.NoError(t, err)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, path := range files {
		var file struct {
			Tests []struct {
				AlertRuleTest []struct {
					Alertname string `yaml:"alertname"`
					ExpAlerts []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		read(t, path, &file)
		for _, test := range file.Tests {
			for _, of := range test.AlertRuleTest {
				fires[of.Alertname] = fires[of.Alertname] || len(of.ExpAlerts) > 0
				quiet[of.Alertname] = quiet[of.Alertname] || len(of.ExpAlerts) == 0
			}
		}
	}
	all := alerts(t)
	for name := range all {
		require.True(t, fires[name], "no test shows that %s fires", name)
		require.True(t, quiet[name], "no test shows that %s does not fire without need", name)
	}
	for name := range fires { // promtool takes a name that there is not for an alert that does not fire
		require.Contains(t, all, name, "tested, and not there")
	}
	promtool(t, append([]string{"test", "rules"}, files...)...)
}

const runbooks = "../runbooks/"

// sections are what every page of the runbooks tells, in this order.
var sections = []string{
	"## What it means", "## What users notice", "## How to look", "## What to do", "## How to see that it is over",
}

func TestEachAlertHasItsPageInTheRunbooks(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(runbooks + "README.md")
	require.NoError(t, err)
	pages, err := filepath.Glob(runbooks + "Atender*.md")
	require.NoError(t, err)
	all := alerts(t)
	for name, r := range all {
		page := name + ".md"
		require.Contains(t, pages, runbooks+page)
		content, err := os.ReadFile(runbooks + page)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(content), "# "+name+"\n"), page)
		at := -1
		for _, section := range sections {
			next := strings.Index(string(content), "\n"+section+"\n")
			require.Greater(t, next, at, "%s: %q, in its place", page, section)
			at = next
		}
		require.Equal(t, "https://github.com/atender/atender/blob/main/deploy/runbooks/"+page, r.Annotations["runbook_url"])
		require.Contains(t, string(index), "("+page+")", "the list of pages")
		require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], name)
		require.NotEmpty(t, r.Annotations["summary"], name)
		require.NotEmpty(t, r.Annotations["description"], name)
	}
	require.Len(t, pages, len(all), "a page without an alert")
}

// What a query is made of besides metrics: texts, ranges, labels, numbers, keywords and functions.
var (
	texts     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	matchers  = regexp.MustCompile(`\{[^}]*\}`)
	groupings = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	words     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	keywords  = []string{"and", "or", "unless", "bool", "offset", "on", "by"}
)

// metricsIn are the metrics that a query names.
func metricsIn(query string) []string {
	for _, rest := range []*regexp.Regexp{texts, ranges, matchers, groupings} {
		query = rest.ReplaceAllString(query, " ")
	}
	var found []string
	for _, word := range words.FindAllString(query, -1) {
		if !strings.HasSuffix(word, "(") && !slices.Contains(keywords, strings.TrimSpace(word)) {
			found = append(found, strings.TrimSpace(word))
		}
	}
	return found
}

// panel is what the dashboard's tests look at of a panel.
type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct{ H, W, X, Y int }
	Datasource  struct{ UID string }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		RefID      string `json:"refId"`
		Expr       string `json:"expr"`
		Legend     string `json:"legendFormat"`
		Datasource struct{ UID string }
	}
}

func dashboard(t *testing.T) []panel {
	t.Helper()
	content, err := os.ReadFile("../grafana/atender.json")
	require.NoError(t, err)
	var board struct {
		UID    string
		Panels []panel
	}
	require.NoError(t, json.Unmarshal(content, &board))
	require.Equal(t, "atender", board.UID)
	return board.Panels
}

// A metric that is renamed, or a name that is mistyped, must not leave an alert that never fires and a panel that
// stays empty.
func TestRulesAndDashboardNameOnlyMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"up": true, "ALERTS": true}
	for name, m := range exported(t) {
		known[name] = m.kind != "histogram"
		for _, part := range []string{"_bucket", "_count", "_sum"} {
			known[name+part] = known[name+part] || m.kind == "histogram"
		}
	}
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, row := range regexp.MustCompile("(?m)^\\| `(temporal_\\w+)` \\| (\\w+)").FindAllStringSubmatch(string(page), -1) {
		known[row[1]] = row[2] != "histogram"
		for _, part := range []string{"_bucket", "_count", "_sum"} {
			known[row[1]+part] = row[2] == "histogram"
		}
	}
	named := map[string]string{} // by where
	for _, r := range rules(t) {
		if r.Record != "" {
			known[r.Record] = true
		}
		named[r.Alert+r.Record] += r.Expr + "\n"
	}
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			named["panel "+p.Title] += target.Expr + "\n"
		}
	}
	total := 0
	for where, queries := range named {
		found := metricsIn(queries)
		total += len(found)
		for _, name := range found {
			require.True(t, known[name], "%s: no process exports %s", where, name)
		}
	}
	require.Greater(t, total, 2*len(named)/3)
	require.Equal(t, []string{"a_b:c", "up"}, metricsIn(`sum by (x) (rate(a_b:c{y="z"}[5m])) > on (i) 2 and up == 1`))
}

// Each panel says in plain words what it shows and in which unit, from the source that the reader chooses; none
// covers another.
func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range dashboard(t) {
		require.NotContains(t, ids, p.ID, p.Title)
		ids[p.ID] = p.Title
		require.NotEmpty(t, p.Title)
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				require.Empty(t, cells[[2]int{x, y}], "%s covers another panel", p.Title)
				require.Less(t, x, 24, p.Title)
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		require.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		refs := map[string]bool{}
		for _, target := range p.Targets {
			refs[target.RefID] = true
			require.NotEmpty(t, target.Legend, p.Title)
			require.Equal(t, "${datasource}", target.Datasource.UID, p.Title)
		}
		require.Len(t, slices.Collect(maps.Keys(refs)), len(p.Targets), p.Title)
	}
}

// What a page quotes of the log, and the panels that it names, are there to be found.
func TestRunbooksQuoteWhatThereIs(t *testing.T) {
	t.Parallel()
	titles := map[string]bool{}
	for _, p := range dashboard(t) {
		titles[p.Title] = true
	}
	var source strings.Builder
	for _, root := range []string{"../../worker", "../../activities", "../../models", "../../api"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			source.Write(content)
			return err
		}))
	}
	pages, err := filepath.Glob(runbooks + "*.md")
	require.NoError(t, err)
	quotes, panels := 0, 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, quote := range regexp.MustCompile(`"msg":("[^"]+")`).FindAllStringSubmatch(string(content), -1) {
			quotes++
			message := strings.Join(strings.Fields(quote[1]), " ")
			require.True(t, strings.Contains(source.String(), message), "%s: no log line %s", page, message)
		}
		text := regexp.MustCompile("(?m)^    .*$|`[^`]*`").ReplaceAllString(string(content), "")
		for _, name := range regexp.MustCompile(`\*([^*]+)\*`).FindAllStringSubmatch(text, -1) {
			panels++
			name := strings.Join(strings.Fields(name[1]), " ")
			require.True(t, titles[name], "%s: there is no panel %q", page, name)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(string(content), -1) {
			require.FileExists(t, runbooks+link[1], page)
		}
	}
	require.Greater(t, min(quotes, panels), 10)
}
