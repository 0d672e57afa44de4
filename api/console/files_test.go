package console

import (
	"io/fs"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func frontEnd(t *testing.T, script string) *Files {
	t.Helper()
	files, err := open(fstest.MapFS{
		"static/index.html": {Data: []byte(`<link href="/console/a.css"><script type="module" src="/console/app.js"></script>` +
			`<link href="/console/none.css">`)},
		"static/app.js":             {Data: []byte(script)},
		"static/a.css":              {Data: []byte("a{}")},
		"static/lib/x.js":           {Data: []byte("export {}")},
		"static/vendor/LICENSE.txt": {Data: []byte("MIT")},
		"secret.html":               {Data: []byte("x")},
	})
	require.NoError(t, err)
	return files
}

// ask returns nil where there is no such file.
func ask(files *Files, path string, headers ...string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if !files.Serve(w, r, func() []string { return []string{"https://docks.example.com"} }) {
		return nil
	}
	return w
}

func TestEveryPathOfTheFrontEndsOwnIsThePage(t *testing.T) {
	t.Parallel()
	files := frontEnd(t, "1")
	for _, path := range []string{"/console", "/console/", "/console/index.html", "/console/conversations/019a", "/console/x"} {
		w := ask(files, path)
		require.Equal(t, 200, w.Code, path)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "+
			"frame-src 'self' https://docks.example.com; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
			w.Header().Get("Content-Security-Policy"))
		require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
		require.Empty(t, w.Header().Get("ETag"))
	}
	for _, path := range []string{
		"/console/missing.js", "/console/../secret.html", "/console/secret.html", "/console/vendor/LICENSE.txt", "/console/~x",
		"/console/~0000000000000000/app.js", // another version's file must not be kept as this one's
	} {
		require.Nil(t, ask(files, path), path)
	}
}

func TestBrowsersKeepWhatThePageLoadsUntilItChanges(t *testing.T) {
	t.Parallel()
	files := frontEnd(t, "1")
	page := ask(files, "/console").Body.String()
	prefix := "/console/~" + files.version + "/"
	require.Equal(t, `<link href="`+prefix+`a.css"><script type="module" src="`+prefix+`app.js"></script>`+
		`<link href="/console/none.css">`, page)
	kept := ask(files, prefix+"lib/x.js")
	require.Equal(t, "public, max-age=31536000, immutable", kept.Header().Get("Cache-Control"))
	require.Equal(t, "text/javascript; charset=utf-8", kept.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", kept.Header().Get("X-Content-Type-Options"))
	require.NotEqual(t, files.version, frontEnd(t, "2").version)

	plain := ask(files, "/console/app.js")
	require.Equal(t, "no-cache", plain.Header().Get("Cache-Control"))
	require.Equal(t, 304, ask(files, "/console/app.js", "If-None-Match", plain.Header().Get("ETag")).Code)
	require.Equal(t, 200, ask(frontEnd(t, "2"), "/console/app.js", "If-None-Match", plain.Header().Get("ETag")).Code)
}

func TestNoOriginOfADockEndsTheDirective(t *testing.T) {
	t.Parallel()
	policy := Policy([]string{"https://a.example", "https://b.example; script-src *", "https://c.example\n", "'unsafe-inline'"})
	require.Contains(t, policy, "frame-src 'self' https://a.example; frame-ancestors")
}

// Tests and what only they need lie beside the front end, and are no part of it.
func TestTheBinaryHasNoTests(t *testing.T) {
	t.Parallel()
	require.FileExists(t, "tests/browser.js")
	err := fs.WalkDir(content, ".", func(name string, _ fs.DirEntry, err error) error {
		require.NotRegexp(t, `test|package\.json|tsconfig`, name)
		return err
	})
	require.NoError(t, err)
	files, err := Open()
	require.NoError(t, err)
	for _, path := range []string{
		"/console/tests/browser.js", "/console/package.json", "/console/vendor/preact.d.ts", "/console/types.d.ts",
	} {
		require.Nil(t, ask(files, path), path)
	}
}

func TestTheEmbeddedFilesOpen(t *testing.T) {
	t.Parallel()
	_, err := Open()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	require.NoError(t, SignInPage(w, 200, "secret", ""))
	require.Contains(t, w.Body.String(), `value="secret"`)
}
