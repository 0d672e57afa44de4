package middleware

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/request"
)

// AccessLog writes a line for each request. Of the path it shows only the pattern, and nothing of the query and the
// body: both can carry personal data. Probes are logged at debug level, since they come all the time.
func AccessLog(log *slog.Logger) gin.HandlerFunc {
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
			slog.String("method", request.Method(c)),
			slog.String("route", request.Route(c)),
			slog.Int("status", c.Writer.Status()),
			slog.Duration("duration", time.Since(start)),
			slog.String("requestId", request.ID(c)),
		}
		if p, ok := request.Principal(c); ok {
			attrs = append(attrs, slog.String("tenantId", p.TenantID.String()))
		}
		log.LogAttrs(c.Request.Context(), level, "request", attrs...)
	}
}
