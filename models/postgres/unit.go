package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// Unit is a transaction that a context carries (P7.1): every statement and every transaction that is made with such a
// context, wherever in models, becomes part of it. So nothing inside can wait for a connection that the waiting
// unit itself keeps from it, and nothing inside can commit without the rest.
type Unit struct {
	tx         *sql.Tx
	savepoints int      // made so far; they name themselves after it
	held       int      // savepoints whose locks the unit keeps to its end
	TurnedBack bool     // for reasons of concurrency, with locks held: only the whole can be tried again
	WakeTopics []string // topics to wake after the commit (P9)
}

// InUnitOfWork runs f as a unit of work: whatever f does with the store through the context it is given is one transaction,
// which commits when f succeeds. f may run several times (P7.4), and then the earlier times did not happen.
// Errors: UNAVAILABLE, and f's own.
func (s *DB) InUnitOfWork(ctx context.Context, f func(context.Context) error) error {
	var err error
	for range MaxTries {
		var again bool
		if again, err = s.unitOfWorkOnce(ctx, f); !again {
			break
		}
	}
	return Translate(err)
}

func (s *DB) unitOfWorkOnce(ctx context.Context, f func(context.Context) error) (again bool, err error) {
	tx, end, err := s.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	ctx, u := WithUnit(ctx, tx)
	err = f(ctx)
	if err == nil && !u.TurnedBack {
		err = TranslateCommit(tx.Commit())
	}
	if err != nil || u.TurnedBack {
		return u.TurnedBack || WorthRetrying(err), err
	}
	s.WakeNow(u.WakeTopics...)
	return false, nil
}

type unitKey struct{}

// WithUnit is ctx with a unit of work that is the transaction, which the caller ends, and after the commit wakes
// WakeTopics.
func WithUnit(ctx context.Context, tx *sql.Tx) (context.Context, *Unit) {
	u := &Unit{tx: tx}
	return context.WithValue(ctx, unitKey{}, u), u
}

// unitOf is the unit of work that a context carries; nil for none.
func unitOf(ctx context.Context) *Unit {
	u, _ := ctx.Value(unitKey{}).(*Unit)
	return u
}

// IsOneTransaction tells whether all that is done with ctx commits together, as for a call with an Idempotency-Key (P7.1).
func IsOneTransaction(ctx context.Context) bool { return unitOf(ctx) != nil }

// Wake wakes whom the topics concern (P9): now, or after the commit of the unit that ctx is part of.
func (s *DB) Wake(ctx context.Context, topics ...string) {
	if u := unitOf(ctx); u != nil {
		u.WakeTopics = append(u.WakeTopics, topics...)
		return
	}
	s.WakeNow(topics...)
}

// WakeNow wakes whom the topics concern: what this process registered with OnWake first.
func (s *DB) WakeNow(topics ...string) {
	for topic, observers := range s.onWake {
		if slices.Contains(topics, topic) {
			for _, f := range observers {
				f()
			}
		}
	}
	s.Wakeups.Mark(topics...)
}

func (u *Unit) savepoint(ctx context.Context) (gorm.ConnPool, error) {
	u.savepoints++
	s := &savepoint{Tx: u.tx, unit: u, name: fmt.Sprintf("unit%d", u.savepoints), end: context.WithoutCancel(ctx)}
	if _, err := u.tx.ExecContext(ctx, "SAVEPOINT "+s.name); err != nil {
		return nil, err
	}
	return s, nil
}

// savepoint is a transaction within a unit's.
type savepoint struct {
	*sql.Tx
	unit *Unit
	name string
	end  context.Context // GORM passes none to Commit and Rollback
}

// Commit implements gorm.TxCommitter.
func (s *savepoint) Commit() error {
	_, err := s.ExecContext(s.end, "RELEASE SAVEPOINT "+s.name)
	s.unit.held++
	return err
}

// Rollback implements gorm.TxCommitter.
func (s *savepoint) Rollback() error {
	_, err := s.ExecContext(s.end, "ROLLBACK TO SAVEPOINT "+s.name)
	return err
}
