package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// unit is a transaction that a context carries (P7.1): every statement and every transaction that is made with such a
// context, wherever in this package, becomes part of it. So nothing inside can wait for a connection that the waiting
// unit itself keeps from it, and nothing inside can commit without the rest.
type unit struct {
	tx         *sql.Tx
	savepoints int      // made so far; they name themselves after it
	held       int      // savepoints whose locks the unit keeps to its end
	turnedBack bool     // for reasons of concurrency, with locks held: only the whole can be tried again
	marks      []string // topics to wake after the commit (P9)
}

// together runs f as a unit of work: whatever f does with the store through the context it is given is one transaction,
// which commits when f succeeds. f may run several times (P7.4), and then the earlier times did not happen.
// Errors: UNAVAILABLE, and f's own.
func (s *Store) together(ctx context.Context, f func(context.Context) error) error {
	var err error
	for range maxTries {
		var again bool
		if again, err = s.togetherOnce(ctx, f); !again {
			break
		}
	}
	return translate(err)
}

func (s *Store) togetherOnce(ctx context.Context, f func(context.Context) error) (again bool, err error) {
	tx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	u := &unit{tx: tx}
	err = f(context.WithValue(ctx, unitKey{}, u))
	if err == nil && !u.turnedBack {
		err = translateCommit(tx.Commit())
	}
	if err != nil || u.turnedBack {
		return u.turnedBack || worthRetrying(err), err
	}
	s.wake(u.marks...)
	return false, nil
}

type unitKey struct{}

func unitOf(ctx context.Context) *unit {
	u, _ := ctx.Value(unitKey{}).(*unit)
	return u
}

// IsOneTransaction tells whether all that is done with ctx commits together, as for a call with an Idempotency-Key (P7.1).
func IsOneTransaction(ctx context.Context) bool { return unitOf(ctx) != nil }

// mark wakes whom the topics concern (P9): now, or after the commit of the unit that ctx is part of.
func (s *Store) mark(ctx context.Context, topics ...string) {
	if u := unitOf(ctx); u != nil {
		u.marks = append(u.marks, topics...)
		return
	}
	s.wake(topics...)
}

// wake wakes whom the topics concern. What this process knows of keys and sessions it forgets at once, so that whoever
// revoked a key finds it revoked.
func (s *Store) wake(topics ...string) {
	if slices.Contains(topics, topicKeys) {
		s.auth.forget()
	}
	if slices.Contains(topics, topicNewKey) {
		s.auth.forgetRefused()
	}
	s.wakeups.Mark(topics...)
}

func (u *unit) savepoint(ctx context.Context) (gorm.ConnPool, error) {
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
	unit *unit
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
