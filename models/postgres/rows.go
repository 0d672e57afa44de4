package postgres

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/schema"
)

// Rows adds rows to a statement, each of their columns as one argument, and returns the expression that they are in FROM.
// The columns have the names of GORM's mapping of T, and ord is a row's place, from 1. A zero value of a field that GORM is
// told has the default null travels as NULL. However many rows there are, the statement stays the same one.
//
// T may have fields of type bool, time, UUID, of types of strings and integers, and pointers to them, and fields with the
// serializer ms. It panics for others.
func Rows[T any](st *Statement, rows []T) string {
	columns := columnsOf[T]()
	names, args := make([]string, len(columns)), make([]string, len(columns))
	values := reflect.ValueOf(rows)
	for i, c := range columns {
		column := reflect.MakeSlice(reflect.SliceOf(c.element), len(rows), len(rows))
		for j := range rows {
			c.put(column.Index(j), values.Index(j).FieldByIndex(c.index))
		}
		names[i], args[i] = c.name, st.Arg(column.Interface())+c.cast
	}
	return `unnest(` + strings.Join(args, ", ") + `) WITH ORDINALITY u (` + strings.Join(names, ", ") + `, ord)`
}

// rowColumn is how one field travels.
type rowColumn struct {
	name    string
	index   []int
	element reflect.Type // of the argument's slice
	cast    string
	put     func(to, field reflect.Value)
}

var rowColumns sync.Map // reflect.Type → []rowColumn

func columnsOf[T any]() []rowColumn {
	t := reflect.TypeFor[T]()
	if known, ok := rowColumns.Load(t); ok {
		return known.([]rowColumn)
	}
	parsed := schemaOf[T]()
	columns := make([]rowColumn, len(parsed.DBNames))
	for i, name := range parsed.DBNames {
		field := parsed.FieldsByDBName[name]
		columns[i] = rowColumnOf(field)
	}
	rowColumns.Store(t, columns)
	return columns
}

// rowColumnOf says how a field travels: as what pgx writes without asking the value how.
func rowColumnOf(field *schema.Field) rowColumn {
	c := rowColumn{name: field.DBName, index: field.StructField.Index}
	base := field.FieldType
	isPointer := base.Kind() == reflect.Pointer
	if isPointer {
		base = base.Elem()
	}
	var as reflect.Type
	switch {
	case field.Serializer != nil:
		if _, ok := field.Serializer.(msSerializer); !ok || isPointer {
			panic("postgres: Rows cannot carry " + field.Name)
		}
		c.element, c.cast = reflect.TypeFor[int64](), `::bigint[]`
		c.put = func(to, field reflect.Value) { to.SetInt(time.Duration(field.Int()).Milliseconds()) }
		return c
	case base == reflect.TypeFor[uuid.UUID]():
		as, c.cast = base, `::uuid[]`
	case base == reflect.TypeFor[time.Time]():
		as, c.cast = base, `::timestamptz[]`
	case base.Kind() == reflect.String:
		as, c.cast = reflect.TypeFor[string](), `::text[]`
	case base.Kind() == reflect.Bool:
		as, c.cast = reflect.TypeFor[bool](), `::bool[]`
	case base.Kind() >= reflect.Int && base.Kind() <= reflect.Int64:
		as, c.cast = reflect.TypeFor[int64](), `::bigint[]`
	default:
		panic("postgres: Rows cannot carry " + field.Name + ", a " + base.String())
	}
	c.element = as
	c.put = func(to, field reflect.Value) { to.Set(field.Convert(as)) }
	if isPointer || isNullable(field) {
		c.element = reflect.PointerTo(as)
		c.put = func(to, field reflect.Value) {
			if field.IsZero() {
				return
			}
			value := reflect.New(as)
			value.Elem().Set(reflect.Indirect(field).Convert(as))
			to.Set(value)
		}
	}
	return c
}

// msSerializer is the serializer ms: a field of type time.Duration in a column of whole milliseconds.
type msSerializer struct{}

// Scan implements schema.SerializerInterface.
func (msSerializer) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, value any) error {
	ms, isNumber := value.(int64)
	if !isNumber && value != nil {
		return fmt.Errorf("milliseconds came as %T", value)
	}
	field.ReflectValueOf(ctx, dst).SetInt(int64(time.Duration(ms) * time.Millisecond))
	return nil
}

// Value implements schema.SerializerInterface.
func (msSerializer) Value(_ context.Context, field *schema.Field, _ reflect.Value, value any) (any, error) {
	d, isDuration := value.(time.Duration)
	if !isDuration {
		return nil, fmt.Errorf("%s is a %T, not a duration", field.Name, value)
	}
	return d.Milliseconds(), nil
}
