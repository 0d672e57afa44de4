package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/deps"
)

// The test binary is also the receiver, as the load tool is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == receiverCommand {
		exitOn(serveReceiver(os.Args[2:]))
		return
	}
	os.Exit(deps.Main(m))
}

// Each scenario runs, its ledger balances, its figures are there, and the API's answers are as the document says. Speed is
// for the tool itself to say.
func TestScenariosRunAndBalance(t *testing.T) {
	dir := smallStack(t)
	binary, err := deps.Binary(dir)
	require.NoError(t, err)
	for _, c := range []struct {
		args  string
		check func(*testing.T, *report)
	}{
		{"messages --n 30 --limit-n 20 --conversations 10 --warmup 10 --tenants 2 --keys external --stored 100 --instances 2",
			checkMessages},
		{"messages --n 40 --limit-n 0 --conversations 5 --warmup 10 --writes --keys idempotency --payload 4096", checkWrites},
		{"create --n 10 --limit-n 10 --warmup 5 --keys idempotency", func(t *testing.T, r *report) {
			require.NotNil(t, r.Ratio)
			require.Equal(t, 15, r.Ledger.Accepted)
		}},
		{"hot --n 40 --concurrency 8 --warmup 5", func(t *testing.T, r *report) {
			require.Equal(t, hotFigures{Messages: 45, First: 2, Last: 46}, *r.Hot)
		}},
		{"fanout --n 12 --subscriptions 3 --conversations 4 --warmup 4", func(t *testing.T, r *report) {
			require.Equal(t, 4+12+3*12, r.Ledger.Arrived)
			require.Positive(t, r.Fanout.DrainPerSecond)
			require.Positive(t, r.Fanout.MessagesPerSecond)
		}},
		{"drain --n 20 --conversations 4 --warmup 4", func(t *testing.T, r *report) { require.NotNil(t, r.Ratio) }},
		{"rest --window 2s", func(t *testing.T, r *report) {
			require.Positive(t, r.Rest.Transactions)
			require.Contains(t, r.Rest.CPU, "together")
		}},
	} {
		t.Run(strings.Fields(c.args)[0], func(t *testing.T) {
			p, err := parse(append(strings.Fields("--scenario "+c.args), "--wait-idle=false", "--dir", dir, "--binary", binary))
			require.NoError(t, err)
			p.transport = func(next http.RoundTripper) http.RoundTripper {
				return conformance.Transport(next, func(err error) { t.Errorf("not as the document says: %v", err) })
			}
			r, err := run(t.Context(), p)
			require.NoError(t, err)
			require.False(t, r.Void, "%v", r.Why)
			c.check(t, r)
		})
	}
}

func checkMessages(t *testing.T, r *report) {
	require.NotNil(t, r.Ratio)
	require.NotNil(t, r.GroupLimit)
	require.Equal(t, 40, r.Ledger.Accepted)
	require.Contains(t, r.MemoryMB, "worker2")
}

// What a message may write, from the request to the recorded attempt: row versions, and entries of B-trees. Where the page of
// a conversation is full, its update has further entries, so that those are left out.
const (
	mostRows    = 9
	mostEntries = 24
)

func checkWrites(t *testing.T, r *report) {
	require.Nil(t, r.Limit)
	require.Contains(t, r.RatioNote, "payload")
	rows, entries := 0.0, 0.0
	for table, w := range r.Writes.ByTable {
		switch table {
		case "api_key_usage", "api_keys", "feed", "idempotency_keys", "outbox", "rate_windows": // of calls, or for many at once
			continue
		case "conversations":
			w.Indexes = 0
		}
		rows, entries = rows+w.Rows, entries+w.Indexes
	}
	require.LessOrEqual(t, rows, float64(mostRows), "%+v", r.Writes)
	require.LessOrEqual(t, entries, float64(mostEntries), "%+v", r.Writes)
	require.Positive(t, entries)
}

// smallStack is a directory as `atender dev --deps-only` leaves it, for a database and a namespace of the test's own.
func smallStack(t *testing.T) string {
	dir, namespace := t.TempDir(), "load-"+uuid.NewString()
	address, _ := deps.Temporal(t)
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address})
	require.NoError(t, err)
	defer namespaces.Close()
	require.NoError(t, namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}))
	ready, err := json.Marshal(local.Ready{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ready.json"), ready, 0o600))
	var env strings.Builder
	for name, value := range map[string]string{
		"ATENDER_DATABASE_URL": deps.Database(t), "ATENDER_SECRET_KEYS": seal.GenerateKeyring(),
		"ATENDER_HTTP_ADDR": freeAddress(t), "ATENDER_METRICS_ADDR": freeAddress(t),
		"ATENDER_WORKER_METRICS_ADDR": freeAddress(t),
		"ATENDER_WEBHOOK_ALLOW_HTTP":  "true", "ATENDER_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
		"ATENDER_DOCK_ALLOW_LOOPBACK_HTTP": "true", "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace,
	} {
		fmt.Fprintf(&env, "export %s='%s'\n", name, value)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env"), []byte(env.String()), 0o600))
	return dir
}

func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}
