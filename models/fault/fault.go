// Package fault stops a process at places where the protocols say what a crash leaves behind (a ✗ of protocols.md), for tests.
// Switched off, a point costs one atomic load.
package fault

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
)

// Point is a place where a process can be stopped.
type Point string

// The points, named for the steps of protocols.md.
const (
	BeforeCommit Point = "P1.7-before-commit" // a change is written and not committed
	AfterCommit  Point = "P1.7-after-commit"  // committed, no worker woken
	AfterTick    Point = "P3.3-after-tick"    // something was due and is applied, the workflow does not know
	BeforeRecord Point = "P4.3-before-record" // the endpoint has answered, nothing is recorded
	AfterTelling Point = "P1.9-after-telling" // Temporal was told, the outbox row is still there
	BeforeArming Point = "P4.7-before-arming" // retries are made, the workflow is not armed for the next

	BeforeSignaling  Point = "P3.6-before-commit"  // a lost Temporal was noticed, nothing is signaled yet
	BeforePositions  Point = "P6.1-before-commit"  // the sequencer has read a batch and given it nothing
	BeforeFirst      Point = "P7.2-before-commit"  // a call with an Idempotency-Key is done and not committed
	AfterFirst       Point = "P7.2-after-commit"   // it is committed, and not answered
	BeforeForgetting Point = "P10.3-before-commit" // a week is dropped and not committed
	DockActionStored Point = "P8.1-after-commit"   // an action is stored, no worker woken
	BeforeDockCommit Point = "P8.3-before-commit"  // an action is applied and not committed

	BeforeStep      Point = "P3.7-before-commit" // a step of a recompute is written and not committed
	AfterStep       Point = "P3.7-after-commit"  // it is committed; those with something due by it are not ticked
	BeforeReplaying Point = "P4.9-before-commit" // a step of a replay has queued and is not committed
	AfterReplaying  Point = "P4.9-after-commit"  // it is committed, no worker woken; the workflow does not know
	AfterActing     Point = "P8.2-after-acting"  // the activity has carried an action out; the workflow does not know
)

// Points are all points.
var Points = []Point{
	BeforeCommit, AfterCommit, AfterTick, BeforeRecord, AfterTelling, BeforeArming,
	BeforeSignaling, BeforePositions, BeforeFirst, AfterFirst, BeforeForgetting,
	DockActionStored, BeforeDockCommit, BeforeStep, AfterStep, BeforeReplaying, AfterReplaying, AfterActing,
}

// Variable is the environment variable that arms a point: the process kills itself there, once, with SIGKILL.
const Variable = "ATENDER_FAULT"

var armed atomic.Pointer[Point]

// Arm arms the point that the environment names, if it names one. Errors: a name that is no point's.
func Arm() error {
	name := Point(os.Getenv(Variable))
	if name == "" {
		return nil
	}
	if !slices.Contains(Points, name) {
		return fmt.Errorf("%s: there is no fault point %q; there are %v", Variable, name, Points)
	}
	armed.Store(&name)
	return nil
}

// At stops the process if this point is armed.
func At(p Point) {
	if a := armed.Load(); a != nil && *a == p {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // no deferred function, no goodbye
		select {}                                      // the signal comes
	}
}
