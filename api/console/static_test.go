package console_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	imports = regexp.MustCompile(`(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]`)
	typed   = regexp.MustCompile(`(?s)/\*\*.*?\*/`)
	assets  = regexp.MustCompile(`(?:src|href)="/console/([^"]+)"`)
)

// own are the front end's files but for the libraries it carries.
func own(t *testing.T, extension string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS("static")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != extension || strings.HasPrefix(name, "vendor/") {
			return err
		}
		body, err := fs.ReadFile(root, name)
		files[name] = string(body)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// There is no build step that would notice a module that is not there.
func TestModulesImportWhatExists(t *testing.T) {
	t.Parallel()
	for name, body := range own(t, ".js") {
		for _, m := range imports.FindAllStringSubmatch(typed.ReplaceAllString(body, ""), -1) {
			require.FileExists(t, path.Join("static", path.Dir(name), m[1]), "imported by %s", name)
		}
	}
}

func TestPageRefersToWhatExists(t *testing.T) {
	t.Parallel()
	page := own(t, ".html")["index.html"]
	found := assets.FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		require.FileExists(t, path.Join("static", m[1]))
	}
	require.NotRegexp(t, `<script(?:[^>]*[^>\s])?>[^<]`, page, "the policy allows no inline script")
	require.NotRegexp(t, `<style|\sstyle=|\son\w+=`, page, "the policy allows no inline style and no handler")
}

// What comes from customers, docks and other systems reaches the page as text.
func TestNothingBecomesHTML(t *testing.T) {
	t.Parallel()
	for name, body := range own(t, ".js") {
		require.NotRegexp(t, `(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\bsrcdoc\b|\beval\(|new Function`, body, name)
		require.NotRegexp(t, `\sstyle="`, body, "%s: a style attribute, which the policy does not allow", name)
		require.NotRegexp(t, `href=\$\{[^}]*\.(?:url|text|html)\}`, body, "%s: an address from outside as a link", name)
	}
}
