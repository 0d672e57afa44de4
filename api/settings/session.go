package settings

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
)

// SignIn implements POST /console/session.
func (h *Handlers) SignIn(ctx context.Context, r contract.SignInRequestObject) (contract.SignInResponseObject, error) {
	c := ctx.(*gin.Context)
	ctx, _ = request.Caller(ctx)
	in, err := h.store.SignIns.SignIn(ctx, account.SignIn{
		Email: r.Body.Email, Password: r.Body.Password, Tenant: r.Body.Tenant, Address: c.ClientIP(),
	})
	if err != nil {
		return nil, err
	}
	h.origin.EndEarlier(ctx, h.store.SignIns, c.Request)
	body, err := h.store.SignIns.SessionWire(ctx, in.Agent, h.version, h.workflowsURL)
	return contract.SignIn201JSONResponse{
		Body: body, Headers: contract.SignIn201ResponseHeaders{SetCookie: h.origin.Cookie(c.Request, in.Token)},
	}, err
}

// GetSession implements GET /console/session.
func (h *Handlers) GetSession(ctx context.Context, _ contract.GetSessionRequestObject) (
	contract.GetSessionResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	if p.Agent == nil {
		return nil, request.ErrAgentRequired
	}
	body, err := h.store.SignIns.SessionWire(ctx, *p.Agent, h.version, h.workflowsURL)
	return contract.GetSession200JSONResponse(body), err
}

// SignOut implements DELETE /console/session.
func (h *Handlers) SignOut(ctx context.Context, _ contract.SignOutRequestObject) (
	contract.SignOutResponseObject, error,
) {
	c := ctx.(*gin.Context)
	ctx, p := request.Caller(ctx)
	if p.Agent == nil {
		return nil, request.ErrAgentRequired
	}
	return contract.SignOut204Response{
		Headers: contract.SignOut204ResponseHeaders{SetCookie: h.origin.Cookie(c.Request, "")},
	}, h.store.SignIns.End(ctx, p)
}

// ChangePassword implements PUT /console/password.
func (h *Handlers) ChangePassword(ctx context.Context, r contract.ChangePasswordRequestObject) (
	contract.ChangePasswordResponseObject, error,
) {
	c := ctx.(*gin.Context)
	ctx, p := request.Caller(ctx)
	if p.Agent == nil {
		return nil, request.ErrAgentRequired
	}
	in, err := h.store.SignIns.ChangePassword(ctx, p, postgres.Deref(r.Body.CurrentPassword), r.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	return contract.ChangePassword204Response{
		Headers: contract.ChangePassword204ResponseHeaders{SetCookie: h.origin.Cookie(c.Request, in.Token)},
	}, nil
}
