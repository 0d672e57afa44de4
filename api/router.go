package api

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/pages"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models/postgres"
)

// requestTime is how long a request may take before its work is called off and it is answered with 503.
const requestTime = 25 * time.Second

// routing is what a router is made of.
type routing struct {
	doc            *validation.Document
	handlers       *handlers
	metrics        *metrics.Metrics
	tracing        trace.TracerProvider // nil where nothing is traced
	who            middleware.Authenticator
	trustedProxies []netip.Prefix
	console        pages.Console // its store, its origin and its intake are those of all routes
}

// newRouter puts the parts together. Which routes there are, and which scope each needs, says the document alone.
func newRouter(with routing) http.Handler {
	doc, store, console, e := with.doc, with.console.Store, with.console, with.console.Errors
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	// A tag's name may contain a slash, as %2F: routes are matched on the path as it was sent. Parameters are unescaped
	// once, as paths are; a '+' stays a '+'.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	r.RedirectTrailingSlash, r.HandleMethodNotAllowed = false, true
	// Which address a client has is for the proxies to say that the operator trusts: where there are none, the connection's.
	_ = r.SetTrustedProxies(postgres.Each(with.trustedProxies, netip.Prefix.String)) // address ranges, which are valid
	r.NoRoute(console.ServeOr(e.UnknownRoute))
	r.NoMethod(e.WrongMethod)

	r.Use(
		middleware.RequestID(),
		middleware.Trace(with.tracing),
		middleware.AccessLog(e.Log),
		with.metrics.Observe(),
		middleware.Recovery(e),
		middleware.Deadline(requestTime),
		validation.ReleaseBody(),
		middleware.BoundQuery(e),
		middleware.TakeTurns,
		middleware.RefuseWrongMethod(doc, e),
		middleware.UnescapeParameters(e),
		middleware.StandardHeaders,
		middleware.CountUse(store, doc),
		middleware.RequireSameOrigin(console.Origin, e),
		middleware.DockCORS(doc),
		middleware.Authenticate(doc, with.who, console.Origin, e),
		middleware.LimitRate(store, doc, with.metrics, e),
		middleware.Authorize(doc, e),
		middleware.WebhooksEnabled(store, e),
		validation.Requests(doc, console.Intake, e),
		middleware.Idempotent(store, doc, e),
	)
	pages.MountDocs(r, doc)
	pages.MountDocks(r)
	console.Mount(r)
	middleware.MountDockPreflight(r, doc)
	contract.RegisterHandlersWithOptions(r,
		contract.NewStrictHandlerWithOptions(with.handlers, []contract.StrictMiddlewareFunc{validation.LeaveAfterBinding},
			contract.StrictGinServerOptions{
				RequestErrorHandlerFunc:  func(c *gin.Context, err error) { e.Respond(c, validation.ExplainDecoding(err)) },
				HandlerErrorFunc:         e.Respond,
				ResponseErrorHandlerFunc: e.Respond,
			}),
		contract.GinServerOptions{
			ErrorHandler: func(c *gin.Context, err error, _ int) { e.Respond(c, validation.ExplainBinding(err)) },
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
