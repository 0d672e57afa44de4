package worker

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atender/atender/models/feed"
)

// sequence runs this process's sequencer (P6.1): of all workers' one works, the others stand by.
func (w *Worker) sequence(ctx context.Context) {
	sequenced := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "atender_feed_sequenced_total", Help: "Events that this process gave a position in the feed.",
	})
	leads := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "atender_feed_sequencer_leads", Help: "1 in the process whose sequencer works, 0 in those that stand by.",
	})
	w.registry.MustRegister(sequenced, leads)
	w.deps.Store.Feed.RunSequencer(ctx, feed.Sequencer{
		Lead: func(yes bool) {
			if yes {
				leads.Set(1)
				w.deps.Logger.Info("sequencer leads")
				return
			}
			leads.Set(0)
		},
		Sequenced: func(n int) { sequenced.Add(float64(n)) },
	})
}
