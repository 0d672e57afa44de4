package tracing

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter says what becomes of spans that the collector does not take, once a minute at most. The SDK would
// say it each time, and to standard error in a form of its own.
type exporter struct {
	sdktrace.SpanExporter
	log *slog.Logger

	mu   sync.Mutex
	said time.Time
	lost int // since then
}

// ExportSpans implements sdktrace.SpanExporter. What could not be sent is lost: the exporter has tried again
// by then.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.say(err, len(spans))
	}
	return nil
}

func (e *exporter) say(err error, spans int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost += spans
	if !e.said.IsZero() && time.Since(e.said) < sayEvery {
		return
	}
	e.log.Warn("traces are lost: the collector does not take them", "spans", e.lost, "error", cut(err))
	e.said, e.lost = time.Now(), 0
}

// maxSaid is how much of an error is logged, in bytes: the exporter quotes what the collector answered, of any length.
const maxSaid = 300

func cut(err error) string {
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxSaid)], "")
}
