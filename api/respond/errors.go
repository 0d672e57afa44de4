// Package respond has how answers are written: errors, and the parts that many answers share.
package respond

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// statusOfKind is the HTTP status of each kind of problem.
var statusOfKind = map[problem.Kind]int{
	problem.Internal:     http.StatusInternalServerError,
	problem.Invalid:      http.StatusBadRequest,
	problem.Unauthorized: http.StatusUnauthorized,
	problem.Forbidden:    http.StatusForbidden,
	problem.NotFound:     http.StatusNotFound,
	problem.Conflict:     http.StatusConflict,
	problem.Precondition: http.StatusPreconditionFailed,
	problem.Gone:         http.StatusGone,
	problem.TooLarge:     http.StatusRequestEntityTooLarge,
	problem.Limited:      http.StatusTooManyRequests,
	problem.Unavailable:  http.StatusServiceUnavailable,
}

// statusOfCode is the status of the codes that are more particular than their kind.
var statusOfCode = map[string]int{
	problem.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	problem.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	problem.CodeRequestTimeout:       http.StatusRequestTimeout,
}

// envelope is the shape of every error answer.
type envelope struct {
	Error     envelopeError `json:"error"`
	RequestID string        `json:"requestId"`
}

type envelopeError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// Errors answers with errors. It is the one place where an error becomes an HTTP answer.
type Errors struct{ Log *slog.Logger }

// Respond answers the request with err, unless an answer has begun already, and keeps later handlers from running. A call that
// will be run again (idempotency.ErrAlone) gets no answer.
func (e Errors) Respond(c *gin.Context, err error) {
	if errors.Is(err, idempotency.ErrAlone) {
		c.Abort()
		return
	}
	p := asProblem(err)
	if p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		e.report(c, p, err)
	}
	c.Abort()
	if c.Writer.Written() {
		return
	}
	switch p.Kind {
	case problem.Unauthorized: // RFC 9110, section 11.6.1
		c.Header("WWW-Authenticate", `Bearer realm="atender"`)
	case problem.Unavailable, problem.Limited:
		// Other limits than those of time have no Retry-After: waiting does not help.
		seconds, known := p.Details["retryAfter"].(int)
		if !known && (p.Kind == problem.Unavailable || p.Code == problem.CodeRateLimited) {
			seconds, known = 1, true
		}
		if known {
			c.Header("Retry-After", strconv.Itoa(seconds))
		}
	}
	c.JSON(statusOf(p), envelope{
		Error:     envelopeError{Code: p.Code, Message: p.Message, Details: p.Details},
		RequestID: request.ID(c),
	})
}

func (e Errors) report(c *gin.Context, p *problem.Error, err error) {
	level := slog.LevelError
	if p.Kind == problem.Unavailable {
		level = slog.LevelWarn
	}
	e.Log.Log(c.Request.Context(), level, "request failed", "error", err, "code", p.Code,
		"method", request.Method(c), "route", request.Route(c))
}

// asProblem makes of any error one that may be shown. What is not a problem already is internal, and none of its text
// is kept; only that the time was up is said, since trying again is right then.
func asProblem(err error) *problem.Error {
	p, ok := problem.As(err)
	switch {
	case ok && p.Kind != problem.Internal:
		return p
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem.New(problem.Unavailable, problem.CodeUnavailable, "the request took too long; try again")
	}
	// Stores translate what the database says. An error that reached this place untold is no less an outage for it.
	if p, ok := problem.As(postgres.Translate(err)); ok && p.Kind == problem.Unavailable {
		return p
	}
	return problem.New(problem.Internal, problem.CodeInternal,
		"something went wrong on our side; tell us the requestId and we can look it up")
}

func statusOf(p *problem.Error) int {
	if status, ok := statusOfCode[p.Code]; ok {
		return status
	}
	return statusOfKind[p.Kind]
}

// UnknownRoute answers requests for paths that do not exist.
func (e Errors) UnknownRoute(c *gin.Context) {
	e.Respond(c, problem.New(problem.NotFound, problem.CodeNotFound, "there is no such route; the routes are listed at /docs"))
}

// WrongMethod answers requests for paths that exist, with a method they do not have. gin has set Allow.
func (e Errors) WrongMethod(c *gin.Context) {
	e.Respond(c, problem.New(problem.Invalid, problem.CodeMethodNotAllowed,
		"this route does not take %s, only %s", request.Method(c), c.Writer.Header().Get("Allow")))
}
