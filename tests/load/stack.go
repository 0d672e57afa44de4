package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atender/atender/deploy/local"
)

// stack is the product as it runs: what was started for the run, or what ran already.
type stack struct {
	dir, logs, temp string // logs and temp are empty for a stack that ran
	binary          string
	ready           local.Ready
	env             map[string]string // of every atender process
	took            time.Duration     // of the start

	dev     *child              // nil when it was started by another program
	apis    []*child            // none when they were
	workers []*child            // as many as apis, or none when they are stopped
	wanted  int                 // of each
	extra   []map[string]string // addresses of the instances beyond the first, by variable
	files   []*os.File
}

// startTimeout is how long the stack may take to be ready. The Temporal CLI is built when it is missing.
const startTimeout = 10 * time.Minute

// openStack uses the stack that runs in the directory, or starts one: PostgreSQL and Temporal by `atender dev
// --deps-only`, then api and worker, which are ours to stop. What it returns has to be closed also after an error.
func openStack(ctx context.Context, p params) (*stack, error) {
	s := &stack{dir: p.Dir, wanted: p.Instances}
	var err error
	if s.temp, err = os.MkdirTemp("", "atender-load-"); err != nil {
		return s, err
	}
	// Root's PostgreSQL runs as another user, who has to pass through.
	if err := os.Chmod(s.temp, 0o711); err != nil {
		return s, err
	}
	s.logs = s.temp
	if s.dir == "" {
		s.dir = filepath.Join(s.temp, "stack")
	} else if s.dir, err = filepath.Abs(s.dir); err != nil {
		return s, err
	}
	err = s.readReady()
	switch {
	case err == nil && s.ready.APIURL != "":
		if p.Instances > 1 {
			return s, errors.New("--instances starts API and worker: name no directory in which they run")
		}
		progress("using the stack that runs in %s", s.dir)
		return s, s.readEnv()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	depsRun := err == nil
	if s.binary = p.Binary; s.binary == "" {
		if err := s.build(ctx); err != nil {
			return s, err
		}
	}
	started := time.Now()
	if !depsRun {
		if err := s.startDeps(ctx); err != nil {
			return s, err
		}
	}
	if err := s.readEnv(); err != nil {
		return s, err
	}
	if err := s.startRoles(ctx); err != nil {
		return s, err
	}
	s.took = time.Since(started)
	progress("ready in %.1f s; logs in %s", s.took.Seconds(), s.logs)
	return s, nil
}

// attached tells whether api and worker were started by another program.
func (s *stack) attached() bool { return len(s.apis) == 0 }

func (s *stack) readReady() error {
	content, err := os.ReadFile(filepath.Join(s.dir, "ready.json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(content, &s.ready)
}

// build makes the binary as a release is made.
func (s *stack) build(ctx context.Context) error {
	progress("building the binary")
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	s.binary = filepath.Join(s.temp, "atender")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", s.binary, ".")
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(module)))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	return nil
}

func (s *stack) log(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.logs, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		s.files = append(s.files, f)
	}
	return f, err
}

func (s *stack) startDeps(ctx context.Context) error {
	progress("starting PostgreSQL and Temporal in %s", s.dir)
	out, err := s.log("dev")
	if err != nil {
		return err
	}
	if s.dev, err = start("dev", out, environ(), s.binary, "dev", "--deps-only", "--dir", s.dir); err != nil {
		return err
	}
	return s.await(ctx, s.dev, s.readReady)
}

// await asks until something is ready, the process ends, or the time is over.
func (s *stack) await(ctx context.Context, c *child, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("%w%s", c.failed(), s.tail(c.name))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w%s", c.name, err, s.tail(c.name))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stack) tail(name string) string {
	content, _ := os.ReadFile(filepath.Join(s.logs, name+".log")) // only for the message
	return "\n" + string(content[max(0, len(content)-2000):])
}

// exported matches a line of the stack's env file.
var exported = regexp.MustCompile(`^export (\w+)='(.*)'$`)

// readEnv reads what the stack tells every atender process.
func (s *stack) readEnv() error {
	content, err := os.ReadFile(filepath.Join(s.dir, "env"))
	if err != nil {
		return err
	}
	s.env = map[string]string{}
	for line := range strings.Lines(string(content)) {
		if m := exported.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			s.env[m[1]] = strings.ReplaceAll(m[2], `'\''`, `'`)
		}
	}
	needed := []string{"ATENDER_DATABASE_URL", "ATENDER_SECRET_KEYS", "ATENDER_HTTP_ADDR", "ATENDER_WORKER_METRICS_ADDR"}
	for _, name := range needed {
		if s.env[name] == "" {
			return fmt.Errorf("%s: %s is missing", filepath.Join(s.dir, "env"), name)
		}
	}
	return nil
}

// addresses are what an instance listens on.
var addresses = []string{"ATENDER_HTTP_ADDR", "ATENDER_METRICS_ADDR", "ATENDER_WORKER_METRICS_ADDR"}

// environ is the environment of the i-th instance of a role: the first has the stack's addresses, others their own.
func (s *stack) environ(i int) []string {
	env := maps.Clone(s.env)
	if i > 0 {
		maps.Copy(env, s.extra[i-1])
	}
	var vars []string
	for name, value := range env {
		vars = append(vars, name+"="+value)
	}
	return environ(vars...)
}

func (s *stack) apiURL() string { return "http://" + s.env["ATENDER_HTTP_ADDR"] }

// apiURLs are those of all instances.
func (s *stack) apiURLs() []string {
	urls := []string{s.apiURL()}
	for _, extra := range s.extra {
		urls = append(urls, "http://"+extra["ATENDER_HTTP_ADDR"])
	}
	return urls
}

func (s *stack) metricsURL() string {
	return "http://" + s.env["ATENDER_WORKER_METRICS_ADDR"] + "/metrics"
}

func (s *stack) startRoles(ctx context.Context) error {
	migrate := exec.CommandContext(ctx, s.binary, "migrate")
	migrate.Env = s.environ(0)
	if said, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("atender migrate: %w\n%s", err, bytes.TrimSpace(said))
	}
	if err := s.findAddresses(); err != nil {
		return err
	}
	for i, url := range s.apiURLs() {
		c, err := s.startRole(ctx, "api", i, url+"/readyz")
		if c != nil {
			s.apis = append(s.apis, c)
		}
		if err != nil {
			return err
		}
	}
	return s.startWorkers(ctx)
}

// findAddresses chooses those of the instances beyond the first.
func (s *stack) findAddresses() error {
	for range s.wanted - 1 {
		extra := map[string]string{}
		for _, name := range addresses {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			extra[name] = listener.Addr().String()
			if err := listener.Close(); err != nil {
				return err
			}
		}
		s.extra = append(s.extra, extra)
	}
	return nil
}

// startRole starts the i-th instance of a role and waits until it is ready.
func (s *stack) startRole(ctx context.Context, role string, i int, ready string) (*child, error) {
	name := numbered(role, i)
	out, err := s.log(name)
	if err != nil {
		return nil, err
	}
	c, err := start(name, out, s.environ(i), s.binary, role)
	if err != nil {
		return nil, err
	}
	return c, s.await(ctx, c, answers(ctx, ready))
}

// numbered names an instance: the first as the role, the others with their number.
func numbered(role string, i int) string {
	if i == 0 {
		return role
	}
	return role + strconv.Itoa(i+1)
}

func (s *stack) startWorkers(ctx context.Context) error {
	for i := range s.wanted {
		address := s.env["ATENDER_WORKER_METRICS_ADDR"]
		if i > 0 {
			address = s.extra[i-1]["ATENDER_WORKER_METRICS_ADDR"]
		}
		c, err := s.startRole(ctx, "worker", i, "http://"+address+"/healthz")
		if c != nil {
			s.workers = append(s.workers, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) stopWorkers() error {
	var errs []error
	for _, c := range s.workers {
		errs = append(errs, c.stop())
	}
	s.workers = nil
	return errors.Join(errs...)
}

// answers asks a probe.
func answers(ctx context.Context, url string) func() error {
	return func() error {
		_, err := get(ctx, url)
		return err
	}
}

// get reads what a URL answers with 200.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, res.Status, content)
	}
	return content, err
}

// roots are the processes whose CPU is counted, by role.
func (s *stack) roots() map[string]int {
	roots := map[string]int{}
	var children map[string]struct {
		PID int `json:"pid"`
	}
	// Without the list nothing of the stack's is counted, which the report says (cpuMissing).
	if content, err := os.ReadFile(filepath.Join(s.dir, "children.json")); err == nil {
		_ = json.Unmarshal(content, &children)
	}
	for name, c := range children {
		roots[name] = c.PID
	}
	for _, c := range slices.Concat(s.apis, s.workers) {
		roots[c.name] = c.pid()
	}
	return roots
}

// failed tells which process that should run has ended.
func (s *stack) failed() error {
	for _, c := range slices.Concat([]*child{s.dev}, s.apis, s.workers) {
		if c != nil {
			if err := c.failed(); err != nil {
				return fmt.Errorf("%w%s", err, s.tail(c.name))
			}
		}
	}
	return nil
}

// close stops what was started and removes what was made.
func (s *stack) close(keep bool) error {
	var errs []error
	for _, c := range slices.Concat(s.workers, s.apis, []*child{s.dev}) {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	switch {
	case s.temp == "":
	case keep:
		progress("kept: %s", s.temp)
	default:
		errs = append(errs, os.RemoveAll(s.temp))
	}
	return errors.Join(errs...)
}
