package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/atender/atender/deploy/tools"
)

// prometheus is one that scrapes the shared stack by the configuration that is shipped.
type prometheus struct{ url string }

// startPrometheus starts it with what has to differ: where the processes are, and that it does not take 15 s to look.
func startPrometheus(t *testing.T) prometheus {
	t.Helper()
	bin, err := tools.Prometheus(t.Context())
	require.NoError(t, err)
	rules, err := filepath.Abs("../../deploy/prometheus")
	require.NoError(t, err)
	shipped, err := os.ReadFile(filepath.Join(rules, "prometheus.yml"))
	require.NoError(t, err)
	var config struct {
		Global  map[string]string `yaml:"global"`
		Rules   []string          `yaml:"rule_files"`
		Scrapes []struct {
			Name    string `yaml:"job_name"`
			DNS     any    `yaml:"dns_sd_configs,omitempty"`
			Targets any    `yaml:"static_configs,omitempty"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal(shipped, &config))
	config.Global = map[string]string{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s"}
	for i := range config.Rules {
		config.Rules[i] = filepath.Join(rules, config.Rules[i])
	}
	at := map[string]string{"atender-api": hostOf(t, shared.MetricsURL), "atender-worker": shared.workerMetrics(t)}
	require.Len(t, config.Scrapes, len(at))
	for i := range config.Scrapes {
		s := &config.Scrapes[i]
		s.DNS, s.Targets = nil, []any{map[string]any{"targets": []string{at[s.Name]}}}
	}
	written, err := yaml.Marshal(config)
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, written, 0o600))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	var said output
	cmd := exec.Command(filepath.Join(bin, "prometheus"), "--config.file="+file, "--log.level=warn",
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data goes with it
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus has said:\n%s", said.tail())
		}
	})
	p := prometheus{"http://" + addr}
	eventually(t, 30*time.Second, func() error {
		a, err := send(http.MethodGet, p.url+"/-/ready", "", "")
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("it answers %d: %s", a.status, a.body)
		}
		return err
	})
	return p
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// workerMetrics is where the stack's worker serves its metrics.
func (s *stack) workerMetrics(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(s.shell(t, "sh", "-c", `echo "$ATENDER_WORKER_METRICS_ADDR"`))
}

func (p prometheus) ask(path string, into any) error {
	a, err := send(http.MethodGet, p.url+path, "", "")
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(a.body, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return final{fmt.Errorf("%s: %s", path, answer.Error)}
	}
	return json.Unmarshal(answer.Data, into)
}

// hasData tells whether a query finds something: at least one number.
func (p prometheus) hasData(query string) error {
	var found struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := p.ask("/api/v1/query?query="+url.QueryEscape(query), &found); err != nil {
		return err
	}
	for _, series := range found.Result {
		text, _ := series.Value[1].(string)
		if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) {
			return nil
		}
	}
	if len(found.Result) > 0 && strings.Contains(query, eagerly) {
		return nil
	}
	return fmt.Errorf("%d series without a number: %s", len(found.Result), query)
}

// eagerly is a metric that is there, and measures nothing while workers have room: Temporal hands them an activity with the
// answer to the workflow task that asked for it, and only what waits in a queue is timed.
const eagerly = "temporal_activity_schedule_to_start_latency_seconds"

// dashboardQueries are all queries of the dashboard, as Grafana would send them.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../../deploy/grafana/atender.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(content, &board))
	var queries []string
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			query := strings.NewReplacer("$__rate_interval", "30s", "$tier", ".*").Replace(target.Expr)
			require.NotContains(t, query, "$", "a variable that this test does not know")
			queries = append(queries, query)
		}
	}
	require.NotEmpty(t, queries)
	return queries
}

// shop is a tenant that drives all that the dashboard shows.
type shop struct {
	t           *testing.T
	id, key     string
	limited     string // a key that may make one call a minute
	agent, dock string
	round       int
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t}
	s.id = regexp.MustCompile(`(?m)^production +(\S+) `).
		FindStringSubmatch(shared.shell(t, binary, "tenant", "create", "Watched shop"))[1]
	key := func(flags ...string) string {
		return strings.TrimSpace(shared.shell(t, slices.Concat([]string{
			binary, "key", "create", "--tenant", s.id, "--name", "watched", "--scope", "full_access", "--tier", "custom",
		}, flags)...))
	}
	s.key, s.limited = key(), key("--per-minute", "1")
	shared.shell(t, binary, "agent", "create", "--tenant", s.id, "--name", "Ada", "--email", "ada@example.com", "--role", "agent")
	for status, name := range map[int]string{http.StatusNoContent: "well", http.StatusInternalServerError: "failing"} {
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(endpoint.Close)
		s.call(http.StatusCreated, nil, s.key, http.MethodPost, "/v1/webhooks",
			fmt.Sprintf(`{"name": %q, "url": %q, "events": ["*"]}`, name, endpoint.URL))
	}
	var agents struct{ Data []struct{ ID string } }
	s.call(http.StatusOK, &agents, s.key, http.MethodGet, "/v1/agents", "")
	s.agent = agents.Data[0].ID
	var dock struct{ ID string }
	s.call(http.StatusCreated, &dock, s.key, http.MethodPost, "/v1/docks",
		`{"name": "Refunds", "url": "https://tools.example.com/dock", "actions": ["addTag"]}`)
	s.dock = dock.ID
	return s
}

func (s *shop) call(status int, into any, key, method, path, body string) {
	s.t.Helper()
	a, err := send(method, shared.APIURL+path, key, body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, a.status, "%s %s: %s", method, path, a.body)
	if into != nil {
		require.NoError(s.t, json.Unmarshal(a.body, into))
	}
}

// trade does a bit of everything: a conversation, whose events reach a webhook that takes them and one that does not;
// a snooze that ends at once; an action of a dock; a call too many.
func (s *shop) trade() {
	s.t.Helper()
	s.round++
	var c conversation
	s.call(http.StatusCreated, &c, s.key, http.MethodPost, "/v1/conversations/outbound",
		order(fmt.Sprintf("watched-%d", s.round), "watched@example.com"))
	s.call(http.StatusOK, nil, s.key, http.MethodPost, "/v1/conversations/"+c.ID+"/snooze",
		fmt.Sprintf(`{"until": %q}`, time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)))
	var session struct{ ID, ContextID, SessionToken string }
	s.call(http.StatusCreated, &session, s.key, http.MethodPost, "/v1/dock-sessions",
		fmt.Sprintf(`{"dockId": %q, "conversationId": %q, "agentId": %q}`, s.dock, c.ID, s.agent))
	a, err := send(http.MethodPost, shared.APIURL+"/v1/dock-sessions/"+session.ID+"/actions", session.SessionToken,
		fmt.Sprintf(`{"requestId": "1", "contextId": %q, "action": "addTag", "params": {"tag": "watched"}}`, session.ContextID))
	require.NoError(s.t, err)
	require.Contains(s.t, []int{http.StatusOK, http.StatusAccepted}, a.status, "done, or on its way: %s", a.body)
	for range 2 {
		a, err := send(http.MethodGet, shared.APIURL+"/v1/me", s.limited, "")
		require.NoError(s.t, err)
		require.Contains(s.t, []int{http.StatusOK, http.StatusTooManyRequests}, a.status, "%s", a.body)
	}
}

// Every query of the dashboard, and every recording rule, finds something in a stack that does what stacks do. An
// operator's panel that stays empty looks like one at which nothing happens.
func TestPrometheusAnswersEveryQueryOfTheDashboard(t *testing.T) {
	t.Parallel()
	p := startPrometheus(t)
	s := openShop(t)
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Query, Type, Health, LastError string }
		}
	}
	queries := dashboardQueries(t)
	require.NoError(t, p.ask("/api/v1/rules", &rules))
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Type == "recording" {
				queries = append(queries, rule.Name)
			}
		}
	}
	require.Greater(t, len(queries), 80)
	missing := queries
	eventually(t, 90*time.Second, func() error {
		s.trade()
		var errs []error
		missing = slices.DeleteFunc(missing, func(query string) bool {
			err := p.hasData(query)
			errs = append(errs, err)
			return err == nil
		})
		return errors.Join(errs...)
	})

	require.NoError(t, p.ask("/api/v1/rules", &rules))
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			require.Equal(t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
		}
	}
	p.exportsWhatThePageSays(t)
	p.answersTheRunbooks(t)
}

// answersTheRunbooks runs what the runbooks tell an operator to look at: their queries to the database and to
// Prometheus, and asks Atender whether it has the commands.
func (p prometheus) answersTheRunbooks(t *testing.T) {
	t.Helper()
	pages, err := filepath.Glob("../../deploy/runbooks/Atender*.md")
	require.NoError(t, err)
	var all strings.Builder
	for _, page := range pages {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		all.Write(content)
	}
	each := func(pattern string, least int, f func(found string)) {
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(all.String(), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				f(m[1])
			}
		}
		require.Greater(t, len(seen), least, pattern)
	}
	conn, err := pgx.Connect(t.Context(), shared.DatabaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	each(`psql "\$ATENDER_DATABASE_URL" -c "([^"]+)"`, 8, func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	})
	each(`--data-urlencode 'query=([^']+)'`, 8, func(query string) {
		var found any
		require.NoError(t, p.ask("/api/v1/query?query="+url.QueryEscape(query), &found), query)
	})
	each("(?m)(?:^    |`)atender ((?:conversation|key|tenant|webhook) [a-z-]+|migrate)", 4, func(command string) {
		shared.shell(t, append(append([]string{binary}, strings.Fields(command)...), "--help")...)
	})
}

// notYet are metrics that are there from the first time on that something goes wrong, which is not made to here.
var notYet = []string{"atender_conversations_set_aside_total", "temporal_request_failure_total"}

// exportsWhatThePageSays compares the page of metrics with what was scraped: all of Temporal's, and the types of all.
func (p prometheus) exportsWhatThePageSays(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile("../../deploy/prometheus/README.md")
	require.NoError(t, err)
	var scraped map[string][]struct{ Type string }
	require.NoError(t, p.ask("/api/v1/metadata", &scraped))
	rows := regexp.MustCompile("(?m)^\\| `((?:atender|temporal)_\\w+)` \\|(?: [a-z, ]+ \\|)? (counter|gauge|histogram) \\|").
		FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(rows), 50)
	for _, row := range rows {
		if slices.Contains(notYet, row[1]) {
			continue
		}
		require.NotEmpty(t, scraped[row[1]], "%s: no process exports it", row[1])
		require.Equal(t, row[2], scraped[row[1]][0].Type, row[1])
	}
}
