package api

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/sdk"
)

func TestTheScriptsForDocksCanBeLoadedFromEverywhereAndKept(t *testing.T) {
	handler, _, _ := storeless(t)
	scripts, err := fs.ReadDir(sdk.Files, ".")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, script := range scripts {
		name := script.Name()
		w := get(handler, "/sdk/"+name)
		require.Equal(t, 200, w.Code, name)
		require.NotEmpty(t, w.Body.String(), name)
		require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "cross-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.NotEmpty(t, w.Header().Get("Content-Type"), name)
		again := get(handler, "/sdk/"+name, "If-None-Match", w.Header().Get("ETag"))
		require.Equal(t, 304, again.Code, name)
		require.Empty(t, again.Body.String())
	}
	require.Equal(t, "public, max-age=3600, stale-while-revalidate=86400",
		get(handler, "/sdk/dock.js").Header().Get("Cache-Control"))
	require.Equal(t, "text/javascript; charset=utf-8", get(handler, "/sdk/dock.mjs").Header().Get("Content-Type"))
	// The modules of the host are of one version, or do not work together.
	require.Equal(t, "public, no-cache", get(handler, "/sdk/dock-host.js").Header().Get("Cache-Control"))
	require.Equal(t, 404, get(handler, "/sdk/nothing.js").Code)
}

func TestThePagesForDockAuthorsLoadNothingFromElsewhere(t *testing.T) {
	handler, _, _ := storeless(t)
	strict := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'"
	for path, policy := range map[string]string{
		"/docks":            strict,
		"/docks/playground": strict + "; frame-src https: http://localhost:* http://127.0.0.1:*",
	} {
		w := get(handler, path)
		require.Equal(t, 200, w.Code, path)
		require.Equal(t, policy, w.Header().Get("Content-Security-Policy"), path)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		// What the policy would refuse is not in the page, and what the page asks for is there.
		require.NotRegexp(t, `<script>|<style>| style="| on[a-z]+="`, stripped(w.Body.String()), path)
		links := regexp.MustCompile(`(?:src|href)="(/(?:sdk|docks)[^"#]*)"`)
		for _, found := range links.FindAllStringSubmatch(w.Body.String(), -1) {
			require.Equal(t, 200, get(handler, found[1]).Code, "%s in %s", found[1], path)
		}
	}
	require.Empty(t, get(handler, "/docks/playground.js").Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, 404, get(handler, "/docks/playground.html").Code)
}

// stripped is a page without its snippets, which show what authors write in theirs.
func stripped(page string) string {
	for {
		before, rest, found := strings.Cut(page, "<pre>")
		if !found {
			return page
		}
		_, after, _ := strings.Cut(rest, "</pre>")
		page = before + after
	}
}
