package main

import (
	"context"
	"fmt"
)

// hotFigures are what became of a conversation that all publishers write to at once.
type hotFigures struct {
	Messages int   `json:"messages"` // warm-up included
	First    int64 `json:"firstVersion"`
	Last     int64 `json:"lastVersion"`
	Missing  int   `json:"versionsMissing"` // between the two
}

// runHot: all publishers send to one conversation. Its versions must come without a gap, each once.
func runHot(ctx context.Context, b *bench) error {
	if err := runMessages(ctx, b); err != nil {
		return err
	}
	h := gaps(b.arrivals)
	b.report.Hot = &h
	if h.Missing > 0 || h.Messages != b.report.Ledger.Accepted {
		b.report.void(fmt.Sprintf("%d messages have the versions %d to %d, of which %d are missing", h.Messages, h.First, h.Last,
			h.Missing))
	}
	return nil
}

// gaps looks through the versions of what arrived of one conversation; a version that came again counts once.
func gaps(arrivals []arrival) (h hotFigures) {
	seen := map[int64]bool{}
	for _, a := range arrivals {
		seen[a.Version] = true
		if h.First == 0 || a.Version < h.First {
			h.First = a.Version
		}
		h.Last = max(h.Last, a.Version)
	}
	h.Messages = len(seen)
	if len(seen) > 0 {
		h.Missing = int(h.Last-h.First) + 1 - len(seen)
	}
	return h
}
