// Package metrics has the figures of the API process, for Prometheus.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/ratelimit"
)

// Metrics are the figures of the API process. All labels have few values: route patterns, never paths.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	docks    *prometheus.CounterVec
	limited  *prometheus.CounterVec
}

// New returns the figures, which join those that are in the registry; in one of their own when it is nil.
func New(registry *prometheus.Registry) *Metrics {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	m := &Metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atender_http_requests_total",
			Help: "Requests answered, by route pattern, method, class of status and who asked: a key of the tier starter, " +
				"professional, enterprise or custom, an agent, a dock, or none (not known).",
		}, []string{"route", "method", "status", "tier"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "atender_http_request_duration_seconds",
			Help:    "Time from the request's headers to the end of its answer, by route pattern and method.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atender_http_requests_in_flight",
			Help: "Requests that are being answered now.",
		}),
	}
	m.docks = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "atender_dock_actions_requested_total",
		Help: "Actions that docks asked for, by kind and by whether they were accepted for a worker to decide, or " +
			"rejected at once.",
	}, []string{"action", "outcome"})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "atender_rate_limited_total",
		Help: "Calls that were refused with 429 because their key or session had made too many, by what was used up " +
			"(minute or day) and by who asked.",
	}, []string{"window", "tier"})
	for _, window := range []string{ratelimit.ForMinute, ratelimit.ForDay} {
		for _, tier := range append([]string{tierAgent, tierDock}, ratelimit.Tiers...) {
			m.limited.WithLabelValues(window, tier) // zero is worth showing
		}
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.docks, m.limited)
	return m
}

// ShowHeld shows the bytes of request bodies that are held: near the limit (api/intake), large bodies are refused.
func (m *Metrics) ShowHeld(held func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "atender_http_body_bytes", Help: "Bytes of request bodies that are held now.",
	}, func() float64 { return float64(held()) }))
}

// ShowGates shows the calls that wait for other calls of their tenant: many, all the time, are one tenant that
// asks for too much.
func (m *Metrics) ShowGates(stats func() map[string]postgres.GateStats) {
	for pool := range stats() {
		labels := prometheus.Labels{"pool": pool}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "atender_db_tenant_waiting", ConstLabels: labels,
				Help: "Calls that wait because their tenant uses its share of the connections, by pool.",
			}, func() float64 { return float64(stats()[pool].Waiting) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "atender_db_tenant_refused_total", ConstLabels: labels,
				Help: "Calls refused with TENANT_BUSY because too many of their tenant waited, by pool.",
			}, func() float64 { return float64(stats()[pool].Refused) }))
	}
}

// ShowGroups shows how many messages and new conversations share the transaction of a group, how many have one of their own, and
// how many wait for a group.
func (m *Metrics) ShowGroups(written func() (together, alone int64), waiting func() int) {
	counter := func(path string, value func() int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "atender_conversation_writes_total", ConstLabels: prometheus.Labels{"path": path},
			Help: "Messages and conversations added, by path: group (one transaction for many) or single.",
		}, func() float64 { return float64(value()) }))
	}
	counter("group", func() int64 { together, _ := written(); return together })
	counter("single", func() int64 { _, alone := written(); return alone })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "atender_conversation_writes_waiting",
		Help: "Messages and new conversations that wait for a group to be written with.",
	}, func() float64 { return float64(waiting()) }))
}

// Handler serves the figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Observe counts and times every request.
func (m *Metrics) Observe() gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		m.inFlight.Inc()
		defer func() {
			m.inFlight.Dec()
			route, method := request.Route(c), request.Method(c)
			m.requests.WithLabelValues(route, method, strconv.Itoa(c.Writer.Status()/100)+"xx", tierOf(c)).Inc()
			m.duration.WithLabelValues(route, method).Observe(time.Since(start).Seconds())
		}()
		c.Next()
	}
}

// CountLimited counts a call that was refused because its key or session had made too many, by what was used up.
func (m *Metrics) CountLimited(c *gin.Context, window string) {
	m.limited.WithLabelValues(window, tierOf(c)).Inc()
}

// Who asks, where it is no key, whose tier is the label. All of them are few, and none names a tenant.
const (
	tierAgent = "agent"
	tierDock  = "dock"
	tierNone  = "none" // the call needs no key, or came without a valid one
)

func tierOf(c *gin.Context) string {
	p, known := request.Principal(c)
	switch {
	case !known:
		return tierNone
	case p.DockSessionID != uuid.Nil:
		return tierDock
	case p.Agent != nil:
		return tierAgent
	case slices.Contains(ratelimit.Tiers, p.Tier):
		return p.Tier
	}
	return tierNone
}

// CountDockAction counts what a new action was found to be when it came in.
func (m *Metrics) CountDockAction(a dock.Action) {
	kind := a.Action
	if !slices.Contains(dockaction.Kinds, kind) {
		kind = "unknown"
	}
	outcome := "accepted"
	if a.State == dock.DockActionRejected {
		outcome = "rejected"
	}
	m.docks.WithLabelValues(kind, outcome).Inc()
}
