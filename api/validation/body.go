package validation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/validation/jsonscan"
	"github.com/atender/atender/models/problem"
)

// The lengths that a request's body may have, in bytes.
const (
	// MaxBody has room for a message with its text and its HTML, of 256 KiB each.
	MaxBody = 1 << 20
	// MaxPublicBody is that where no key is needed, and where there is nothing to say: the longest form, that of signing in,
	// has some 500 bytes.
	MaxPublicBody = 4 << 10
)

// bodyField is the field that is named when the body as a whole is wrong.
const bodyField = "body"

// bodyKey is where a request's body is kept, once it was received.
const bodyKey = "body"

// BodyOf is the body of the request as it was received, an empty one if none was.
func BodyOf(c *gin.Context) *intake.Body {
	if b, ok := c.Get(bodyKey); ok {
		return b.(*intake.Body)
	}
	return &intake.Body{}
}

// ReleaseBody lets go of a request's body when the request is done with.
func ReleaseBody() gin.HandlerFunc {
	return func(c *gin.Context) {
		intake.Await(c.Writer, c.Request)
		defer func() { BodyOf(c).Release() }()
		c.Next()
	}
}

// ReceiveBody receives the body of a request, and puts it back for the generated code to bind.
// Errors: BODY_TOO_LARGE, REQUEST_TIMEOUT, BODY_BUDGET, UNAVAILABLE, VALIDATION_FAILED.
func ReceiveBody(c *gin.Context, in *intake.Intake, limit int64) (*intake.Body, error) {
	began := time.Now()
	b, err := in.Receive(c.Writer, c.Request, bodyOwner(c), limit)
	if err != nil {
		if errors.Is(err, intake.ErrSlow) {
			c.Header("Connection", "close")
		}
		return nil, ExplainIntake(err, limit)
	}
	c.Set(bodyKey, b)
	c.Request.Body = b.Reader()
	if time.Since(began) > intake.Grace {
		request.RestartDeadline(c)
	}
	return b, nil
}

// bodyOwner is whose share of the bytes that are held a request takes: a dock's is not that of the agent who has it open.
func bodyOwner(c *gin.Context) intake.Owner {
	p, known := request.Principal(c)
	switch {
	case !known:
		return intake.Owner{Name: "address " + c.ClientIP(), Share: intake.AddressShare}
	case p.DockSessionID != uuid.Nil:
		return intake.Owner{Name: p.DockSessionID.String(), Share: intake.KeyShare}
	}
	return intake.Owner{Name: p.ID().String(), Share: intake.KeyShare}
}

// heldRetry is after how many seconds a body that found no room may come again; most are gone after one.
const heldRetry = 1

// ExplainIntake says why a body was not received, or not let in.
func ExplainIntake(err error, limit int64) error {
	switch {
	case errors.Is(err, intake.ErrTooLong):
		return problem.New(problem.TooLarge, problem.CodeBodyTooLarge, "the body is longer than %d bytes", limit)
	case errors.Is(err, intake.ErrSlow):
		return problem.New(problem.Invalid, problem.CodeRequestTimeout,
			"the body came more slowly than %d bytes a second, after the first %d seconds",
			intake.MinPace, int(intake.Grace.Seconds()))
	case errors.Is(err, intake.ErrShare):
		return problem.New(problem.Limited, problem.CodeBodyBudget,
			"too many bytes of bodies are under way at a time: wait for answers before sending more").
			With("retryAfter", heldRetry)
	case errors.Is(err, intake.ErrFull), errors.Is(err, intake.ErrBusy):
		return problem.New(problem.Unavailable, problem.CodeUnavailable,
			"more bodies come in than can be taken at a time; try again").With("retryAfter", heldRetry)
	case errors.Is(err, intake.ErrCutOff):
		return BadBody("incomplete", "the body could not be read to its end")
	}
	return err // the request's own end
}

// readBody receives and decodes the body of a request. Numbers come as json.Number, so that what does not fit a double can be
// seen. given is false when there is none and none is needed. A large body has entered, and must leave.
// Errors: those of ReceiveBody, and UNSUPPORTED_MEDIA_TYPE.
func readBody(c *gin.Context, in *intake.Intake, op *Operation) (value any, given bool, err error) {
	r := c.Request
	if op.takes == nil && (r.Method == http.MethodGet || r.Method == http.MethodDelete) {
		return nil, false, nil // a body means nothing here (RFC 9110, sections 9.3.1 and 9.3.5)
	}
	body, err := ReceiveBody(c, in, op.MaxBody())
	if p, ok := problem.As(err); ok && op.takes == nil &&
		(p.Code == problem.CodeBodyTooLarge || p.Code == problem.CodeRequestTimeout) {
		return nil, false, problem.Fields(noBody)
	}
	if err != nil {
		return nil, false, err
	}
	if len(body.Bytes) == 0 {
		if op.needBody {
			return nil, false, BadBody("required", "a JSON body is required")
		}
		return nil, false, nil
	}
	if op.takes != nil {
		if err := checkContentType(r.Header); err != nil {
			return nil, false, err
		}
	}
	if err := body.Enter(c.Request.Context(), false); err != nil {
		return nil, false, ExplainIntake(err, MaxBody)
	}
	if value, err = decodeJSON(body.Bytes); err == nil {
		value, err = op.trimBody(c, value)
	}
	return value, err == nil, err
}

// MaxBody is how long the operation's body may be, in bytes.
func (op *Operation) MaxBody() int64 {
	if op.Public || op.takes == nil {
		return MaxPublicBody
	}
	return MaxBody
}

// LeaveAfterBinding lets the next large body in as soon as the generated code has bound this one: what comes then waits for
// the database. The bytes are needed no longer, unless the handler is run again (see middleware.Idempotent, which has them).
func LeaveAfterBinding(f contract.StrictHandlerFunc, _ string) contract.StrictHandlerFunc {
	return func(c *gin.Context, request any) (any, error) {
		body := BodyOf(c)
		body.Leave()
		body.Drop()
		c.Request.Body = http.NoBody
		return f(c, request)
	}
}

func checkContentType(h http.Header) error {
	refuse := func(format string, args ...any) error {
		return problem.New(problem.Invalid, problem.CodeUnsupportedMediaType, format, args...)
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	structured := strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") // RFC 6839, section 3.1
	if err != nil || media != request.JSON && !structured {
		return refuse("send the body as JSON, with Content-Type: application/json")
	}
	if !isUTF8(params["charset"]) {
		return refuse("send the body in UTF-8")
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse("send the body without Content-Encoding")
	}
	return nil
}

// isUTF8 tells whether a charset parameter means UTF-8, the only one that JSON has (RFC 8259, section 8.1). Many clients
// leave the hyphen out, which is the name that the Encoding Standard lists besides.
func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// decodeJSON builds the value of a JSON text, after one look at the text for what is not to be built.
func decodeJSON(raw []byte) (any, error) {
	if err := jsonscan.Check(raw); err != nil {
		return nil, explainScan(err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, ExplainDecoding(err)
	}
	return value, nil
}

func explainScan(err error) error {
	wrong, ok := errors.AsType[*jsonscan.Error](err)
	if !ok {
		return err
	}
	return problem.Fields(problem.Field{Field: cmp.Or(wrong.Path, bodyField), Code: wrong.Code, Message: wrong.Message})
}

// ExplainDecoding says where JSON, or its conversion into the request's Go type, went wrong.
func ExplainDecoding(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return BadBody("malformed_json", fmt.Sprintf("malformed JSON at byte %d: %s", e.Offset, e.Error()))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return problem.Fields(problem.Field{Field: e.Field, Code: "invalid_type", Message: "is not a value that fits here"})
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return BadBody("malformed_json", "the JSON ends too early")
	}
	return BadBody("malformed_json", "the body is not the JSON this operation takes")
}

// BadBody refuses a body that is wrong as a whole.
func BadBody(code, message string) error {
	return problem.Fields(problem.Field{Field: bodyField, Code: code, Message: message})
}
