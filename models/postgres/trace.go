package postgres

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/traced"
)

// endSpan ends the span of a transaction, which took so many tries. A refusal is an outcome like any other,
// and is no failure of the transaction.
func endSpan(span trace.Span, tries int, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if tries > 0 {
		span.SetAttributes(traced.Tries.Int(tries))
	}
	if err == nil {
		return
	}
	switch p, ok := problem.As(err); {
	case !ok:
		traced.Failed(span, "failed")
	case p.Kind == problem.Unavailable || p.Kind == problem.Internal:
		traced.Failed(span, p.Code)
	}
}
