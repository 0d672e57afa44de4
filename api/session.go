package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

// ownPages refuses writes to the console's own routes that its pages have not made, signed in or not: nobody shall sign a
// browser in to an account that is not its user's.
func ownPages(site site, e errorResponder) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.FullPath()
		if !strings.HasPrefix(path, "/console/") || path == signInPath || path == previewPath { // which are forms: see there
			return
		}
		if err := site.checkWrite(c.Request); err != nil {
			e.respond(c, err)
		}
	}
}

var errAgentRequired = problem.New(problem.Forbidden, problem.CodeAgentRequired,
	"this is for agents who are signed in to the console, not for API keys")

// SignIn implements POST /console/session.
func (h *handlers) SignIn(ctx context.Context, r contract.SignInRequestObject) (contract.SignInResponseObject, error) {
	c := ctx.(*gin.Context)
	ctx, _ = caller(ctx)
	in, err := h.store.SignIns.SignIn(ctx, account.SignIn{
		Email: r.Body.Email, Password: r.Body.Password, Tenant: r.Body.Tenant, Address: c.ClientIP(),
	})
	if err != nil {
		return nil, err
	}
	h.endEarlier(ctx, c.Request)
	body, err := h.store.SignIns.SessionWire(ctx, in.Agent, h.version, h.workflowsURL)
	return contract.SignIn201JSONResponse{
		Body: body, Headers: contract.SignIn201ResponseHeaders{SetCookie: h.site.cookie(c.Request, in.Token)},
	}, err
}

// endEarlier ends the session that a browser had before it signed in anew.
func (h *handlers) endEarlier(ctx context.Context, r *http.Request) {
	if p, err := h.store.SignIns.Authenticate(ctx, h.site.token(r)); err == nil {
		_ = h.store.SignIns.End(ctx, p) // it ends by itself, only later
	}
}

// GetSession implements GET /console/session.
func (h *handlers) GetSession(ctx context.Context, _ contract.GetSessionRequestObject) (
	contract.GetSessionResponseObject, error,
) {
	ctx, p := caller(ctx)
	if p.Agent == nil {
		return nil, errAgentRequired
	}
	body, err := h.store.SignIns.SessionWire(ctx, *p.Agent, h.version, h.workflowsURL)
	return contract.GetSession200JSONResponse(body), err
}

// SignOut implements DELETE /console/session.
func (h *handlers) SignOut(ctx context.Context, _ contract.SignOutRequestObject) (contract.SignOutResponseObject, error) {
	c := ctx.(*gin.Context)
	ctx, p := caller(ctx)
	if p.Agent == nil {
		return nil, errAgentRequired
	}
	return contract.SignOut204Response{
		Headers: contract.SignOut204ResponseHeaders{SetCookie: h.site.cookie(c.Request, "")},
	}, h.store.SignIns.End(ctx, p)
}

// ChangePassword implements PUT /console/password.
func (h *handlers) ChangePassword(ctx context.Context, r contract.ChangePasswordRequestObject) (
	contract.ChangePasswordResponseObject, error,
) {
	c := ctx.(*gin.Context)
	ctx, p := caller(ctx)
	if p.Agent == nil {
		return nil, errAgentRequired
	}
	in, err := h.store.SignIns.ChangePassword(ctx, p, value(r.Body.CurrentPassword), r.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	return contract.ChangePassword204Response{
		Headers: contract.ChangePassword204ResponseHeaders{SetCookie: h.site.cookie(c.Request, in.Token)},
	}, nil
}
