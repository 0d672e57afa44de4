// Package doctor is `atender doctor`: it checks all that an installation needs, and says of each thing what is wrong and what to
// do about it. It reads, and changes nothing but for one short workflow, by which it measures how soon workers take work.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/seal"
)

// State is what came of a check.
type State string

// The states, from best to worst; skipped says nothing.
const (
	OK      State = "ok"
	Skipped State = "skipped" // something that it needs is not there
	Warning State = "warning" // it works, and will not for long, or not as promised
	Failed  State = "failed"
)

// Finding is what one check has found. Neither has it a secret in it nor anything personal: ids, names of ours, figures, hosts.
type Finding struct {
	Check  string         `json:"check"`
	State  State          `json:"state"`
	Found  string         `json:"found"`           // a sentence
	Do     []string       `json:"do,omitempty"`    // what to do, one step each: a command or a setting, with what it does
	Facts  map[string]any `json:"facts,omitempty"` // the figures behind it
	TookMs float64        `json:"tookMs"`
}

// Report is what all checks have found, in an order that does not change.
type Report struct {
	Version string        `json:"version"` // of the binary that looked
	At      time.Time     `json:"at"`
	State   State         `json:"state"` // the worst of all
	Counts  map[State]int `json:"counts"`
	Checks  []Finding     `json:"checks"`
	TookMs  float64       `json:"tookMs"`
}

// Options say what to look at.
type Options struct {
	Config config.Config
	// ConfigError is what is wrong with the configuration; Config is then as far as it could be read.
	ConfigError error
	Version     string         // of this binary
	Temporal    client.Options // where Temporal is; their logger is not used
	Timeout     time.Duration  // of each check
	APIURL      string         // of an API process, for its readiness; empty to leave it out
	WorkerURL   string         // of a worker's probes, for the same
	Now         func() time.Time
}

// check is one thing to look at.
type check struct {
	name  string
	needs []string // checks that must have found no failure
	run   func(*patient, context.Context) Finding
}

// checks are all of them, in the order in which they are shown: what others need comes first.
var checks = []check{
	{"configuration", nil, (*patient).configuration},
	{"database", nil, (*patient).database},
	{"migrations", []string{"database"}, (*patient).migrations},
	{"partitions", []string{"migrations"}, (*patient).partitions},
	{"clock", []string{"database"}, (*patient).clock},
	{"time-zones", []string{"migrations"}, (*patient).timeZones},
	{"connections", []string{"database"}, (*patient).connections},
	{"temporal", nil, (*patient).reachTemporal},
	{"namespace", []string{"temporal"}, (*patient).describeNamespace},
	{"temporal-data", []string{"namespace", "migrations"}, (*patient).temporalData},
	{"search-attributes", []string{"namespace"}, (*patient).searchAttributes},
	{"workers", []string{"namespace"}, (*patient).workers},
	{"dispatchers", []string{"namespace"}, (*patient).dispatchers},
	{"dispatch", []string{"workers"}, (*patient).dispatch},
	{"keyring", []string{"migrations"}, (*patient).keyring},
	{"set-aside", []string{"migrations"}, (*patient).setAside},
	{"outbox", []string{"migrations"}, (*patient).outbox},
	{"timers", []string{"migrations"}, (*patient).timers},
	{"deliveries", []string{"migrations"}, (*patient).deliveries},
	{"webhooks", []string{"migrations"}, (*patient).webhooks},
	{"api", nil, (*patient).api},
	{"worker", nil, (*patient).worker},
}

// needed is how a check that others need is called in what they say when it failed.
var needed = map[string]string{
	"database": "the database", "migrations": "all migrations", "temporal": "Temporal", "namespace": "the namespace",
	"workers": "workers that poll",
}

// patient is the installation that is looked at.
type patient struct {
	Options
	store         *models.Store // nil where the configuration does not say which
	keys          *seal.Keyring // nil likewise
	temporal      client.Client // nil with a temporalError
	temporalError error
	namespace     string
}

// closeTime bounds how long the doctor waits for its own connections to close: one that hangs must not keep the report.
const closeTime = 2 * time.Second

// Run makes all checks, those beside each other that do not need one another, each within the timeout. Errors: ctx's.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	began := time.Now()
	p := &patient{Options: o}
	defer p.open(ctx)()
	report := Report{
		Version: o.Version,
		At:      began.UTC(),
		State:   OK,
		Counts:  map[State]int{},
		Checks:  p.all(ctx),
	}
	for _, s := range []State{OK, Skipped, Warning, Failed} {
		report.Counts[s] = 0
	}
	for _, f := range report.Checks {
		report.Counts[f.State]++
	}
	for _, s := range []State{Warning, Failed} {
		if report.Counts[s] > 0 {
			report.State = s
		}
	}
	report.TookMs = millis(time.Since(began))
	return report, ctx.Err()
}

// open connects to what the configuration names, as far as that is right. Nothing of it needs to answer.
func (p *patient) open(ctx context.Context) (closeAll func()) {
	silent := slog.New(slog.DiscardHandler) // what is wrong is in the findings
	if p.Config.SecretKeys != "" {
		p.keys, _ = seal.ParseKeyring(
			p.Config.SecretKeys,
		) // the configuration's finding says what is wrong with it
	}
	var closers []func()
	if p.Config.DatabaseURL != "" {
		store, err := models.Open(ctx, models.Options{
			URL: p.Config.DatabaseURL, MaxConns: doctorConns, Keys: p.keys, Logger: silent,
		})
		if err == nil { // else the database's finding says that its URL is not right
			p.store = store
			closers = append(closers, store.Close)
		}
	}
	o := p.Temporal
	o.Logger = temporallog.NewStructuredLogger(silent)
	p.namespace = o.Namespace
	if p.namespace == "" {
		p.namespace = client.DefaultNamespace
	}
	if p.temporal, p.temporalError = client.NewLazyClient(o); p.temporalError == nil {
		closers = append(closers, p.temporal.Close)
	}
	return func() { closeWithin(closeTime, closers) }
}

// doctorConns is how many checks ask the database at a time.
const doctorConns = 3

func closeWithin(most time.Duration, closers []func()) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for _, f := range closers {
			f()
		}
	}()
	select {
	case <-closed:
	case <-time.After(most): // the process ends anyway
	}
}

// all makes the checks. A check waits for those that it needs, and is skipped where one of them has failed or was skipped.
func (p *patient) all(ctx context.Context) []Finding {
	findings := make([]Finding, len(checks))
	at, done := map[string]int{}, make([]chan struct{}, len(checks))
	for i, c := range checks {
		at[c.name], done[i] = i, make(chan struct{})
	}
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() {
			defer close(done[i])
			for _, name := range c.needs {
				need := at[name]
				<-done[need]
				switch findings[need].State {
				case Failed:
					findings[i] = Finding{Check: c.name, State: Skipped, Found: "needs " + needed[name]}
					return
				case Skipped:
					findings[i] = Finding{Check: c.name, State: Skipped, Found: findings[need].Found}
					return
				}
			}
			findings[i] = p.one(ctx, c)
		})
	}
	running.Wait()
	return findings
}

// one makes a check within the timeout, also one that does not heed it, and one that panics.
func (p *patient) one(ctx context.Context, c check) Finding {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	found := make(chan Finding, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				found <- failed(fmt.Sprintf("the check itself failed: %s", logging.Panic(r).Value), "report this as a bug")
			}
		}()
		found <- c.run(p, ctx)
	}()
	var f Finding
	select {
	case f = <-found:
	case <-time.After(p.Timeout + hangs):
		f = failed(fmt.Sprintf("no answer within %s", p.Timeout),
			"see whether what it asks answers at all; --timeout gives it longer")
	}
	f.Check, f.TookMs = c.name, millis(time.Since(began))
	return f
}

// hangs is how long a check may take to come back when its time is up.
const hangs = 500 * time.Millisecond

func ok(found string, args ...any) Finding {
	return Finding{State: OK, Found: fmt.Sprintf(found, args...)}
}

func skipped(found string) Finding { return Finding{State: Skipped, Found: found} }

func warning(found string, do ...string) Finding {
	return Finding{State: Warning, Found: found, Do: do}
}

func failed(found string, do ...string) Finding { return Finding{State: Failed, Found: found, Do: do} }

// some is a number of things, in words.
func some(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}

// with adds the figures behind a finding.
func (f Finding) with(facts map[string]any) Finding {
	f.Facts = facts
	return f
}

// failedWith is a failure that an error says it all about.
func failedWith(what string, err error, do ...string) Finding {
	if p, known := problem.As(err); known && p.Cause != nil {
		err = p.Cause // what is around it is for callers of the API
	}
	return failed(what+": "+logging.ErrorText(err), do...)
}

// millis is a duration in milliseconds, to a tenth.
func millis(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}
