package api

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
)

// accessLog writes a line for each request. Of the path it shows only the pattern, and nothing of the query and the
// body: both can carry personal data. Probes are logged at debug level, since they come all the time.
func accessLog(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		level := slog.LevelInfo
		switch c.FullPath() {
		case "/healthz", "/readyz":
			level = slog.LevelDebug
		}
		if !log.Enabled(c.Request.Context(), level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("method", knownMethod(c.Request.Method)),
			slog.String("route", routeOf(c)),
			slog.Int("status", c.Writer.Status()),
			slog.Duration("duration", time.Since(start)),
			slog.String("requestId", requestIDOf(c)),
		}
		if p, ok := principalOf(c); ok {
			attrs = append(attrs, slog.String("tenantId", p.TenantID.String()))
		}
		log.LogAttrs(c.Request.Context(), level, "request", attrs...)
	}
}

// routeOf is the pattern of the route that serves the request, "unmatched" if none does.
func routeOf(c *gin.Context) string {
	if route := c.FullPath(); route != "" {
		return route
	}
	if c.GetBool(consoleRoute) {
		return consoleRoute
	}
	return "unmatched"
}
