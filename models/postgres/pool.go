package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"gorm.io/gorm"

	"github.com/atender/atender/models/traced"
)

// pool is what GORM speaks to: the connections, or the transaction of the context's unit. Calls of the API pass the gate
// for each connection, and keep their place for as long as they keep the connection.
type pool struct {
	db   *sql.DB
	gate *gate // nil for connections that no call of the API uses
}

// PrepareContext implements gorm.ConnPool.
func (p pool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if u := unitOf(ctx); u != nil {
		return u.tx.PrepareContext(ctx, query)
	}
	return p.db.PrepareContext(ctx, query)
}

// ExecContext implements gorm.ConnPool.
func (p pool) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	if u := unitOf(ctx); u != nil {
		return u.tx.ExecContext(ctx, query, args...)
	}
	leave, err := p.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return p.db.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (p pool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	if u := unitOf(ctx); u != nil {
		return u.tx.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes them
	}
	if p.gate == nil || CallerOf(ctx) == nil {
		return p.db.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes them
	}
	err = p.reading(ctx, func(conn *sql.Conn) (err error) {
		rows, err = conn.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller does both
		return err
	})
	return rows, err
}

// QueryRowContext implements gorm.ConnPool.
func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	if u := unitOf(ctx); u != nil {
		return u.tx.QueryRowContext(ctx, query, args...)
	}
	if p.gate == nil || CallerOf(ctx) == nil {
		return p.db.QueryRowContext(ctx, query, args...)
	}
	err := p.reading(ctx, func(conn *sql.Conn) error {
		row = conn.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	if row == nil {
		return rowOf(ctx, err)
	}
	return row
}

// staleTries is how many connections that turn out to be dead are tried, as database/sql itself does.
const staleTries = 3

// reading runs a query on a connection of its own. The place behind the gate is kept until the query's rows are closed:
// Conn.Close waits for that, and is therefore called beside the caller, who reads them.
func (p pool) reading(ctx context.Context, query func(*sql.Conn) error) error {
	leave, err := p.gate.enter(ctx)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		var conn *sql.Conn
		if conn, err = p.db.Conn(ctx); err != nil {
			leave()
			return err
		}
		err = query(conn)
		if err == nil {
			go func() {
				defer leave()
				_ = conn.Close() // it gives the connection back, which cannot fail
			}()
			return nil
		}
		_ = conn.Close()
		if !errors.Is(err, driver.ErrBadConn) || try == staleTries {
			leave()
			return err
		}
	}
}

// rowOf is the row of a query that could not be made. A sql.Row with an error is only to be had from a connection that
// fails with it.
func rowOf(ctx context.Context, err error) *sql.Row {
	db := sql.OpenDB(failing{err})
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(ctx, "")
}

type failing struct{ err error }

// Connect implements driver.Connector.
func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }

// Driver implements driver.Connector.
func (f failing) Driver() driver.Driver { return nil }

// BeginTx implements gorm.ConnPoolBeginner. Within a unit a transaction is a savepoint: what is refused is rolled back,
// and the unit goes on.
func (p pool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	if u := unitOf(ctx); u != nil {
		return u.savepoint(ctx)
	}
	leave, err := p.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := p.db.BeginTx(ctx, options)
	if err != nil {
		leave()
		return nil, err
	}
	return &gatedTx{tx, leave}, nil
}

// gatedTx is a transaction that gives its place behind the gate back when it ends.
type gatedTx struct {
	*sql.Tx
	leave func() // nil once it was called
}

// Commit implements gorm.TxCommitter.
func (t *gatedTx) Commit() error {
	defer t.end()
	return t.Tx.Commit()
}

// Rollback implements gorm.TxCommitter.
func (t *gatedTx) Rollback() error {
	defer t.end()
	return t.Tx.Rollback()
}

func (t *gatedTx) end() {
	if t.leave != nil {
		t.leave()
		t.leave = nil
	}
}

// Begin begins the transaction of a unit of work. end rolls it back, unless it was committed, and must be called.
func (s *DB) Begin(ctx context.Context) (tx *sql.Tx, end func(), err error) {
	_, span := traced.Start(ctx, "unit of work")
	leave, err := s.gates[poolCalls].enter(ctx)
	if err != nil {
		endSpan(span, 0, err)
		return nil, nil, err
	}
	tx, err = s.SQL.BeginTx(ctx, nil)
	if err != nil {
		leave()
		endSpan(span, 0, err)
		return nil, nil, err
	}
	return tx, func() {
		defer leave()
		defer span.End()
		_ = tx.Rollback() // after the commit, nothing
	}, nil
}
