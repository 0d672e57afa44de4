// Command load measures Atender as it runs in production shape: the API and the worker are processes of their own, made
// from a freshly built binary, on a PostgreSQL and a Temporal of their own; requests go over HTTP with an API key; a
// receiver, a process of its own again, takes the webhooks. What the API accepted is held against what arrived, one by
// one: a run in which something was lost, doubled or wrongly signed is void, says so and exits with 1.
//
//	go run ./tests/load --scenario create   --n 20000                # POST /v1/conversations/outbound, 16 at once
//	go run ./tests/load --scenario create   --n 10000 --rate 300     # latency at a given load
//	go run ./tests/load --scenario messages --n 20000                # messages to webhooks, end to end
//	go run ./tests/load --scenario messages --n 6000 --rate 100      # latency at 100 a second
//	go run ./tests/load --scenario drain    --n 50000                # a backlog to one healthy endpoint
//	go run ./tests/load --scenario spread   --n 6000 --rate 100      # 1,000 subscriptions
//	go run ./tests/load --scenario slow     --n 1000                 # others' webhooks answer after 9 s: 0, 1, 20 tenants
//	go run ./tests/load --scenario timers   --n 15000 --pending 85000                        # snoozes
//	go run ./tests/load --scenario timers   --n 5000 --pending 95000 --sla 0.5 --recompute later # and SLA clocks
//	go run ./tests/load --scenario timers   --n 5000 --pending 95000 --sla 0.5 --lead 30s --settle=false # Temporal is behind
//
// JSON goes to stdout (or to the file of --json), progress to stderr. With --dir the stack of a directory is used: a
// running `atender dev` as it is, with a tenant of the tool's own; one that does not run is started there and stays.
//
// Without --rate the loop is closed: --concurrency publishers, each sending when its last request was answered; that
// measures throughput. With --rate it is open: request i is meant for start + i/rate and is sent then whatever became of
// the others, and its latency counts from that moment, so that a stall shows in everything it delayed.
//
// The limit that a throughput is compared to is measured in the same run, before it, on the same idle stack and with the
// same concurrency. For create and messages it is the very statements of one operation of package models, recorded from
// a real one and repeated with other ids in bare pgx transactions: same tables, indexes, foreign keys, rows and round
// trips, without HTTP, routing, rendering or GORM. Only deliveries and outbox rows go to copies of their tables, or
// the worker would act on them. For drain it is a bare loop over copies of the tables (see drainlimit.go). In an open loop
// the rate that is offered is compared with the limit. Spread, slow and timers have none, and ratioNote says why.
//
// CPU seconds and memory are read from /proc, so they are there on Linux only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// params are what a run is told.
type params struct {
	Scenario      string        `json:"scenario"`
	N             int           `json:"n"`
	Concurrency   int           `json:"concurrency"`
	Rate          float64       `json:"rate,omitempty"` // requests a second; 0 for a closed loop
	Warmup        int           `json:"warmup"`
	Subscriptions int           `json:"subscriptions"`
	Conversations int           `json:"conversations,omitempty"`
	Pending       int           `json:"pending,omitempty"`
	SLA           float64       `json:"sla,omitempty"`
	Recompute     string        `json:"recompute,omitempty"`
	Window        time.Duration `json:"-"`
	Lead          time.Duration `json:"-"`
	ReceiverDelay time.Duration `json:"-"`
	VerifyEvery   int           `json:"verifyEvery"`
	LimitN        int           `json:"limitN,omitempty"`
	Patience      time.Duration `json:"-"`
	Settle        bool          `json:"-"`
	Dir           string        `json:"-"`
	Binary        string        `json:"-"`
	JSON          string        `json:"-"`
	Keep          bool          `json:"-"`
}

var scenarios = map[string]func(context.Context, *bench) error{
	"create":   runCreate,
	"messages": runMessages,
	"drain":    runDrain,
	"slow":     runSlow,
	"spread":   runSpread,
	"timers":   runTimers,
}

// receiverCommand is the hidden sub-command that makes this program the receiver.
const receiverCommand = "receiver"

// Processes are started from the main thread, which lasts as long as this process: on Linux a child is told of the end
// of the thread that started it.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 && os.Args[1] == receiverCommand {
		exitOn(serveReceiver(os.Args[2:]))
		return
	}
	p, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	exitOn(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	r, err := run(ctx, p)
	stop()
	exitOn(err)
	exitOn(r.write(p.JSON))
	if r.Void {
		exitOn(fmt.Errorf("the run is void: %s", strings.Join(r.Why, "; ")))
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

func parse(args []string) (params, error) {
	var p params
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&p.Scenario, "scenario", "", "create, messages, drain, spread, slow or timers")
	f.IntVar(&p.N, "n", 5000,
		"operations that are measured; for timers: conversations with something due; for slow: each of three times")
	f.IntVar(&p.Concurrency, "concurrency", 16, "publishers of the closed loop")
	f.Float64Var(&p.Rate, "rate", 0, "requests a second of the open loop; 0 for the closed one (spread: 100, slow: 50)")
	f.IntVar(&p.Warmup, "warmup", 200, "operations before those that are measured; they are in the ledger, too")
	f.IntVar(&p.Subscriptions, "subscriptions", -1, "webhook subscriptions (spread: 1000, slow: 16, create: 0, others: 1)")
	f.IntVar(&p.Conversations, "conversations", 200, "conversations that messages go to (messages, drain)")
	f.IntVar(&p.Pending, "pending", 0, "timers: further conversations, with nothing due for a day")
	f.Float64Var(&p.SLA, "sla", 0, "timers: share, 0 to 1, of conversations with SLA clocks instead of snoozes, due or pending")
	f.StringVar(&p.Recompute, "recompute", "", "timers: then edit the policy, so that all is due `earlier` or later")
	f.DurationVar(&p.Window, "window", time.Minute, "timers: time over which what is due is spread")
	f.DurationVar(&p.Lead, "lead", 0, "timers: time to make ready before the first is due (10 s and 1 s for each 100)")
	f.DurationVar(&p.ReceiverDelay, "receiver-delay", 0, "how long the receiver takes to answer")
	f.IntVar(&p.VerifyEvery, "verify-every", 1, "verify the signature of every how-manieth delivery")
	f.IntVar(&p.LimitN, "limit-n", -1, "operations that measure the limit, at most n; 0 for none (drain: n, else 5000)")
	f.DurationVar(&p.Patience, "patience", 45*time.Second, "how long nothing may arrive before what is missing counts as lost")
	f.BoolVar(&p.Settle, "settle", true, "then wait until Temporal knows everything, and count its history events")
	f.StringVar(&p.Dir, "dir", "", "directory of the stack to use; a temporary one without it")
	f.StringVar(&p.Binary, "binary", "", "atender binary to use; a freshly built one without it")
	f.StringVar(&p.JSON, "json", "-", "file for the JSON, - for stdout")
	f.BoolVar(&p.Keep, "keep", false, "keep the temporary directory with data and logs")
	if err := f.Parse(args); err != nil {
		return p, err
	}
	return p, p.complete(f.Args())
}

// complete sets what depends on the scenario and refuses what makes no sense.
func (p *params) complete(rest []string) error {
	names := []string{}
	for name := range scenarios {
		names = append(names, name)
	}
	slices.Sort(names)
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case scenarios[p.Scenario] == nil:
		return fmt.Errorf("--scenario must be one of %s", strings.Join(names, ", "))
	case p.N < 1 || p.Concurrency < 1 || p.Warmup < 0 || p.Rate < 0 || p.Conversations < 1 || p.VerifyEvery < 1:
		return errors.New("--n, --concurrency, --conversations and --verify-every must be at least 1, the others not negative")
	case p.Rate > 0 && (p.Scenario == "drain" || p.Scenario == "timers"):
		return fmt.Errorf("--rate means nothing for %s", p.Scenario)
	case p.Scenario == "timers" && p.Window <= 0:
		return errors.New("--window must be positive")
	case p.SLA < 0 || p.SLA > 1 || (p.SLA > 0 && p.Scenario != "timers"):
		return errors.New("--sla is a share, 0 to 1, and of timers only")
	case p.Recompute != "" && !p.Settle:
		return errors.New("--recompute begins when Temporal knows everything: not with --settle=false")
	case p.Recompute != "" && (p.SLA == 0 || p.Recompute != "earlier" && p.Recompute != "later"):
		return errors.New("--recompute is earlier or later, and needs --sla")
	}
	if p.Subscriptions < 0 {
		p.Subscriptions = 1
		if n, own := map[string]int{"create": 0, "spread": 1000, "slow": 16}[p.Scenario]; own {
			p.Subscriptions = n
		}
	}
	rate, isSpread := map[string]float64{"spread": 100, "slow": 50}[p.Scenario]
	if !isSpread && p.Subscriptions > 1 {
		return fmt.Errorf("--subscriptions: %s takes at most 1", p.Scenario)
	}
	if p.Subscriptions < 1 && p.Scenario != "create" {
		return errors.New("--subscriptions must be at least 1")
	}
	if isSpread {
		p.Conversations = p.Subscriptions
		if p.Rate == 0 {
			p.Rate = rate
		}
	}
	if p.Lead == 0 {
		p.Lead = 10*time.Second + time.Duration(p.N+p.Pending)*10*time.Millisecond
	}
	if p.LimitN < 0 {
		if p.LimitN = 5000; p.Scenario == "drain" {
			p.LimitN = p.N
		}
	}
	p.LimitN = min(p.LimitN, p.N)
	if isSpread || p.Scenario == "timers" { // there is none (ratioNote)
		p.LimitN = 0
	}
	return nil
}

// run does everything between the flags and the report.
func run(ctx context.Context, p params) (r *report, err error) {
	b, err := openBench(ctx, p)
	if b != nil {
		defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return nil, err
	}
	if err := scenarios[p.Scenario](ctx, b); err != nil {
		return nil, err
	}
	return b.report, nil
}

// progress writes to the terminal what goes on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (r *report) write(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	content = append(content, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(content)
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
