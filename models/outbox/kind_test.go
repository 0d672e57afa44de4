package outbox

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A kind is a constant and an entry of the registry: neither is there without the other.
func TestEachKindIsInTheRegistry(t *testing.T) {
	t.Parallel()
	declared := declaredKinds(t)
	require.NotEmpty(t, declared)
	for _, kind := range declared {
		require.Contains(t, kinds, kind)
	}
	require.Len(t, kinds, len(declared))
	action := uuid.New()
	for kind := range kinds {
		m, known := Row{Kind: kind, TenantID: uuid.New(), TargetID: uuid.New(), DockActionID: &action}.Message()
		require.True(t, known)
		for what, value := range map[string]string{
			"workflow": m.Workflow, "workflow's id": m.WorkflowID, "summary": m.Summary, "signal": m.Signal,
		} {
			require.NotEmpty(t, value, "%s of %s", what, kind)
		}
		require.NotNil(t, m.Input, "input of %s", kind)
	}
}

func TestWhatIsUrgentEndsWithConversations(t *testing.T) {
	t.Parallel()
	require.Contains(t, border, "("+strconv.Itoa(conversationPriority)+",")
	require.Equal(t, conversationPriority, kinds[Conversation].priority)
	require.Equal(t, "'dock_action'", separateKinds)
}

func TestARowOfAnUnknownKindTellsNothing(t *testing.T) {
	t.Parallel()
	_, known := Row{Kind: "retrx", TenantID: uuid.New(), TargetID: uuid.New()}.Message()
	require.False(t, known)
	require.Panics(t, func() { insert("retrx", columns{}) }, "it cannot be written either")
}

// Rows come into the outbox through insert alone, so that what a kind is, and its priority, stay in one place.
func TestNothingElseWritesTheOutbox(t *testing.T) {
	t.Parallel()
	statement := "INSERT INTO " + "outbox"
	var writers []string
	for _, dir := range []string{"models", "api", "activities", "workflows", "worker", "deploy"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path) //nolint:gosec // a source file of this repository
			for range strings.Count(string(source), statement) {
				writers = append(writers, path)
			}
			return err
		}))
	}
	require.Equal(t, []string{filepath.Join("..", "..", "models", "outbox", "add.go")}, writers)
}

// declaredKinds are the constants of type Kind in the source.
func declaredKinds(t *testing.T) (found []Kind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			found = append(found, Kind(text))
		}
		return true
	})
	return found
}
