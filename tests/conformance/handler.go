package conformance

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Handler answers as next does, and as soon. An answer that is not as the document says fails the test, which has to
// close its servers before it ends.
func Handler(t testing.TB, next http.Handler) http.Handler {
	doc := Served() // before there are clients that wait
	var checks sync.WaitGroup
	t.Cleanup(checks.Wait)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, path := r.Method, r.URL.EscapedPath()
		said := &recorder{ResponseWriter: w}
		next.ServeHTTP(said, r)
		if said.status == 0 && r.Context().Err() != nil {
			return // the client has gone, and was not answered
		}
		said.note(http.StatusOK)
		if said.stream {
			return // it has ended with its connection, perhaps after the test
		}
		checks.Go(func() {
			if err := doc.Answer(method, path, said.status, said.header, said.body.Bytes()); err != nil {
				t.Errorf("an answer that the document does not admit: %v", err)
			}
		})
	})
}

// recorder keeps what is answered, but for bodies without end.
type recorder struct {
	http.ResponseWriter
	status int
	header http.Header
	stream bool
	body   bytes.Buffer
}

// note keeps the status and the headers as they are sent, once.
func (r *recorder) note(status int) {
	if r.status != 0 || status < http.StatusOK {
		return
	}
	r.status, r.header = status, r.Header().Clone()
	r.stream = strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream")
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.note(status)
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.note(http.StatusOK)
	if !r.stream {
		r.body.Write(p)
	}
	return r.ResponseWriter.Write(p)
}

// Flush implements http.Flusher, which gin asks for.
func (r *recorder) Flush() {
	r.note(http.StatusOK)
	_ = http.NewResponseController(r.ResponseWriter).Flush() // as http.Flusher has it, without an error
}

// Unwrap is for http.ResponseController, by which deadlines are set.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
