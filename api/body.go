package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/models/problem"
)

const (
	jsonType = "application/json"
	// maxBody is how long a request's body may be, in bytes.
	maxBody = 1 << 20
	// bodyField is the field that is named when the body as a whole is wrong.
	bodyField = "body"
)

// readBody reads and decodes the body of a request, and puts it back for the generated code to bind. Numbers come as
// json.Number, so that what does not fit a double can be seen. given is false when there is none and none is needed.
// Errors: BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, VALIDATION_FAILED.
func readBody(c *gin.Context, op *operation) (value any, given bool, err error) {
	r := c.Request
	if op.takes == nil && (r.Method == http.MethodGet || r.Method == http.MethodDelete) {
		return nil, false, nil // a body means nothing here (RFC 9110, sections 9.3.1 and 9.3.5)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	if err != nil {
		return nil, false, explainReading(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if len(raw) == 0 {
		if op.needBody {
			return nil, false, badBody("required", "a JSON body is required")
		}
		return nil, false, nil
	}
	if op.takes != nil {
		if err := checkContentType(r.Header); err != nil {
			return nil, false, err
		}
	}
	value, err = decodeJSON(raw)
	return value, err == nil, err
}

func explainReading(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return problem.New(problem.TooLarge, codeBodyTooLarge, "the body is longer than %d bytes", maxBody)
	}
	return badBody("incomplete", "the body could not be read to its end")
}

func checkContentType(h http.Header) error {
	refuse := func(format string, args ...any) error {
		return problem.New(problem.Invalid, codeUnsupportedMedia, format, args...)
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	structured := strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") // RFC 6839, section 3.1
	if err != nil || media != jsonType && !structured {
		return refuse("send the body as JSON, with Content-Type: application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refuse("send the body in UTF-8")
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse("send the body without Content-Encoding")
	}
	return nil
}

func decodeJSON(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, badBody("malformed_json", "the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, explainDecoding(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badBody("malformed_json",
			fmt.Sprintf("there is more after the JSON value, from byte %d on", d.InputOffset()))
	}
	if bytes.Contains(raw, []byte(`\u0000`)) { // the only way to write U+0000 in JSON
		if where := findNUL("", value); where != "" {
			return nil, problem.Fields(problem.Field{
				Field: shorten(where), Code: "invalid_text", Message: "must not contain the character U+0000",
			})
		}
	}
	return value, nil
}

// explainDecoding says where JSON, or its conversion into the request's Go type, went wrong.
func explainDecoding(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badBody("malformed_json", fmt.Sprintf("malformed JSON at byte %d: %s", e.Offset, e.Error()))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return problem.Fields(problem.Field{Field: e.Field, Code: "invalid_type", Message: "is not a value that fits here"})
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badBody("malformed_json", "the JSON ends too early")
	}
	return badBody("malformed_json", "the body is not the JSON this operation takes")
}

func badBody(code, message string) error {
	return problem.Fields(problem.Field{Field: bodyField, Code: code, Message: message})
}

// findNUL returns the path of a string or key that contains U+0000, empty if there is none.
func findNUL(path string, value any) string {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "\x00") {
			return path
		}
	case []any:
		for i, item := range v {
			if where := findNUL(fmt.Sprintf("%s[%d]", path, i), item); where != "" {
				return where
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if strings.Contains(key, "\x00") {
				return join(path, strings.ReplaceAll(key, "\x00", `\u0000`))
			}
			if where := findNUL(join(path, key), v[key]); where != "" {
				return where
			}
		}
	}
	return ""
}
