package validation

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
