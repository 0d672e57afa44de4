package dockaction_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/dockaction"
)

// FuzzParse reads whatever a dock asks for; a refusal says what would be right.
func FuzzParse(f *testing.F) {
	for _, kind := range dockaction.Kinds {
		f.Add(kind, []byte(`{"tag":"vip","agentEmail":"ada@example.com","until":"2026-11-21T09:30:00Z","text":"Hello"}`))
		f.Add(kind, []byte(`{"until":"9999-01-01T00:00:00Z","text":1,"tag":"\u0000"}`))
	}
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		var params map[string]any
		if json.Unmarshal(text, &params) != nil {
			return
		}
		if _, err := dockaction.Parse(kind, params); err != nil {
			refusal, ok := errors.AsType[*dockaction.Error](err)
			require.True(t, ok)
			require.NotEmpty(t, refusal.Message)
		}
	})
}
