// Package people has the operations that the OpenAPI document tags Contacts, Tags, Teams and Agents.
package people

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/scope"
)

// Handlers are the operations about contacts, their tags, teams and agents.
type Handlers struct{ store *models.Store }

// New makes them, on a store.
func New(store *models.Store) *Handlers { return &Handlers{store} }

// ListAgents implements GET /v1/agents.
func (h *Handlers) ListAgents(ctx context.Context, r contract.ListAgentsRequestObject) (
	contract.ListAgentsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Accounts.Agents(
		ctx,
		p.TenantID,
		postgres.Deref(r.Params.Email),
		request.Page(ctx, r.Params.Limit, r.Params.Cursor),
	)
	if err != nil {
		return nil, err
	}
	return contract.ListAgents200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateAgent implements POST /v1/agents.
func (h *Handlers) CreateAgent(ctx context.Context, r contract.CreateAgentRequestObject) (
	contract.CreateAgentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	role := account.Role(r.Body.Role)
	if err := mayGrant(p)(role); err != nil {
		return nil, err
	}
	made, err := h.store.Accounts.CreateAgent(
		ctx,
		p.TenantID,
		account.NewAgent{Name: r.Body.Name, Email: r.Body.Email, Role: role},
	)
	if err != nil {
		return nil, err
	}
	agent, err := h.store.Accounts.Agent(ctx, p.TenantID, made.ID)
	if err != nil {
		return nil, err
	}
	location := "/v1/agents/" + agent.ID.String()
	return contract.CreateAgent201JSONResponse{
		Body: agent, Headers: contract.CreateAgent201ResponseHeaders{Location: &location},
	}, nil
}

// GetAgent implements GET /v1/agents/{id}.
func (h *Handlers) GetAgent(ctx context.Context, r contract.GetAgentRequestObject) (
	contract.GetAgentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	agent, err := h.store.Accounts.Agent(ctx, p.TenantID, r.ID)
	return contract.GetAgent200JSONResponse(agent), err
}

// UpdateAgent implements PATCH /v1/agents/{id}.
func (h *Handlers) UpdateAgent(ctx context.Context, r contract.UpdateAgentRequestObject) (
	contract.UpdateAgentResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	agent, err := h.store.Accounts.UpdateAgent(ctx, p.TenantID, r.ID, account.AgentUpdate{
		Name: r.Body.Name, Role: (*account.Role)(r.Body.Role), IsActive: r.Body.IsActive, MayGrant: mayGrant(p),
	})
	return contract.UpdateAgent200JSONResponse(agent), err
}

// mayGrant refuses roles that may do more than the caller: otherwise who may only write users could make themselves owner,
// or take an owner's place away.
func mayGrant(p account.Principal) func(account.Role) error {
	return func(role account.Role) error { return p.Require(scope.OfRole(string(role))...) }
}
