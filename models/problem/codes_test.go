package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A problem is made with a constant of the contract's list, never with a code of its own.
func TestNoCodeIsWrittenASecondTime(t *testing.T) {
	made := 0
	for _, dir := range []string{"models", "api", "activities", "workflows", "worker", "deploy"} {
		root := filepath.Join("..", "..", dir)
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if code := codeIn(n); code != nil {
					made++
					_, isLiteral := code.(*ast.BasicLit)
					require.False(t, isLiteral, path)
				}
				return true
			})
			return nil
		}))
	}
	require.Greater(t, made, 40)
}

// codeIn is the code of problem.New(kind, code, …) or problem.Error{Code: code}; nil for anything else.
func codeIn(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if isProblem(n.Fun, "New") && len(n.Args) > 1 {
			return n.Args[1]
		}
	case *ast.CompositeLit:
		for _, field := range n.Elts {
			pair, ok := field.(*ast.KeyValueExpr)
			if name, named := nameOf(pair); ok && named && name == "Code" && isProblem(n.Type, "Error") {
				return pair.Value
			}
		}
	}
	return nil
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
