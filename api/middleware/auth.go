package middleware

import (
	"context"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/origin"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dock"
)

// Authenticator finds who a key or a session belongs to.
type Authenticator interface {
	Authenticate(ctx context.Context, plainKey string) (account.Principal, error)
	AuthenticateSession(ctx context.Context, token string) (account.Principal, error)
	// AuthenticateDock does the same for the token of a dock session.
	AuthenticateDock(ctx context.Context, token string) (account.Principal, error)
}

// Credentials is the Authenticator of a store.
type Credentials struct{ Store *models.Store }

// Authenticate implements Authenticator.
func (c Credentials) Authenticate(ctx context.Context, plainKey string) (account.Principal, error) {
	return c.Store.Keys.Authenticate(ctx, plainKey)
}

// AuthenticateSession implements Authenticator.
func (c Credentials) AuthenticateSession(ctx context.Context, token string) (account.Principal, error) {
	return c.Store.SignIns.Authenticate(ctx, token)
}

// AuthenticateDock implements Authenticator.
func (c Credentials) AuthenticateDock(ctx context.Context, token string) (account.Principal, error) {
	return c.Store.Docks.Authenticate(ctx, token)
}

// Authenticate lets a request through to a documented operation if it comes from a valid key, or else an agent who is
// signed in.
func Authenticate(doc *validation.Document, who Authenticator, console origin.Origin, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.Operation(c.Request, c.FullPath())
		if op == nil || op.Public {
			return
		}
		p, err := Identify(c, who, console, op.DockSession)
		if err != nil {
			e.Respond(c, err)
			return
		}
		request.SetPrincipal(c, p)
	}
}

// Authorize lets a request through if who makes it has the scopes which the document asks for. The rate limit comes
// before it: calls that are refused here count.
func Authorize(doc *validation.Document, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.Operation(c.Request, c.FullPath())
		p, known := request.Principal(c)
		if op == nil || !known {
			return
		}
		err := p.Require(op.Scopes...)
		if err == nil && p.Agent == nil {
			err = p.Require(op.KeyScopes...)
		}
		if err != nil {
			e.Respond(c, err)
		}
	}
}

// Identify returns who makes the request: what its Authorization says, or, where there is none, its cookie. A browser adds
// the cookie also where another site's page has the request made; so of a write it has to be known that the console's own
// pages did. Tokens of dock sessions are taken where docks is true. Errors: UNAUTHORIZED, ORIGIN_REFUSED.
func Identify(c *gin.Context, who Authenticator, console origin.Origin, docks bool) (account.Principal, error) {
	ctx := c.Request.Context()
	token := console.Token(c.Request)
	if c.GetHeader("Authorization") != "" || token == "" {
		key := bearer(c.GetHeader("Authorization"))
		if docks && dock.IsToken(key) {
			return who.AuthenticateDock(ctx, key)
		}
		return who.Authenticate(ctx, key)
	}
	if err := console.CheckWrite(c.Request); err != nil {
		return account.Principal{}, err
	}
	return who.AuthenticateSession(ctx, token)
}

// bearer returns the key of an Authorization header (RFC 6750, section 2.1), empty if it has none. The scheme's case does
// not matter (RFC 9110, section 11.1).
func bearer(header string) string {
	scheme, key, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}
