package api

import (
	"context"
	"strings"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dock"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/models"
)

const principalKey = "principal"

// authenticator finds who a key or a session belongs to.
type authenticator interface {
	Authenticate(ctx context.Context, plainKey string) (account.Principal, error)
	AuthenticateSession(ctx context.Context, token string) (account.Principal, error)
	// AuthenticateDock does the same for the token of a dock session.
	AuthenticateDock(ctx context.Context, token string) (account.Principal, error)
}

// credentials is the authenticator of a store.
type credentials struct{ store *models.Store }

// Authenticate implements authenticator.
func (c credentials) Authenticate(ctx context.Context, plainKey string) (account.Principal, error) {
	return c.store.Keys.Authenticate(ctx, plainKey)
}

// AuthenticateSession implements authenticator.
func (c credentials) AuthenticateSession(ctx context.Context, token string) (account.Principal, error) {
	return c.store.SignIns.Authenticate(ctx, token)
}

// AuthenticateDock implements authenticator.
func (c credentials) AuthenticateDock(ctx context.Context, token string) (account.Principal, error) {
	return c.store.Docks.Authenticate(ctx, token)
}

// authenticate lets a request through to a documented operation if it comes from a valid key, or else an agent who is
// signed in.
func authenticate(doc *document, who authenticator, site site, e errorResponder) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.operationOf(c.Request, c.FullPath())
		if op == nil || op.public {
			return
		}
		p, err := identify(c, who, site, op)
		if err != nil {
			e.respond(c, err)
			return
		}
		c.Set(principalKey, p)
	}
}

// authorize lets a request through if who makes it has the scopes which the document asks for. The rate limit comes
// before it: calls that are refused here count.
func authorize(doc *document, e errorResponder) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.operationOf(c.Request, c.FullPath())
		p, known := principalOf(c)
		if op == nil || !known {
			return
		}
		err := p.Require(op.scopes...)
		if err == nil && p.Agent == nil {
			err = p.Require(op.keyScopes...)
		}
		if err != nil {
			e.respond(c, err)
		}
	}
}

// identify returns who makes the request: what its Authorization says, or, where there is none, its cookie. A browser adds
// the cookie whoever had the request made; so of a write it has to be known that the console's own pages did.
func identify(c *gin.Context, who authenticator, site site, op *operation) (account.Principal, error) {
	ctx := c.Request.Context()
	token := site.token(c.Request)
	if c.GetHeader("Authorization") != "" || token == "" {
		key := bearer(c.GetHeader("Authorization"))
		if op.dockSession && dock.IsToken(key) {
			return who.AuthenticateDock(ctx, key)
		}
		return who.Authenticate(ctx, key)
	}
	if err := site.checkWrite(c.Request); err != nil {
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

func principalOf(c *gin.Context) (account.Principal, bool) {
	v, ok := c.Get(principalKey)
	if !ok {
		return account.Principal{}, false
	}
	p, ok := v.(account.Principal)
	return p, ok
}

// caller returns who makes the request, and the request's own context. Handlers get gin's context from the generated
// code; it must not reach the store, since gin uses it again for another request while a goroutine of a transaction may
// still be looking at it.
func caller(ctx context.Context) (context.Context, account.Principal) {
	c := ctx.(*gin.Context)
	p, _ := principalOf(c)
	return c.Request.Context(), p
}
