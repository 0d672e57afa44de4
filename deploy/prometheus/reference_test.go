package prometheus_test

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/api"
	"github.com/atender/atender/deploy/roles"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/worker"
)

var update = flag.Bool("update", false, "write what the processes export into README.md")

// metric is one that a process exports.
type metric struct {
	name, kind, help string
	labels           []string
	roles            []string
}

// desc takes prometheus.Desc apart, which shows what it has in no other way.
var desc = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", ` +
	`constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)

// exported are all metrics of both roles, without those that Temporal's SDK makes as it goes. Neither a database nor
// Temporal has to answer for that.
func exported(t *testing.T) map[string]metric {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	store, err := models.Open(t.Context(), models.Options{URL: "postgres://127.0.0.1:1/none", Keys: keys, Logger: silent})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(silent)})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)

	all := map[string]metric{}
	for _, role := range []string{"api", "worker"} {
		registry := roles.Registry(role, "test", store.DB.PoolStats)
		if role == "api" {
			server, err := api.New(api.Config{Version: "test", Registry: registry}, api.Deps{Store: store, Logger: silent})
			require.NoError(t, err)
			server.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil))
		} else {
			_, err := worker.New(worker.Config{TaskQueue: "atender", Registry: registry},
				worker.Deps{Store: store, Temporal: temporal, Logger: silent})
			require.NoError(t, err)
		}
		describe(t, registry, role, all)
	}
	return all
}

// describe adds what a registry exports.
func describe(t *testing.T, registry *prometheus.Registry, role string, all map[string]metric) {
	t.Helper()
	kinds := map[string]string{}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		kinds[family.GetName()] = strings.ToLower(family.GetType().String())
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		registry.Describe(descs)
	}()
	for d := range descs {
		found := desc.FindStringSubmatch(d.String())
		require.NotNil(t, found, d.String())
		name, err := strconv.Unquote(found[1])
		require.NoError(t, err)
		help, err := strconv.Unquote(found[2])
		require.NoError(t, err)
		m := all[name]
		if !slices.Contains(m.roles, role) {
			m.roles = append(m.roles, role)
		}
		m.name, m.help, m.labels = name, help, nil
		for constant := range strings.SplitSeq(found[3], ",") {
			if label, _, ok := strings.Cut(constant, "="); ok {
				m.labels = append(m.labels, label)
			}
		}
		if found[4] != "" {
			m.labels = append(m.labels, strings.Split(found[4], ",")...)
		}
		switch {
		case kinds[name] != "":
			m.kind = kinds[name]
		case strings.HasSuffix(name, "_total"):
			m.kind = "counter"
		default:
			m.kind = "gauge"
		}
		all[name] = m
	}
}

// unit is what a metric is measured in, as its name says (prometheus.io/docs/practices/naming).
func unit(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for suffix, unit := range map[string]string{"_seconds": "seconds", "_bytes": "bytes", "_info": "–"} {
		if strings.HasSuffix(name, suffix) {
			return unit
		}
	}
	return "count"
}

const (
	tableBegins = "<!-- What the processes export: go test ./deploy/prometheus -run Reference -update -->\n"
	tableEnds   = "<!-- end -->\n"
)

// The page for operators names every metric of Atender's own, as the processes describe it.
func TestTheReferenceIsWhatTheProcessesExport(t *testing.T) {
	t.Parallel()
	var rows []string
	for name, m := range exported(t) {
		if !strings.HasPrefix(name, "atender_") {
			continue
		}
		require.True(t, strings.HasSuffix(m.help, "."), "%s: a sentence: %s", name, m.help)
		require.Equal(t, m.kind == "counter", strings.HasSuffix(name, "_total"), "%s, a %s", name, m.kind)
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |\n", name, strings.Join(m.roles, ", "), m.kind,
			unit(name), strings.Join(m.labels, ", "), m.help))
	}
	slices.Sort(rows)
	table := "| metric | process | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- | --- |\n" +
		strings.Join(rows, "")
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, begins := strings.Cut(string(page), tableBegins)
	have, after, ends := strings.Cut(rest, tableEnds)
	require.True(t, begins && ends, "README.md has no place for the table")
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+tableBegins+table+tableEnds+after), 0o600))
		return
	}
	require.Equal(t, table, have, "run: go test ./deploy/prometheus -run Reference -update")
}
