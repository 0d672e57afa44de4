package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// types is types.d.ts: every schema of the contract as a TypeScript type of the same name.
func (c *contract) types() []byte {
	var out bytes.Buffer
	out.WriteString("// Generated from api/openapi.yaml by `make generate`: change it there.\n" +
		"// The shapes of the API, for the type comments of the console. Browsers load nothing of it.\n")
	for name, schema := range fields(c.schemas) {
		out.WriteString("\n")
		if about := text(schema, "description"); about != "" {
			out.WriteString("/**\n" + strings.ReplaceAll(comment(" * ", strings.ReplaceAll(about, "*/", "* /"), goColumns),
				" \n", "\n") + " */\n")
		}
		fmt.Fprintf(&out, "export type %s = %s;\n", name, typeOf(schema, ""))
	}
	return out.Bytes()
}

// typeOf is a schema's type. What it says of lengths, formats and patterns has no type.
func typeOf(schema *yaml.Node, indent string) string {
	if ref := text(schema, "$ref"); ref != "" {
		return strings.TrimPrefix(ref, schemaRef)
	}
	if constant := at(schema, "const"); constant != nil {
		return literal(constant)
	}
	if enum := at(schema, "enum"); enum != nil {
		var values []string
		for _, n := range enum.Content {
			values = append(values, literal(n))
		}
		return strings.Join(values, " | ")
	}
	for key, between := range map[string]string{"oneOf": " | ", "anyOf": " | "} {
		if all := at(schema, key); all != nil {
			return parts(all, between, indent)
		}
	}
	if all := at(schema, "allOf"); all != nil && text(all.Content[0], "$ref") != "" {
		return parts(all, " & ", indent)
	}
	kinds := list(schema, "type")
	if kind := text(schema, "type"); kind != "" {
		kinds = []string{kind}
	}
	var types []string
	for _, kind := range kinds {
		types = append(types, typeOfKind(kind, schema, indent))
	}
	if len(types) == 0 && at(schema, "properties") != nil {
		types = []string{objectType(schema, indent)}
	}
	if len(types) == 0 {
		return "any"
	}
	return strings.Join(slices.Compact(types), " | ")
}

func typeOfKind(kind string, schema *yaml.Node, indent string) string {
	switch kind {
	case "integer", "number":
		return "number"
	case "array":
		items := at(schema, "items")
		if items == nil {
			return "any[]"
		}
		of := typeOf(items, indent)
		if strings.Contains(of, " ") && !strings.HasPrefix(of, "{") {
			of = "(" + of + ")"
		}
		return of + "[]"
	case "object":
		return objectType(schema, indent)
	}
	return kind // string, boolean, null
}

func objectType(schema *yaml.Node, indent string) string {
	properties := at(schema, "properties")
	additional := at(schema, "additionalProperties")
	if properties == nil {
		if additional != nil && additional.Kind == yaml.MappingNode && len(additional.Content) > 0 {
			return "Record<string, " + typeOf(additional, indent) + ">"
		}
		if additional != nil && additional.Value == "false" {
			return "Record<string, never>"
		}
		return "Record<string, any>"
	}
	required := list(schema, "required")
	var out strings.Builder
	out.WriteString("{\n")
	for name, property := range fields(properties) {
		if about := text(property, "description"); about != "" {
			about = strings.ReplaceAll(strings.Join(strings.Fields(about), " "), "*/", "* /")
			fmt.Fprintf(&out, "%s  /** %s */\n", indent, about)
		}
		optional := "?"
		if slices.Contains(required, name) {
			optional = ""
		}
		fmt.Fprintf(&out, "%s  %s%s: %s;\n", indent, key(name, '\''), optional, typeOf(property, indent+"  "))
	}
	if additional != nil && additional.Value == "true" {
		fmt.Fprintf(&out, "%s  [more: string]: any;\n", indent)
	}
	out.WriteString(indent + "}")
	return out.String()
}

func parts(all *yaml.Node, between, indent string) string {
	var types []string
	for _, n := range all.Content {
		types = append(types, typeOf(follow(n), indent))
	}
	return strings.Join(types, between)
}

func literal(n *yaml.Node) string {
	if n.Tag == "!!str" {
		return quoted(n.Value, '\'')
	}
	return n.Value
}
