package worker

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// sdkBuckets are the buckets, in seconds, of all that Temporal's SDK times: from the requests of milliseconds to the
// waits for a worker. OpenTelemetry's own begin at 5, being made for milliseconds. They are few, since there are
// dozens of series.
var sdkBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}

// SDKMetrics makes what Temporal's SDK measures appear in the registry: task latencies, slots, failures, cache. It is
// for the options of the client that the worker gets, which the worker's Config names the same registry to.
func SDKMetrics(registry prometheus.Registerer, log *slog.Logger) (client.MetricsHandler, error) {
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics of Temporal's SDK: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(metric.NewView(
		metric.Instrument{Kind: metric.InstrumentKindHistogram},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: sdkBuckets}},
	)))
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: provider.Meter("temporal-sdk"), UseMonotonicCounters: true,
		OnError: func(err error) { log.Warn("metric of Temporal's SDK lost", "error", err) }, // it would panic otherwise
	}), nil
}
