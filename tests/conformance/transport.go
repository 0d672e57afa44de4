package conformance

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Transport makes calls as next does and holds each answer of the API, whole, against the document; of one that it does
// not admit it tells failed, which may be called by several calls at once.
func Transport(next http.RoundTripper, failed func(error)) http.RoundTripper {
	return transport{next, Served(), failed}
}

type transport struct {
	next   http.RoundTripper
	doc    *Document
	failed func(error)
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if path := r.URL.EscapedPath(); err == nil && strings.HasPrefix(path, "/v1/") {
		var body []byte
		body, err = io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read to its end, or is given up
		if err != nil {
			return nil, err // an answer that broke off says nothing
		}
		if err := t.doc.Answer(r.Method, path, response.StatusCode, response.Header, body); err != nil {
			t.failed(err)
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
	}
	return response, err
}

// CloseIdleConnections is what http.Client asks for.
func (t transport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}
