// Package config is Atender's configuration: one typed struct, read from environment variables once at start-up. The
// struct's tags are the only description of a variable: reading, checking and `atender help config` all go by them.
package config

import (
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Prefix begins the name of every variable.
const Prefix = "ATENDER_"

// Database is what a command needs that touches nothing but the database.
type Database struct {
	// DatabaseURL is where PostgreSQL is: a postgres:// URL or a key=value string, as libpq takes them.
	DatabaseURL string `env:"DATABASE_URL" required:"true" secret:"true" desc:"PostgreSQL: postgres://user:password@host:5432/database?sslmode=…"`
	// DatabaseMaxConns bounds the connections of one process, 1 to 1000. An API process uses a third as many again for lists,
	// and four for reports. Up to 12 more are used: eight to claim deliveries (P4.1), two for wake-ups (P9), two for
	// numbers (P2); and one by a worker's sequencer (P6).
	DatabaseMaxConns int `env:"DATABASE_MAX_CONNS" envDefault:"20" min:"1" max:"1000" desc:"connections of one process to the database, besides up to 13 for special purposes and, of an API process, a third as many again for lists and 4 for reports; a tenant uses half of each at most"`
}

// Sealed is what a command needs that reads and writes what is secret in the database.
type Sealed struct {
	Database
	// SecretKeys seals what is secret in the database (package models/seal): "id:base64 of 32 bytes", comma separated.
	SecretKeys string `env:"SECRET_KEYS" required:"true" secret:"true" check:"keyring" desc:"keys that seal secrets in the database: id:base64-of-32-bytes[,id2:…]; the first encrypts, all decrypt (to retire one: atender secret reseal)"`
}

// OwnDatabase is what `atender dev` needs, which has a database of its own unless it is given one.
type OwnDatabase struct {
	// DatabaseURL is as Database has it; empty for none.
	DatabaseURL string `env:"DATABASE_URL" secret:"true" desc:"an empty PostgreSQL database to use instead of a private one"`
}

// Public is what a command needs that makes links.
type Public struct {
	// PublicURL is how users reach the API and the console: scheme and host, without a trailing slash. Links are built
	// with it, and the console takes writes from pages of this origin only.
	PublicURL string `env:"PUBLIC_URL" envDefault:"http://localhost:8080" check:"base-url" desc:"how users reach the API and the console, without a path; links are built with it"`
}

// SignInURL is the link that signs an agent in, once, with the secret that was made for it.
func (p Public) SignInURL(secret string) string {
	return p.PublicURL + "/console/sign-in?token=" + url.QueryEscape(secret)
}

// Addresses are where the processes listen: what a probe of them needs, which is told no secrets.
type Addresses struct {
	// HTTPAddr is where the API listens.
	HTTPAddr string `env:"HTTP_ADDR" envDefault:":8080" check:"address" desc:"where the API listens"`
	// MetricsAddr is where the api process serves /metrics; apart from HTTPAddr, so that it can stay private.
	MetricsAddr string `env:"METRICS_ADDR" envDefault:"127.0.0.1:9090" check:"address" desc:"where the api process serves /metrics"`
	// WorkerMetricsAddr is where the worker process serves /metrics and its probes.
	WorkerMetricsAddr string `env:"WORKER_METRICS_ADDR" envDefault:"127.0.0.1:9091" check:"address" desc:"where the worker process serves /metrics and its probes"`
}

// Config is everything that the api and worker processes are told.
type Config struct {
	Sealed

	Addresses
	Public
	// TrustedProxies are the proxies in front of the API: of their requests, X-Forwarded-For says who the client is.
	// Attempts to sign in are counted per client.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" desc:"address ranges of proxies whose X-Forwarded-For is believed, comma separated; none when unset"`

	// LogFormat is text for people or json for machines.
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" enum:"text,json" desc:"how log lines look"`
	// LogLevel is the least level that is logged. At debug, personal data may appear.
	LogLevel string `env:"LOG_LEVEL" envDefault:"info" enum:"debug,info,warn,error" desc:"least level logged; debug may show personal data"`

	// MemoryLimit is the memory, in MiB, that a process is to keep to: the garbage collector works harder as it comes near.
	// 0 takes nine tenths of the container's limit, if there is one. Go's own GOMEMLIMIT wins.
	MemoryLimit int `env:"MEMORY_LIMIT" envDefault:"0" min:"0" max:"1048576" desc:"MiB of memory that a process keeps to; 0 for nine tenths of the container's limit, if it has one; GOMEMLIMIT wins"`

	// WebhookAllowHTTP lets subscriptions have http:// URLs. For development and closed networks.
	WebhookAllowHTTP bool `env:"WEBHOOK_ALLOW_HTTP" envDefault:"false" desc:"let webhooks have http:// URLs; for development and closed networks"`
	// WebhookAllowCIDRs are address ranges that deliveries may go to though they are private or otherwise special.
	WebhookAllowCIDRs []netip.Prefix `env:"WEBHOOK_ALLOW_CIDRS" desc:"private address ranges that webhooks may reach, comma separated; none when unset"`
	// WebhookProxyURL is the HTTP proxy that deliveries go through; direct when empty. It then guards the network.
	WebhookProxyURL string `env:"WEBHOOK_PROXY_URL" secret:"true" check:"url" desc:"HTTP proxy for webhook deliveries; direct when unset"`
	// WebhookTraceparent has receivers of webhooks told of the span of each attempt, where it is traced (deploy/tracing).
	WebhookTraceparent bool `env:"WEBHOOK_TRACEPARENT" envDefault:"false" desc:"send the header traceparent with webhooks of traced requests, so that receivers' traces go on from ours"`
	// DockAllowLoopbackHTTP lets docks be at http:// addresses of the machine itself. For development.
	DockAllowLoopbackHTTP bool `env:"DOCK_ALLOW_LOOPBACK_HTTP" envDefault:"false" desc:"let docks be at http:// addresses of the machine itself; for development"`
	// DispatchShards is the number of dispatch workflows, 1 to 64 (P4). The same for all workers of a namespace.
	DispatchShards int `env:"DISPATCH_SHARDS" envDefault:"8" min:"1" max:"64" desc:"dispatch workflows; the same for every worker of a namespace"`

	// RetentionDays is how long events, deliveries and attempts are kept (P10): whole weeks are dropped when all of the week
	// is older, and none of its deliveries is owed.
	RetentionDays int `env:"RETENTION_DAYS" envDefault:"30" min:"1" max:"3650" desc:"days that events (the feed's, too), deliveries and attempts are kept, at least; dropped by whole weeks"`

	// TemporalTaskQueue is the task queue of all workflows and activities.
	TemporalTaskQueue string `env:"TEMPORAL_TASK_QUEUE" envDefault:"atender" required:"true" desc:"Temporal task queue of all workflows and activities"`
	// TemporalUIURL is Temporal's web interface, for links; no links when empty.
	TemporalUIURL string `env:"TEMPORAL_UI_URL" check:"url" desc:"Temporal's web interface, for links; none when unset"`
}

// Load reads the whole configuration from the process's environment. The error is an *Error with a line for each
// variable that is missing or wrong.
func Load() (Config, error) { return Parse[Config](environment()) }

// LoadDatabase reads only what commands need that work on the database alone. Errors as for Load.
func LoadDatabase() (Database, error) { return Parse[Database](environment()) }

// LoadSealed reads only what commands need that open what is sealed in the database. Errors as for Load.
func LoadSealed() (Sealed, error) { return Parse[Sealed](environment()) }

// LoadOwnDatabase reads only which database `atender dev` is given, if any. Errors as for Load.
func LoadOwnDatabase() (OwnDatabase, error) { return Parse[OwnDatabase](environment()) }

// LoadAddresses reads only where the processes listen. Errors as for Load.
func LoadAddresses() (Addresses, error) { return Parse[Addresses](environment()) }

// LoadPublic reads only what commands need that make links. Errors as for Load.
func LoadPublic() (Public, error) { return Parse[Public](environment()) }

// WorkflowsURL is where Temporal UI shows the namespace's workflows; empty for nowhere.
func (c Config) WorkflowsURL(namespace string) string {
	if c.TemporalUIURL == "" {
		return ""
	}
	return strings.TrimSuffix(c.TemporalUIURL, "/") + "/namespaces/" + url.PathEscape(namespace) + "/workflows"
}

func environment() map[string]string {
	vars := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			vars[name] = value
		}
	}
	return vars
}
