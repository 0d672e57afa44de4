package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// route is a path of the document with one method.
type route struct {
	template string
	parts    []string           // of the path; empty where it has a parameter
	answers  map[string]*answer // by status, as the document writes it: 200, 2XX, default
}

// answer is one that the document describes.
type answer struct {
	headers []header
	content map[string]*schema // by media type; the schema of other types than JSON is nil
}

// header is one of an answer or a delivery.
type header struct {
	name     string
	required bool
	schema   *schema
}

// methods are those that a path of the document may have.
var methods = []string{"get", "put", "post", "delete", "patch"}

// readPaths reads what is answered on all paths.
func (b *builder) readPaths() error {
	paths, _ := b.root["paths"].(object)
	named := map[string]*answer{} // by reference
	for template, value := range paths {
		item, _ := b.resolve(value).(object)
		b.doc.literal[template] = !strings.Contains(template, "{")
		for _, method := range methods {
			operation, found := item[method].(object)
			if !found {
				continue
			}
			r := &route{template: template, answers: map[string]*answer{}}
			for _, part := range strings.Split(template, "/") {
				if strings.HasPrefix(part, "{") {
					part = ""
				}
				r.parts = append(r.parts, part)
			}
			answers, _ := operation["responses"].(object)
			for status, one := range answers {
				m, _ := one.(object)
				ref, _ := m["$ref"].(string)
				if named[ref] == nil || ref == "" {
					m, _ = b.resolve(one).(object)
					named[ref] = b.answer(m)
				}
				r.answers[status] = named[ref]
			}
			if len(r.answers) == 0 {
				return fmt.Errorf("%s %s has no answers", method, template)
			}
			upper := strings.ToUpper(method)
			b.doc.routes[upper] = append(b.doc.routes[upper], r)
		}
	}
	return nil
}

func (b *builder) answer(of object) *answer {
	a := &answer{content: map[string]*schema{}}
	headers, _ := of["headers"].(object)
	for name, value := range headers {
		h, _ := b.resolve(value).(object)
		a.headers = append(a.headers, b.header(name, h))
	}
	slices.SortFunc(a.headers, func(x, y header) int { return cmp.Compare(x.name, y.name) })
	content, _ := of["content"].(object)
	for media := range content {
		a.content[media] = nil
	}
	if s := jsonSchema(of); s != nil {
		a.content["application/json"] = b.place(s)
	}
	return a
}

func (b *builder) header(name string, of object) header {
	required, _ := of["required"].(bool)
	return header{name, required, b.place(of["schema"])}
}

// check says what is wrong with a header.
func (h header) check(in http.Header) error {
	values := in.Values(h.name)
	if len(values) == 0 {
		if h.required {
			return fmt.Errorf("there is no header %s", h.name)
		}
		return nil
	}
	var value any = values[0]
	if slices.Contains(h.schema.types, "integer") || slices.Contains(h.schema.types, "number") {
		if _, err := strconv.ParseFloat(values[0], 64); err == nil {
			value = json.Number(values[0])
		}
	}
	if err := h.schema.check(value); err != nil {
		return fmt.Errorf("header %s: %w", h.name, err)
	}
	return nil
}

// route finds what the document has for a path; nil for none. A path that it has as it is, is no other's, whatever
// its last part could stand for.
func (d *Document) route(method, path string) *route {
	parts := strings.Split(path, "/")
	for _, r := range d.routes[method] {
		if len(r.parts) != len(parts) || d.literal[path] && r.template != path {
			continue
		}
		matches := true
		for i, part := range r.parts {
			matches = matches && (part == parts[i] || part == "" && parts[i] != "" && i > 0)
		}
		if matches {
			return r
		}
	}
	return nil
}

// Answer says what the document does not admit of an answer: that it has this status, its headers, the kind of its
// body, and the body. 500 is never right. What is refused on routes that the document does not have is the error
// envelope, too.
func (d *Document) Answer(method, path string, status int, h http.Header, body []byte) error {
	if status == http.StatusInternalServerError {
		return fmt.Errorf("%s %s: 500 is never an answer: %s", method, path, body)
	}
	if method == http.MethodHead {
		return nil // it has no body, and the document does not list it
	}
	if v1, under := strings.CutPrefix(path, "/api/v1/"); under {
		path = "/v1/" + v1
	}
	r := d.route(method, path)
	if r == nil {
		if status < http.StatusBadRequest {
			return nil
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err == nil {
			err = d.refusal.check(value)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %d, which is not the error envelope: %w\n%s", method, path, status, err, body)
		}
		return nil
	}
	a := cmp.Or(r.answers[strconv.Itoa(status)], r.answers[strconv.Itoa(status/100)+"XX"], r.answers["default"])
	if a == nil {
		return fmt.Errorf("%s %s does not answer %d: %s", method, r.template, status, body)
	}
	if err := a.check(h, body); err != nil {
		return fmt.Errorf("%s %s: %d: %w\n%s", method, r.template, status, err, body)
	}
	return nil
}

func (a *answer) check(h http.Header, body []byte) error {
	for _, one := range a.headers {
		if err := one.check(h); err != nil {
			return err
		}
	}
	if len(a.content) == 0 {
		if len(body) > 0 {
			return errors.New("there is a body that is not described")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type %q: %w", h.Get("Content-Type"), err)
	}
	s, known := a.content[media]
	if !known {
		return fmt.Errorf("content of the type %s is not described", media)
	}
	if s == nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.check(value)
}
