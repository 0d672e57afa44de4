package conversations

import (
	"context"
	"net/http"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/safehtml"
	"github.com/atender/atender/models/postgres"
)

// messageHTML is the answer to GetMessageHTML.
type messageHTML struct{ safehtml.Answer }

// GetMessageHTML implements GET /v1/conversations/{id}/messages/{messageId}/html.
func (h *Handlers) GetMessageHTML(ctx context.Context, r contract.GetMessageHTMLRequestObject) (
	contract.GetMessageHTMLResponseObject, error,
) {
	ctx, p := request.Caller(ctx)
	html, err := h.store.Lists.MessageHTML(ctx, p.TenantID, r.ID, r.MessageID)
	if err != nil {
		return nil, err
	}
	images := safehtml.Images(postgres.Deref(r.Params.Images) == contract.AllImages)
	return messageHTML{safehtml.NewAnswer(html, images)}, nil
}

// VisitGetMessageHTMLResponse implements contract.GetMessageHTMLResponseObject.
func (m messageHTML) VisitGetMessageHTMLResponse(w http.ResponseWriter) error { return m.Write(w) }
