package account

import (
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// DockAgent is whom a session is opened for.
func (p Principal) DockAgent(named *uuid.UUID) (uuid.UUID, error) {
	if p.Agent == nil {
		if err := p.requireFor(", without which a key can open docks for nobody", scope.DockHost); err != nil {
			return uuid.Nil, err
		}
	}
	switch {
	case p.Agent != nil && named != nil && *named != p.Agent.ID:
		return uuid.Nil, problem.Fields(problem.Field{
			Field: "agentId", Code: "not_applicable", Message: "is for keys: an agent opens docks for himself",
		})
	case p.Agent != nil:
		return p.Agent.ID, nil
	case named == nil:
		return uuid.Nil, problem.Fields(problem.Field{
			Field: "agentId", Code: "required", Message: "is required with a key: the agent who has the dock open",
		})
	}
	return *named, nil
}

// Principal is who a request comes from: a valid key, or an agent who is signed in to the console. Both pass the same
// checks: what an agent may do are the scopes of the role (scope.OfRole).
type Principal struct {
	TenantID    uuid.UUID
	Environment Environment
	Scopes      []string
	CursorKey   []byte // authenticates the cursors of the tenant's lists

	// Of a key.
	KeyID   uuid.UUID
	KeyName string
	Tier    string // one of ratelimit.Tiers
	Limits  ratelimit.Limits

	// Of an agent.
	Agent     *Agent // nil for a key
	Role      Role
	SessionID uuid.UUID

	// DockSessionID is set for the bearer of a dock session's token: an agent's, for that session and nothing else.
	DockSessionID uuid.UUID
}

// Can tells whether the principal has the scope; write implies read.
func (p Principal) Can(need string) bool { return scope.Grants(p.Scopes, need) }

// Require refuses a principal who lacks one of the scopes. Errors: SCOPE_MISSING with details.requiredScope, the first that
// is missing, and details.missingScopes, all of them.
func (p Principal) Require(scopes ...string) error {
	return p.requireFor("", scopes)
}

// MayReceive refuses types of events, or "*" for all, that the principal may neither be shown nor have sent anywhere.
// Errors: SCOPE_MISSING, as Require.
func (p Principal) MayReceive(types ...string) error {
	return p.requireFor(", without which these events can be neither received nor shown", scope.ForEvents(types...))
}

// requireFor is Require with an end of the sentence that says what the scopes are for.
func (p Principal) requireFor(why string, scopes []string) error {
	missing := scope.Missing(p.Scopes, scopes...)
	if len(missing) == 0 {
		return nil
	}
	who, noun := "this key", "scope"
	if p.Agent != nil {
		who = "your role"
	}
	if len(missing) > 1 {
		noun = "scopes"
	}
	return problem.New(problem.Forbidden, problem.CodeScopeMissing, "%s lacks the %s %s%s", who, noun,
		strings.Join(missing, " and "), why).
		With("requiredScope", missing[0]).With("missingScopes", missing)
}

// EventCheck refuses types of events that a caller may not receive (Principal.MayReceive). nil, an operator's, allows all.
type EventCheck func(types ...string) error

// Check refuses types that may not be received; nil refuses none. Errors: those of Principal.MayReceive.
func (c EventCheck) Check(types ...string) error {
	if c == nil {
		return nil
	}
	return c(types...)
}

// ID is the key's id, or the agent's.
func (p Principal) ID() uuid.UUID {
	if p.Agent != nil {
		return p.Agent.ID
	}
	return p.KeyID
}

// Name is the key's name, or the agent's.
func (p Principal) Name() string {
	if p.Agent != nil {
		return p.Agent.Name
	}
	return p.KeyName
}

// Actor is the principal as an actor.
func (p Principal) Actor() wire.Actor {
	if p.Agent != nil {
		return p.Agent.Actor(nil)
	}
	return wire.Actor{Type: wire.ActorAPIKey, ID: &p.KeyID, Name: p.KeyName}
}
