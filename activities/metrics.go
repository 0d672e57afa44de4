package activities

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
)

// Metrics are what activities count.
type Metrics struct {
	// TimerLag is how late time did what it does to conversations; the sweeper observes it, too.
	TimerLag *prometheus.HistogramVec

	setAside    *prometheus.CounterVec
	dockActions *prometheus.CounterVec
	dockLag     *prometheus.HistogramVec
	deliveries  *prometheus.CounterVec
	requests    prometheus.Histogram
	eventLag    prometheus.Histogram
	firstDelay  *prometheus.HistogramVec
	inFlight    prometheus.Gauge
	expired     prometheus.Counter
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		TimerLag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atender_timer_lag_seconds",
			Help: "How late snoozes ended (wake), tripwires were crossed (warning, breach) and conversations archived themselves " +
				"(archive), by who noticed.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 5, 15, 60, 300, 3600}, // 2 s is the promise
		}, []string{"kind", "by"}),
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atender_conversations_set_aside_total",
			Help: "Times that a conversation was set aside because its tick fails through its own fault, by reason.",
		}, []string{"reason"}),
		dockActions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atender_dock_actions_decided_total",
			Help: "Actions of docks that a worker decided, by kind and by what became of them: applied, rejected or expired.",
		}, []string{"action", "outcome"}),
		dockLag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atender_dock_action_seconds", Help: "Time from an action's arrival to its decision, by who carried it out.",
			Buckets: []float64{.01, .025, .05, .1, .15, .25, .5, 1, 2.5, 5, 15, 60, 300, 900},
		}, []string{"by"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atender_delivery_attempts_total",
			Help: "Attempts to deliver webhooks, by whether they were first ones, by the delivery's new state and by the attempt's class.",
		}, []string{"attempt", "state", "class"}),
		requests: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atender_delivery_request_seconds", Help: "Duration of webhook requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		eventLag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atender_delivery_lag_seconds", Help: "Time from an event, or its redelivery, to the end of a first attempt that succeeds.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 30, 300},
		}),
		firstDelay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atender_delivery_first_attempt_delay_seconds",
			Help: "Time from an event, or its redelivery, to the start of the first attempt, by what of the endpoint " +
				"held it back: nothing, circuit, limit, slow or order.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 30, 300, 3600}, // 1 s is the promise
		}, []string{"held_by"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_deliveries_in_flight", Help: "Webhook requests under way in this process.",
		}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atender_delivery_leases_expired_total", Help: "Deliveries whose lease ran out, so that they are sent again.",
		}),
	}
	for _, by := range []string{"workflow", "sweeper"} { // zero is worth showing, and the first one is then seen to come
		m.dockLag.WithLabelValues(by)
		for _, kind := range []string{"wake", "warning", "breach", "archive"} {
			m.TimerLag.WithLabelValues(kind, by)
		}
	}
	for _, by := range allHeldBy {
		m.firstDelay.WithLabelValues(by)
	}
	r.MustRegister(m.TimerLag, m.setAside, m.dockActions, m.dockLag, m.deliveries, m.requests, m.eventLag,
		m.firstDelay, m.inFlight, m.expired)
	return m
}

// CountSetAside counts a conversation that a tick has set aside (P3.8); most ticks set none aside.
func (m *Metrics) CountSetAside(tick conversation.Tick) {
	if tick.SetAside != "" {
		m.setAside.WithLabelValues(tick.SetAside).Inc()
	}
}

// CountDockActions counts what a workflow, or the sweeper, has decided.
func (m *Metrics) CountDockActions(by string, decided []dock.AppliedAction) {
	for _, d := range decided {
		m.dockActions.WithLabelValues(d.Action, string(d.State)).Inc()
		m.dockLag.WithLabelValues(by).Observe(d.Lag.Seconds())
	}
}
