package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// What follows lets a test of faults take the services away and give them back.

// Service names one of the two services of Deps.
type Service string

// The services.
const (
	Postgres Service = postgresName
	Temporal Service = temporalName
)

// StopService stops a service in order and returns when it has ended; it stays away until StartService. Errors: it
// does not run.
func (d *Deps) StopService(name Service) error {
	sv, err := d.stack.take(name)
	if err != nil {
		return err
	}
	sv.stop()
	return nil
}

// KillService kills a service without notice, as a crash would, and returns when it has ended; it stays away until
// StartService. Errors: it does not run.
func (d *Deps) KillService(name Service) error {
	sv, err := d.stack.take(name)
	if err != nil {
		return err
	}
	sv.crash()
	return nil
}

// StartService starts a service that was stopped or killed, on its data and at its address, and returns when it answers.
// Errors: it runs, or cannot be started.
func (d *Deps) StartService(ctx context.Context, name Service) error {
	if d.stack.has(name) {
		return fmt.Errorf("%s runs already", name)
	}
	if name == Temporal {
		return d.stack.startTemporal(ctx)
	}
	_, err := d.stack.startPostgres(ctx)
	return err
}

// WipeTemporal removes all that Temporal knows: workflows, histories and namespaces. Started again it has only the
// namespace default, under a new id. Errors: it runs; the file cannot be removed.
func (d *Deps) WipeTemporal() error {
	if d.stack.has(Temporal) {
		return errors.New("temporal still runs: stop it first")
	}
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		errs = append(errs, removeIfExists(d.stack.path(temporalDB+suffix)))
	}
	return errors.Join(errs...)
}

// Environment is what an atender command needs to work on these services, as atender dev tells its own: NAME=value.
func (d *Deps) Environment() []string {
	var env []string
	for _, v := range d.stack.environment() {
		env = append(env, v[0]+"="+v[1])
	}
	return env
}

// take removes a service from those that run.
func (s *stack) take(name Service) (*service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(name)
	if i < 0 {
		return nil, fmt.Errorf("%s does not run", name)
	}
	sv := s.services[i]
	s.services = slices.Delete(slices.Clone(s.services), i, i+1) // stop may be going over the old list
	return sv, nil
}

func (s *stack) has(name Service) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name) >= 0
}

// find returns the place of the service that runs. PostgreSQL's failed starts stay in the list: the last one counts.
func (s *stack) find(name Service) int {
	for i, sv := range slices.Backward(s.services) {
		if sv.name == string(name) && sv.failed() == nil {
			return i
		}
	}
	return -1
}

// crash kills the process and waits for its end, after which it is not started again.
func (s *service) crash() {
	s.once.Do(func() {
		s.mu.Lock()
		close(s.stopping)
		s.mu.Unlock()
		s.kill()
	})
	<-s.ended
}
