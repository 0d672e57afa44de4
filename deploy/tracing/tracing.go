// Package tracing sends traces to a collector, with OTLP over HTTP, where OpenTelemetry's own environment
// variables say so. Without them there is no provider, and nothing is traced. What is traced is described in
// deploy/tracing.md.
//
// OTLP over HTTP is the specification's default, passes proxies and load balancers, is taken by every
// collector and vendor, and needs no second set of connections beside Temporal's.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	// flushTime is how long a process that ends waits for a collector to take what is left: what runs has 20
	// s of the 25 s that SIGTERM leaves, and this is within the rest.
	flushTime = 3 * time.Second
	// sayEvery is how often a collector that takes nothing is logged at most.
	sayEvery = time.Minute
)

// Options say whose spans they are.
type Options struct {
	Role    string // api or worker
	Version string // of the binary
	Log     *slog.Logger
}

// Tracing is a process's way to a collector. A nil one traces nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider
	log      *slog.Logger
}

// Open reads the environment; it returns nil where that asks for no traces. The collector need not answer,
// now or ever: at most OTEL_BSP_MAX_QUEUE_SIZE spans (2,048) wait for it, what is more is dropped, and
// nothing waits for room. Errors: *config.Error, with a line for each variable that is wrong.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	on, err := check()
	if !on || err != nil {
		return nil, err
	}
	client, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String(
				"service.name",
				"atender-"+o.Role,
			),
			attribute.String("service.version", o.Version),
		),
		resource.WithFromEnv(), // what the operator says goes before what we do
	)
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider( // its sampler is that of OTEL_TRACES_SAMPLER
		sdktrace.WithBatcher(&exporter{SpanExporter: client, log: o.Log}), sdktrace.WithResource(about),
	)
	return &Tracing{provider: provider, log: o.Log}, nil
}

// Provider makes the spans; nil where nothing is traced.
func (t *Tracing) Provider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.provider
}

// Close sends what is left, for at most 3 s.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("traces of the last seconds are lost", "error", err)
	}
}
