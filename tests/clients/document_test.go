package clients

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/conformance"
)

// object is one of JSON's.
type object = map[string]any

// contract is the served document.
func contract(t *testing.T) (doc object) {
	t.Helper()
	require.NoError(t, json.Unmarshal(conformance.Served().Text, &doc))
	return doc
}

// Keywords whose values are schemas: one or a list of them, or several by name.
var (
	inner = []string{
		"items", "additionalProperties", "prefixItems", "not", "allOf", "anyOf", "oneOf", "if", "then", "else",
	}
	named = []string{"properties", "patternProperties", "$defs"}
)

// visit calls f with a schema and with those in it, and where they stand.
func visit(schema any, at string, f func(schema object, at string)) {
	switch s := schema.(type) {
	case []any:
		for i, one := range s {
			visit(one, fmt.Sprintf("%s/%d", at, i), f)
		}
	case object:
		f(s, at)
		for _, keyword := range inner {
			visit(s[keyword], at+"/"+keyword, f)
		}
		for _, keyword := range named {
			byName, _ := s[keyword].(object)
			for name, one := range byName {
				visit(one, at+"/"+keyword+"/"+name, f)
			}
		}
	}
}

// schemas calls f with every schema of a document, named or not.
func schemas(doc object, f func(schema object, at string)) {
	components, _ := doc["components"].(object)
	byName, _ := components["schemas"].(object)
	for name, schema := range byName {
		visit(schema, "#/components/schemas/"+name, f)
	}
	var outside func(node any, at string)
	outside = func(node any, at string) {
		switch n := node.(type) {
		case []any:
			for i, one := range n {
				outside(one, fmt.Sprintf("%s/%d", at, i))
			}
		case object:
			for key, one := range n {
				switch {
				case key == "schema":
					visit(one, at+"/schema", f)
				case key != "example" && key != "examples" && at+"/"+key != "#/components/schemas":
					outside(one, at+"/"+key)
				}
			}
		}
	}
	outside(doc, "#")
}

// typesOf are the types that a schema names.
func typesOf(schema object) (types []string) {
	switch t := schema["type"].(type) {
	case string:
		return []string{t}
	case []any:
		for _, one := range t {
			types = append(types, fmt.Sprint(one))
		}
	}
	return types
}

// refused says what of a schema a generator of clients is known to refuse, or to take for something else. Root is the
// document that references lead into.
func refused(root, schema object, at string) (why []string) {
	types := typesOf(schema)
	others := slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "null" })
	if len(others) > 1 {
		why = append(why, "is of several types, which ogen takes as alternatives only")
	}
	if len(types) > 0 && len(others) == 0 && !strings.Contains(at, "/oneOf/") {
		why = append(why, "is nothing but null")
	}
	if slices.Contains(types, "array") && schema["items"] == nil {
		why = append(why, "is a list of what?")
	}
	if slices.Equal(types, []string{"object"}) && schema["properties"] == nil && schema["additionalProperties"] == nil {
		why = append(why, "is an object of what? ogen makes it one without fields")
	}
	if values, isEnum := schema["enum"].([]any); isEnum {
		if len(others) != 1 {
			why = append(why, "has an enum and not one type")
		}
		if slices.Contains(values, any(nil)) != slices.Contains(types, "null") {
			why = append(why, "may be null by its type or by its enum, and not by both")
		}
		why = append(why, doubles(values)...)
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if alternatives, there := schema[keyword].([]any); there && schema["discriminator"] == nil {
			why = append(why, ambiguous(root, alternatives)...)
		}
	}
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if properties[name.(string)] == nil && schema["additionalProperties"] != true && !strings.Contains(at, "/not") {
			why = append(why, fmt.Sprintf("requires %s, which it does not describe", name))
		}
	}
	if ref, isRef := schema["$ref"].(string); isRef && find(root, ref) == nil {
		why = append(why, fmt.Sprintf("refers to %s, which has no name of its own", ref))
	}
	return why
}

// doubles are values that are one name to those who write names without regard to case and punctuation.
func doubles(values []any) (why []string) {
	seen := map[string]bool{}
	for _, value := range values {
		name := regexp.MustCompile(`[^a-z0-9*]`).ReplaceAllString(strings.ToLower(fmt.Sprint(value)), "")
		if seen[name] {
			why = append(why, fmt.Sprintf("has values like %v twice", value))
		}
		seen[name] = true
	}
	return why
}

// ambiguous says that alternatives are of the same type: which one a value is of, is for a discriminator to say.
func ambiguous(root object, alternatives []any) (why []string) {
	seen := map[string]bool{}
	for _, one := range alternatives {
		schema, _ := one.(object)
		if ref, isRef := schema["$ref"].(string); isRef {
			schema, _ = find(root, ref).(object)
		}
		types := typesOf(schema)
		if len(types) != 1 {
			why = append(why, "has an alternative that is not of one type")
			continue
		}
		if seen[types[0]] {
			why = append(why, fmt.Sprintf("has several alternatives of type %s", types[0]))
		}
		seen[types[0]] = true
	}
	return why
}

// name is what a component may be called, so that it is a name in any language.
var name = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

// find is what a reference leads to: a component, by its name. nil for any other.
func find(root object, ref string) any {
	parts := strings.Split(ref, "/")
	if len(parts) != 4 || parts[0] != "#" || parts[1] != "components" || !name.MatchString(parts[3]) {
		return nil
	}
	components, _ := root["components"].(object)
	kind, _ := components[parts[2]].(object)
	return kind[parts[3]]
}

func TestNoSchemaIsOneThatGeneratorsRefuse(t *testing.T) {
	t.Parallel()
	doc, n := contract(t), 0
	var found []string
	schemas(doc, func(schema object, at string) {
		n++
		for _, why := range refused(doc, schema, at) {
			found = append(found, at+" "+why)
		}
	})
	require.Empty(t, found)
	require.Greater(t, n, 1000)
}

// What a program must do to use an API is in methods: they need names, and answers.
func TestEveryOperationCanBecomeAMethod(t *testing.T) {
	t.Parallel()
	doc := contract(t)
	ids := map[string]string{}
	for _, section := range []string{"paths", "webhooks"} {
		items, _ := doc[section].(object)
		require.NotEmpty(t, items)
		for path, item := range items {
			for method, value := range item.(object) {
				if method == "parameters" {
					continue
				}
				operation, at := value.(object), method+" "+path
				id, _ := operation["operationId"].(string)
				require.Regexp(t, `^[a-z][A-Za-z0-9]*$`, id, at)
				require.Empty(t, ids[strings.ToLower(id)], at)
				ids[strings.ToLower(id)] = at
				require.Len(t, operation["tags"], 1, at)
				require.NotEmpty(t, operation["summary"], at)
				answers, _ := operation["responses"].(object)
				require.NotEmpty(t, answers, at)
				for status := range answers {
					require.Regexp(t, `^([1-5]\d\d|[1-5]XX)$`, status, at)
				}
				parametersOf(t, doc, item.(object), operation, path, at)
			}
		}
	}
}

// parametersOf holds the parameters of an operation against its path.
func parametersOf(t *testing.T, doc, item, operation object, path, at string) {
	t.Helper()
	shared, _ := item["parameters"].([]any)
	own, _ := operation["parameters"].([]any)
	var inPath []string
	seen := map[string]bool{}
	for _, one := range slices.Concat(shared, own) {
		p, _ := one.(object)
		if ref, isRef := p["$ref"].(string); isRef {
			p, _ = find(doc, ref).(object)
		}
		require.NotNil(t, p["schema"], "%s: a parameter without a schema", at)
		key := fmt.Sprint(p["in"], " ", p["name"])
		require.False(t, seen[strings.ToLower(key)], "%s: %s twice", at, key)
		seen[strings.ToLower(key)] = true
		if p["in"] == "path" {
			require.Equal(t, true, p["required"], at)
			inPath = append(inPath, p["name"].(string))
		}
	}
	var wanted []string
	for _, found := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		wanted = append(wanted, found[1])
	}
	require.ElementsMatch(t, wanted, inPath, at)
}

func TestWhatGeneratorsRefuseIsFound(t *testing.T) {
	t.Parallel()
	const head = `{"components":{"schemas":{"Name":{"type":"string"},"Other":{"type":"string"},"One":`
	for schema, why := range map[string]string{
		`{"type":["string","number","boolean","null"]}`: "several types",
		`{"properties":{"a":{"type":"null"}}}`:          "nothing but null",
		`{"type":"object"}`:                             "object of what",
		`{"type":"array"}`:                              "a list of what",
		`{"enum":["a","b"]}`:                            "not one type",
		`{"type":["string","null"],"enum":["a"]}`:       "null by its type",
		`{"type":"string","enum":["a",null]}`:           "null by its type",
		`{"type":"string","enum":["a.b","A-B"]}`:        "twice",
		`{"oneOf":[{"$ref":"#/components/schemas/Name"},{"$ref":"#/components/schemas/Other"}]}`:   "several alternatives",
		`{"oneOf":[{"properties":{}},{"type":"null"}]}`:                                            "not of one type",
		`{"properties":{"b":{}},"required":["a"]}`:                                                 "requires a",
		`{"items":{"$ref":"#/components/schemas/One/items"}}`:                                      "no name of its own",
		`{"items":{"$ref":"#/components/schemas/Two"}}`:                                            "no name of its own",
		`{"additionalProperties":{"oneOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}}`: "",
		`{"oneOf":[{"$ref":"#/components/schemas/Name"},{"type":"null"}]}`:                         "",
		`{"type":["string","null"],"enum":["a",null]}`:                                             "",
	} {
		var doc object
		require.NoError(t, json.Unmarshal([]byte(head+schema+`}},"paths":{}}`), &doc))
		var found []string
		schemas(doc, func(schema object, at string) { found = append(found, refused(doc, schema, at)...) })
		if why == "" {
			require.Empty(t, found, schema)
		} else {
			require.Contains(t, strings.Join(found, "\n"), why, schema)
		}
	}
}
