package middleware

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/traced"
)

// Trace makes a span of each call of the API; of probes, pages and what has no route it makes none. It goes
// on from the caller's span, if a valid traceparent names one, and nothing else of the caller's gets in: no
// tracestate, no baggage. Of the path the span has the pattern and the conversation's id, and nothing of the
// query and the body. A nil provider traces nothing.
func Trace(provider trace.TracerProvider) gin.HandlerFunc {
	if provider == nil {
		return func(*gin.Context) {}
	}
	tracer := provider.Tracer(traced.Scope)
	return func(c *gin.Context) {
		if !strings.HasPrefix(c.FullPath(), "/v1/") {
			return
		}
		ctx, span := tracer.Start(
			callersSpan(c),
			request.Method(c)+" "+request.Route(c),
			trace.WithSpanKind(trace.SpanKindServer),
		)
		defer span.End()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		if span.IsRecording() {
			describe(span, c)
		}
	}
}

// callersSpan is the request's context with the span that its caller says it comes from. Two headers are
// none, as one that is not valid.
func callersSpan(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	if named := c.Request.Header.Values(traced.Header); len(named) == 1 {
		return traced.Within(ctx, named[0])
	}
	return ctx
}

// describe gives the span what is known of the request when it has been answered. The conversation of one
// that names it by another way than its path is noted by the write itself.
func describe(span trace.Span, c *gin.Context) {
	status := c.Writer.Status()
	span.SetAttributes(
		traced.Method.String(
			request.Method(c),
		),
		traced.Route.String(request.Route(c)),
		traced.StatusCode.Int(status),
		traced.RequestID.String(request.ID(c)),
	)
	if p, known := request.Principal(c); known {
		span.SetAttributes(traced.UUID(traced.TenantID, p.TenantID))
	}
	if id, known := conversationOf(c); known {
		span.SetAttributes(traced.UUID(traced.ConversationID, id))
	}
	if status >= http.StatusInternalServerError {
		traced.Failed(span, strconv.Itoa(status))
	}
}
