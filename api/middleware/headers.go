package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/console"
)

// StandardHeaders keeps browsers from guessing types and shared caches from keeping customers' data. A client's own
// cache may ask with If-None-Match.
func StandardHeaders(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(c.FullPath(), "/v1/") || strings.HasPrefix(c.FullPath(), console.Path+"/") {
		c.Header("Cache-Control", "private, no-cache")
	}
}
