// Package api is the REST API: the routes that openapi.yaml describes, and what every request passes on its way to
// them. The document is the contract. It is written by hand; the types, the routing and a client are generated from it
// (generate.go), requests are checked against it (validation), and which scope an operation needs stands in it.
//
// The package puts the parts together (router.go) and listens (server.go). The operations are in a package for each group of
// the document's tags; handlers.go joins them.
//
// Whatever a handler does to the world it does through models.Store.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/conversations"
	"github.com/atender/atender/api/docks"
	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/origin"
	"github.com/atender/atender/api/pages"
	"github.com/atender/atender/api/people"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/settings"
	"github.com/atender/atender/api/webhooks"
	"github.com/atender/atender/api/worktime"
	"github.com/atender/atender/models"
)

// Config is what the API is told from outside.
type Config struct {
	Addr        string // where the API listens, host:port
	MetricsAddr string // where Prometheus finds /metrics, and a developer /debug/pprof, host:port; empty for nowhere
	// PublicURL is where clients and browsers reach the API, without a path: shown in the OpenAPI document, and the
	// console's own origin. Empty takes each request's word for it, which is for tests.
	PublicURL string
	Version   string // of this binary
	// WorkflowsURL is where Temporal UI shows workflows: "/" and a workflow's id go behind it. Empty for no links.
	WorkflowsURL string
	// Registry collects the API's metrics beside those that all roles have (roles.Registry); one of its own when nil.
	Registry *prometheus.Registry
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
}

// Deps are what the API works with.
type Deps struct {
	Store    *models.Store
	Temporal client.Client       // may be nil: its state is reported at /readyz, and nothing else needs it
	Tester   webhooks.TestSender // may be nil: webhooks cannot be tested then
	Logger   *slog.Logger
	Tracing  trace.TracerProvider // makes the spans of requests; nil where nothing is traced
}

// Server is the API process.
type Server struct {
	config  Config
	log     *slog.Logger
	handler http.Handler
	metrics *metrics.Metrics
	intake  *intake.Intake
	closing chan struct{}
	close   func() // closes closing
}

// New makes a server. Errors: an OpenAPI document that is not valid.
func New(config Config, deps Deps) (*Server, error) {
	doc, err := openDocument(config.PublicURL)
	if err != nil {
		return nil, err
	}
	files, err := console.Open()
	if err != nil {
		return nil, fmt.Errorf("reading the console: %w", err)
	}
	s := &Server{
		config: config, log: deps.Logger, metrics: metrics.New(config.Registry), intake: intake.New(),
		closing: make(chan struct{}),
	}
	s.metrics.ShowGates(deps.Store.DB.GateStats)
	s.metrics.ShowGroups(deps.Store.Conversations.WrittenTogether, deps.Store.Conversations.Waiting)
	s.metrics.ShowHeld(s.intake.Held)
	s.close = sync.OnceFunc(func() { close(s.closing) })
	own := origin.Of(config.PublicURL)
	s.handler = own.Secured(newRouter(routing{
		doc: doc, metrics: s.metrics, tracing: deps.Tracing,
		who: middleware.Credentials{Store: deps.Store}, trustedProxies: config.TrustedProxies,
		handlers: &handlers{
			conversations.New(deps.Store),
			people.New(deps.Store),
			webhooks.New(deps.Store, deps.Tester),
			docks.New(deps.Store, s.metrics),
			worktime.New(deps.Store),
			settings.New(deps.Store, own, config.Version, config.WorkflowsURL),
			&service{store: deps.Store, temporal: deps.Temporal, log: deps.Logger, version: config.Version},
		},
		console: pages.Console{
			Store: deps.Store, Origin: own, Intake: s.intake, Files: files, Frames: deps.Store.Docks.Origins,
			Closing: s.closing, Errors: respond.Errors{Log: deps.Logger},
		},
	}))
	return s, nil
}

// Handler is the whole API without its listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// Limits of the listeners. A body is at most 1 MiB, so a client that is not reading or writing for longer than these is
// not coming back.
const (
	headerTime   = 10 * time.Second
	readTime     = 30 * time.Second
	writeTime    = 60 * time.Second
	idleTime     = 2 * time.Minute
	maxHeader    = 64 << 10
	shutdownTime = 20 * time.Second
)

// Run listens and serves until ctx ends, then lets requests that are under way finish, for at most 20 s.
// Errors: an address that cannot be listened on; requests that had to be cut off.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.log.Info("api stops: finishing what runs") })()
	group, ctx := errgroup.WithContext(ctx)
	if err := s.serve(ctx, group, "api", s.config.Addr, s.handler); err != nil {
		return err
	}
	if s.config.MetricsAddr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.metrics.Handler())
		mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap, goroutine and the like
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		if err := s.serve(ctx, group, "metrics", s.config.MetricsAddr, mux); err != nil {
			return err
		}
	}
	return group.Wait()
}

// listenerAddress has the variables that say where a listener is.
var listenerAddress = map[string]string{"api": "ATENDER_HTTP_ADDR", "metrics": "ATENDER_METRICS_ADDR"}

// serve listens on addr at once, so that an address in use is an error here, and serves in the group.
func (s *Server) serve(ctx context.Context, group *errgroup.Group, name, addr string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening for the %s: %w: set %s, or stop what listens there", name, err, listenerAddress[name])
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.log.InfoContext(ctx, "listening", "for", name, "addr", listener.Addr().String())
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the %s: %w", name, err)
		}
		return nil
	})
	server.RegisterOnShutdown(s.close) // who listens for events would listen on
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := server.Shutdown(patience); err != nil {
			return errors.Join(fmt.Errorf("stopping the %s: %w", name, err), server.Close())
		}
		return nil
	})
	return nil
}
