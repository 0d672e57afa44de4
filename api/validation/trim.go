package validation

import (
	"bytes"
	"encoding/json"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"github.com/atender/atender/models/text"
)

// trimmed is the extension that marks texts which people read as names: subjects, names, tags. Spaces around them are taken
// off before anything is checked, so that one that has nothing else is empty.
const trimmed = "x-trim"

func isTrimmed(s *openapi3.Schema) bool {
	is, _ := s.Extensions[trimmed].(bool)
	return is
}

// trim takes spaces off the marked texts of a value, in place, and returns the value. changed tells whether there were any.
func (s *shape) trim(value any) (_ any, changed bool) {
	if s == nil || !s.trims {
		return value, false
	}
	switch value := value.(type) {
	case string:
		short := text.Trim(value)
		return short, short != value
	case []any:
		for i, item := range value {
			made, did := s.items.trim(item)
			value[i], changed = made, changed || did
		}
	case map[string]any:
		for key, known := range s.properties {
			if item, has := value[key]; has {
				made, did := known.trim(item)
				value[key], changed = made, changed || did
			}
		}
	}
	return value, changed
}

// trimBody takes spaces off the marked texts of the body, and has the generated code bind the value that is checked.
func (op *Operation) trimBody(c *gin.Context, value any) (any, error) {
	if op.takes == nil {
		return value, nil
	}
	value, changed := op.takes.trim(value)
	if !changed {
		return value, nil
	}
	var written bytes.Buffer
	enc := json.NewEncoder(&written)
	enc.SetEscapeHTML(false) // it would be six times as long
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	body := BodyOf(c)
	body.Rewrite(written.Bytes())
	c.Request.Body = body.Reader()
	return value, nil
}

// trimPath takes spaces off the marked parameters of the path.
func (op *Operation) trimPath(c *gin.Context) {
	for _, p := range op.path {
		if !isTrimmed(p.schema) {
			continue
		}
		for i := range c.Params {
			if c.Params[i].Key == p.name {
				c.Params[i].Value = text.Trim(c.Params[i].Value)
			}
		}
	}
}
