package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/atender/atender/deploy/tools"
)

const (
	temporalName      = "temporal"
	temporalNamespace = "default"
)

// temporalSettings are the development server's dynamic configuration.
var temporalSettings = []string{
	// Timers fire as close to their time as in a large cluster, not up to a second late.
	`history.timerProcessorMaxTimeShift="50ms"`,
	// Search attributes can be used right after the worker has registered them.
	`system.forceSearchAttributesCacheRefreshOnRead=true`,
	// One partition: four, the default, only cost forwarding on one machine.
	`matching.numTaskqueueReadPartitions=1`,
	`matching.numTaskqueueWritePartitions=1`,
	// The limits protect a shared server. Here they would only be mistaken for ours under load.
	`frontend.rps=20000`,
	`frontend.namespaceRPS=20000`,
	`frontend.namespaceRPS.visibility=1000`,
	`frontend.namespaceCount=20000`,
	`frontend.persistenceMaxQPS=20000`,
	`history.rps=20000`,
	`history.persistenceMaxQPS=20000`,
	`matching.rps=20000`,
	`matching.persistenceMaxQPS=20000`,
}

func (s *stack) temporalAddress() string { return loopback(s.ports.Temporal) }

func (s *stack) temporalUIURL() string { return "http://" + loopback(s.ports.TemporalUI) }

// startTemporal starts Temporal's development server on a database file, in WAL mode and without a sync for every
// write, which is three times faster and survives everything but a crash of the machine.
func (s *stack) startTemporal(ctx context.Context) error {
	progress, done := logLines(s.log)
	program, err := tools.Temporal(ctx, progress)
	done()
	if err != nil {
		return err
	}
	log, err := openLog(s.path(temporalLog))
	if err != nil {
		return err
	}
	from, _ := log.Seek(0, io.SeekEnd) // where this run's part begins; wrong only means a longer error text
	started := time.Now()
	sv, err := s.start(command{
		name: temporalName, tier: tierTemporal, signal: syscall.SIGTERM, dir: s.dir,
		path: program, args: s.temporalArgs(), env: environ([]string{"TEMPORAL_"}), out: log,
	})
	if err != nil {
		return err
	}
	if err := s.waitForTemporal(ctx, sv); err != nil {
		return fmt.Errorf("%w; its log is %s%s", err, log.Name(), logTail(log.Name(), from))
	}
	sv.keep()
	s.log.Info("Temporal is up", "address", s.temporalAddress(), "ui", s.temporalUIURL(),
		"took", time.Since(started).Round(time.Millisecond))
	return nil
}

func (s *stack) temporalArgs() []string {
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error",
		"--port", strconv.Itoa(s.ports.Temporal), "--ui-port", strconv.Itoa(s.ports.TemporalUI),
		"--http-port", strconv.Itoa(s.ports.TemporalHTTP), "--metrics-port", strconv.Itoa(s.ports.TemporalMetrics),
		"--db-filename", s.path(temporalDB),
		"--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal",
	}
	for _, setting := range temporalSettings {
		args = append(args, "--dynamic-config-value", setting)
	}
	return args
}

// waitForTemporal waits until the frontend knows the namespace.
func (s *stack) waitForTemporal(ctx context.Context, sv *service) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// The port first: gRPC waits a second and more after a connection that was refused.
	err := poll(ctx, sv, func() error {
		conn, err := net.DialTimeout("tcp", s.temporalAddress(), time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	c, err := client.NewLazyClient(client.Options{
		HostPort: s.temporalAddress(), Namespace: temporalNamespace,
		Logger: temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return poll(ctx, sv, func() error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := c.WorkflowService().DescribeNamespace(ctx,
			&workflowservice.DescribeNamespaceRequest{Namespace: temporalNamespace})
		return err
	})
}

// logLines gives a writer whose lines are logged, and a function that ends it.
func logLines(log *slog.Logger) (io.Writer, func()) {
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			log.Info(lines.Text())
		}
		_, _ = io.Copy(io.Discard, r) // a line too long to scan must not block the writer
	}()
	return w, func() {
		_ = w.Close() // never fails
		<-done
	}
}
