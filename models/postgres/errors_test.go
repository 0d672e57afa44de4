package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/problem"
)

// What was being done is for the log: code that decides by the error decides as without it.
func TestAnErrorSaysWhatWasBeingDoneAndStaysWhatItIs(t *testing.T) {
	t.Parallel()
	require.NoError(t, Doing(nil, "claim deliveries of shard %d", 3))

	err := Doing(io.ErrUnexpectedEOF, "claim deliveries of shard %d", 3)
	require.Regexp(t, `^claim deliveries of shard 3: UNAVAILABLE: `, err.Error())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	p, known := problem.As(err)
	require.True(t, known)
	require.Equal(t, problem.Unavailable, p.Kind)
	require.NotContains(t, p.Message, "claim")

	missing := problem.New(problem.NotFound, "NOT_FOUND", "there is no webhook 7")
	err = Doing(Doing(missing, "lock webhook"), "change webhook %s", "100%")
	require.EqualError(t, err, "change webhook 100%: lock webhook: NOT_FOUND: there is no webhook 7")
	require.True(t, IsNotFound(err))

	require.True(t, WorthRetrying(Doing(ErrRaced, "make tags")))
	require.True(t, WorthRetrying(Doing(&pgconn.PgError{Code: codeDeadlock}, "make tags")))
	require.True(t, Violates(Doing(&pgconn.PgError{ConstraintName: "x"}, "make tags"), "x"))
}

// Regression: a list whose caller had gone was reported as a database that did not answer.
func TestAListThatWasCalledOffIsNotAnOutage(t *testing.T) {
	t.Parallel()
	err := Doing(context.DeadlineExceeded, "list tags")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, known := problem.As(err)
	require.False(t, known)
}

// Regression: a closed connection, a full disk and a pool that was shut down were errors of ours (500).
func TestADatabaseThatCannotWorkIsUnavailable(t *testing.T) {
	t.Parallel()
	closed, err := pgx.ParseConfig("postgres://nobody@127.0.0.1:1/none")
	require.NoError(t, err)
	pool := connections(*closed, 1)
	require.NoError(t, pool.Close())
	for what, err := range map[string]error{
		"a pool that was shut down":      pool.PingContext(t.Context()),
		"a closed connection":            fmt.Errorf("failed to prepare: %w", pgconn.ErrConnClosed),
		"a transaction that is over":     sql.ErrTxDone,
		"a socket of ours that closed":   &net.OpError{Op: "read", Err: net.ErrClosed},
		"a full disk":                    &pgconn.PgError{Code: "53100"},
		"no memory":                      &pgconn.PgError{Code: "53200"},
		"too many connections":           &pgconn.PgError{Code: "53300"},
		"a limit of the configuration":   &pgconn.PgError{Code: "53400"},
		"an I/O error":                   &pgconn.PgError{Code: "58030"},
		"a primary that is one no more":  &pgconn.PgError{Code: "25006"},
		"a transaction that was idle":    &pgconn.PgError{Code: "25P03"},
		"a PostgreSQL that is shut down": &pgconn.PgError{Code: "57P01"},
		"a PostgreSQL that starts":       &pgconn.PgError{Code: "57P03"},
		"a connection that broke":        &pgconn.PgError{Code: "08006"},
	} {
		p, known := problem.As(Translate(err))
		require.True(t, known, "%s: %v", what, err)
		require.Equal(t, problem.Unavailable, p.Kind, what)
		require.NotContains(t, p.Message, "5", "%s: no text or code of the database's", what)
	}
	for _, err := range []error{&pgconn.PgError{Code: "23505"}, &pgconn.PgError{Code: "42601"}, context.Canceled} {
		_, known := problem.As(Translate(err))
		require.False(t, known, "%v", err)
	}
}
