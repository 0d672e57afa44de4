package validation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a body may hold is bounded by the document wherever the document knows what is in it, so that looking at it is.
func TestEveryListAndMapOfABodyHasItsLimit(t *testing.T) {
	doc := document(t)
	var visit func(where string, s *shape)
	visit = func(where string, s *shape) {
		if s == nil {
			return
		}
		require.Empty(t, s.schema.AllOf, where)
		require.Empty(t, s.schema.AnyOf, where)
		require.Empty(t, s.schema.OneOf, where)
		require.Nil(t, s.schema.Not, where)
		if s.items != nil {
			require.NotNil(t, s.maxItems, where)
		}
		if s.others != nil {
			require.NotNil(t, s.maxKeys, where)
		}
		visit(where+"[]", s.items)
		visit(where+".*", s.others)
		for name, p := range s.properties {
			visit(where+"."+name, p)
		}
	}
	for key, op := range doc.Operations {
		visit(key, op.takes)
	}
}

// Validation ends with the fiftieth finding: of 20,000 things that are wrong, the others cost nothing.
func TestValidationStops(t *testing.T) {
	doc := document(t)
	op := doc.Operations[RouteKey("POST", "/v1/conversations/outbound")]
	unknown := map[string]any{}
	for i := range 1000 {
		unknown[fmt.Sprintf("%s%d", strings.Repeat("k", 900), i)] = true
	}
	for name, body := range map[string]map[string]any{
		"unknown keys": unknown,
		"contact":      {"contact": unknown},
		"fields":       {"customFields": unknown},
		"metadata":     {"outboundContext": map[string]any{"metadata": map[string]any{"x": numbers(20_000)}}},
		"many levels":  {"outboundContext": unknown, "contact": unknown, "customFields": unknown},
		"tags":         {"tags": numbers(20_000)},
	} {
		found := op.takes.check(body)
		require.LessOrEqual(t, len(found), MaxFields, name)
		allocated := testing.AllocsPerRun(1, func() { op.checkBody(body) })
		require.Less(t, allocated, float64(25_000), name)
	}
	require.Len(t, op.takes.check(unknown), MaxFields)
}

func numbers(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = number("1e400")
	}
	return out
}
