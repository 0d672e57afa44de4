package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/activities"
)

// metrics are what the worker itself counts; those of its activities are theirs.
type metrics struct {
	relayed *prometheus.CounterVec
	// unknownKinds counts by no label: a kind that is unknown has no bound on what it may be called.
	unknownKinds   prometheus.Counter
	stuck          prometheus.Gauge
	sequenced      prometheus.Counter
	sequencerLeads prometheus.Gauge
	sweeperTicks   prometheus.Counter
	sweeperSignals prometheus.Counter
	acts           *activities.Metrics // the sweeper does what activities do
}

func newMetrics(r prometheus.Registerer, acts *activities.Metrics) *metrics {
	m := &metrics{
		acts: acts,
		sequenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atender_feed_sequenced_total", Help: "Events that this process gave a position in the feed.",
		}),
		sequencerLeads: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_feed_sequencer_leads", Help: "1 in the process whose sequencer works, 0 in those that stand by.",
		}),
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
		stuck: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_activities_stuck", Help: "Activities of this process that have not come back though they were called off.",
		}),
	}
	r.MustRegister(m.sequenced, m.sequencerLeads, m.stuck, m.relayed, m.unknownKinds, m.sweeperTicks, m.sweeperSignals)
	return m
}
