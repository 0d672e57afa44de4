package request

import (
	"context"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/postgres"
)

// Page is the page of a list that the request asks for. ctx is one that Caller returned: a cursor is the tenant's whose
// request it is, and is good for the list of its route.
func Page(ctx context.Context, limit *contract.Limit, cursor *contract.Cursor) postgres.Page {
	list, _ := ctx.Value(listKey{}).(postgres.CursorList)
	return postgres.Page{Limit: postgres.Deref(limit), Cursor: postgres.Deref(cursor), List: list}
}
