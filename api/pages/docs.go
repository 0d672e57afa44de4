package pages

import (
	"embed"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/validation"
)

// docsFiles are the page that shows the document, and the Redoc bundle that draws it; docs/README.md says where the
// bundle is from.
//
//go:embed docs/index.html docs/redoc.standalone.js
var docsFiles embed.FS

// docsPolicy lets the page load nothing that does not come from here. Redoc sets styles from its script, and runs its
// search in a worker made of a blob.
const docsPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"worker-src 'self' blob:; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// MountDocs serves the document as JSON and YAML, and a page on which people can read it.
func MountDocs(r gin.IRouter, doc *validation.Document) {
	static := func(contentType string, body []byte, headers ...string) gin.HandlerFunc {
		return func(c *gin.Context) {
			for i := 0; i < len(headers); i += 2 {
				c.Header(headers[i], headers[i+1])
			}
			c.Data(http.StatusOK, contentType, body)
		}
	}
	file := func(name string) []byte {
		b, _ := docsFiles.ReadFile(name) // embedded, or this would not have been built
		return b
	}
	r.GET("/openapi.json", static("application/json", doc.JSON, "Access-Control-Allow-Origin", "*"))
	r.GET("/openapi.yaml", static("application/yaml", doc.YAML, "Access-Control-Allow-Origin", "*"))
	r.GET("/docs", static("text/html; charset=utf-8", file("docs/index.html"), "Content-Security-Policy", docsPolicy))
	r.GET("/docs/redoc.standalone.js", static("text/javascript; charset=utf-8", file("docs/redoc.standalone.js"),
		"Cache-Control", "public, max-age=86400"))
}
