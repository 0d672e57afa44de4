package deps

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Process stands where helpers want a test, for what the tests of a package share: what it cleans up lasts until Main has
// run them all. An error of it fails the run; what cannot be started panics, in the test that has asked for it first.
var Process testing.TB = &process{}

// process is a testing.TB as far as helpers of tests use one; the rest panics.
type process struct {
	testing.TB
	failed atomic.Bool

	mu       sync.Mutex
	cleanups []func()
}

// Helper implements testing.TB.
func (p *process) Helper() {}

// Context implements testing.TB.
func (p *process) Context() context.Context { return context.Background() }

// Cleanup implements testing.TB.
func (p *process) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

// Errorf implements testing.TB.
func (p *process) Errorf(format string, args ...any) {
	p.failed.Store(true)
	fmt.Fprintf(os.Stderr, "what the tests of the package share: "+format+"\n", args...)
}

// FailNow implements testing.TB.
func (p *process) FailNow() {
	panic("what the tests of the package share could not be started: see above")
}

// Fatalf implements testing.TB.
func (p *process) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	p.FailNow()
}

// end cleans up, the last first, and returns the exit status: that of the tests, unless an error came to that.
func (p *process) end(status int) int {
	for {
		p.mu.Lock()
		if len(p.cleanups) == 0 {
			p.mu.Unlock()
			break
		}
		last := p.cleanups[len(p.cleanups)-1]
		p.cleanups = p.cleanups[:len(p.cleanups)-1]
		p.mu.Unlock()
		last()
	}
	if p.failed.Load() && status == 0 {
		return 1
	}
	return status
}
