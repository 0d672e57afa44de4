package validation

import (
	"maps"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/atender/atender/models/problem"
)

// shape is a schema of the document, taken apart so that checking a value can stop: kin-openapi's own validator gathers
// everything that is wrong with a value before it returns, one error of some hundred bytes for each of a hundred thousand.
// So it is given one object or list at a time, without what is inside.
//
// Schemas that combine others (allOf, anyOf, oneOf, not) are not taken apart; no body has one.
type shape struct {
	schema     *openapi3.Schema  // without what is inside
	items      *shape            // of a list; nil for any
	properties map[string]*shape // of an object
	others     *shape            // the other keys of an object; nil for any
	closed     bool              // it has no other keys
	maxItems   *uint64
	maxKeys    *uint64
	trims      bool // it is trimmed, or something in it is
}

func newShape(s *openapi3.Schema) *shape {
	if len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0 || s.Not != nil {
		return &shape{schema: s, trims: isTrimmed(s)}
	}
	bare := *s
	out := &shape{schema: &bare, maxItems: s.MaxItems, maxKeys: s.MaxProps, trims: isTrimmed(s)}
	if s.Items != nil {
		out.items, bare.Items = newShape(s.Items.Value), nil
		out.trims = out.trims || out.items.trims
	}
	out.properties, bare.Properties = map[string]*shape{}, nil
	for name, ref := range s.Properties {
		out.properties[name] = newShape(ref.Value)
		out.trims = out.trims || out.properties[name].trims
	}
	if other := s.AdditionalProperties; other.Schema != nil {
		out.others = newShape(other.Schema.Value)
	} else {
		out.closed = other.Has != nil && !*other.Has
	}
	bare.AdditionalProperties = openapi3.BoolSchema{}
	return out
}

// check says what is wrong with a value, at most MaxFields things.
func (s *shape) check(value any) []problem.Field {
	var found findings
	found.visit(s, value, nil)
	return found.fields
}

// findings are what is wrong with a value, as far as it has been looked at.
type findings struct{ fields []problem.Field }

func (f *findings) full() bool { return len(f.fields) >= MaxFields }

func (f *findings) add(fields ...problem.Field) {
	f.fields = append(f.fields, fields[:min(len(fields), MaxFields-len(f.fields))]...)
}

func (f *findings) visit(s *shape, value any, path []string) {
	if s == nil || f.full() {
		return
	}
	f.add(fieldsOf(s.schema.VisitJSON(value, visitOptions...), path)...)
	switch value := value.(type) {
	case []any:
		if s.items == nil || s.maxItems != nil && uint64(len(value)) > *s.maxItems {
			return // of a list that is too long, what is in it says nothing
		}
		for i, item := range value {
			f.visit(s.items, item, append(path, strconv.Itoa(i)))
		}
	case map[string]any:
		tooMany := s.maxKeys != nil && uint64(len(value)) > *s.maxKeys
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if f.full() {
				return
			}
			switch known := s.properties[key]; {
			case known != nil:
				f.visit(known, value[key], append(path, key))
			case s.closed:
				f.add(problem.Field{
					Field: shorten(join(unlessBody(pathOf(path)), key)),
					Code:  "unknown_field", Message: "is not a field of this request",
				})
			case s.others != nil && !tooMany:
				f.visit(s.others, value[key], append(path, key))
			}
		}
	}
}
