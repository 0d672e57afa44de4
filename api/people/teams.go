package people

import (
	"context"

	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
)

// ListTeams implements GET /v1/teams.
func (h *Handlers) ListTeams(ctx context.Context, r contract.ListTeamsRequestObject) (
	contract.ListTeamsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Accounts.Teams(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListTeams200JSONResponse{Data: respond.List(found), NextCursor: respond.Next(cursor)}, nil
}

// CreateTeam implements POST /v1/teams.
func (h *Handlers) CreateTeam(ctx context.Context, r contract.CreateTeamRequestObject) (
	contract.CreateTeamResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	made, err := h.store.Accounts.CreateTeam(ctx, p.TenantID, account.NewTeam{
		Name: r.Body.Name, Description: postgres.Deref(r.Body.Description), MemberIDs: r.Body.MemberIds,
	})
	if err != nil {
		return nil, err
	}
	team, err := h.store.Accounts.Team(ctx, p.TenantID, made.ID)
	if err != nil {
		return nil, err
	}
	location := "/v1/teams/" + team.ID.String()
	return contract.CreateTeam201JSONResponse{
		Body: team, Headers: contract.CreateTeam201ResponseHeaders{Location: &location},
	}, nil
}

// GetTeam implements GET /v1/teams/{id}.
func (h *Handlers) GetTeam(ctx context.Context, r contract.GetTeamRequestObject) (
	contract.GetTeamResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	team, err := h.store.Accounts.Team(ctx, p.TenantID, r.ID)
	return contract.GetTeam200JSONResponse(team), err
}

// UpdateTeam implements PATCH /v1/teams/{id}.
func (h *Handlers) UpdateTeam(ctx context.Context, r contract.UpdateTeamRequestObject) (
	contract.UpdateTeamResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	update := account.TeamUpdate{Name: r.Body.Name, Description: r.Body.Description}
	if r.Body.MemberIds != nil {
		update.MemberIDs = &r.Body.MemberIds
	}
	team, err := h.store.Accounts.UpdateTeam(ctx, p.TenantID, r.ID, update)
	return contract.UpdateTeam200JSONResponse(team), err
}

// DeleteTeam implements DELETE /v1/teams/{id}.
func (h *Handlers) DeleteTeam(ctx context.Context, r contract.DeleteTeamRequestObject) (
	contract.DeleteTeamResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteTeam204Response{}, h.store.Accounts.DeleteTeam(ctx, p.TenantID, r.ID)
}

// AddTeamMember implements PUT /v1/teams/{id}/members/{agentId}.
func (h *Handlers) AddTeamMember(ctx context.Context, r contract.AddTeamMemberRequestObject) (
	contract.AddTeamMemberResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	if _, err := h.store.Accounts.Agent(ctx, p.TenantID, r.AgentID); err != nil {
		return nil, err // an id in the path that is not there is a 404
	}
	team, err := h.store.Accounts.UpdateTeam(ctx, p.TenantID, r.ID, account.TeamUpdate{Add: []uuid.UUID{r.AgentID}})
	return contract.AddTeamMember200JSONResponse(team), err
}

// RemoveTeamMember implements DELETE /v1/teams/{id}/members/{agentId}.
func (h *Handlers) RemoveTeamMember(ctx context.Context, r contract.RemoveTeamMemberRequestObject) (
	contract.RemoveTeamMemberResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	if _, err := h.store.Accounts.Agent(ctx, p.TenantID, r.AgentID); err != nil {
		return nil, err
	}
	team, err := h.store.Accounts.UpdateTeam(ctx, p.TenantID, r.ID, account.TeamUpdate{Remove: []uuid.UUID{r.AgentID}})
	return contract.RemoveTeamMember200JSONResponse(team), err
}
