package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/atender/atender/models/problem"
)

// IsNotFound tells whether err says that something does not exist.
func IsNotFound(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Kind == problem.NotFound
}

// SQLSTATE codes that mean something to us (PostgreSQL documentation, appendix A).
const (
	CodeUniqueViolation  = "23505"
	CodeForeignKey       = "23503"
	codeSerialization    = "40001"
	codeDeadlock         = "40P01"
	codeUndefinedTable   = "42P01"
	CodeLockTimeout      = "55P03"
	codeQueryCanceled    = "57014"
	codeInvalidParameter = "22023"
	codeReadOnly         = "25006" // of a primary that has become a standby, since none of our statements is for one
	classIdle            = "25P"   // a transaction that was left idle, or went on for too long, or failed before this statement
	classResources       = "53"    // the disk is full, memory is used up, too many connections
	classShutdown        = "57P"   // admin_shutdown, crash_shutdown, cannot_connect_now
	classSystem          = "58"    // I/O errors, files that are gone
	classConnection      = "08"
)

// ErrRaced turns a transaction back that met another creating the same thing; trying again finds it made.
var ErrRaced = errors.New("raced with a concurrent creation")

// PgCode is PostgreSQL's code of an error (its documentation, appendix A); empty for an error that is not the server's.
func PgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Violates tells whether err is the violation of the named constraint or unique index.
func Violates(err error, constraint string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.ConstraintName == constraint
}

// WorthRetrying tells whether a transaction was turned back for reasons of concurrency, so that it may succeed when it is run
// again (P1.2).
func WorthRetrying(err error) bool {
	code := PgCode(err)
	return errors.Is(err, ErrRaced) || code == codeSerialization || code == codeDeadlock
}

// Unavailable is the error UNAVAILABLE with a sentence for the caller and a cause for the log.
func Unavailable(message string, cause error) error {
	return &problem.Error{Kind: problem.Unavailable, Code: problem.CodeUnavailable, Message: message, Cause: cause}
}

// Translate gives a database that is away, or cannot work, the one error that says so; other errors pass.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if _, known := problem.As(err); known {
		return err
	}
	code := PgCode(err)
	switch {
	case code == codeQueryCanceled:
		return Unavailable("the database took too long over this: it was called off, nothing was done, "+
			"and trying again is safe", err)
	case code == CodeLockTimeout:
		return Unavailable("other calls are changing the same thing, and this one has waited for them long enough: "+
			"nothing was done, and trying again is safe", err)
	case strings.HasPrefix(code, classResources), strings.HasPrefix(code, classSystem), code == codeReadOnly:
		return Unavailable("the database cannot do this at the moment: what was asked for was not done, "+
			"and trying again is safe", err)
	}
	if (isAway(err) || WorthRetrying(err)) && !errors.Is(err, context.Canceled) {
		return Unavailable("the database did not answer: what was asked for was not done, and trying again is safe", err)
	}
	return err
}

// lostConnection are the errors of what has lost its connection to the database, or has none any more.
var lostConnection = []error{
	driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, pgconn.ErrConnClosed, pgx.ErrTxClosed,
	io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
	syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE,
}

// lostTexts are the texts of such errors that are not exported: of database/sql's closed pool (errDBClosed).
var lostTexts = []string{"sql: database is closed"}

// isAway tells whether err says that the database, or the connection to it, went away.
func isAway(err error) bool {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return true
	}
	if _, network := errors.AsType[net.Error](err); network {
		return true
	}
	for _, prefix := range []string{classShutdown, classConnection, classIdle} {
		if strings.HasPrefix(PgCode(err), prefix) {
			return true
		}
	}
	return slices.ContainsFunc(lostConnection, func(lost error) bool { return errors.Is(err, lost) }) ||
		slices.ContainsFunc(lostTexts, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// Doing says what was being done when err came up: nil for nil, and otherwise Translate's error within a sentence such as
// "claim deliveries of shard 3: …". Problems stay what they are for errors.As, and what clients read of them is unchanged:
// the sentence is for the log.
func Doing(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	// A call that was called off, which is what TooExpensive says of one, is not a database that did not answer in time.
	if err != context.DeadlineExceeded { //nolint:errorlint // within another error it is the driver's
		err = Translate(err)
	}
	return fmt.Errorf(format+": %w", append(slices.Clone(args), err)...)
}

// During is Doing for all errors that a function returns: deferred at its top with the address of its named result.
func During(err *error, format string, args ...any) { *err = Doing(*err, format, args...) }

// TranslateCommit is Translate for the error of a COMMIT. If the connection broke, the answer may be all that was lost, and
// the caller must not be told that nothing happened.
func TranslateCommit(err error) error {
	err = Translate(err)
	p, known := problem.As(err)
	if !known || p.Kind != problem.Unavailable || WorthRetrying(err) {
		return err
	}
	return unknownOutcome(p)
}

// unknownOutcome makes an error of a change that may have been made, which its caller must be told.
func unknownOutcome(p *problem.Error) error {
	p = p.With("outcome", "unknown")
	p.Message = "the database went away while the change was being committed: it may have been made, or not. Repeat the call " +
		"with the Idempotency-Key, externalReference or externalId that it had; without one, look before you repeat it"
	return p
}

// NotFound turns GORM's "no rows" into the 404 that does not tell an unknown id from another tenant's.
func NotFound(err error, what string, id any) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return problem.New(problem.NotFound, problem.CodeNotFound, "there is no %s %v", what, id)
	}
	return Doing(err, "read %s %v", what, id)
}
