package validation

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/atender/atender/models/scope"
)

// document is the contract.
func document(t *testing.T) *Document {
	t.Helper()
	source, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	doc, err := Parse(source)
	require.NoError(t, err)
	return doc
}

func TestEveryRequiredScopeIsListed(t *testing.T) {
	doc := document(t)
	for key, op := range doc.Operations {
		require.Subset(t, scope.All, append(slices.Clone(op.Scopes), op.KeyScopes...), key)
	}
}

func TestEveryRequestBodyIsClosed(t *testing.T) {
	doc := document(t)
	for key, op := range doc.Operations {
		if op.takes != nil {
			require.True(t, op.takes.closed, key)
		}
	}
}

func TestThePublicURLIsTheDocumentsServer(t *testing.T) {
	plain := document(t)
	doc, err := plain.At(`https://support.example.com`)
	require.NoError(t, err)
	require.Equal(t, "https://support.example.com", doc.Spec.Servers[0].URL)
	require.Contains(t, string(doc.JSON), `"url":"https://support.example.com"`)
	require.Contains(t, string(doc.YAML), "\n  - url: \"https://support.example.com\"\n")
	require.Equal(t, "/", plain.Spec.Servers[0].URL, "another server's document is its own")
}

// The server trusts the document it is built with, so that it is checked here, examples and all.
func TestTheDocumentIsValid(t *testing.T) {
	doc := document(t)
	require.NoError(t, doc.Spec.Validate(t.Context()))
}

// extensions are the names that begin with x- in a document, wherever they are.
func extensions(value any, found map[string]bool) map[string]bool {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.HasPrefix(key, "x-") {
				found[key] = true
			}
			extensions(inner, found)
		}
	case []any:
		for _, inner := range v {
			extensions(inner, found)
		}
	}
	return found
}

// Regression: the served document had 161 keys of Go's, such as x-go-type.
func TestTheServedDocumentSaysNothingOfHowItIsBuilt(t *testing.T) {
	doc := document(t)
	var served any
	require.NoError(t, json.Unmarshal(doc.JSON, &served))
	require.ElementsMatch(t, publishedExtensions, slices.Collect(maps.Keys(extensions(served, map[string]bool{}))))
	for _, extension := range publishedExtensions {
		require.Contains(t, doc.Spec.Info.Description+string(doc.YAML), "`"+extension+"`", "it is explained")
	}
	require.NotContains(t, string(doc.YAML), "github.com/atender")
	require.NotRegexp(t, `(?m)^[^"']*<<:|: [&*]\w+$|: [&*]\w+ \{`, string(doc.YAML), "anchors, aliases and merges")
}

func TestTheServedFormsAreOneDocument(t *testing.T) {
	doc, again := document(t), document(t)
	require.Equal(t, string(doc.YAML), string(again.YAML))
	require.Equal(t, string(doc.JSON), string(again.JSON))
	var fromYAML, fromJSON any
	require.NoError(t, yaml.Unmarshal(doc.YAML, &fromYAML))
	require.NoError(t, json.Unmarshal(doc.JSON, &fromJSON))
	text, err := json.Marshal(fromYAML)
	require.NoError(t, err)
	require.JSONEq(t, string(doc.JSON), string(text))

	// Apart from the extensions it says what requests are held against.
	served, err := Parse(doc.YAML)
	require.NoError(t, err)
	require.NoError(t, served.Spec.Validate(t.Context()))
	want, err := json.Marshal(doc.Spec)
	require.NoError(t, err)
	var kept any
	require.NoError(t, json.Unmarshal(want, &kept))
	withoutExtensions(kept)
	custom := kept.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)["CustomFields"].(map[string]any)
	custom["additionalProperties"] = map[string]any{"oneOf": []any{ // the one schema of several types
		map[string]any{"type": "string", "maxLength": 10000}, map[string]any{"type": "number"},
		map[string]any{"type": "boolean"}, map[string]any{"type": "null"},
	}}
	got, err := json.Marshal(served.Spec)
	require.NoError(t, err)
	want, err = json.Marshal(kept)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}

func withoutExtensions(value any) {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(key string, _ any) bool {
			return strings.HasPrefix(key, "x-") && !slices.Contains(publishedExtensions, key)
		})
		for _, inner := range v {
			withoutExtensions(inner)
		}
	case []any:
		for _, inner := range v {
			withoutExtensions(inner)
		}
	}
}

func TestWhatAnExampleCallsAThingIsKept(t *testing.T) {
	s, err := readServed([]byte(`
a: &a { x-go-type: T, b: 1, when: 2026-11-21T09:30:00Z }
c: { <<: *a, b: 2, examples: [{ x-go-type: mine }] }
x-go: { d: e }
`))
	require.NoError(t, err)
	text, err := s.json()
	require.NoError(t, err)
	require.Equal(t, `{"a":{"b":1,"when":"2026-11-21T09:30:00Z"},`+
		`"c":{"b":2,"examples":[{"x-go-type":"mine"}],"when":"2026-11-21T09:30:00Z"}}`, string(text))
	text, err = s.yaml()
	require.NoError(t, err)
	require.NotContains(t, string(text), "*a")
}
