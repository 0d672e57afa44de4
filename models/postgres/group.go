package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/groupcommit"
	"github.com/atender/atender/models/problem"
)

const (
	// groupsAtOnce is how many groups of calls are written at a time in one process, each over a connection of its own (P1.10).
	// While one waits for the disk the other is made.
	groupsAtOnce = 2
	// groupSize is how many calls one transaction writes at most. A transaction costs about as much as ten more calls in it;
	// beyond some dozens nothing is left to gain, and all of them wait for the last.
	groupSize = 32
	// groupWaiting is how many calls of one tenant wait for a group: four groups of it alone.
	groupWaiting = 4 * groupSize
)

// Group brings together calls that one transaction writes (P1.10).
type Group[M any] struct{ queue *groupcommit.Queue[M] }

// NewGroup is a group whose members are written by the function, which does not panic.
func NewGroup[M any](write func([]M)) *Group[M] {
	limits := groupcommit.Limits{Size: groupSize, AtOnce: groupsAtOnce, Waiting: groupWaiting, Wait: gateWait}
	return &Group[M]{groupcommit.New(limits, write)}
}

// Write has a tenant's member written with others, and returns when that is done.
// Errors: TENANT_BUSY, when too many of the tenant's wait, or for too long; UNAVAILABLE with details.outcome "unknown", when ctx
// ends while the member is being written; ctx's before that.
func (g *Group[M]) Write(ctx context.Context, tenant uuid.UUID, subjects groupcommit.Subjects, member M) error {
	err := g.queue.Do(ctx, tenant, subjects, member)
	if errors.Is(err, groupcommit.ErrFull) || errors.Is(err, groupcommit.ErrLate) {
		return tenantBusy(groupWaiting)
	}
	if errors.Is(err, groupcommit.ErrUnknown) {
		return unknownOutcome(&problem.Error{Kind: problem.Unavailable, Code: problem.CodeUnavailable, Cause: err})
	}
	return err
}

// Waiting is how many members wait for a group now.
func (g *Group[M]) Waiting() int { return g.queue.Waiting() }

// TransactGroup runs f, once, in the transaction of a group. The first error is of what did not happen: f's, or that it could
// not begin. The second is of the commit, after which it is not known what happened.
func (s *DB) TransactGroup(ctx context.Context, f func(tx *gorm.DB) error) (failed, unknown error) {
	committing := false
	err := s.Groups.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := f(tx)
		committing = err == nil
		return err
	})
	if err != nil && committing && !WorthRetrying(err) {
		return nil, TranslateCommit(err)
	}
	return Translate(err), nil
}
