package roles_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/deploy/roles"
	"github.com/atender/atender/models/seal"
)

// What an operator sets for workers reaches them: a setting that is parsed and then forgotten looks like any other.
func TestWorkersAreToldWhatTheOperatorSet(t *testing.T) {
	cfg, err := config.Parse[config.Config](map[string]string{
		"ATENDER_DATABASE_URL":        "postgres://db/atender",
		"ATENDER_SECRET_KEYS":         seal.GenerateKeyring(),
		"ATENDER_WORKER_METRICS_ADDR": "127.0.0.1:7001",
		"ATENDER_TEMPORAL_TASK_QUEUE": "queue",
		"ATENDER_DISPATCH_SHARDS":     "3",
		"ATENDER_RETENTION_DAYS":      "365",
		"ATENDER_WEBHOOK_ALLOW_HTTP":  "true",
		"ATENDER_WEBHOOK_ALLOW_CIDRS": "10.0.0.0/8",
		"ATENDER_WEBHOOK_PROXY_URL":   "http://proxy:3128",
		"ATENDER_WEBHOOK_TRACEPARENT": "true",
	})
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	worker := roles.Worker(cfg, "support", "1.0.0", registry)
	require.Equal(t, "127.0.0.1:7001", worker.MetricsAddr)
	require.Equal(t, "queue", worker.TaskQueue)
	require.Equal(t, "support", worker.Namespace)
	require.Equal(t, 3, worker.Dispatchers)
	require.Equal(t, 365, worker.RetentionDays)
	require.Same(t, registry, worker.Registry)
	require.Equal(t, "1.0.0", worker.Version)
	require.Equal(t, cfg.WebhookPolicy(), worker.Sender.Policy)
	require.True(t, worker.Sender.SendTraceparent)
	require.Equal(t, "http://proxy:3128", worker.Sender.ProxyURL.String())
}
