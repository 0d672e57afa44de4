// Package roles makes of the configuration what each role of the binary is given.
package roles

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/worker"
)

// Sender is how webhooks are sent, in whichever role, by a binary of the given version.
func Sender(cfg config.Config, version string) sender.Config {
	return sender.Config{
		Policy: cfg.WebhookPolicy(), ProxyURL: cfg.WebhookProxy(), UserAgentVersion: version,
		SendTraceparent: cfg.WebhookTraceparent,
	}
}

// Worker is what the configuration says of a worker in a namespace of Temporal, whose metrics go to registry.
func Worker(cfg config.Config, namespace, version string, registry *prometheus.Registry) worker.Config {
	return worker.Config{
		MetricsAddr: cfg.WorkerMetricsAddr, TaskQueue: cfg.TemporalTaskQueue, Namespace: namespace,
		Dispatchers: cfg.DispatchShards, RetentionDays: cfg.RetentionDays, Registry: registry, Version: version,
		Sender: Sender(cfg, version),
	}
}
