package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// A figure that is not read any more goes, alone, and the time at which it was read stays: nothing looks well that is
// not known.
func TestWhatIsNotReadAnyMoreIsNotShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(nil, slog.New(slog.DiscardHandler))
		var failure error
		for _, p := range b.parts {
			p.query = func(context.Context) (shown []prometheus.Metric, err error) {
				for _, desc := range p.descs {
					if p.name == "deliveries" {
						shown = append(shown, gauge(desc, 1, "waiting"))
						continue
					}
					shown = append(shown, gauge(desc, 1))
				}
				if p.name == "timers" {
					err = failure
				}
				return shown, err
			}
		}
		shown := func(name string) int { return testutil.CollectAndCount(b, name) }
		require.Zero(t, testutil.CollectAndCount(b), "nothing was read yet")
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			b.watch(ctx)
		}()
		synctest.Wait()
		require.Equal(t, []int{1, 1, 5}, []int{
			shown("atender_timers_due"), shown("atender_outbox_depth"), shown("atender_backlog_read_timestamp_seconds"),
		})

		failure = errors.New("the database is away")
		time.Sleep(backlogStale - time.Second) //nolint:forbidigo // within the bubble no time is spent
		synctest.Wait()
		require.Equal(t, 1, shown("atender_timers_due"), "a reading or two may fail")
		time.Sleep(2 * time.Second) //nolint:forbidigo // within the bubble no time is spent
		synctest.Wait()
		require.Equal(t, []int{0, 0, 1, 5}, []int{
			shown("atender_timers_due"), shown("atender_timers_due_oldest_seconds"), shown("atender_outbox_depth"),
			shown("atender_backlog_read_timestamp_seconds"),
		})

		failure = nil
		time.Sleep(backlogEvery) //nolint:forbidigo // within the bubble no time is spent
		synctest.Wait()
		require.Equal(t, 1, shown("atender_timers_due"))
		stop()
		<-watched
	})
}
