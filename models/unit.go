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
	tx, err := s.sql.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // after the commit, nothing
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
	s.wakeups.Mark(topics...)
}

// pool is what GORM speaks to: the connections, or the transaction of the context's unit.
type pool struct{ db *sql.DB }

func (p pool) of(ctx context.Context) gorm.ConnPool {
	if u := unitOf(ctx); u != nil {
		return u.tx
	}
	return p.db
}

// PrepareContext implements gorm.ConnPool.
func (p pool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.of(ctx).PrepareContext(ctx, query)
}

// ExecContext implements gorm.ConnPool.
func (p pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.of(ctx).ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.of(ctx).QueryContext(ctx, query, args...)
}

// QueryRowContext implements gorm.ConnPool.
func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.of(ctx).QueryRowContext(ctx, query, args...)
}

// BeginTx implements gorm.ConnPoolBeginner. Within a unit a transaction is a savepoint: what is refused is rolled back,
// and the unit goes on.
func (p pool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	if u := unitOf(ctx); u != nil {
		return u.savepoint(ctx)
	}
	tx, err := p.db.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return tx, nil
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
