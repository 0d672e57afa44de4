// Package local is Atender's local stack: a private PostgreSQL cluster and a Temporal development server in a directory
// of their own, and on top of them, for `atender dev`, the api and worker processes, the demo tenant and a webhook
// receiver. Data persists in the directory; several stacks run side by side in different ones; nothing is left running
// when the stack stops, not even when it is killed.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// DefaultDir is where `atender dev` keeps its data when it is not told otherwise.
const DefaultDir = ".dev"

// Options say where a stack lives.
type Options struct {
	// Dir keeps the data, the logs and what tells others about the stack; it is made if missing. DefaultDir when empty.
	Dir string
	// PortBase is the first of the ports in use (see Ports), 1024 to 65000. 0 takes the usual ones, and those next to
	// them where they are taken.
	PortBase int
	// Logger is told what goes on; nil discards it.
	Logger *slog.Logger
}

// Deps are a running PostgreSQL and Temporal.
type Deps struct {
	DatabaseURL       string // of a database for Atender; its user is a superuser, who may create others
	TemporalAddress   string // host:port of the frontend
	TemporalNamespace string
	TemporalUIURL     string

	stack *stack
}

// StartDeps starts PostgreSQL and Temporal and returns when both answer; what it needs is looked for, and the Temporal
// CLI built when it is missing, which takes minutes. Stop them with Stop. They also stop when this process ends in
// any way (on Linux at once, elsewhere when the next stack in the same directory starts).
//
// Errors: another stack runs in the directory; ports that are taken; no PostgreSQL to be found; and whatever keeps the
// two from starting, with the end of their log.
func StartDeps(ctx context.Context, o Options) (*Deps, error) {
	s, err := openStack(o)
	if err != nil {
		return nil, err
	}
	if err := s.startDeps(ctx, ""); err != nil {
		s.stop()
		return nil, err
	}
	return &Deps{
		DatabaseURL:       s.databaseURL,
		TemporalAddress:   s.temporalAddress(),
		TemporalNamespace: temporalNamespace,
		TemporalUIURL:     s.temporalUIURL(),
		stack:             s,
	}, nil
}

// Stop stops both and returns when they have ended. It may be called more than once.
func (d *Deps) Stop() { d.stack.stop() }

// stack is one local stack: what StartDeps and Run have in common.
type stack struct {
	dir         string // absolute, without links
	log         *slog.Logger
	lock        *os.File
	ports       Ports
	unreserve   func()
	state       *state
	registry    *registry
	databaseURL string

	mu       sync.Mutex
	services []*service // in the order of their start; they stop in the opposite one
	stopped  sync.Once
}

// openStack takes possession of the directory: the lock, the state, the ports; and ends what a stack that was killed
// there has left running.
func openStack(o Options) (*stack, error) {
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := makeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &stack{dir: dir, log: o.Logger}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	// What an earlier run said about itself is not true any more.
	if err := removeIfExists(s.path(readyFile)); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	if err := s.prepare(o.PortBase); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *stack) prepare(portBase int) (err error) {
	if s.state, err = loadState(s.path(stateFile)); err != nil {
		return err
	}
	if s.registry, err = openRegistry(s.path(childrenFile), s.log); err != nil {
		return err
	}
	s.ports, s.unreserve, err = reservePorts(portBase)
	return err
}

func (s *stack) path(name string) string { return filepath.Join(s.dir, name) }

// startDeps starts PostgreSQL, unless a database is given, and Temporal, both at once.
func (s *stack) startDeps(ctx context.Context, external string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if external != "" {
			s.databaseURL = external
			return claimDatabase(ctx, external)
		}
		s.databaseURL, err = s.startPostgres(ctx)
		return err
	})
	group.Go(func() error { return s.startTemporal(ctx) })
	return group.Wait()
}

// start starts a service as part of the stack.
func (s *stack) start(c command) (*service, error) {
	sv, err := startService(c, s.registry, s.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	s.mu.Lock()
	s.services = append(s.services, sv)
	s.mu.Unlock()
	return sv, nil
}

// stop stops everything: the api and the worker first, then Temporal, PostgreSQL last, each group at once.
func (s *stack) stop() {
	s.stopped.Do(func() {
		s.mu.Lock()
		services := s.services
		s.mu.Unlock()
		for tier := range tiers {
			var group sync.WaitGroup
			for _, sv := range services {
				if sv.tier == tier {
					group.Go(sv.stop)
				}
			}
			group.Wait()
		}
		if err := removeIfExists(s.path(readyFile)); err != nil {
			s.log.Error("cannot remove what says that the stack is ready", "error", err)
		}
		if s.registry != nil {
			if err := s.registry.close(); err != nil {
				s.log.Error("cannot forget the processes, which have all ended", "error", err)
			}
		}
		if s.unreserve != nil {
			s.unreserve()
		}
		_ = s.lock.Close() // which unlocks
	})
}

// kill ends everything at once, for a user who does not want to wait for stop.
func (s *stack) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sv := range s.services {
		sv.kill()
	}
	_ = removeIfExists(s.path(readyFile)) // an error has no reader left
}
