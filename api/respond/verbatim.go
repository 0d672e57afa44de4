package respond

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/atender/atender/api/request"
)

// Verbatim answers with v, whose payloads are written as they are: generated answers are written as HTML can hold them,
// and payloads would not be the bytes that webhooks carry any more.
func Verbatim(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", request.JSON)
	w.WriteHeader(http.StatusOK)
	_, err := b.WriteTo(w)
	return err
}
