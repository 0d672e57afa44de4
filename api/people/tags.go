package people

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/tag"
)

// ListTags implements GET /v1/tags.
func (h *Handlers) ListTags(ctx context.Context, r contract.ListTagsRequestObject) (
	contract.ListTagsResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	found, cursor, err := h.store.Tags.List(ctx, p.TenantID, request.Page(ctx, r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListTags200JSONResponse{
		Data:       postgres.Each(found, tag.Tag.Wire),
		NextCursor: respond.Next(cursor),
	}, nil
}

// CreateTag implements POST /v1/tags.
func (h *Handlers) CreateTag(ctx context.Context, r contract.CreateTagRequestObject) (
	contract.CreateTagResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	t, err := h.store.Tags.Create(ctx, p.TenantID, r.Body.Name)
	if err != nil {
		return nil, err
	}
	location := "/v1/tags/" + t.ID.String()
	return contract.CreateTag201JSONResponse{
		Body: t.Wire(), Headers: contract.CreateTag201ResponseHeaders{Location: &location},
	}, nil
}

// GetTag implements GET /v1/tags/{id}.
func (h *Handlers) GetTag(ctx context.Context, r contract.GetTagRequestObject) (contract.GetTagResponseObject, error) {
	ctx, p := request.Caller(ctx)
	t, err := h.store.Tags.Get(ctx, p.TenantID, r.ID)
	return contract.GetTag200JSONResponse(t.Wire()), err
}

// RenameTag implements PATCH /v1/tags/{id}.
func (h *Handlers) RenameTag(ctx context.Context, r contract.RenameTagRequestObject) (
	contract.RenameTagResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	t, err := h.store.Tags.Rename(ctx, p.TenantID, r.ID, p.Actor(), r.Body.Name)
	return contract.RenameTag200JSONResponse(t.Wire()), err
}

// DeleteTag implements DELETE /v1/tags/{id}.
func (h *Handlers) DeleteTag(ctx context.Context, r contract.DeleteTagRequestObject) (
	contract.DeleteTagResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	return contract.DeleteTag204Response{}, h.store.Tags.Delete(ctx, p.TenantID, r.ID, p.Actor())
}
