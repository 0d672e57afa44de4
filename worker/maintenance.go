package worker

import (
	"context"
	"time"
)

// maintenanceEvery is how often the database's housekeeping is done. Several workers may do it at once.
const maintenanceEvery = time.Hour

// maintain makes the partitions of the weeks ahead and keeps them as plans need them, drops those that are older than the
// retention (P10), and deletes expired answers (P7.3), sessions, and what is left of docks that were open long ago. What fails
// is tried again after a minute.
func (w *Worker) maintain(ctx context.Context) {
	for {
		wait := maintenanceEvery
		for _, task := range []struct {
			name string
			run  func(context.Context) error
		}{
			{"partitions prepared", w.deps.Store.DB.EnsurePartitions},
			{"empty partitions reset", w.resetPartitions},
			{"old partitions dropped", w.retain},
			{"expired answers deleted", w.purgeAnswers},
			{"ended sessions deleted", w.deps.Store.SignIns.Purge},
			{"old rate windows deleted", w.deps.Store.Limiter.PurgeWindows},
			{"old counts of use deleted", w.deps.Store.Keys.PurgeUsage},
			{"old dock sessions deleted", w.purgeDockSessions},
		} {
			if err := task.run(ctx); err != nil && ctx.Err() == nil {
				w.deps.Logger.Error("not all "+task.name, "error", err)
				wait = time.Minute
			}
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (w *Worker) resetPartitions(ctx context.Context) error {
	reset, err := w.deps.Store.DB.ResetEmptyPartitions(ctx)
	if len(reset) > 0 {
		w.deps.Logger.Info("reset partitions that were vacuumed while empty", "partitions", reset)
	}
	return err
}

func (w *Worker) retain(ctx context.Context) error {
	done, err := w.deps.Store.DB.Retain(ctx, time.Now(), time.Duration(w.cfg.RetentionDays)*24*time.Hour)
	if len(done.Dropped) > 0 || done.Strays > 0 {
		w.deps.Logger.Info("dropped what is older than the retention",
			"days", w.cfg.RetentionDays, "partitions", done.Dropped, "strays", done.Strays)
	}
	for _, kept := range done.Kept {
		w.deps.Logger.Warn("a partition older than the retention is still needed", "partition", kept)
	}
	return err
}

func (w *Worker) purgeAnswers(ctx context.Context) error {
	_, err := w.deps.Store.Idempotency.Purge(ctx)
	return err
}

func (w *Worker) purgeDockSessions(ctx context.Context) error {
	_, err := w.deps.Store.Docks.PurgeSessions(ctx)
	return err
}
