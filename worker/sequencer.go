package worker

import (
	"context"

	"github.com/atender/atender/models/feed"
)

// sequence runs this process's sequencer (P6.1): of all workers' one works, the others stand by.
func (w *Worker) sequence(ctx context.Context) {
	leads, sequenced := w.metrics.sequencerLeads, w.metrics.sequenced
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
