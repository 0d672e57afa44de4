package validation

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
)

// trimmed is the extension that marks texts which people read as names: subjects, names, tags. Spaces around them are taken
// off before anything is checked, so that one that has nothing else is empty.
const trimmed = "x-trim"

func isTrimmed(s *openapi3.Schema) bool {
	is, _ := s.Extensions[trimmed].(bool)
	return is
}

// blank runes look like nothing, though Unicode counts them as letters or symbols.
var blankRunes = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
	{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille pattern blank
	{Lo: 0x3164, Hi: 0x3164, Stride: 1},
	{Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
}}

// trim takes the spaces around a text off. A text of which nothing can be seen is empty, whatever it is made of: format
// characters, such as U+200B, stay where there is something to see.
func trim(text string) string {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.In(r, unicode.Zs, blankRunes) }) {
		return text
	}
	return ""
}

// trim takes spaces off the marked texts of a value, in place, and returns the value. changed tells whether there were any.
func (s *shape) trim(value any) (_ any, changed bool) {
	if s == nil || !s.trims {
		return value, false
	}
	switch value := value.(type) {
	case string:
		short := trim(value)
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
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it would be six times as long
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	body := BodyOf(c)
	body.Rewrite(text.Bytes())
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
				c.Params[i].Value = trim(c.Params[i].Value)
			}
		}
	}
}
