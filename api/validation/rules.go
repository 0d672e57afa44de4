package validation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/problem"
)

// The limits that a schema cannot say.
const (
	maxText     = 256 << 10 // bytes of a message's text, and of its HTML
	maxMetadata = 16 << 10  // bytes of metadata as JSON
)

// rules are what an operation asks of its body beyond the schema. They see bodies that may not match the schema, and
// leave what does not to it.
var rules = map[string]func(body map[string]any) []problem.Field{
	"createOutboundConversation": checkNewConversation,
	"createInboundConversation":  checkNewConversation,
	"updateConversation":         customFieldsOf,
	"createContact":              customFieldsOf,
	"updateContact":              customFieldsOf,
	"changeConversations":        checkBulk,
	"requestDockAction":          func(body map[string]any) []problem.Field { return checkTree("params", body["params"]) },
	"postMessage": func(body map[string]any) []problem.Field {
		wrong := checkText("text", body["text"])
		wrong = append(wrong, checkText("html", body["html"])...)
		wrong = append(wrong, checkMetadata("metadata", body["metadata"])...)
		if blank(body["text"]) && blank(body["html"]) {
			wrong = append(wrong, problem.Field{Field: "text", Code: "required", Message: "text or html is required"})
		}
		return append(wrong, checkDirection(body)...)
	},
}

func checkNewConversation(body map[string]any) []problem.Field {
	wrong := customFieldsOf(body)
	if context, ok := body["outboundContext"].(map[string]any); ok {
		wrong = append(wrong, checkText("outboundContext.originalMessage", context["originalMessage"])...)
		wrong = append(wrong, checkText("outboundContext.originalHtml", context["originalHtml"])...)
		wrong = append(wrong, checkMetadata("outboundContext.metadata", context["metadata"])...)
	}
	return wrong
}

func customFieldsOf(body map[string]any) []problem.Field {
	return checkCustomFields("customFields", body["customFields"])
}

func blank(v any) bool { return v == nil || v == "" }

// checkDirection refuses what means nothing for a message of its direction, rather than ignore it.
func checkDirection(body map[string]any) (wrong []problem.Field) {
	refuse := func(field string) {
		wrong = append(wrong, problem.Field{
			Field: field, Code: "not_applicable", Message: fmt.Sprintf("means nothing for direction %v", body["direction"]),
		})
	}
	direction, _ := body["direction"].(string)
	if direction == "inbound" && body["agentId"] != nil {
		refuse("agentId")
	}
	if direction == "inbound" || direction == "note" {
		for _, field := range []string{"automated", "resolve"} {
			if body[field] == true {
				refuse(field)
			}
		}
	}
	return wrong
}

func checkText(field string, v any) []problem.Field {
	if s, ok := v.(string); ok && len(s) > maxText {
		return []problem.Field{{Field: field, Code: "too_long", Message: "must have at most 256 KiB as UTF-8"}}
	}
	return nil
}

var customFieldKey = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

func checkCustomFields(field string, v any) []problem.Field {
	fields, _ := v.(map[string]any)
	var wrong []problem.Field
	for _, key := range sortedKeys(fields) {
		if !customFieldKey.MatchString(key) {
			wrong = append(wrong, problem.Field{
				Field: shorten(join(field, key)), Code: "invalid_key",
				Message: "keys have 1 to 64 lower-case letters, digits and _",
			})
		}
		if n, ok := fields[key].(number); ok {
			wrong = append(wrong, checkNumber(shorten(join(field, key)), n)...)
		}
	}
	return wrong
}

func checkMetadata(field string, v any) []problem.Field {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if text, err := json.Marshal(m); err != nil || len(text) > maxMetadata {
		return []problem.Field{{Field: field, Code: "too_long", Message: "must have at most 16 KiB as JSON"}}
	}
	return checkTree(field, m)
}

// checkTree looks at every number of a free-form value.
func checkTree(field string, v any) []problem.Field {
	var found findings
	found.numbers(v, []string{field})
	return found.fields
}

// numbers looks for numbers that cannot be kept. The path is put together for those alone: it can be long, and there can
// be many values.
func (f *findings) numbers(v any, path []string) {
	if f.full() {
		return
	}
	switch v := v.(type) {
	case number:
		if wrong := checkNumber("", v); wrong != nil {
			wrong[0].Field = shorten(pathOf(path))
			f.add(wrong...)
		}
	case []any:
		for i, item := range v {
			f.numbers(item, append(path, strconv.Itoa(i)))
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			f.numbers(v[key], append(path, key))
		}
	}
}

// checkNumber refuses numbers that cannot be kept.
func checkNumber(field string, n number) []problem.Field {
	if _, err := freeform.Number(n); err != nil {
		return []problem.Field{{Field: field, Code: "out_of_range", Message: err.Error()}}
	}
	return nil
}

const beyondDouble = "is beyond the range of a double"
