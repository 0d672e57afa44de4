package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/safehtml"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

// FrameOrigins returns the origins that a tenant's docks may be framed from.
type FrameOrigins func(ctx context.Context, tenantID uuid.UUID) ([]string, error)

// pages are the console's own routes that are no JSON.
type pages struct {
	handlers *handlers
	files    *console.Files
	frames   FrameOrigins
	closing  <-chan struct{} // closed when the server stops
	e        errorResponder
}

const (
	signInPath  = console.Path + "/sign-in"
	previewPath = console.Path + "/preview"
	tokenField  = "token"
	otherOrigin = "It was opened from another page. Open it in a tab of its own."
)

func (p pages) mount(r gin.IRouter) {
	r.GET(signInPath, p.showSignIn)
	r.POST(signInPath, p.signIn)
	r.GET(eventsPath, p.events)
	r.POST(previewPath, p.preview)
}

// consoleRoute is what the log and the metrics call the console's files.
const consoleRoute = console.Path + "/*"

// serveOr serves the console's files, and leaves what is none of them to next.
func (p pages) serveOr(next gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.Request.URL.Path
		if c.Request.Method != http.MethodGet || path != console.Path && !strings.HasPrefix(path, console.Path+"/") {
			next(c)
			return
		}
		c.Status(http.StatusOK) // gin has set 404, since it knows no such route
		if !p.files.Serve(c.Writer, c.Request, func() []string { return p.frameOrigins(c) }) {
			c.Status(http.StatusNotFound)
			next(c)
			return
		}
		c.Set(consoleRoute, true)
		c.Abort()
	}
}

// frameOrigins are those of the tenant that the browser is signed in to; none if it is not, or nobody can say.
func (p pages) frameOrigins(c *gin.Context) []string {
	ctx := c.Request.Context()
	who, err := p.handlers.store.SignIns.Authenticate(ctx, p.handlers.site.token(c.Request))
	if err != nil {
		return nil
	}
	origins, err := p.frames(ctx, who.TenantID)
	if err != nil {
		p.e.log.WarnContext(ctx, "the console is shown without docks", "error", err, "tenantId", who.TenantID)
	}
	return origins
}

// showSignIn shows what a sign-in link opens: a page with a button.
func (p pages) showSignIn(c *gin.Context) {
	if err := console.SignInPage(c.Writer, http.StatusOK, c.Query(tokenField), ""); err != nil {
		p.e.respond(c, err)
	}
}

// signIn is that button: it uses the link up and goes to the console. The form has to come from the page, or else others
// could sign a browser in to an account of theirs.
func (p pages) signIn(c *gin.Context) {
	h := p.handlers
	if err := h.site.checkOrigin(c.Request); err != nil {
		p.refuse(c, http.StatusForbidden, otherOrigin)
		return
	}
	form, err := p.form(c, maxPublicBody)
	if err != nil {
		p.e.respond(c, err)
		return
	}
	in, err := h.store.SignIns.SignInByLink(c.Request.Context(), form.Get(tokenField))
	if known, ok := problem.As(err); ok && known.Kind == problem.Unauthorized {
		p.refuse(c, http.StatusUnauthorized, "It has been used, or has run out. Ask for another one.")
		return
	}
	if err != nil {
		p.e.respond(c, err)
		return
	}
	h.endEarlier(c.Request.Context(), c.Request)
	c.Header("Set-Cookie", *h.site.cookie(c.Request, in.Token))
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, console.Path)
}

func (p pages) refuse(c *gin.Context, status int, why string) {
	if err := console.SignInPage(c.Writer, status, "", why); err != nil {
		p.e.respond(c, err)
	}
}

// preview shows HTML that a dock would send as it is shown when it has been sent: cleaned, in a frame of the console. It
// comes as a form, since what a frame shows has to be the answer to its own request: `html`, and `images=1` to load images
// from elsewhere. Nothing is stored.
func (p pages) preview(c *gin.Context) {
	who, err := p.agent(c)
	if err != nil {
		p.e.respond(c, err)
		return
	}
	c.Set(principalKey, who)
	form, err := p.form(c, maxBody)
	if err != nil {
		p.e.respond(c, err)
		return
	}
	images := safehtml.Images(form.Get("images") == string(contract.AllImages))
	page := messagePage{safehtml.Page(form.Get("html"), images), safehtml.Policy(images)}
	bodyOf(c).Leave()
	if err := page.VisitGetMessageHTMLResponse(c.Writer); err != nil {
		p.e.respond(c, err)
	}
}

// maxFormFields is how many fields a form of the console may have; the largest has two.
const maxFormFields = 10

// form receives and reads a form (application/x-www-form-urlencoded). A large one has entered, and must leave.
// Errors: those of receiveBody, UNSUPPORTED_MEDIA_TYPE, VALIDATION_FAILED.
func (p pages) form(c *gin.Context, limit int64) (url.Values, error) {
	if c.ContentType() != gin.MIMEPOSTForm {
		return nil, problem.New(problem.Invalid, problem.CodeUnsupportedMediaType, "send a form, as %s", gin.MIMEPOSTForm)
	}
	body, err := receiveBody(c, p.handlers.intake, limit)
	if err != nil {
		return nil, err
	}
	if bytes.Count(body.Bytes, []byte("&")) >= maxFormFields {
		return nil, badBody("too_many", fmt.Sprintf("must have at most %d fields", maxFormFields))
	}
	if err := body.Enter(c.Request.Context(), false); err != nil {
		return nil, explainIntake(err, limit)
	}
	form, err := url.ParseQuery(string(body.Bytes))
	body.Drop()
	if err != nil {
		body.Leave()
		return nil, badBody("malformed", "the form is not validly percent-encoded")
	}
	return form, nil
}

// agent is who is signed in and may read conversations. A form does not come as JSON, which is what keeps other origins
// from writing; it has to come from the console's own pages all the same.
// Errors: UNAUTHORIZED, AGENT_REQUIRED, SCOPE_MISSING, ORIGIN_REFUSED.
func (p pages) agent(c *gin.Context) (account.Principal, error) {
	h := p.handlers
	if err := h.site.checkOrigin(c.Request); err != nil {
		return account.Principal{}, err
	}
	who, err := h.store.SignIns.Authenticate(c.Request.Context(), h.site.token(c.Request))
	if err == nil {
		err = who.Require("conversations:read")
	}
	return who, err
}
