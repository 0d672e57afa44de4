package config

import (
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
)

// temporalNote names the variables that are not ours. They are the Temporal CLI's, so that one environment serves both.
const temporalNote = `
Temporal is reached as Temporal's own tools are told to (package envconfig of its SDK), most often with

  TEMPORAL_ADDRESS      host:port of the frontend; localhost:7233 when unset
  TEMPORAL_NAMESPACE    namespace; default when unset
  TEMPORAL_API_KEY      for Temporal Cloud
  TEMPORAL_TLS, TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH, TEMPORAL_TLS_SERVER_CA_CERT_PATH
  TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE
`

// otelNote names the variables that turn traces on: OpenTelemetry's own, which other programs take, too.
const otelNote = `
Traces are sent where OpenTelemetry's own variables say, with OTLP over HTTP; without them there are none (deploy/tracing.md)

  OTEL_EXPORTER_OTLP_ENDPOINT   http(s)://host:4318 of a collector; or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, the whole URL
  OTEL_EXPORTER_OTLP_HEADERS    name=value,… for its authentication
  OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG   which; all when unset, and one in a hundred with parentbased_traceidratio, 0.01
  OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES    the service is atender-api or atender-worker when unset
  OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER        true, or none, for no traces
  OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_COMPRESSION, OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_BSP_MAX_QUEUE_SIZE,
  OTEL_BSP_SCHEDULE_DELAY and others as OpenTelemetry describes them
`

// Describe writes what `atender help config` shows: every variable of Config with type, default and meaning, made
// from the tags that Load goes by. It returns w's error.
func Describe(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Atender is configured by environment variables. An empty variable counts as unset.\n\n")
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		fmt.Fprintf(&b, "  %s\n      %s\n      %s", f.name, f.desc, f.typeName())
		switch {
		case f.def != "":
			fmt.Fprintf(&b, "; default %s", f.def)
		case f.required:
			b.WriteString("; required")
		default:
			b.WriteString("; optional")
		}
		if f.secret {
			fmt.Fprintf(&b, "; or %s%s, the path of a file that holds it", f.name, fileSuffix)
		}
		b.WriteString("\n\n")
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n")+temporalNote+otelNote)
	return err
}

// typeName says in words what values the variable takes.
func (f field) typeName() string {
	switch {
	case f.enum != nil:
		return "one of " + strings.Join(f.enum, ", ")
	case f.min != "":
		return fmt.Sprintf("whole number from %s to %s", f.min, f.max)
	case f.kind == reflect.TypeFor[bool]():
		return "true or false"
	case f.kind == reflect.TypeFor[[]netip.Prefix]():
		return "comma separated address ranges such as 10.0.0.0/8"
	case f.checks == "address":
		return "host:port, or :port for all addresses"
	case strings.HasSuffix(f.checks, "url"):
		return "URL"
	default:
		return "text"
	}
}
