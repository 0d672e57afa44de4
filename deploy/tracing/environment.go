package tracing

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/atender/atender/deploy/config"
)

// The variables that are looked at here; the others are the SDK's alone.
const (
	varDisabled       = "OTEL_SDK_DISABLED"
	varExporter       = "OTEL_TRACES_EXPORTER"
	varEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	varTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	varHeaders        = "OTEL_EXPORTER_OTLP_HEADERS"
	varTracesHeaders  = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
	varProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	varTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	varSampler        = "OTEL_TRACES_SAMPLER"
	varSamplerArg     = "OTEL_TRACES_SAMPLER_ARG"
)

// protocol is the one that is spoken.
const protocol = "http/protobuf"

// samplers are those that the SDK has, each with whether its argument is a share of the traces.
var samplers = map[string]bool{
	"always_on": false, "always_off": false, "traceidratio": true,
	"parentbased_always_on": false, "parentbased_always_off": false, "parentbased_traceidratio": true,
}

// maxNumber bounds the numbers that are set: more spans in a queue are more memory than a process has, and
// more milliseconds than any collector is waited for.
const maxNumber = 1_000_000

// numbers are the variables whose values are whole numbers.
var numbers = []string{
	"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT",
	"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
}

// files are the variables whose values are paths.
var files = []string{
	"OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
}

// check tells whether the environment asks for traces, and whether it can be followed: the SDK would take a
// default for what it does not understand, and say so where nobody looks. Errors: *config.Error, without
// values, some of which are secrets.
func check() (on bool, err error) {
	kind := os.Getenv(varExporter)
	endpoint := os.Getenv(varEndpoint) + os.Getenv(varTracesEndpoint)
	if strings.EqualFold(os.Getenv(varDisabled), "true") || kind == "none" || endpoint == "" && kind == "" {
		return false, nil
	}
	var lines []string
	wrong := func(name, format string, args ...any) { lines = append(lines, name+" "+fmt.Sprintf(format, args...)) }
	if kind != "" && kind != "otlp" {
		wrong(varExporter, "has to be otlp or none")
	}
	for _, name := range []string{varEndpoint, varTracesEndpoint} {
		if value := os.Getenv(name); value != "" && !isEndpoint(value) {
			wrong(name, "has to be a URL such as http://collector:4318, without a password: that goes into %s", varHeaders)
		}
	}
	for _, name := range []string{varProtocol, varTracesProtocol} {
		if value := os.Getenv(name); value != "" && value != protocol {
			wrong(name, "has to be %s, which collectors take on port 4318", protocol)
		}
	}
	sampler := cmp.Or(os.Getenv(varSampler), "parentbased_always_on")
	takesShare, known := samplers[sampler]
	if !known {
		wrong(
			varSampler,
			"has to be one of always_on, always_off, traceidratio, and these with parentbased_ before them",
		)
	}
	if arg := os.Getenv(varSamplerArg); takesShare && arg != "" {
		if share, err := strconv.ParseFloat(arg, 64); err != nil || !(share >= 0 && share <= 1) {
			wrong(varSamplerArg, "has to be a share from 0 to 1, such as 0.01")
		}
	}
	for _, name := range []string{varHeaders, varTracesHeaders} {
		if !areHeaders(os.Getenv(name)) {
			wrong(name, "has to be name=value, more of them after a comma, with %%2C for a comma in a value")
		}
	}
	for _, name := range files {
		if path := os.Getenv(name); path != "" {
			if _, err := os.Stat(path); err != nil {
				wrong(name, "names a file that cannot be read: %v", err)
			}
		}
	}
	for _, name := range numbers {
		if value := os.Getenv(name); value != "" {
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > maxNumber {
				wrong(name, "has to be a whole number from 1 to %d", maxNumber)
			}
		}
	}
	if len(lines) > 0 {
		return false, &config.Error{Lines: lines}
	}
	return true, nil
}

func isEndpoint(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Host != "" && u.User == nil && slices.Contains([]string{"http", "https"}, u.Scheme)
}

// areHeaders tells whether the SDK will understand headers; what it does not, it would print, secrets and all.
func areHeaders(value string) bool {
	if value == "" {
		return true
	}
	for header := range strings.SplitSeq(value, ",") {
		name, content, found := strings.Cut(header, "=")
		plain, err := url.PathUnescape(content)
		if !found || err != nil || !httpguts.ValidHeaderFieldName(strings.TrimSpace(name)) ||
			!httpguts.ValidHeaderFieldValue(strings.TrimSpace(plain)) {
			return false
		}
	}
	return true
}
