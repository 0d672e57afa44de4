package models

import (
	"github.com/google/uuid"

	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// Principal is who a request comes from: a valid key, or an agent who is signed in to the console. Both pass the same
// checks: what an agent may do are the scopes of the role (scope.OfRole).
type Principal struct {
	TenantID    uuid.UUID
	Environment Environment
	Scopes      []string

	// Of a key.
	KeyID   uuid.UUID
	KeyName string
	Limits  ratelimit.Limits

	// Of an agent.
	Agent     *Agent // nil for a key
	Role      Role
	SessionID uuid.UUID

	// DockSessionID is set for whoever holds the token of a dock session: an agent's, for that session and nothing else.
	DockSessionID uuid.UUID
}

// Can tells whether the principal has the scope; write implies read.
func (p Principal) Can(need string) bool { return scope.Grants(p.Scopes, need) }

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
