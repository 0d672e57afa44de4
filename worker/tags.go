package worker

import (
	"context"
	"time"

	"github.com/atender/atender/models/tag"
)

// propagateTags takes the names of renamed and deleted tags off the conversations that carry them, a batch after the other,
// in every worker process: conversation.Store.PropagateTags sees to it that no two have the same name. It is work that waits for
// nothing, and therefore no workflow's.
func (w *Worker) propagateTags(ctx context.Context) {
	const poll = 250 * time.Millisecond // a lost wake-up costs no more (P9)
	woken, stop := w.deps.Store.Wakeups().Listen(tag.Topic)
	defer stop()
	for {
		changed, more, err := w.deps.Store.Conversations.PropagateTags(ctx)
		wait := poll
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.deps.Logger.Warn("a tag's name was not taken off all conversations; going on after a while",
				"changed", changed, "error", err)
			wait = time.Second
		case more:
			continue
		}
		select {
		case <-woken:
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
