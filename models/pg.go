package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/atender/atender/models/problem"
)

// SQLSTATE codes that mean something to us (PostgreSQL documentation, appendix A).
const (
	codeUniqueViolation = "23505"
	codeForeignKey      = "23503"
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeUndefinedTable  = "42P01"
	codeLockTimeout     = "55P03"
	codeTooManyConns    = "53300"
	codeQueryCanceled   = "57014"
	classShutdown       = "57P" // admin_shutdown, crash_shutdown, cannot_connect_now
	classConnection     = "08"
)

// errRaced turns a transaction back that met another creating the same thing; trying again finds it made.
var errRaced = errors.New("raced with a concurrent creation")

func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// violates tells whether err is the violation of the named constraint or unique index.
func violates(err error, constraint string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.ConstraintName == constraint
}

func worthRetrying(err error) bool {
	code := pgCode(err)
	return errors.Is(err, errRaced) || code == codeSerialization || code == codeDeadlock
}

func unavailable(message string, cause error) error {
	return &problem.Error{Kind: problem.Unavailable, Code: "UNAVAILABLE", Message: message, Cause: cause}
}

// translate gives a database that is away the one error that says so; other errors pass.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if _, known := problem.As(err); known {
		return err
	}
	code := pgCode(err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	away := connecting || network || code == codeTooManyConns ||
		strings.HasPrefix(code, classShutdown) || strings.HasPrefix(code, classConnection) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch code {
	case codeQueryCanceled:
		return unavailable("the database took too long over this: it was called off, "+
			" nothing was done, and trying again is safe", err)
	case codeLockTimeout:
		return unavailable("other calls are changing the same thing, and this one has "+
			"waited for them long enough: nothing was done, "+
			"and trying again is safe", err)
	}
	if (away || worthRetrying(err)) && !errors.Is(err, context.Canceled) {
		return unavailable("the database did not answer: what was asked for was not done, and trying again is safe", err)
	}
	return err
}

// translateCommit is translate for the error of a COMMIT. If the connection broke, the answer may be all that was lost, and
// the caller must not be told that nothing happened.
func translateCommit(err error) error {
	err = translate(err)
	p, known := problem.As(err)
	if !known || p.Kind != problem.Unavailable || worthRetrying(err) {
		return err
	}
	p = p.With("outcome", "unknown")
	p.Message = "the database went away while the change was being committed: it may have been made, or not. Repeat the call " +
		"with the Idempotency-Key, externalReference or externalId that it had; without one, look before you repeat it"
	return p
}

// array is a PostgreSQL array column.
type array[T any] []T

// Array columns of their element types.
type (
	// Strings is a column of type text[].
	Strings = array[string]
	// Ints is a column of type integer[].
	Ints = array[int32]
	// UUIDs is a column of type uuid[].
	UUIDs = array[uuid.UUID]
)

// typeMaps are pgx's type maps, of which each serves one caller at a time: a map remembers the plans it makes, in a
// Go map without a lock, so two that share one can end the process with "concurrent map writes".
var typeMaps = sync.Pool{New: func() any { return pgtype.NewMap() }}

// GormDataType implements GORM's interface for column types.
func (array[T]) GormDataType() string { return "array" }

// Scan implements sql.Scanner.
func (a *array[T]) Scan(src any) error {
	typeMap := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(typeMap)
	ids, ok := any(a).(*UUIDs)
	if !ok {
		return typeMap.SQLScanner((*[]T)(a)).Scan(src)
	}
	var texts []string // the type map has no plan for arrays of google's UUIDs
	if err := typeMap.SQLScanner(&texts).Scan(src); err != nil {
		return err
	}
	*ids = make(UUIDs, len(texts))
	for i, text := range texts {
		if err := (*ids)[i].Scan(text); err != nil {
			return err
		}
	}
	return nil
}

// Value implements driver.Valuer.
func (a array[T]) Value() (driver.Value, error) {
	if a == nil {
		return nil, nil
	}
	var oid uint32
	switch any(a).(type) {
	case Strings:
		oid = pgtype.TextArrayOID
	case Ints:
		oid = pgtype.Int4ArrayOID
	default:
		oid = pgtype.UUIDArrayOID
	}
	typeMap := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(typeMap)
	b, err := typeMap.Encode(oid, pgtype.TextFormatCode, []T(a), nil)
	return string(b), err
}

// statement collects the parts of one SQL statement and its arguments: the write path's inserts travel together,
// because round trips are its cost (P1).
type statement struct {
	parts []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (s *statement) arg(v any) string {
	s.args = append(s.args, binary(v))
	return "$" + strconv.Itoa(len(s.args))
}

// binary passes identifiers as the sixteen bytes they are: as the driver.Valuers that they also are, they would go as
// text, which costs a tenth of a message's time here and some more in the database.
func binary(v any) any {
	switch id := v.(type) {
	case uuid.UUID:
		return pgtype.UUID{Bytes: id, Valid: true}
	case *uuid.UUID:
		if id == nil {
			return pgtype.UUID{}
		}
		return pgtype.UUID{Bytes: *id, Valid: true}
	case []uuid.UUID:
		ids := make([]pgtype.UUID, len(id))
		for i := range id {
			ids[i] = pgtype.UUID{Bytes: id[i], Valid: true}
		}
		return ids
	case []*uuid.UUID:
		ids := make([]pgtype.UUID, len(id))
		for i := range id {
			if id[i] != nil {
				ids[i] = pgtype.UUID{Bytes: *id[i], Valid: true}
			}
		}
		return ids
	}
	return v
}

// list adds arguments and returns their placeholders, separated by commas.
func (s *statement) list(vs ...any) string {
	ps := make([]string, len(vs))
	for i, v := range vs {
		ps[i] = s.arg(v)
	}
	return strings.Join(ps, ", ")
}

// with adds a common table expression.
func (s *statement) with(name, body string) { s.parts = append(s.parts, name+" AS ("+body+")") }

// row runs the statement with the given last part and scans its one row, through GORM's raw interface.
func (s *statement) row(ctx context.Context, tx *gorm.DB, last string, dest ...any) error {
	return tx.Statement.ConnPool.QueryRowContext(ctx, s.text(last), s.args...).Scan(dest...)
}

// query runs the statement with the given last part.
func (s *statement) query(ctx context.Context, tx *gorm.DB, last string) (*sql.Rows, error) {
	return tx.Statement.ConnPool.QueryContext(ctx, s.text(last), s.args...)
}

func (s *statement) text(last string) string {
	if len(s.parts) == 0 {
		return last
	}
	return "WITH " + strings.Join(s.parts, ",\n") + "\n" + last
}

// jsonArg is v as the text of a jsonb value.
func jsonArg(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // only maps and slices of plain values come here
		panic("models: a value that JSON cannot hold: " + err.Error())
	}
	return string(b)
}

var schemaCache sync.Map

// schemaOf is what GORM knows of T's table.
func schemaOf[T any]() *schema.Schema {
	parsed, err := schema.Parse(new(T), &schemaCache, schema.NamingStrategy{})
	if err != nil {
		panic("models: " + err.Error())
	}
	return parsed
}

// columns lists T's columns as "alias.column AS prefixcolumn", for a struct embedded with that prefix.
func columns[T any](alias, prefix string) string {
	names := schemaOf[T]().DBNames
	cols := make([]string, len(names))
	for i, name := range names {
		cols[i] = alias + "." + name + " AS " + prefix + name
	}
	return strings.Join(cols, ", ")
}

// targets are the places where Rows.Scan puts T's columns, in the order in which columns lists them. It does what GORM's
// own scan does, which looks every column up by name for every row: a seventh of the API's time for a message.
func targets[T any](dest []any, v *T) []any {
	parsed := schemaOf[T]()
	value := reflect.ValueOf(v).Elem()
	for _, name := range parsed.DBNames {
		field := parsed.FieldsByDBName[name]
		place := value.FieldByIndex(field.StructField.Index).Addr().Interface()
		if field.Serializer != nil {
			place = jsonColumn{place}
		}
		dest = append(dest, place)
	}
	return dest
}

// jsonColumn scans a jsonb column into what it points to; NULL leaves that alone.
type jsonColumn struct{ into any }

// Scan implements sql.Scanner.
func (c jsonColumn) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(src), c.into)
	case []byte:
		return json.Unmarshal(src, c.into)
	}
	return fmt.Errorf("jsonb came as %T", src)
}
