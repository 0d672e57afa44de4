package validation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/atender/atender/models/problem"
)

// fieldsOf turns what the schema validator found into what the caller is told: which field, a code, and a sentence that
// says what would be right. It never repeats the value. path is where the value stands in the body.
func fieldsOf(err error, path []string) []problem.Field {
	if err == nil {
		return nil
	}
	if many, ok := errors.AsType[openapi3.MultiError](err); ok {
		var fields []problem.Field
		for _, e := range many[:min(len(many), MaxFields)] {
			fields = append(fields, fieldsOf(e, path)...)
		}
		return fields
	}
	e, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		return []problem.Field{{Field: bodyField, Code: "invalid", Message: "does not match the schema"}}
	}
	return []problem.Field{describe(e, path)}
}

func describe(e *openapi3.SchemaError, path []string) problem.Field {
	f := problem.Field{Field: pathOf(slices.Concat(path, e.JSONPointer()))}
	switch e.SchemaField {
	case "required":
		f.Code, f.Message = "required", "is required"
	case "type", "nullable":
		if _, isNumber := e.Value.(number); isNumber && e.Origin != nil {
			f.Code, f.Message = "out_of_range", beyondDouble
			break
		}
		f.Code, f.Message = "invalid_type", "must be "+typeName(e.Schema)
	case "enum":
		f.Code, f.Message = "invalid_value", "must be one of "+enumNames(e.Schema.Enum)
	case "format", "pattern":
		f.Code, f.Message = "invalid_format", formatMessage(e)
	case "minLength":
		f.Code, f.Message = "too_short", fmt.Sprintf("must have at least %s", count(e.Schema.MinLength, "character"))
		if isTrimmed(e.Schema) {
			f.Message += " that can be seen"
		}
	case "maxLength":
		f.Code, f.Message = "too_long", fmt.Sprintf("must have at most %s", count(*e.Schema.MaxLength, "character"))
	case "minimum":
		f.Code, f.Message = "out_of_range", fmt.Sprintf("must be at least %v", *e.Schema.Min)
	case "maximum":
		f.Code, f.Message = "out_of_range", fmt.Sprintf("must be at most %v", *e.Schema.Max)
	case "minItems":
		f.Code, f.Message = "too_few", fmt.Sprintf("must have at least %s", count(e.Schema.MinItems, "item"))
	case "maxItems":
		f.Code, f.Message = "too_many", fmt.Sprintf("must have at most %s", count(*e.Schema.MaxItems, "item"))
	case "minProperties":
		f.Code, f.Message = "too_few", fmt.Sprintf("must have at least %s", count(e.Schema.MinProps, "field"))
	case "maxProperties":
		f.Code, f.Message = "too_many", fmt.Sprintf("must have at most %s", count(*e.Schema.MaxProps, "field"))
	default:
		f.Code, f.Message = "invalid", "does not match the schema"
	}
	f.Field = shorten(f.Field)
	return f
}

// pathOf writes a JSON pointer as people write a path: contact.email, tags[3].
func pathOf(pointer []string) string {
	path := ""
	for _, part := range pointer {
		if path != "" && strings.Trim(part, "0123456789") == "" && part != "" {
			path += "[" + part + "]"
		} else {
			path = join(path, part)
		}
	}
	return cmp.Or(path, bodyField)
}

func unlessBody(path string) string {
	if path == bodyField {
		return ""
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func typeName(s *openapi3.Schema) string {
	var names []string
	for _, t := range s.Type.Slice() {
		switch t {
		case openapi3.TypeArray, openapi3.TypeObject, openapi3.TypeInteger:
			names = append(names, "an "+t)
		case openapi3.TypeNull:
			names = append(names, t)
		default:
			names = append(names, "a "+t)
		}
	}
	return strings.Join(names, " or ")
}

func enumNames(values []any) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = fmt.Sprint(v)
	}
	return strings.Join(names, ", ")
}

func formatMessage(e *openapi3.SchemaError) string {
	if told, ok := errors.AsType[formatError](e.Origin); ok {
		return string(told)
	}
	return cmp.Or(formatHints[e.Schema.Format], "is not in the right format")
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shorten keeps a key that the caller made up from filling the answer.
func shorten(path string) string {
	const most = 200
	if len(path) <= most {
		return path
	}
	return strings.ToValidUTF8(path[:most], "") + "…"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// distinct leaves out what has been said of the same field already: the schema and a rule can find the same thing.
func distinct(fields []problem.Field) []problem.Field {
	var kept []problem.Field
	for _, f := range fields {
		if !slices.ContainsFunc(kept, func(k problem.Field) bool { return k.Field == f.Field && k.Code == f.Code }) {
			kept = append(kept, f)
		}
		if len(kept) == MaxFields {
			break
		}
	}
	return kept
}

// MaxFields bounds what one answer complains of: a body of 1 MiB has room for a hundred thousand unknown keys.
const MaxFields = 50

// number is a JSON number as it was written.
type number = json.Number
