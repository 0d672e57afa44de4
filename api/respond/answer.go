package respond

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/atender/atender/models/idempotency"
)

// answerHeaders are the headers that are part of a stored answer. The others belong to the call that gets it.
var answerHeaders = []string{"Content-Type", "ETag", "Location"}

// Answer is what is stored of an answer (P7.3).
func Answer(status int, header http.Header, body []byte) idempotency.Answer {
	answer := idempotency.Answer{Status: status, Header: map[string]string{}, Body: body, Decided: decided(status)}
	for _, name := range answerHeaders {
		if value := header.Get(name); value != "" {
			answer.Header[name] = value
		}
	}
	return answer
}

// decided tells whether a status is what the operation made of the request, and not of the moment: what a key may do, how
// much it may do and how we are can be different the next time.
func decided(status int) bool {
	passing := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests}
	return status < 500 && !slices.Contains(passing, status)
}

// Record is the answer that visit writes.
func Record(visit func(http.ResponseWriter) error) (idempotency.Answer, error) {
	w := record{header: http.Header{}, status: http.StatusOK}
	err := visit(&w)
	return Answer(w.status, w.header, w.body.Bytes()), err
}

// record is an http.ResponseWriter that keeps one answer.
type record struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *record) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *record) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *record) Write(p []byte) (int, error) { return w.body.Write(p) }

// Again writes an answer that was recorded.
func Again(w http.ResponseWriter, a idempotency.Answer) error {
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err
}
