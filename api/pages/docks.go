package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/sdk"
)

// dockFiles are the pages for people who write docks.
//
//go:embed docks
var dockFiles embed.FS

const (
	// guidePolicy lets a page load its own scripts and styles, and nothing else.
	guidePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'"
	// playgroundPolicy besides lets the page show whatever its reader wants to try as a dock. It is the only page that
	// may: the playground has no session, and the frame is sandboxed. Nothing else goes out, not even to the API.
	playgroundPolicy = guidePolicy + "; frame-src https: http://localhost:* http://127.0.0.1:*"
)

// How long what is embedded may be kept. Everything has an ETag, so asking again costs little. Docks get a corrected
// dock.js within the hour; the modules of the host have to be of one version, and are asked for each time.
const (
	cacheHour  = "public, max-age=3600, stale-while-revalidate=86400"
	cacheAsked = "public, no-cache"
)

// MountDocks serves /sdk/*, the guide for dock authors at /docks, and the playground.
func MountDocks(r gin.IRouter) {
	for _, name := range filesIn(sdk.Files, ".") {
		headers := []string{
			"Access-Control-Allow-Origin", "*", "Cross-Origin-Resource-Policy", "cross-origin", "Cache-Control", cacheAsked,
		}
		if name == "dock.js" || name == "dock.mjs" || name == "dock.d.ts" {
			headers[len(headers)-1] = cacheHour
		}
		r.GET("/sdk/"+name, embedded(sdk.Files, name, headers...))
	}
	for _, name := range filesIn(dockFiles, "docks") {
		switch name {
		case "index.html":
			r.GET("/docks", embedded(dockFiles, "docks/"+name,
				"Content-Security-Policy", guidePolicy, "Cache-Control", cacheAsked))
		case "playground.html":
			r.GET("/docks/playground", embedded(dockFiles, "docks/"+name, "Content-Security-Policy", playgroundPolicy,
				"Cache-Control", cacheAsked, "Referrer-Policy", "strict-origin"))
		default:
			r.GET("/docks/"+name, embedded(dockFiles, "docks/"+name, "Cache-Control", cacheAsked))
		}
	}
}

func filesIn(files embed.FS, dir string) (names []string) {
	entries, _ := fs.ReadDir(files, dir) // embedded, or this would not have been built
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// embedded serves one embedded file, with an ETag of its content and the given headers: name, value, ….
func embedded(files embed.FS, name string, headers ...string) gin.HandlerFunc {
	body, _ := files.ReadFile(name) // embedded, or this would not have been built
	sum := sha256.Sum256(body)
	headers = append(headers, "ETag", `"`+hex.EncodeToString(sum[:16])+`"`, "Content-Type", contentType(name))
	return func(c *gin.Context) {
		for i := 0; i < len(headers); i += 2 {
			c.Header(headers[i], headers[i+1])
		}
		http.ServeContent(c.Writer, c.Request, name, time.Time{}, bytes.NewReader(body))
	}
}

// contentType is the media type of a file by its name; machines differ in what theirs say.
func contentType(name string) string {
	if strings.HasSuffix(name, ".d.ts") {
		return "text/plain; charset=utf-8"
	}
	return map[string]string{
		".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".html": "text/html; charset=utf-8",
	}[path.Ext(name)]
}
