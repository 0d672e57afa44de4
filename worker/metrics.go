package worker

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/activities"
	"github.com/atender/atender/models"
)

// metrics are what the worker itself counts; those of its activities are theirs.
type metrics struct {
	relayed *prometheus.CounterVec
	// unknownKinds counts by no label: a kind that is unknown has no bound on what it may be called.
	unknownKinds   prometheus.Counter
	outboxDepth    prometheus.Gauge
	outboxAge      prometheus.Gauge
	setAside       prometheus.Gauge
	stuck          prometheus.Gauge
	sweeperTicks   prometheus.Counter
	sweeperSignals prometheus.Counter
	acts           *activities.Metrics // the sweeper does what activities do
}

func newMetrics(r prometheus.Registerer, acts *activities.Metrics) *metrics {
	m := &metrics{
		acts: acts,
		sweeperTicks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atender_sweeper_ticks_total", Help: "Conversations in which the sweeper did what their workflow was late for.",
		}),
		sweeperSignals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atender_sweeper_signals_total",
			Help: "Workflows of retries and replays that the sweeper signalled because they were late or lost.",
		}),
		relayed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atender_outbox_relayed_total", Help: "Outbox rows told to Temporal, by outcome.",
		}, []string{"outcome"}),
		unknownKinds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atender_outbox_unknown_kind_total",
			Help: "Outbox rows met whose kind this version does not know, each time that it is met; the log has their ids.",
		}),
		outboxDepth: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_outbox_depth", Help: "Outbox rows that wait to be told to Temporal.",
		}),
		outboxAge: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_outbox_oldest_seconds", Help: "Age of the oldest outbox row.",
		}),
		setAside: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_conversations_set_aside", Help: "Conversations that are set aside because their tick fails.",
		}),
		stuck: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_activities_stuck", Help: "Activities of this process that have not come back though they were called off.",
		}),
	}
	r.MustRegister(m.setAside, m.stuck, m.relayed, m.unknownKinds, m.outboxDepth, m.outboxAge, m.sweeperTicks, m.sweeperSignals)
	return m
}

// watch keeps the gauges that the database knows.
func (m *metrics) watch(ctx context.Context, store *models.Store) {
	for {
		if depth, oldest, err := store.Outbox.Depth(ctx); err == nil {
			m.outboxDepth.Set(float64(depth))
			m.outboxAge.Set(oldest.Seconds())
		}
		if n, err := store.Clocks.CountSetAsides(ctx); err == nil {
			m.setAside.Set(float64(n))
		}
		if !sleep(ctx, 5*time.Second) {
			return
		}
	}
}
