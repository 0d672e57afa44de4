package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
)

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

// Statement collects the parts of one SQL statement and its arguments: the write path's inserts travel together,
// because round trips are its cost (P1).
type Statement struct {
	parts []string
	args  []any
}

// Arg adds an argument and returns its placeholder.
func (s *Statement) Arg(v any) string {
	s.args = append(s.args, Binary(v))
	return "$" + strconv.Itoa(len(s.args))
}

// Binary passes identifiers as the sixteen bytes they are: as the driver.Valuers that they also are, they would go as
// text, which costs a tenth of a message's time here and some more in the database.
func Binary(v any) any {
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

// List adds arguments and returns their placeholders, separated by commas.
func (s *Statement) List(vs ...any) string {
	ps := make([]string, len(vs))
	for i, v := range vs {
		ps[i] = s.Arg(v)
	}
	return strings.Join(ps, ", ")
}

// With adds a common table expression.
func (s *Statement) With(name, body string) { s.parts = append(s.parts, name+" AS ("+body+")") }

// Row runs the statement with the given last part and scans its one row, through GORM's raw interface.
func (s *Statement) Row(ctx context.Context, tx *gorm.DB, last string, dest ...any) error {
	return tx.Statement.ConnPool.QueryRowContext(ctx, s.text(last), s.args...).Scan(dest...)
}

// Query runs the statement with the given last part.
func (s *Statement) Query(ctx context.Context, tx *gorm.DB, last string) (*sql.Rows, error) {
	return tx.Statement.ConnPool.QueryContext(ctx, s.text(last), s.args...)
}

// Exec runs the statement for what its parts do.
func (s *Statement) Exec(tx *gorm.DB) error {
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, s.text(`SELECT`), s.args...)
	return err
}

func (s *Statement) text(last string) string {
	if len(s.parts) == 0 {
		return last
	}
	return "WITH " + strings.Join(s.parts, ",\n") + "\n" + last
}

// JSONArg is v as the text of a jsonb value.
func JSONArg(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // only maps and slices of plain values come here
		panic("postgres: a value that JSON cannot hold: " + err.Error())
	}
	return string(b)
}
