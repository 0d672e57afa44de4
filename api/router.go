package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/postgres"
)

// requestTime is how long a request may take before its work is called off and it is answered with 503.
const requestTime = 25 * time.Second

// newRouter puts the parts together. Which routes there are, and which scope each needs, says the document alone.
func newRouter(doc *document, h *handlers, m *metrics, who authenticator, pages pages) http.Handler {
	e := pages.e
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	// A tag's name may contain a slash, as %2F: routes are matched on the path as it was sent. Parameters are unescaped
	// once, as paths are; a '+' stays a '+'.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	r.RedirectTrailingSlash, r.HandleMethodNotAllowed = false, true
	// Which address a client has, is for the proxies to say that the operator trusts; nobody, if there are none.
	_ = r.SetTrustedProxies(h.trustedProxies) // they are address ranges: configuration has seen to that
	r.NoRoute(pages.serveOr(e.unknownRoute))
	r.NoMethod(e.wrongMethod)

	r.Use(
		requestID(),
		accessLog(e.log),
		m.observe(),
		recovery(e),
		deadline(requestTime),
		releaseBody(),
		boundQuery(e),
		takeTurns,
		unescapeParameters(e),
		standardHeaders,
		countUse(h.store, doc),
		ownPages(h.site, e),
		dockCORS(doc),
		authenticate(doc, who, h.site, e),
		limitRate(h.store, doc, m, e),
		authorize(doc, e),
		webhooksEnabled(h.store, e),
		validate(doc, h.intake, e),
		idempotent(h.store, doc, e),
	)
	mountDocs(r, doc)
	mountDocks(r)
	pages.mount(r)
	mountDockPreflight(r, doc)
	contract.RegisterHandlersWithOptions(r,
		contract.NewStrictHandlerWithOptions(h, []contract.StrictMiddlewareFunc{leaveAfterBinding},
			contract.StrictGinServerOptions{
				RequestErrorHandlerFunc:  func(c *gin.Context, err error) { e.respond(c, explainDecoding(err)) },
				HandlerErrorFunc:         e.respond,
				ResponseErrorHandlerFunc: e.respond,
			}),
		contract.GinServerOptions{
			ErrorHandler: func(c *gin.Context, err error, _ int) { e.respond(c, explainBinding(err)) },
		})
	return alias(r)
}

// alias makes /api/v1/… the same routes as /v1/…, and answers HEAD as GET (RFC 9110, section 9.3.2): net/http, which still
// sees the request as it came, leaves out the body.
func alias(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := r.URL
		prefixed := strings.HasPrefix(u.Path, "/api/v1/") && (u.RawPath == "" || strings.HasPrefix(u.RawPath, "/api/v1/"))
		if prefixed || r.Method == http.MethodHead {
			copied, url := *r, *u
			if prefixed {
				url.Path, url.RawPath = strings.TrimPrefix(u.Path, "/api"), strings.TrimPrefix(u.RawPath, "/api")
			}
			if r.Method == http.MethodHead {
				copied.Method = http.MethodGet
			}
			copied.URL = &url
			r = &copied
		}
		next.ServeHTTP(w, r)
	})
}

// deadline calls the work for a request off when it takes too long: a database that hangs must not pile up requests.
func deadline(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.FullPath() == eventsPath { // which has no end of its own
			return
		}
		work := &workTime{connection: c.Request.Context(), d: d}
		ctx, cancel := context.WithTimeout(work.connection, d)
		work.cancel = cancel
		defer func() { work.cancel() }()
		c.Set(workTimeKey, work)
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

const workTimeKey = "workTime"

// workTime is the time that the work for a request may take.
type workTime struct {
	connection context.Context //nolint:containedctx // the request's, as it was before
	d          time.Duration
	cancel     func()
}

// restartDeadline gives the work for a request its whole time again: what a slow client took to send a body is none of it.
func restartDeadline(c *gin.Context) {
	v, ok := c.Get(workTimeKey)
	if !ok {
		return
	}
	work := v.(*workTime)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), work.d)
	stop := context.AfterFunc(work.connection, cancel) // the client hangs up
	earlier := work.cancel
	work.cancel = func() { stop(); cancel(); earlier() }
	c.Request = c.Request.WithContext(ctx)
}

// takeTurns makes what a request does with the store take its turn with the other calls of its tenant, which
// authentication tells (models.SetTenant).
func takeTurns(c *gin.Context) {
	c.Request = c.Request.WithContext(postgres.WithCaller(c.Request.Context(), c.ClientIP()))
}

// standardHeaders keeps browsers from guessing types and shared caches from keeping customers' data. A client's own
// cache may ask with If-None-Match.
func standardHeaders(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(c.FullPath(), "/v1/") || strings.HasPrefix(c.FullPath(), "/console/") {
		c.Header("Cache-Control", "private, no-cache")
	}
}
