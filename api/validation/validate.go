package validation

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/problem"
)

// Requests refuses requests that the document does not allow, with everything that is wrong with them at once.
// Behind it handlers may take shapes, types, lengths and formats for granted.
//
// The schemas are visited by kin-openapi's own validator. Its JSON Schema 2020-12 mode, which openapi3filter uses for 3.1
// documents, compiles the schema again for every request; it is used by the tests, on answers. What the quick one does
// not know (propertyNames, sizes in bytes, rules between fields) is in rules.go.
func Requests(doc *Document, in *intake.Intake, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		op := doc.Operation(c.Request, c.FullPath())
		if op == nil {
			return
		}
		op.trimPath(c)
		wrong := op.checkParameters(c)
		body, given, err := readBody(c, in, op)
		if given {
			wrong = append(wrong, op.checkBody(body)...)
		}
		if err == nil {
			err = problem.Fields(distinct(wrong)...)
		}
		if err != nil {
			BodyOf(c).Leave()
			e.Respond(c, err)
		}
	}
}

// visitOptions are how every value is checked against its schema.
var visitOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(),
	openapi3.WithStringFormatValidators(formats),
}

var noBody = problem.Field{Field: bodyField, Code: "not_allowed", Message: "this operation takes no body"}

func (op *Operation) checkBody(body any) []problem.Field {
	if op.takes == nil {
		if object, ok := body.(map[string]any); ok && len(object) == 0 || body == nil {
			return nil // {} and null are what some clients send when they have nothing to say
		}
		return []problem.Field{noBody}
	}
	wrong := op.takes.check(body)
	if object, ok := body.(map[string]any); ok {
		if rule := rules[op.ID]; rule != nil {
			wrong = append(wrong, rule(object)...)
		}
	}
	return wrong
}

func (op *Operation) checkParameters(c *gin.Context) []problem.Field {
	var wrong []problem.Field
	for _, p := range op.path {
		wrong = append(wrong, p.check(c.Param(p.name))...)
	}
	for _, p := range op.header {
		if values := c.Request.Header.Values(p.name); len(values) > 0 {
			wrong = append(wrong, p.check(values[0])...)
		} else if p.required {
			wrong = append(wrong, p.missing())
		}
	}
	return append(wrong, op.checkQuery(c.Request.URL.RawQuery)...)
}

func (op *Operation) checkQuery(raw string) []problem.Field {
	if raw == "" && len(op.query) == 0 {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return []problem.Field{{Field: "query", Code: "malformed", Message: "the query is not validly percent-encoded"}}
	}
	var wrong []problem.Field
	for _, p := range op.query {
		switch values, given := query[p.name]; {
		case len(values) > 1:
			wrong = append(wrong, problem.Field{Field: p.name, Code: "repeated", Message: "may be given once"})
		case given:
			wrong = append(wrong, p.check(values[0])...)
		case p.required:
			wrong = append(wrong, p.missing())
		}
	}
	for _, name := range sortedKeys(query) {
		if !slices.ContainsFunc(op.query, func(p *parameter) bool { return p.name == name }) {
			wrong = append(wrong, problem.Field{
				Field: shorten(name), Code: "unknown_parameter", Message: "is not a parameter of this request",
			})
		}
	}
	return wrong
}

func (p *parameter) missing() problem.Field {
	return problem.Field{Field: p.name, Code: "required", Message: "is required"}
}

// check holds one value, as text, against the parameter's schema.
func (p *parameter) check(text string) []problem.Field {
	if !storable(text) {
		return []problem.Field{{Field: p.name, Code: "invalid_text", Message: "must be UTF-8 without the character U+0000"}}
	}
	var value any = text
	if p.schema.Type.Is(openapi3.TypeInteger) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return []problem.Field{{Field: p.name, Code: "invalid_type", Message: "must be an integer"}}
		}
		value = float64(n)
	}
	wrong := fieldsOf(p.schema.VisitJSON(value, visitOptions...), nil)
	for i := range wrong {
		wrong[i].Field = p.name
	}
	return wrong
}

// storable tells whether PostgreSQL can store the text.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// ExplainBinding answers for parameters that the generated code cannot bind though they match the document, such as a
// header that is given twice.
func ExplainBinding(err error) error {
	return &problem.Error{
		Kind:    problem.Invalid,
		Code:    problem.CodeValidation,
		Message: "a parameter of the path, the query or a header is not valid",
		Details: map[string]any{"fields": []problem.Field{{Field: "parameters", Code: "invalid", Message: "cannot be read"}}},
		Cause:   err,
	}
}
