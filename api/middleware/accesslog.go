package middleware

import (
	"log/slog"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/atender/atender/api/request"
)

// AccessLog writes a line for each request, with what its context has learnt: the request's id, who called, the conversation.
// Of the path it shows only the pattern and the conversation's id, and nothing of the query and the body: both can carry
// personal data. Probes are logged at debug level, since they come all the time.
func AccessLog(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		level := slog.LevelInfo
		switch c.FullPath() {
		case "/healthz", "/readyz":
			level = slog.LevelDebug
		}
		ctx := c.Request.Context()
		if !log.Enabled(ctx, level) {
			return
		}
		if id, known := conversationOf(c); known {
			request.SetConversation(ctx, id)
		}
		log.LogAttrs(ctx, level, "request",
			slog.String("method", request.Method(c)),
			slog.String("route", request.Route(c)),
			slog.Int("status", c.Writer.Status()),
			slog.Duration("duration", time.Since(start)),
		)
	}
}

// conversationsPath begins the paths of all that is done with one conversation.
const conversationsPath = "/v1/conversations/"

// conversationOf is the conversation that a request names in its path, or that its answer says was made.
func conversationOf(c *gin.Context) (uuid.UUID, bool) {
	text := ""
	if strings.HasPrefix(c.FullPath(), conversationsPath+":id") {
		text = c.Param("id")
	} else {
		text, _ = strings.CutPrefix(c.Writer.Header().Get("Location"), conversationsPath)
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}
