package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"gorm.io/gorm/schema"
)

// What a row's fields are in the database, beyond what GORM knows, is said by their serializer tags:
//
//	serializer:json    a jsonb column; a nil map is {}, a nil slice [], a nil pointer NULL
//	serializer:texts   a text[] column, for types that do not know of this package; nil is {}
//	serializer:ms      a duration in a column of whole milliseconds
//
// A field with the default null is NULL where it is empty; GORM's permission <-:create marks the columns that
// an update leaves alone.
const (
	serializeJSON  = "json"
	serializeTexts = "texts"
	serializeMs    = "ms"
)

func init() { //nolint:gochecknoinits // GORM keeps its serializers in a table of its own, by name
	schema.RegisterSerializer(serializeTexts, textsSerializer{})
	schema.RegisterSerializer(serializeMs, msSerializer{})
}

var schemaCache sync.Map

// schemaOf is what GORM knows of T's table.
func schemaOf[T any]() *schema.Schema {
	parsed, err := schema.Parse(new(T), &schemaCache, schema.NamingStrategy{})
	if err != nil {
		panic("postgres: " + err.Error())
	}
	return parsed
}

// Columns lists T's columns as "alias.column AS prefixcolumn", for a struct embedded with that prefix.
func Columns[T any](alias, prefix string) string {
	names := schemaOf[T]().DBNames
	cols := make([]string, len(names))
	for i, name := range names {
		cols[i] = alias + "." + name + " AS " + prefix + name
	}
	return strings.Join(cols, ", ")
}

// Targets are the places where Rows.Scan puts T's columns, in the order in which Columns lists them. It does what GORM's
// own scan does, which looks every column up by name for every row: a seventh of the API's time for a message.
func Targets[T any](dest []any, v *T) []any {
	parsed := schemaOf[T]()
	value := reflect.ValueOf(v).Elem()
	for _, name := range parsed.DBNames {
		field := parsed.FieldsByDBName[name]
		place := value.FieldByIndex(field.StructField.Index).Addr().Interface()
		switch text, isText := place.(*string); {
		case field.TagSettings["SERIALIZER"] == serializeJSON:
			place = JSONColumn{Into: place}
		case field.TagSettings["SERIALIZER"] == serializeTexts:
			place = (*Strings)(place.(*[]string))
		case isText && isNullable(field):
			place = blankColumn{text}
		}
		dest = append(dest, place)
	}
	return dest
}

// Insert adds the insertion of a row into its table to the statement, as the common table expression of that name.
func Insert[T any](st *Statement, name string, row *T) {
	parsed := schemaOf[T]()
	columns, values := columnValues(parsed, reflect.ValueOf(row).Elem(), func(*schema.Field) bool { return true })
	st.With(name, `INSERT INTO `+parsed.Table+` (`+columns+`) VALUES (`+st.List(values...)+`)`)
}

// Update adds the update of all columns of a tenant's row that may change to the statement, as the common table expression
// of that name. The row's type has the columns tenant_id and id.
func Update[T any](st *Statement, name string, row *T) {
	parsed := schemaOf[T]()
	rv := reflect.ValueOf(row).Elem()
	columns, values := columnValues(parsed, rv, func(field *schema.Field) bool { return field.Updatable })
	st.With(name, `UPDATE `+parsed.Table+` SET (`+columns+`) = (`+st.List(values...)+`)
		WHERE tenant_id = `+st.Arg(columnValue(parsed.FieldsByDBName["tenant_id"], rv))+`
			AND id = `+st.Arg(columnValue(parsed.FieldsByDBName["id"], rv)))
}

// columnValues are the names of a row's columns, of those that are wanted, and their arguments.
func columnValues(parsed *schema.Schema, row reflect.Value, wanted func(*schema.Field) bool) (string, []any) {
	names, values := make([]string, 0, len(parsed.DBNames)), make([]any, 0, len(parsed.DBNames))
	for _, name := range parsed.DBNames {
		if field := parsed.FieldsByDBName[name]; wanted(field) {
			names, values = append(names, name), append(values, columnValue(field, row))
		}
	}
	return strings.Join(names, ", "), values
}

// isNullable tells whether a field that is empty is NULL in the database.
func isNullable(field *schema.Field) bool { return field.DefaultValue == "null" }

// columnValue is the argument for a column of a row.
func columnValue(field *schema.Field, row reflect.Value) any {
	v := row.FieldByIndex(field.StructField.Index)
	switch field.TagSettings["SERIALIZER"] {
	case serializeJSON:
		return jsonValue(v)
	case serializeTexts:
		return Texts(v.Interface().([]string))
	}
	if isNullable(field) && v.IsZero() {
		return nil
	}
	if v.Kind() == reflect.String { // a type of its own, say, which the driver would ask for a method that it has not
		return v.String()
	}
	return v.Interface()
}

func jsonValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Map:
		if v.IsNil() {
			return "{}"
		}
	case reflect.Slice:
		if v.IsNil() {
			return "[]"
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
	}
	return JSONArg(v.Interface())
}

// JSONColumn scans a jsonb column into what it points to; NULL leaves that alone.
type JSONColumn struct{ Into any }

// Scan implements sql.Scanner.
func (c JSONColumn) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(src), c.Into)
	case []byte:
		return json.Unmarshal(src, c.Into)
	}
	return fmt.Errorf("jsonb came as %T", src)
}

// blankColumn scans a text column; NULL is empty.
type blankColumn struct{ into *string }

// Scan implements sql.Scanner.
func (c blankColumn) Scan(src any) error {
	var text sql.NullString
	err := text.Scan(src)
	*c.into = text.String
	return err
}

// textsSerializer is GORM's view of serializer:texts.
type textsSerializer struct{}

// Scan implements GORM's SerializerInterface.
func (textsSerializer) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, src any) error {
	var texts Strings
	if src != nil {
		if err := texts.Scan(src); err != nil {
			return err
		}
	}
	field.ReflectValueOf(ctx, dst).Set(reflect.ValueOf([]string(texts)))
	return nil
}

// Value implements GORM's SerializerValuerInterface.
func (textsSerializer) Value(_ context.Context, _ *schema.Field, _ reflect.Value, v any) (any, error) {
	texts, _ := v.([]string)
	return Strings(Texts(texts)), nil
}
