// Atender is a self-hosted integration platform for customer conversations: conversations over REST, time kept by
// Temporal, state kept by PostgreSQL, signed webhooks. This is its one binary; `atender --help` lists the roles.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	temporallog "go.temporal.io/sdk/log"

	"github.com/atender/atender/activities"
	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/api"
	"github.com/atender/atender/deploy/admin"
	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/deploy/doctor"
	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/deploy/local/demo"
	"github.com/atender/atender/deploy/roles"
	"github.com/atender/atender/deploy/tracing"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/worker"
)

// version is set by the linker (see the Makefile).
var version string

// cli is the command line: a command is a type with a Run method.
type cli struct {
	Dev     devCmd     `cmd:"" help:"Run everything on this machine: PostgreSQL, Temporal, API, worker, demo data."`
	API     apiCmd     `cmd:"" name:"api" help:"Serve the API."`
	Worker  workerCmd  `cmd:"" help:"Run workflows, timers and webhook deliveries."`
	Migrate migrateCmd `cmd:"" help:"Bring the database to this binary's schema."`
	Probe   probeCmd   `cmd:"" help:"Ask the api or worker of this machine or container whether it is ready: for health checks."`
	admin.Commands
	Doctor  doctor.Command `cmd:"" help:"Check database, Temporal, workers, keys and backlogs, and say what to do about what is wrong."`
	Version versionCmd     `cmd:"" help:"Print the version."`
	Help    struct {
		Config helpConfigCmd `cmd:"" help:"Describe the environment variables that configure Atender."`
	} `cmd:"" help:"Describe the configuration."`
}

func main() {
	var c cli
	c.Doctor.Version = buildVersion()
	parsed := kong.Parse(&c, kong.Name("atender"), kong.UsageOnError(), kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("Self-hosted integration platform for customer conversations. See also: atender help config."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := fault.Arm()
	if err == nil {
		err = parsed.Run()
	}
	stop()
	if err == nil {
		return
	}
	if status, ok := errors.AsType[doctor.Exit](err); ok {
		os.Exit(int(status))
	}
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintf(os.Stderr, "atender: the configuration is not right (see atender help config):\n  %s\n",
			strings.Join(wrong.Lines, "\n  "))
	} else {
		fmt.Fprintf(os.Stderr, "atender: %s\n", said(err))
	}
	os.Exit(1)
}

// said is an error as it is shown: a refusal as it is, since it is about what was asked for here, and without what it quotes
// of the database any other, since what roles say is kept in logs.
func said(err error) string {
	if p, ok := problem.As(err); ok && p.Kind != problem.Internal && p.Kind != problem.Unavailable {
		return err.Error()
	}
	return logging.ErrorText(err)
}

// usageError is the status with which kong ends a command line that is not right; ours is the usual 2.
const usageError = 80

func exit(status int) {
	if status == usageError {
		status = 2
	}
	os.Exit(status)
}

type devCmd struct {
	Dir      string `default:".dev" help:"Directory for data, logs and what tells others about the stack." type:"path"`
	PortBase int    `help:"First of the ports in use, from 1024 to 65000. Without it the usual ports are taken, or those next to them."`
	DepsOnly bool   `help:"Start only PostgreSQL and Temporal."`
}

func (c devCmd) Run() error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	given, err := config.LoadOwnDatabase()
	if err != nil {
		return err
	}
	// Its own handling of signals, because the second one kills: not the context that main ends at the first.
	return local.Run(context.Background(), local.RunOptions{
		Options:  local.Options{Dir: c.Dir, PortBase: c.PortBase},
		DepsOnly: c.DepsOnly, DatabaseURL: given.DatabaseURL,
		Binary: binary, Out: os.Stdout, Seed: demo.Seed,
	})
}

type apiCmd struct{}

func (apiCmd) Run(ctx context.Context) error {
	return withRole(ctx, roleAPI, func(r role) error {
		post := sender.New(roles.Sender(r.Config, buildVersion()))
		defer post.Close()
		server, err := api.New(api.Config{
			Addr: r.HTTPAddr, MetricsAddr: r.MetricsAddr, PublicURL: r.PublicURL, Version: buildVersion(),
			WorkflowsURL: r.WorkflowsURL(r.namespace), TrustedProxies: r.TrustedProxies, Registry: r.registry,
		}, api.Deps{
			Store: r.store, Temporal: r.temporal, Tester: activities.Tester{Sender: post}, Logger: r.log, Tracing: r.tracing,
		})
		if err != nil {
			return err
		}
		return server.Run(ctx)
	})
}

type workerCmd struct{}

func (workerCmd) Run(ctx context.Context) error {
	return withRole(ctx, "worker", func(r role) error {
		cfg := roles.Worker(r.Config, r.namespace, buildVersion(), r.registry)
		w, err := worker.New(cfg, worker.Deps{
			Store: r.store, Temporal: r.temporal, Logger: r.log, Tracing: r.tracing,
		})
		if err != nil {
			return err
		}
		return w.Run(ctx)
	})
}

type migrateCmd struct{}

func (migrateCmd) Run(ctx context.Context) error {
	cfg, err := config.LoadDatabase()
	if err != nil {
		return err
	}
	return postgres.Migrate(ctx, cfg.DatabaseURL, admin.Log())
}

type probeCmd struct {
	Role string `arg:"" enum:"api,worker" help:"Which process is asked: api or worker."`
	Live bool   `help:"Ask whether it runs, and not whether it is ready."`
}

func (c probeCmd) Run(ctx context.Context) error {
	addresses, err := config.LoadAddresses()
	if err != nil {
		return err
	}
	addr, path := addresses.HTTPAddr, "/readyz"
	if c.Role != roleAPI {
		addr = addresses.WorkerMetricsAddr
	}
	if c.Live {
		path = "/healthz"
	}
	return roles.Probe(ctx, addr, path)
}

type versionCmd struct{}

func (versionCmd) Run() error {
	_, err := fmt.Println("atender " + buildVersion())
	return err
}

type helpConfigCmd struct{}

func (helpConfigCmd) Run() error { return config.Describe(os.Stdout) }

// buildVersion is what the linker was told, or, for a plain go build or go install, what Go recorded.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// role is what the long-running processes have in common.
type role struct {
	config.Config
	log       *slog.Logger
	store     *models.Store
	temporal  client.Client
	registry  *prometheus.Registry // of the role's metrics, with what the SDK of Temporal measures
	namespace string
	tracing   trace.TracerProvider // nil where nothing is traced
}

// gcPercent is how far the heap may grow between two collections, unless GOGC says otherwise.
const gcPercent = 300

// roleAPI is the name of the role that serves calls.
const roleAPI = "api"

// withRole runs f with all that a role needs. Neither the database nor Temporal has to answer yet.
func withRole(ctx context.Context, name string, f func(role) error) error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	r := role{Config: cfg, log: cfg.Logger(os.Stderr).With("role", name)}
	traces, err := tracing.Open(ctx, tracing.Options{Role: name, Version: buildVersion(), Log: r.log})
	if err != nil {
		return err
	}
	defer traces.Close()
	r.tracing = traces.Provider()
	if os.Getenv("GOGC") == "" {
		// A heap of 20 MB that may only double is collected ten times a second under load, at an eighth of the CPU's time.
		debug.SetGCPercent(gcPercent)
	}
	memory, err := roles.LimitMemory(cfg)
	if err != nil {
		r.log.Warn("memory is not limited", "error", err)
	}
	keys, err := seal.ParseKeyring(cfg.SecretKeys)
	if err != nil {
		return err
	}
	r.store, err = models.Open(ctx, models.Options{
		URL: cfg.DatabaseURL, MaxConns: cfg.DatabaseMaxConns, Keys: keys, Targets: cfg.WebhookPolicy(), Logger: r.log,
		Serving: name == roleAPI,
		Docks:   dockurl.Policy{AllowLoopbackHTTP: cfg.DockAllowLoopbackHTTP, Host: cfg.PublicURL},
	})
	if err != nil {
		return err
	}
	defer r.store.Close()
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return fmt.Errorf("configuration of Temporal: %w", err)
	}
	options.Logger = temporallog.NewStructuredLogger(r.log)
	r.registry = roles.Registry(name, buildVersion(), r.store.DB.PoolStats)
	if options.MetricsHandler, err = worker.SDKMetrics(r.registry, r.log); err != nil {
		return err
	}
	if r.tracing != nil {
		if options.Interceptors, err = worker.TraceInterceptors(r.tracing); err != nil {
			return err
		}
	}
	r.namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	r.temporal, err = client.NewLazyClient(options)
	if err != nil {
		return fmt.Errorf("configuration of Temporal: %w", err)
	}
	defer r.temporal.Close()
	r.log.Info("starting", "version", buildVersion(), "memoryLimit", memory.Bytes, "memoryLimitFrom", memory.From)
	return f(r)
}
