// Package pages has the routes that are no JSON: the console's files and forms, its stream of events, the pages about the
// API and for authors of docks, and the scripts that docks load.
package pages

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
	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/origin"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/safehtml"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

// FrameOrigins returns the origins that a tenant's docks may be framed from.
type FrameOrigins func(ctx context.Context, tenantID uuid.UUID) ([]string, error)

// Console are the console's own routes that are not in the document.
type Console struct {
	Store   *models.Store
	Origin  origin.Origin
	Intake  *intake.Intake // of forms
	Files   *console.Files
	Frames  FrameOrigins
	Closing <-chan struct{} // closed when the server stops
	Errors  respond.Errors
}

const (
	tokenField  = "token"
	otherOrigin = "It was opened from another page. Open it in a tab of its own."
)

// Mount adds the routes, the front end's files aside: see ServeOr.
func (p Console) Mount(r gin.IRouter) {
	r.GET(console.SignInPath, p.showSignIn)
	r.POST(console.SignInPath, p.signIn)
	r.GET(console.EventsPath, p.events)
	r.POST(console.PreviewPath, p.preview)
}

// ServeOr serves the console's files, and leaves what is none of them to next.
func (p Console) ServeOr(next gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.Request.URL.Path
		if c.Request.Method != http.MethodGet || path != console.Path && !strings.HasPrefix(path, console.Path+"/") {
			next(c)
			return
		}
		c.Status(http.StatusOK) // gin has set 404, since it knows no such route
		if !p.Files.Serve(c.Writer, c.Request, func() []string { return p.frameOrigins(c) }) {
			c.Status(http.StatusNotFound)
			next(c)
			return
		}
		request.SetRoute(c, console.FilesRoute)
		c.Abort()
	}
}

// frameOrigins are those of the tenant that the browser is signed in to; none if it is not, or they cannot be read.
func (p Console) frameOrigins(c *gin.Context) []string {
	ctx := c.Request.Context()
	who, err := p.Store.SignIns.Authenticate(ctx, p.Origin.Token(c.Request))
	if err != nil {
		return nil
	}
	origins, err := p.Frames(ctx, who.TenantID)
	if err != nil {
		p.Errors.Log.WarnContext(ctx, "the console is shown without docks", "error", err, "tenantId", who.TenantID)
	}
	return origins
}

// showSignIn shows what a sign-in link opens: a page with a button.
func (p Console) showSignIn(c *gin.Context) {
	if err := console.SignInPage(c.Writer, http.StatusOK, c.Query(tokenField), ""); err != nil {
		p.Errors.Respond(c, err)
	}
}

// signIn is that button: it uses the link up and goes to the console. The form has to come from the page, or else others
// could sign a browser in to an account of theirs.
func (p Console) signIn(c *gin.Context) {
	if err := p.Origin.CheckOrigin(c.Request); err != nil {
		p.refuse(c, http.StatusForbidden, otherOrigin)
		return
	}
	form, err := p.form(c, validation.MaxPublicBody)
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	in, err := p.Store.SignIns.SignInByLink(c.Request.Context(), form.Get(tokenField))
	if known, ok := problem.As(err); ok && known.Kind == problem.Unauthorized {
		p.refuse(c, http.StatusUnauthorized, "It has been used, or has run out. Ask for another one.")
		return
	}
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	p.Origin.EndEarlier(c.Request.Context(), p.Store.SignIns, c.Request)
	c.Header("Set-Cookie", *p.Origin.Cookie(c.Request, in.Token))
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, console.Path)
}

func (p Console) refuse(c *gin.Context, status int, why string) {
	if err := console.SignInPage(c.Writer, status, "", why); err != nil {
		p.Errors.Respond(c, err)
	}
}

// preview shows HTML that a dock would send as it is shown when it has been sent: cleaned, in a frame of the console. It
// comes as a form, since what a frame shows has to be the answer to its own request: `html`, and `images=1` to load images
// from elsewhere. Nothing is stored.
func (p Console) preview(c *gin.Context) {
	who, err := p.agent(c)
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	request.SetPrincipal(c, who)
	form, err := p.form(c, validation.MaxBody)
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	images := safehtml.Images(form.Get("images") == string(contract.AllImages))
	page := safehtml.NewAnswer(form.Get("html"), images)
	validation.BodyOf(c).Leave()
	if err := page.Write(c.Writer); err != nil {
		p.Errors.Respond(c, err)
	}
}

// maxFormFields is how many fields a form of the console may have; the largest has two.
const maxFormFields = 10

// form receives and reads a form (application/x-www-form-urlencoded). A large one has entered, and must leave.
// Errors: those of validation.ReceiveBody, UNSUPPORTED_MEDIA_TYPE, VALIDATION_FAILED.
func (p Console) form(c *gin.Context, limit int64) (url.Values, error) {
	if c.ContentType() != gin.MIMEPOSTForm {
		return nil, problem.New(problem.Invalid, problem.CodeUnsupportedMediaType, "send a form, as %s", gin.MIMEPOSTForm)
	}
	body, err := validation.ReceiveBody(c, p.Intake, limit)
	if err != nil {
		return nil, err
	}
	if bytes.Count(body.Bytes, []byte("&")) >= maxFormFields {
		return nil, validation.BadBody("too_many", fmt.Sprintf("must have at most %d fields", maxFormFields))
	}
	if err := body.Enter(c.Request.Context(), false); err != nil {
		return nil, validation.ExplainIntake(err, limit)
	}
	form, err := url.ParseQuery(string(body.Bytes))
	body.Drop()
	if err != nil {
		body.Leave()
		return nil, validation.BadBody("malformed", "the form is not validly percent-encoded")
	}
	return form, nil
}

// agent is who is signed in and may read conversations. A form does not come as JSON, which is what keeps other origins
// from writing; it has to come from the console's own pages all the same.
// Errors: UNAUTHORIZED, AGENT_REQUIRED, SCOPE_MISSING, ORIGIN_REFUSED.
func (p Console) agent(c *gin.Context) (account.Principal, error) {
	if err := p.Origin.CheckOrigin(c.Request); err != nil {
		return account.Principal{}, err
	}
	who, err := p.Store.SignIns.Authenticate(c.Request.Context(), p.Origin.Token(c.Request))
	if err == nil {
		err = who.Require("conversations:read")
	}
	return who, err
}
