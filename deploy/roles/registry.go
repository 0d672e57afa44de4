package roles

import (
	"database/sql"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/atender/atender/models/postgres"
)

// Registry is a registry with the metrics that every role has: what was built, what Go and the process use, and the
// connections to the database. role is api or worker.
func Registry(role, version string, pools func() map[string]sql.DBStats) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "atender_build_info", Help: "1, with the version of this binary, that of Go, and the process's role: api or worker.",
	}, []string{"version", "goversion", "role"})
	build.WithLabelValues(version, runtime.Version(), role).Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), connections{pools})
	return registry
}

// connections shows the pools of connections to the database: all in use and rising waits mean that a pool is the
// bottleneck.
type connections struct {
	stats func() map[string]sql.DBStats
}

func poolDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"pool"}, nil)
}

var (
	connectionsMost = poolDesc("atender_db_connections_max",
		"Connections to the database that this process opens at most, by pool: main, numbers, claims, groups, lists, "+
			"reports, leases.")
	connectionsOpen  = poolDesc("atender_db_connections_open", "Open connections to the database, by pool.")
	connectionsInUse = poolDesc("atender_db_connections_in_use", "Connections to the database that are in use now, by pool.")
	connectionWaits  = poolDesc("atender_db_waits_total",
		"Times that something has waited for a connection to the database, by pool.")
	connectionWait = poolDesc("atender_db_wait_seconds_total",
		"Time that was waited for connections to the database in all, by pool.")
)

// Describe implements prometheus.Collector.
func (connections) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{connectionsMost, connectionsOpen, connectionsInUse, connectionWaits, connectionWait} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c connections) Collect(out chan<- prometheus.Metric) {
	stats := c.stats()
	for _, pool := range postgres.PoolNames {
		s, there := stats[pool]
		if !there {
			continue
		}
		show := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64) {
			out <- prometheus.MustNewConstMetric(desc, kind, value, pool)
		}
		show(connectionsMost, prometheus.GaugeValue, float64(s.MaxOpenConnections))
		show(connectionsOpen, prometheus.GaugeValue, float64(s.OpenConnections))
		show(connectionsInUse, prometheus.GaugeValue, float64(s.InUse))
		show(connectionWaits, prometheus.CounterValue, float64(s.WaitCount))
		show(connectionWait, prometheus.CounterValue, s.WaitDuration.Seconds())
	}
}
