package middleware

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/problem"
)

const (
	idempotencyKey      = "Idempotency-Key"
	idempotencyReplayed = "Idempotency-Replayed"
)

// Idempotent runs the handler of a POST that carries an Idempotency-Key at most once for that key, and gives the first
// answer again after that (P7). It comes after authentication and validation, whose refusals are not stored, and is the
// last before the handler. Requests without the header pass untouched.
func Idempotent(store *models.Store, doc *validation.Document, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		keys := c.Request.Header.Values(idempotencyKey)
		p, known := request.Principal(c)
		op := doc.Operation(c.Request, c.FullPath())
		if len(keys) == 0 || c.Request.Method != http.MethodPost || op == nil || op.NoEffect || !known {
			return
		}
		if len(keys) > 1 {
			e.Respond(c, problem.Fields(problem.Field{Field: idempotencyKey, Code: "repeated", Message: "may be given once"}))
			return
		}
		body := validation.BodyOf(c) // which validate has received
		key := idempotency.Key{
			TenantID: p.TenantID, APIKeyID: p.ID(), Method: c.Request.Method, Path: c.Request.URL.EscapedPath(),
			Key: keys[0], Request: requestHash(c.Request.URL.Query(), body.Bytes), Shares: op.Shares,
		}
		body.Leave() // the database comes first
		run := runner{c: c, request: c.Request, out: c.Writer, body: body, bytes: body.Text()}
		defer run.restore()
		answer, replayed, err := store.Idempotency.Do(
			c.Request.Context(),
			key,
			func(ctx context.Context) (idempotency.Answer, error) {
				answer, err := run.handle(ctx)
				answer.Secret = op.SecretAnswer
				return answer, err
			},
		)
		run.restore()
		c.Abort() // the handler has run, or must not
		if err != nil {
			e.Respond(c, err)
			return
		}
		if replayed {
			c.Header(idempotencyReplayed, "true")
		}
		run.send(answer)
	}
}

// requestHash is what tells one request from another under a key: the query, in whichever order its parameters came, and
// the body. Without a query it is the hash of the body alone, as it is of answers that were stored before queries counted.
func requestHash(query url.Values, body []byte) [sha256.Size]byte {
	sum := sha256.Sum256(body)
	if len(query) == 0 {
		return sum
	}
	return sha256.Sum256(append([]byte(query.Encode()+"\n"), sum[:]...))
}

// runner runs the handler of a request into a buffer. It can do so several times: a handler is a function of the request.
type runner struct {
	c       *gin.Context
	request *http.Request
	out     gin.ResponseWriter
	body    *intake.Body
	bytes   []byte          // of the body, for every run
	buffer  *bufferedWriter // of the last run
}

// Errors: UNAVAILABLE, and the context's.
func (r *runner) handle(ctx context.Context) (idempotency.Answer, error) {
	if err := r.body.Enter(ctx, true); err != nil {
		return idempotency.Answer{}, validation.ExplainIntake(err, validation.MaxBody)
	}
	defer r.body.Leave() // also of a body that could not be bound
	r.buffer = &bufferedWriter{ResponseWriter: r.out, header: r.out.Header().Clone(), status: http.StatusOK}
	r.c.Writer = r.buffer
	r.c.Request = r.request.WithContext(ctx)
	r.c.Request.Body = io.NopCloser(bytes.NewReader(r.bytes))
	r.c.Handler()(r.c)
	return respond.Answer(r.buffer.status, r.buffer.header, r.buffer.body.Bytes()), nil
}

// restore takes the buffer away again, also when the handler panics: recovery must be able to answer.
func (r *runner) restore() { r.c.Writer, r.c.Request = r.out, r.request }

// send answers the request, with all the headers of the handler if it ran.
func (r *runner) send(answer idempotency.Answer) {
	if r.buffer != nil {
		maps.Copy(r.out.Header(), r.buffer.header)
	}
	_ = respond.Again(r.out, answer) // a client that is gone asks again with its key
}

// bufferedWriter keeps an answer.
type bufferedWriter struct {
	gin.ResponseWriter
	header  http.Header
	status  int
	written bool
	body    bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *bufferedWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *bufferedWriter) WriteHeader(status int) {
	if !w.written {
		w.status = status
	}
}

// WriteHeaderNow implements gin.ResponseWriter.
func (w *bufferedWriter) WriteHeaderNow() { w.written = true }

// Write implements http.ResponseWriter.
func (w *bufferedWriter) Write(b []byte) (int, error) {
	w.written = true
	return w.body.Write(b)
}

// WriteString implements gin.ResponseWriter.
func (w *bufferedWriter) WriteString(s string) (int, error) {
	w.written = true
	return w.body.WriteString(s)
}

// Status implements gin.ResponseWriter.
func (w *bufferedWriter) Status() int { return w.status }

// Size implements gin.ResponseWriter.
func (w *bufferedWriter) Size() int { return w.body.Len() }

// Written implements gin.ResponseWriter.
func (w *bufferedWriter) Written() bool { return w.written }

// Flush implements http.Flusher: there is nothing to send before the commit.
func (w *bufferedWriter) Flush() {}
