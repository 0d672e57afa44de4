package postgres

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
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
// T may have fields of type bool, time, UUID, of types of strings and integers, and pointers to them, fields with the
// serializers ms, json and texts, and those that write themselves as JSON (freeform.Values); the last three are columns of JSON
// as text. It panics for others.
func Rows[T any](st *Statement, rows []T) string { return unnested(st, columnsOf[T](), rows) }

func unnested[T any](st *Statement, columns []rowColumn, rows []T) string {
	names, args := make([]string, len(columns)), make([]string, len(columns))
	values := reflect.ValueOf(rows)
	for i, c := range columns {
		if c.put == nil {
			panic("postgres: Rows cannot carry " + c.name)
		}
		column := reflect.MakeSlice(reflect.SliceOf(c.element), len(rows), len(rows))
		for j := range rows {
			c.put(column.Index(j), values.Index(j).FieldByIndex(c.index))
		}
		names[i], args[i] = c.name, st.Arg(column.Interface())+c.cast
	}
	return `unnest(` + strings.Join(args, ", ") + `) WITH ORDINALITY u (` + strings.Join(names, ", ") + `, ord)`
}

// InsertRows adds the insertion of rows into the table of their type to the statement, as the common table expression of
// that name. What follows the rows, such as ON CONFLICT, is the ending.
func InsertRows[T any](st *Statement, name string, rows []T, ending string) {
	columns := columnsOf[T]()
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], values[i] = c.name, c.value()
	}
	st.With(name, `INSERT INTO `+schemaOf[T]().Table+` (`+strings.Join(names, ", ")+`)
		SELECT `+strings.Join(values, ", ")+` FROM `+unnested(st, columns, rows)+` `+ending)
}

// UpdateRows adds the update of rows, all of their columns that may change but those that are left alone, to the statement,
// as the common table expression of that name, which has the rows as they are then. T has the columns tenant_id and id.
func UpdateRows[T any](st *Statement, name string, rows []T, leave ...string) {
	parsed := schemaOf[T]()
	var columns []rowColumn
	var names, values []string
	for _, c := range columnsOf[T]() {
		isKey := c.name == "tenant_id" || c.name == "id"
		if !isKey && (!parsed.FieldsByDBName[c.name].Updatable || slices.Contains(leave, c.name)) {
			continue
		}
		if columns = append(columns, c); !isKey {
			names, values = append(names, c.name), append(values, c.value())
		}
	}
	st.With(name, `UPDATE `+parsed.Table+` t SET (`+strings.Join(names, ", ")+`) = ROW(`+strings.Join(values, ", ")+`)
		FROM `+unnested(st, columns, rows)+` WHERE t.tenant_id = u.tenant_id AND t.id = u.id RETURNING t.*`)
}

// rowColumn is how one field travels.
type rowColumn struct {
	name    string
	index   []int
	element reflect.Type                  // of the argument's slice
	cast    string                        // of the argument
	read    string                        // how an element of it, %s, becomes the table's column; empty for as it is
	put     func(to, field reflect.Value) // nil: fields of this type cannot travel so
}

// value is the expression of the column's value, of a row u of unnested.
func (c rowColumn) value() string {
	if c.read == "" {
		return "u." + c.name
	}
	return fmt.Sprintf(c.read, "u."+c.name)
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
	case field.TagSettings["SERIALIZER"] == serializeMs && !isPointer:
		c.element, c.cast = reflect.TypeFor[int64](), `::bigint[]`
		c.put = func(to, field reflect.Value) { to.SetInt(time.Duration(field.Int()).Milliseconds()) }
		return c
	case field.TagSettings["SERIALIZER"] == serializeJSON:
		return c.asJSON(jsonValue)
	case field.TagSettings["SERIALIZER"] == serializeTexts: // an array of arrays would be one array
		c = c.asJSON(textsAsJSON)
		c.read = `ARRAY(SELECT jsonb_array_elements_text(%s::jsonb))`
		return c
	case field.Serializer != nil:
		return c
	case base.Kind() == reflect.Map && base.Implements(reflect.TypeFor[driver.Valuer]()):
		return c.asJSON(ownJSON)
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
		return c
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

// asJSON is the column for a field whose JSON text the function returns, nil for NULL.
func (c rowColumn) asJSON(text func(reflect.Value) any) rowColumn {
	c.element, c.cast, c.read = reflect.TypeFor[*string](), `::text[]`, `%s::jsonb`
	c.put = func(to, field reflect.Value) {
		if s, ok := text(field).(string); ok {
			to.Set(reflect.ValueOf(&s))
		}
	}
	return c
}

// textsAsJSON is the JSON of a list of texts; that of nil has none.
func textsAsJSON(v reflect.Value) any {
	text, _ := json.Marshal(Texts(v.Interface().([]string))) // texts can always be written
	return string(text)
}

// ownJSON is the JSON of a value that writes itself so. What it cannot write was never let in.
func ownJSON(v reflect.Value) any {
	text, err := v.Interface().(driver.Valuer).Value()
	if err != nil {
		panic("postgres: a value that JSON cannot hold: " + err.Error())
	}
	return text
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
