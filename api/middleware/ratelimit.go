package middleware

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
)

// The headers that tell a caller of its limit, on every answer to a call that is counted.
const (
	rateLimitHeader     = "X-RateLimit-Limit"
	rateRemainingHeader = "X-RateLimit-Remaining"
	rateResetHeader     = "X-RateLimit-Reset"
)

// LimitRate counts the calls of each key and session to /v1, refused ones (403, 404 and the like) included, and
// answers 429 when there are too many (P11). It comes right after authentication, so that every later answer has
// the headers. Keys without limits pass untouched. The console's pages and its stream of events are not in the
// document, and not counted.
func LimitRate(store *models.Store, doc *validation.Document, m *metrics.Metrics, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.Operation(c.Request, c.FullPath())
		p, known := request.Principal(c)
		if op == nil || !known || !strings.HasPrefix(c.FullPath(), "/v1/") {
			return
		}
		subject := p.RateSubject(op.DockSession && c.Request.Method == http.MethodPost)
		if subject.Limits.Unlimited() {
			return
		}
		state, err := store.Limiter.Limit(c.Request.Context(), subject)
		setRateHeaders(c, state)
		if err != nil {
			if refused, ok := errors.AsType[*problem.Error](err); ok && refused.Kind == problem.Limited {
				m.CountLimited(c, state.Window)
			}
			e.Respond(c, err)
		}
	}
}

func setRateHeaders(c *gin.Context, state ratelimit.State) {
	c.Header(rateLimitHeader, strconv.Itoa(state.Limit))
	c.Header(rateRemainingHeader, strconv.Itoa(state.Remaining))
	c.Header(rateResetHeader, strconv.FormatInt(state.Reset.Add(time.Second-time.Nanosecond).Unix(), 10))
}
