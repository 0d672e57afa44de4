package request

import (
	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/models/postgres"
)

// Page is the page of a list that the request asks for.
func Page(limit *contract.Limit, cursor *contract.Cursor) postgres.Page {
	return postgres.Page{Limit: postgres.Deref(limit), Cursor: postgres.Deref(cursor)}
}
