package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/problem"
)

// Whatever code a problem is made with in the product is one that the contract lists.
func TestEveryCodeIsListed(t *testing.T) {
	found := map[string]bool{}
	for _, dir := range []string{"models", "api", "activities", "workflows", "worker", "deploy"} {
		root := filepath.Join("..", "..", dir)
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.HasSuffix(path, ".gen.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if code := codeIn(n); code != "" {
					found[code] = true
					require.Contains(t, problem.Codes, code, path)
				}
				return true
			})
			return nil
		}))
	}
	require.Greater(t, len(found), 20)
}

// codeIn is the literal code of problem.New(kind, code, …) or problem.Error{Code: code}.
func codeIn(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		if isProblem(n.Fun, "New") && len(n.Args) > 1 {
			return literal(n.Args[1])
		}
	case *ast.CompositeLit:
		for _, field := range n.Elts {
			pair, ok := field.(*ast.KeyValueExpr)
			if name, named := nameOf(pair); ok && named && name == "Code" && isProblem(n.Type, "Error") {
				return literal(pair.Value)
			}
		}
	}
	return ""
}

func nameOf(pair *ast.KeyValueExpr) (string, bool) {
	if pair == nil {
		return "", false
	}
	name, ok := pair.Key.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

func isProblem(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "problem"
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		text, _ := strconv.Unquote(l.Value)
		return text
	}
	return ""
}
