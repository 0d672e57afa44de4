package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/webhook"
)

const (
	// backlogEvery is how often a worker reads from the database what is behind, however often Prometheus scrapes: each
	// reading is some statements of milliseconds. Every worker reads, so the figures are there as long as one worker
	// is.
	backlogEvery = 10 * time.Second
	// backlogTime bounds the statements of one part.
	backlogTime = 5 * time.Second
	// backlogStale is the age from which a reading is not shown any more. An old figure that looks like a new one
	// hides what happens while the database does not answer; a figure that is gone does not.
	backlogStale = 3*backlogEvery + backlogTime
)

// backlog shows what is behind, as the database says. All workers say the same: take the maximum, not the sum.
type backlog struct {
	store *models.Store
	log   *slog.Logger
	parts []*backlogPart
	read  *prometheus.Desc

	mu sync.Mutex
}

// backlogPart is what is read together, and shown or left out together.
type backlogPart struct {
	name  string
	descs []*prometheus.Desc
	query func(context.Context) ([]prometheus.Metric, error)

	found  []prometheus.Metric // of the last good reading, at
	at     time.Time
	failed bool // the last reading
}

func newBacklog(store *models.Store, log *slog.Logger) *backlog {
	b := &backlog{store: store, log: log, read: prometheus.NewDesc("atender_backlog_read_timestamp_seconds",
		"Unix time of this process's last good reading of what is behind, by part of the database; figures that are older "+
			"than 35 s are left out.", []string{"part"}, nil)}
	b.parts = []*backlogPart{b.outbox(), b.timers(), b.setAsides(), b.deliveries(), b.circuits()}
	return b
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (b *backlog) outbox() *backlogPart {
	depth := prometheus.NewDesc("atender_outbox_depth",
		"Outbox rows that wait to be told to Temporal; 10000 means that many or more.", nil, nil)
	oldest := prometheus.NewDesc("atender_outbox_oldest_seconds",
		"Age of the oldest outbox row; 0 if there is none.", nil, nil)
	return &backlogPart{
		name: "outbox", descs: []*prometheus.Desc{depth, oldest},
		query: func(ctx context.Context) ([]prometheus.Metric, error) {
			n, age, err := b.store.Outbox.Depth(ctx)
			return []prometheus.Metric{gauge(depth, float64(n)), gauge(oldest, age.Seconds())}, err
		},
	}
}

func (b *backlog) timers() *backlogPart {
	due := prometheus.NewDesc("atender_timers_due",
		"Conversations in which something is due (a wake, a tripwire, an archiving) and not done yet; 10000 means that many "+
			"or more.", nil, nil)
	oldest := prometheus.NewDesc("atender_timers_due_oldest_seconds",
		"For how long the timer that is due longest has been due and not done; 0 if none is.", nil, nil)
	return &backlogPart{
		name: "timers", descs: []*prometheus.Desc{due, oldest},
		query: func(ctx context.Context) ([]prometheus.Metric, error) {
			n, lag, err := b.store.Sweep.Due(ctx)
			return []prometheus.Metric{gauge(due, float64(n)), gauge(oldest, lag.Seconds())}, err
		},
	}
}

func (b *backlog) setAsides() *backlogPart {
	count := prometheus.NewDesc("atender_conversations_set_aside",
		"Conversations that are set aside because their tick fails; 10000 means that many or more.", nil, nil)
	return &backlogPart{
		name: "set_aside", descs: []*prometheus.Desc{count},
		query: func(ctx context.Context) ([]prometheus.Metric, error) {
			n, err := b.store.Clocks.CountSetAsides(ctx)
			return []prometheus.Metric{gauge(count, float64(n))}, err
		},
	}
}

func (b *backlog) deliveries() *backlogPart {
	owed := prometheus.NewDesc("atender_deliveries_owed",
		"Deliveries that are owed, by what they wait for: waiting (a worker's first attempt), sending (the answer), retrying "+
			"(the next attempt, in order), circuit_open (the endpoint to be well again); 10000 means that many or more.",
		[]string{"state"}, nil)
	oldest := prometheus.NewDesc("atender_deliveries_owed_oldest_seconds",
		"For how long the oldest owed delivery has been on its way, by what it waits for; 0 if there is none.",
		[]string{"state"}, nil)
	return &backlogPart{
		name: "deliveries", descs: []*prometheus.Desc{owed, oldest},
		query: func(ctx context.Context) (shown []prometheus.Metric, err error) {
			found, err := b.store.Webhooks.Backlog(ctx)
			for _, state := range webhook.OwedStates {
				shown = append(shown, gauge(owed, float64(found[state].Deliveries), string(state)),
					gauge(oldest, found[state].Oldest.Seconds(), string(state)))
			}
			return shown, err
		},
	}
}

func (b *backlog) circuits() *backlogPart {
	open := prometheus.NewDesc("atender_webhooks_circuit_open",
		"Webhooks that are left alone but for probes because their endpoint fails; 10000 means that many or more.", nil, nil)
	return &backlogPart{
		name: "circuits", descs: []*prometheus.Desc{open},
		query: func(ctx context.Context) ([]prometheus.Metric, error) {
			n, err := b.store.Webhooks.CountOpenCircuits(ctx)
			return []prometheus.Metric{gauge(open, float64(n))}, err
		},
	}
}

// watch reads again and again until ctx ends.
func (b *backlog) watch(ctx context.Context) {
	for {
		for _, p := range b.parts {
			b.update(ctx, p)
		}
		if !sleep(ctx, backlogEvery) {
			return
		}
	}
}

func (b *backlog) update(ctx context.Context, p *backlogPart) {
	call, cancel := context.WithTimeout(ctx, backlogTime)
	defer cancel()
	at := time.Now() // before it: a figure is not newer than its statement
	found, err := p.query(call)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		p.found, p.at, p.failed = found, at, false
		return
	}
	if !p.failed && ctx.Err() == nil { // once, not every 10 s
		b.log.Warn("what is behind could not be read; its metrics will be missing", "part", p.name, "error", err)
	}
	p.failed = true
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(out chan<- *prometheus.Desc) {
	out <- b.read
	for _, p := range b.parts {
		for _, desc := range p.descs {
			out <- desc
		}
	}
}

// Collect implements prometheus.Collector. The time of the last good reading stays when its figures go.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.parts {
		if p.at.IsZero() {
			continue
		}
		out <- gauge(b.read, float64(p.at.UnixMilli())/1000, p.name)
		if time.Since(p.at) > backlogStale {
			continue
		}
		for _, metric := range p.found {
			out <- metric
		}
	}
}
