package api

import (
	"context"
	"net/http"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/safehtml"
)

// messagePage is the answer to GetMessageHTML: the page, with what keeps it harmless.
type messagePage struct {
	page, policy string
}

// GetMessageHTML implements GET /v1/conversations/{id}/messages/{messageId}/html.
func (h *handlers) GetMessageHTML(ctx context.Context, r contract.GetMessageHTMLRequestObject) (
	contract.GetMessageHTMLResponseObject, error,
) {
	ctx, p := caller(ctx)
	html, err := h.store.Conversations.MessageHTML(ctx, p.TenantID, r.ID, r.MessageID)
	if err != nil {
		return nil, err
	}
	images := safehtml.Images(value(r.Params.Images) == contract.AllImages)
	return messagePage{safehtml.Page(html, images), safehtml.Policy(images)}, nil
}

// VisitGetMessageHTMLResponse writes the page.
func (m messagePage) VisitGetMessageHTMLResponse(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", m.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write([]byte(m.page))
	return err
}

var _ contract.GetMessageHTMLResponseObject = messagePage{}
