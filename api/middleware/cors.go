package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/validation"
)

// DockCORS lets pages of any origin use the routes of a dock session (Fetch Standard, CORS protocol): another agent UI has
// its session's token, which it sends itself. No browser sends cookies along, since credentials are not allowed; no other
// route answers to other origins.
func DockCORS(doc *validation.Document) gin.HandlerFunc {
	return func(c *gin.Context) {
		if op := doc.Operation(c.Request, c.FullPath()); op != nil && op.DockSession {
			c.Header("Access-Control-Allow-Origin", "*")
			c.Header("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, "+idempotencyReplayed+
				", "+rateLimitHeader+", "+rateRemainingHeader+", "+rateResetHeader)
		}
	}
}

// MountDockPreflight answers what a browser asks before it lets a page of another origin make such a request.
func MountDockPreflight(r *gin.Engine, doc *validation.Document) {
	methods := map[string][]string{} // by route
	for key, op := range doc.Operations {
		if method, route, _ := strings.Cut(key, " "); op.DockSession {
			methods[route] = append(methods[route], method)
		}
	}
	for route, allowed := range methods {
		slices.Sort(allowed)
		r.OPTIONS(route, func(c *gin.Context) {
			c.Header("Access-Control-Allow-Origin", "*")
			c.Header("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
			c.Header("Access-Control-Allow-Headers", "Authorization, Content-Type, "+idempotencyKey+", "+requestIDHeader)
			c.Header("Access-Control-Max-Age", "600")
			c.Status(http.StatusNoContent)
		})
	}
}
