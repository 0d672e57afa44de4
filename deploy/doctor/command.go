package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/atender/atender/deploy/config"
)

// Exit is the status with which the command ends, where that is not 0. What there is to say it has said.
type Exit int

// The statuses: Unhealthy when a check failed, or, with --strict, warned; NotRun when there is no report.
const (
	Unhealthy Exit = 1
	NotRun    Exit = 2
)

// Error implements error.
func (e Exit) Error() string { return fmt.Sprintf("status %d", int(e)) }

// longestTimeout bounds --timeout.
const longestTimeout = 5 * time.Minute

// Command is `atender doctor` on the command line.
type Command struct {
	JSON      bool          `name:"json" help:"Print the report as JSON, for programs."`
	Timeout   time.Duration `default:"10s" help:"Time that each check may take, 1s to 5m."`
	Strict    bool          `help:"End with status 1 for warnings, too."`
	APIURL    string        `name:"api-url" placeholder:"URL" help:"Where an API process is, to ask whether it is ready: http://localhost:8080"`
	WorkerURL string        `name:"worker-url" placeholder:"URL" help:"Where a worker serves its metrics, for the same: http://localhost:9091"`

	Version string `kong:"-"` // of this binary
}

// Run carries the command out. Errors: Exit.
func (c Command) Run(ctx context.Context) error {
	report, err := c.look(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "atender: %v\n", err)
		return NotRun
	}
	if c.JSON {
		err = report.WriteJSON(os.Stdout)
	} else {
		err = report.Write(os.Stdout, config.InColours(os.Stdout))
	}
	switch {
	case err != nil:
		return NotRun // there is nowhere to say it
	case report.State == Failed, c.Strict && report.State == Warning:
		return Unhealthy
	}
	return nil
}

// look makes the report. Errors: a flag that is not right; what keeps the doctor from looking.
func (c Command) look(ctx context.Context) (Report, error) {
	if c.Timeout < time.Second || c.Timeout > longestTimeout {
		return Report{}, fmt.Errorf("--timeout must be 1s to 5m, not %s", c.Timeout)
	}
	for flag, value := range map[string]string{"--api-url": c.APIURL, "--worker-url": c.WorkerURL} {
		if u, err := url.Parse(value); value != "" &&
			(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return Report{}, fmt.Errorf(
				"%s must be an http:// or https:// URL, such as http://localhost:8080",
				flag,
			)
		}
	}
	cfg, wrong := config.Load()
	temporal, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("configuration of Temporal: %w", err))
	}
	return Run(ctx, Options{
		Config: cfg, ConfigError: wrong, Version: c.Version, Temporal: temporal, Timeout: c.Timeout,
		APIURL: c.APIURL, WorkerURL: c.WorkerURL,
	})
}
