// Command load measures Atender as it runs in production shape: the API and the worker are processes of their own, made
// from a freshly built binary, on a PostgreSQL and a Temporal of their own; requests go over HTTP with an API key; a
// receiver, a process of its own again, takes the webhooks. What the API accepted is held against what arrived, one by
// one: a run in which something was lost, doubled or wrongly signed is void, says so and exits with 1.
//
//	go run ./tests/load --scenario messages --n 20000 --concurrency 64
//
// README.md has the scenarios, what each figure is, and how to take profiles.
//
// JSON goes to stdout (or to the file of --json), progress to stderr. With --dir the stack of a directory is used: a
// running `atender dev` as it is, with a tenant of the tool's own; one that does not run is started there and stays.
//
// Without --rate the loop is closed: --concurrency publishers, each sending when its last request was answered; that
// measures throughput. With --rate it is open: request i is meant for start + i/rate and is sent then whatever became of
// the others, and its latency counts from that moment, so that a stall shows in everything it delayed.
//
// The limit that a throughput is compared to is measured in the same run, before it, on the same idle stack and with the
// same concurrency: the statements and tables of the product's write path as they once were, in bare pgx (package limit).
// In an open loop the rate that is offered is compared with the limit. Where there is none, ratioNote says why.
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
	"strings"
	"syscall"
	"time"
)

var scenarios = map[string]func(context.Context, *bench) error{
	"border":   runBorder,
	"create":   runCreate,
	"messages": runMessages,
	"drain":    runDrain,
	"fanout":   runFanout,
	"hot":      runHot,
	"rest":     runRest,
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
