package postgres

import (
	"context"
	"io"
	"testing"

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
