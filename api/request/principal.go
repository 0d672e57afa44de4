package request

import (
	"context"
	"log/slog"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// ErrAgentRequired refuses keys where only an agent makes sense.
var ErrAgentRequired = problem.New(problem.Forbidden, problem.CodeAgentRequired,
	"this is for agents who are signed in to the console, not for API keys")

// SetPrincipal notes who makes the request, also for the lines of the log.
func SetPrincipal(c *gin.Context, p account.Principal) {
	c.Set(principalKey, p)
	who := slog.String(logging.KeyID, p.KeyID.String())
	if p.Agent != nil {
		who = slog.String(logging.AgentID, p.Agent.ID.String())
	}
	logging.Add(c.Request.Context(), slog.String(logging.TenantID, p.TenantID.String()), who)
}

// SetConversation says which conversation a call is about, for the lines of the log. ctx is the request's own.
func SetConversation(ctx context.Context, id uuid.UUID) {
	logging.Add(ctx, slog.String(logging.ConversationID, id.String()))
}

// listKey is where a context of Caller has the list that the request reads, if it reads one.
type listKey struct{}

// Principal is who makes the request; false where that is not known, or not yet.
func Principal(c *gin.Context) (account.Principal, bool) {
	v, ok := c.Get(principalKey)
	if !ok {
		return account.Principal{}, false
	}
	p, ok := v.(account.Principal)
	return p, ok
}

// Caller returns who makes the request, and the request's own context. Handlers get gin's context from the generated
// code; it must not reach the store, since gin uses it again for another request while a goroutine of a transaction may
// still be looking at it.
func Caller(ctx context.Context) (context.Context, account.Principal) {
	c := ctx.(*gin.Context)
	p, _ := Principal(c)
	list := postgres.CursorList{Key: p.CursorKey, Name: c.FullPath()}
	return context.WithValue(c.Request.Context(), listKey{}, list), p
}
