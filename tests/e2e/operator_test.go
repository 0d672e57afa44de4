package e2e

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/tests/conformance"
)

// version is what the binary says of itself.
func version(t *testing.T) string {
	t.Helper()
	said := shared.shell(t, binary, "version")
	require.Regexp(t, `^atender \S+\n$`, said)
	return strings.TrimSpace(strings.TrimPrefix(said, "atender "))
}

func TestPublicPagesAnswer(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"status": "ready", "database": "ok", "temporal": "ok"}`, string(get(t, shared.APIURL+"/readyz").body))
	require.JSONEq(t, `{"status": "ok"}`, string(get(t, shared.APIURL+"/healthz").body))
	require.JSONEq(t, `{"version": "`+version(t)+`"}`, string(get(t, shared.APIURL+"/version").body))
	// Apart from the server's address it is what answers are held against.
	document := string(get(t, shared.APIURL+"/openapi.json").body)
	address := regexp.MustCompile(`"url":"http://localhost:\d+"`)
	require.JSONEq(t, string(conformance.Served().Text), address.ReplaceAllString(document, `"url":"/"`))
	require.Contains(t, document, `{"openapi":"3.1.`)
	docs := get(t, shared.DocsURL)
	require.Contains(t, docs.header.Get("Content-Type"), "text/html")
	require.Contains(t, string(docs.body), "redoc")
	require.Contains(t, get(t, shared.ReceiverURL).header.Get("Content-Type"), "text/html")
	require.Contains(t, get(t, shared.SampleDockURL).header.Get("Content-Type"), "text/html")
	require.Contains(t, get(t, shared.PlaygroundURL).header.Get("Content-Type"), "text/html")
	refused, err := send(http.MethodGet, shared.APIURL+"/v1/me", "", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, refused.status, "all else needs a key")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	shared.create(t, "metrics-1", "metrics@example.com")
	shared.awaitReceived(t, 20*time.Second, "metrics@example.com", 3)
	awaitSeries(t, shared.MetricsURL,
		`atender_http_requests_total{method="POST",route="/v1/conversations/outbound",status="2xx",tier="custom"} `,
		"atender_http_request_duration_seconds_count{", `atender_db_connections_open{pool="main"} `, "temporal_request_total{")
	worker := "http://" + strings.TrimSpace(shared.shell(t, "sh", "-c", `echo "$ATENDER_WORKER_METRICS_ADDR"`))
	require.Equal(t, "ok\n", string(get(t, worker+"/readyz").body), "the stack is ready, and so is its worker")
	awaitSeries(t, worker+"/metrics", "atender_delivery_attempts_total{", `atender_outbox_relayed_total{outcome="ok"} `,
		"atender_outbox_depth ", "atender_outbox_unknown_kind_total 0", "atender_delivery_lag_seconds_count ",
		`atender_db_connections_open{pool="claims"} `)
}

// awaitSeries waits until a process exports all the series. What a call changed is counted a moment after its answer: a request
// when its handler returned, an attempt when it is recorded.
func awaitSeries(t *testing.T, url string, series ...string) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		exported := "\n" + string(get(t, url).body)
		for _, s := range series {
			if !strings.Contains(exported, "\n"+s) {
				return fmt.Errorf("no %s in%s", s, exported)
			}
		}
		return nil
	})
}

// The doctor finds nothing failed in a stack as it is, and its status says so, as it does what is failed and what it was not told
// how to do.
func TestTheDoctorLooksAtTheStack(t *testing.T) {
	t.Parallel()
	worker := strings.TrimSpace(shared.shell(t, "sh", "-c", `echo "$ATENDER_WORKER_METRICS_ADDR"`))
	var report struct {
		State  string
		Counts map[string]int
		Checks []struct{ Check, State, Found string }
	}
	said := shared.shell(t, binary, "doctor", "--json", "--timeout", "30s",
		"--api-url", shared.APIURL, "--worker-url", "http://"+worker)
	require.NoError(t, json.Unmarshal([]byte(said), &report), said)
	require.Zero(t, report.Counts["failed"]+report.Counts["skipped"], said)

	for _, c := range []struct {
		script string
		status int
		part   string
	}{
		{`exec "$1" doctor --timeout 1h`, 2, "--timeout must be 1s to 5m, not 1h0m0s"},
		{`exec "$1" doctor --no-such-flag`, 2, "unknown flag --no-such-flag"},
		{`TEMPORAL_NAMESPACE=elsewhere exec "$1" doctor`, 1, "failed   namespace          there is no namespace elsewhere"},
		{`ATENDER_DATABASE_URL= exec "$1" doctor`, 1, "ATENDER_DATABASE_URL is not set"},
		{`unset ATENDER_DATABASE_URL ATENDER_SECRET_KEYS; exec "$1" doctor`, 1, "needs ATENDER_DATABASE_URL"},
	} {
		command := exec.CommandContext(t.Context(), "sh", "-c", `. "$0" && `+c.script, filepath.Join(shared.dir, "env"), binary)
		command.Env = environment()
		out, err := command.CombinedOutput()
		var ended *exec.ExitError
		require.ErrorAs(t, err, &ended, "%s: %s", c.script, out)
		require.Equal(t, c.status, ended.ExitCode(), "%s: %s", c.script, out)
		require.Contains(t, string(out), c.part)
	}
}

// What tells scripts and shells about the stack is for its owner's eyes, and enough to run every command by hand.
func TestCommandsInAShell(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ready.json", "env", "state.json"} {
		info, err := os.Stat(shared.dir + "/" + name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NotContains(t, []string{"", "unknown"}, version(t), "the linker has put it in")
	require.Regexp(t, `(?m)^\d+ +Demo +\w+ +`+shared.TenantID+" ", shared.shell(t, binary, "tenant", "list"))

	require.Regexp(t, `(?m)^webhook secrets +\d+ +0 +0$`, shared.shell(t, binary, "secret", "reseal"), "there is one key only")

	key := strings.TrimSpace(shared.shell(t, binary, "key", "create", "--tenant", shared.TenantID, "--name", "night job",
		"--scope", "conversations:read"))
	require.Regexp(t, `^sa_live_\w+$`, key, "nothing else is on standard output")
	var me struct{ ID, Name, TenantID string }
	a, err := send(http.MethodGet, shared.APIURL+"/v1/me", key, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.NoError(t, json.Unmarshal(a.body, &me))
	require.Equal(t, "night job", me.Name)
	require.Equal(t, shared.TenantID, me.TenantID)
	a, err = send(http.MethodPost, shared.APIURL+"/v1/conversations/outbound", key, order("shell-1", "shell@example.com"))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, a.status, "it may only read: %s", a.body)
	require.Contains(t, shared.shell(t, binary, "key", "list", "--tenant", shared.TenantID), me.ID)

	shared.shell(t, binary, "key", "revoke", "--tenant", shared.TenantID, me.ID)
	eventually(t, 10*time.Second, func() error { // the API hears of it by a wake-up, or believes it 5 seconds longer
		a, err := send(http.MethodGet, shared.APIURL+"/v1/me", key, "")
		if err == nil && a.status != http.StatusUnauthorized {
			err = fmt.Errorf("still %d", a.status)
		}
		return err
	})
}

// What an operator switches off is off at once in the API, and on again as soon.
func TestSwitchingWebhooksOffInAShell(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`(?m)^production +(\S+) +other-shop$`).
		FindStringSubmatch(shared.shell(t, binary, "tenant", "create", "Other shop"))
	require.Len(t, made, 2)
	key := strings.TrimSpace(shared.shell(t, binary, "key", "create", "--tenant", made[1], "--name", "shop",
		"--scope", "full_access"))
	for _, c := range []struct {
		webhooks string
		status   int
	}{{"off", http.StatusForbidden}, {"on", http.StatusOK}} {
		told := shared.shell(t, binary, "tenant", "set", made[1], "--webhooks", c.webhooks, "--max-webhooks", "3")
		require.Regexp(t, `(?m)^Other shop +`+c.webhooks+` +3$`, told)
		a, err := send(http.MethodGet, shared.APIURL+"/v1/webhooks", key, "")
		require.NoError(t, err)
		require.Equal(t, c.status, a.status, "%s", a.body)
	}
}

// In Temporal, and in its UI, a conversation's workflow is found by the conversation's id.
func TestTemporalFindsAConversation(t *testing.T) {
	t.Parallel()
	c := shared.create(t, "temporal-1", "temporal@example.com")
	temporal, err := client.Dial(client.Options{
		HostPort: shared.TemporalAddress, Namespace: shared.TemporalNamespace,
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer temporal.Close()
	id := durable.ConversationID(durable.Tenant{Slug: "demo"}, uuid.Nil, c.Number)
	query := fmt.Sprintf("AtenderTenant = 'demo' AND AtenderNumber = %d", c.Number)
	eventually(t, 20*time.Second, func() error {
		found, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return err
		}
		if len(found.Executions) != 1 || found.Executions[0].Execution.WorkflowId != id {
			return fmt.Errorf("found %v", found.Executions)
		}
		return nil
	})
	page := get(t, shared.TemporalUIURL)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	list := get(t, shared.TemporalUIURL+"/api/v1/namespaces/"+shared.TemporalNamespace+"/workflows?query="+url.QueryEscape(query))
	require.Contains(t, string(list.body), id)
}
