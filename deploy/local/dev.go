package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/deploy/local/receiver"
	"github.com/atender/atender/deploy/local/sampledock"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/target"
)

// RunOptions say what `atender dev` starts.
type RunOptions struct {
	Options  // Logger is not used: what goes on is told on Out
	DepsOnly bool
	// DatabaseURL is a database to use instead of a private PostgreSQL. It has to be empty, or one that an earlier run
	// was given.
	DatabaseURL string
	// Binary is the atender to start the api and the worker with.
	Binary string
	// Out takes what people read.
	Out io.Writer
	// Seed makes the demo: whatever of it is not there yet. SeedTenant is the least there is.
	Seed func(ctx context.Context, s Seeding) (Seeded, error)
}

// Ready is what ready.json says, while the stack is ready.
type Ready struct {
	PID               int       `json:"pid"`              // of the stack: SIGTERM stops it
	Binary            string    `json:"binary"`           // the atender that runs
	APIURL            string    `json:"apiUrl,omitempty"` // without a path
	DocsURL           string    `json:"docsUrl,omitempty"`
	ConsoleURL        string    `json:"consoleUrl,omitempty"`
	SignInURL         string    `json:"signInUrl,omitempty"` // works once
	TemporalUIURL     string    `json:"temporalUiUrl"`
	TemporalAddress   string    `json:"temporalAddress"`
	TemporalNamespace string    `json:"temporalNamespace"`
	MetricsURL        string    `json:"metricsUrl,omitempty"`
	DatabaseURL       string    `json:"databaseUrl"`
	APIKey            string    `json:"apiKey,omitempty"`
	SandboxAPIKey     string    `json:"sandboxApiKey,omitempty"`
	TenantID          uuid.UUID `json:"tenantId,omitzero"`
	ReceiverURL       string    `json:"receiverUrl,omitempty"`
	SampleDockURL     string    `json:"sampleDockUrl,omitempty"`
	PlaygroundURL     string    `json:"playgroundUrl,omitempty"` // of tool docks
}

// Run is `atender dev`: it starts the stack, says where everything is, and returns when ctx ends, or on SIGTERM or
// Ctrl-C, after everything has stopped. A second signal kills what is still running. Errors: as for StartDeps, and
// what keeps the database from being migrated, the demo from being made, or the api and worker from getting ready.
func Run(ctx context.Context, o RunOptions) error {
	term := newTerminal(o.Out)
	o.Logger = slog.New(plain{out: term.source("dev", dim)})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := openStack(o.Options)
	if err != nil {
		return err
	}
	d := &dev{stack: s, o: o, term: term}
	defer s.onSignals(cancel)() // until everything has stopped: the second signal has to be heard meanwhile
	defer d.close()
	// A shell that has sourced the env file of this very directory does not mean another database.
	if o.DatabaseURL == s.state.DatabaseURL {
		d.o.DatabaseURL = ""
	}
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it was ready
		}
		return err
	}
	<-ctx.Done()
	return nil
}

// sameSignal is the time within which a second signal counts as the first: make, timeout and terminals send one to a
// process and to its group.
const sameSignal = 500 * time.Millisecond

// onSignals calls stop at the first signal and kills everything at the second. The function it returns ends that.
func (s *stack) onSignals(stop func()) func() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Unless it is taken this signal would end the process, and not in order, when its output is closed.
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		var told time.Time
		for {
			select {
			case <-done:
				return
			case <-signals:
			}
			switch {
			case told.IsZero():
				told = time.Now()
				s.log.Info("stopping; once more to kill")
				stop()
			case time.Since(told) > sameSignal:
				s.log.Warn("killing everything")
				s.kill()
				os.Exit(1)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		signal.Stop(deaf)
		close(done)
	}
}

// dev is one run of `atender dev`.
type dev struct {
	*stack
	o        RunOptions
	term     *terminal
	receiver *receiver.Receiver
	hangUp   func() // ends the receiver
	undock   func() // ends the sample dock
	// signInURL signs the demo's owner in to the console, once; empty without an owner.
	signInURL string
}

// close stops everything. The receiver goes last, so that what the worker still delivers arrives.
func (d *dev) close() {
	d.stop()
	for _, end := range []func(){d.undock, d.hangUp} {
		if end != nil {
			end()
		}
	}
}

func (d *dev) start(ctx context.Context) error {
	started := time.Now()
	d.log.Info("starting the local stack", "directory", d.dir)
	if err := d.startDeps(ctx, d.o.DatabaseURL); err != nil {
		return err
	}
	if d.o.DatabaseURL == "" {
		d.state.DatabaseURL = d.databaseURL
	}
	if !d.o.DepsOnly {
		if err := d.prepareData(ctx); err != nil {
			return err
		}
	}
	// Before the api and worker, whose environment is the same.
	if err := d.state.save(); err != nil {
		return err
	}
	env := d.environment()
	if err := writeFile(d.path(envFile), shellExports(env)); err != nil {
		return fmt.Errorf("environment for shells: %w", err)
	}
	if !d.o.DepsOnly {
		if err := d.startAtender(ctx, env); err != nil {
			return err
		}
	}
	ready := d.ready()
	if err := writeJSON(d.path(readyFile), ready); err != nil {
		return fmt.Errorf("tell that the stack is ready: %w", err)
	}
	d.summary(ready, time.Since(started))
	return nil
}

// prepareData migrates, starts the receiver and the sample dock, and makes the demo, which points at both.
func (d *dev) prepareData(ctx context.Context) error {
	if err := postgres.Migrate(ctx, d.databaseURL, d.log); err != nil {
		return err
	}
	d.receiver = receiver.New()
	var err error
	if d.hangUp, err = d.receiver.Serve(loopback(d.ports.Receiver)); err != nil {
		return fmt.Errorf("webhook receiver: %w", err)
	}
	if d.undock, err = sampledock.Serve(loopback(d.ports.SampleDock), d.apiURL()); err != nil {
		return fmt.Errorf("sample dock: %w", err)
	}
	if err := d.seed(ctx); err != nil {
		return err
	}
	if err := d.receiver.SetSecrets(d.state.Seeded.secrets()...); err != nil {
		return fmt.Errorf("webhook receiver: %w", err)
	}
	return nil
}

func (s *stack) apiURL() string { return "http://" + loopback(s.ports.API) }

// publicURL is where browsers go: another host than docks on 127.0.0.1 have, so that the console's cookie, which knows no
// ports, is not theirs.
func (s *stack) publicURL() string { return "http://localhost:" + strconv.Itoa(s.ports.API) }

func (d *dev) receiverURL() string { return "http://" + loopback(d.ports.Receiver) }

// sampleDockURL is by 127.0.0.1 where the console is by localhost: a dock is never of the console's own origin, nor site.
func (d *dev) sampleDockURL() string { return "http://" + loopback(d.ports.SampleDock) + "/" }

// playgroundURL opens the playground with the sample dock in it.
func (d *dev) playgroundURL() string {
	return fmt.Sprintf("http://localhost:%d/docks/playground#url=%s", d.ports.API, url.QueryEscape(d.sampleDockURL()))
}

// webhookCIDRs are where webhooks of the local stack may go besides public addresses: the receiver, and whatever
// the user tries out on this machine, is on loopback, and without TLS.
const webhookCIDRs = "127.0.0.0/8,::1/128"

func webhookPolicy() target.Policy {
	p := target.Policy{AllowHTTP: true}
	for cidr := range strings.SplitSeq(webhookCIDRs, ",") {
		p.Allow = append(p.Allow, netip.MustParsePrefix(cidr))
	}
	return p
}

// environment is what every atender command needs to work on this stack.
func (s *stack) environment() [][2]string {
	return [][2]string{
		{"ATENDER_DATABASE_URL", s.databaseURL},
		{"ATENDER_SECRET_KEYS", s.state.SecretKeys},
		{"ATENDER_HTTP_ADDR", loopback(s.ports.API)},
		{"ATENDER_METRICS_ADDR", loopback(s.ports.Metrics)},
		{"ATENDER_WORKER_METRICS_ADDR", loopback(s.ports.WorkerMetrics)},
		{"ATENDER_PUBLIC_URL", s.publicURL()},
		{"ATENDER_LOG_FORMAT", "text"},
		{"ATENDER_WEBHOOK_ALLOW_HTTP", "true"},
		{"ATENDER_DOCK_ALLOW_LOOPBACK_HTTP", "true"},
		{"ATENDER_WEBHOOK_ALLOW_CIDRS", webhookCIDRs},
		{"ATENDER_TEMPORAL_UI_URL", s.temporalUIURL()},
		{"TEMPORAL_ADDRESS", s.temporalAddress()},
		{"TEMPORAL_NAMESPACE", temporalNamespace},
	}
}

// shellExports is the environment for a POSIX shell to source.
func shellExports(env [][2]string) []byte {
	var b strings.Builder
	b.WriteString("# For a shell to source: what atender and temporal need to work on this local stack.\n")
	for _, v := range env {
		fmt.Fprintf(&b, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	return []byte(b.String())
}

// startAtender starts the api and the worker and waits until both are ready.
func (d *dev) startAtender(ctx context.Context, env [][2]string) error {
	var names, vars []string
	for _, v := range env {
		names = append(names, v[0]+"=", v[0]+"_FILE=")
		vars = append(vars, v[0]+"="+v[1])
	}
	// A profile of Temporal's would win over the address.
	names = append(names, "TEMPORAL_PROFILE=", "TEMPORAL_CONFIG_FILE=", "TEMPORAL_TLS", "TEMPORAL_API_KEY=")
	for _, role := range []struct {
		name, colour, probe string
	}{
		{"api", cyan, d.apiURL() + "/readyz"},
		{"worker", magenta, "http://" + loopback(d.ports.WorkerMetrics) + "/healthz"},
	} {
		sv, err := d.stack.start(command{
			name: role.name, tier: tierAtender, signal: syscall.SIGTERM,
			path: d.o.Binary, args: []string{role.name}, env: environ(names, vars...), dir: d.dir,
			out: d.term.source(role.name, role.colour),
		})
		if err != nil {
			return err
		}
		if err := waitReady(ctx, sv, role.probe); err != nil {
			return err
		}
		sv.keep()
	}
	return nil
}

// waitReady asks a process's probe until it agrees.
func waitReady(ctx context.Context, sv *service, probe string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return poll(ctx, sv, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
		if err != nil {
			return hopeless{err}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close() // its status is all that matters
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", probe, res.Status)
		}
		return nil
	})
}

// ready says where everything is.
func (d *dev) ready() Ready {
	r := Ready{
		PID: os.Getpid(), Binary: d.o.Binary,
		TemporalUIURL: d.temporalUIURL(), TemporalAddress: d.temporalAddress(), TemporalNamespace: temporalNamespace,
		DatabaseURL: d.databaseURL,
	}
	if d.o.DepsOnly {
		return r
	}
	r.APIURL, r.DocsURL = d.apiURL(), d.apiURL()+"/docs"
	r.ConsoleURL, r.SignInURL = d.publicURL()+"/console", d.signInURL
	r.MetricsURL = "http://" + loopback(d.ports.Metrics) + "/metrics"
	r.ReceiverURL, r.SampleDockURL = d.receiverURL(), d.sampleDockURL()
	r.PlaygroundURL = d.playgroundURL()
	seeded := d.state.Seeded
	r.APIKey, r.SandboxAPIKey, r.TenantID = seeded.APIKey, seeded.SandboxAPIKey, seeded.TenantID
	return r
}

// tryIt is a first request: its events arrive at the receiver.
const tryIt = `
Try it, and look at the webhook receiver:

  curl %s/v1/conversations/outbound \
    -H 'Authorization: Bearer %s' \
    -H 'Content-Type: application/json' \
    -d '{"externalReference": "order-1", "channel": "email", "subject": "Hello", "contact": {"email": "ada@example.com"}}'
`

// summary tells people where everything is. The database's password is in the env file, not on the screen.
func (d *dev) summary(r Ready, took time.Duration) {
	lines := [][2]string{
		{"console", r.ConsoleURL}, {"  sign in, once", r.SignInURL},
		{"API", r.APIURL}, {"API documentation", r.DocsURL}, {"API key", r.APIKey}, {"sandbox API key", r.SandboxAPIKey},
		{"webhook receiver", r.ReceiverURL}, {"dock playground", r.PlaygroundURL}, {"sample dock", r.SampleDockURL},
		{"Temporal UI", r.TemporalUIURL}, {"Temporal", r.TemporalAddress},
		{"PostgreSQL", withoutPassword(r.DatabaseURL)}, {"metrics", r.MetricsURL}, {"logs, data", d.dir},
		{"for a shell", ". " + d.path(envFile)}, {"for scripts", d.path(readyFile)},
	}
	lines = slices.DeleteFunc(lines, func(l [2]string) bool { return l[1] == "" })
	var b strings.Builder
	fmt.Fprintf(&b, "\nReady in %s. Ctrl-C stops it; the data stays.\n\n", took.Round(100*time.Millisecond))
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-18s %s\n", l[0], l[1])
	}
	if r.APIKey != "" {
		fmt.Fprintf(&b, tryIt, r.APIURL, r.APIKey)
	}
	d.term.mu.Lock()
	defer d.term.mu.Unlock()
	_, _ = fmt.Fprintln(d.term.out, b.String()) // the output may be closed
}

func withoutPassword(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Host == "" { // key=value form
		return "the given database"
	}
	u.RawQuery = ""
	return u.Redacted()
}
