package conformance

import "strings"

// A schema is closed where it describes a whole value, not where it is one of several that together describe one: in
// an allOf each part would refuse what the others describe. So a named schema that is part of others stays open
// itself, and is closed at the places that refer to it alone, by unevaluatedProperties, which knows what any part
// has described. All others are closed by additionalProperties, which costs less.

// Keywords whose schemas are for what is inside a value: one, a list of them, or several by name.
var inside = []string{"items", "additionalProperties", "prefixItems", "properties", "patternProperties"}

// Keywords whose schemas are for the value itself, beside the others of the schema that has them. `not` and `if` are
// no description of it.
var beside = []string{"allOf", "anyOf", "oneOf", "then", "else"}

// partsOf adds the names of the schemas that are parts of others.
func partsOf(node any, names map[string]bool) {
	switch n := node.(type) {
	case []any:
		for _, one := range n {
			partsOf(one, names)
		}
	case object:
		for _, keyword := range []string{"allOf", "then", "else"} {
			each(n[keyword], false, func(part any) {
				m, _ := part.(object)
				if ref, isRef := m["$ref"].(string); isRef {
					names[strings.TrimPrefix(ref, schemasAt)] = true
				}
			})
		}
		for _, one := range n {
			partsOf(one, names)
		}
	}
}

// whole closes a schema that is all that describes a value.
func (b *builder) whole(s any) {
	m, isObject := s.(object)
	if !isObject {
		return
	}
	if ref, isRef := m["$ref"].(string); isRef {
		switch name := strings.TrimPrefix(ref, schemasAt); {
		case name == "Event": // which leaves open what the event's kind says
			m["$ref"] = eventAt
		case b.parts[name] && b.hasProperties(m, 0):
			m["unevaluatedProperties"] = false
		}
		return
	}
	_, isSum := m["allOf"]
	_, named := m["properties"]
	if !isSum && !named { // each alternative describes a whole value
		b.inside(m)
		for _, keyword := range []string{"oneOf", "anyOf"} {
			each(m[keyword], false, b.whole)
		}
		return
	}
	b.part(m)
	alone := true
	for _, keyword := range beside {
		alone = alone && m[keyword] == nil
	}
	_, said := m["additionalProperties"]
	switch {
	case said:
	case alone:
		m["additionalProperties"] = false
	case b.hasProperties(m, 0):
		m["unevaluatedProperties"] = false
	}
}

// inside closes what is inside the values that a schema describes.
func (b *builder) inside(m object) {
	for _, keyword := range inside {
		byName := strings.HasSuffix(strings.ToLower(keyword), "properties") && keyword != "additionalProperties"
		each(m[keyword], byName, b.whole)
	}
}

// part closes what is inside a schema that may be one of several.
func (b *builder) part(s any) {
	m, _ := s.(object)
	b.inside(m)
	for _, keyword := range beside {
		each(m[keyword], false, b.part)
	}
}

// each calls f with every schema that a keyword has.
func each(value any, byName bool, f func(any)) {
	switch v := value.(type) {
	case []any:
		for _, s := range v {
			f(s)
		}
	case object:
		if !byName {
			f(v)
			return
		}
		for _, s := range v {
			f(s)
		}
	}
}

// maxParts bounds how deep references and alternatives are followed; the document has a handful.
const maxParts = 20

// hasProperties tells whether a schema names properties of an object, itself or by one of its parts. One that does
// not says no more than that there is an object.
func (b *builder) hasProperties(s any, depth int) (found bool) {
	m, _ := s.(object)
	if named, _ := m["properties"].(object); len(named) > 0 {
		return true
	}
	if depth > maxParts {
		return false
	}
	if _, isRef := m["$ref"]; isRef && b.hasProperties(b.resolve(m), depth+1) {
		return true
	}
	for _, keyword := range beside {
		each(m[keyword], false, func(part any) { found = found || b.hasProperties(part, depth+1) })
	}
	return found
}
