package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// contract is what the generator needs of the OpenAPI document.
type contract struct {
	schemas      *yaml.Node // by name, in their order
	vocabularies []vocabulary
}

// vocabulary is a schema with an enum.
type vocabulary struct {
	name    string
	about   string
	values  []value
	targets []target //nolint:revive,staticcheck // go is a keyword
	sdk     bool
}

// value is one of a vocabulary's values, with what x-values says of it.
type value struct {
	text string
	more map[string]*yaml.Node
}

// say is an attribute of the value; empty where it has none.
func (v value) say(attribute string) string {
	if n := v.more[attribute]; n != nil {
		return n.Value
	}
	return ""
}

// target is something that is written in Go for a vocabulary.
type target struct {
	Package string // its directory
	About   string // the doc comment
	Type    string // the constants' type, which is written, too
	Const   bool   // constants without a type of their own
	Prefix  string // of the constants' identifiers
	List    string // variable with all values in their order
	Map     string // variable with an attribute by value
	Of      string // the attribute
	Params  string // variable with the schemas of parameters by value
}

func readContract(source []byte) (*contract, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return nil, err
	}
	c := &contract{schemas: at(doc.Content[0], "components", "schemas")}
	if c.schemas == nil {
		return nil, fmt.Errorf("no components.schemas")
	}
	for name, schema := range fields(c.schemas) {
		if at(schema, "enum") == nil {
			continue
		}
		v, err := readVocabulary(name, schema)
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		c.vocabularies = append(c.vocabularies, v)
	}
	return c, nil
}

func readVocabulary(name string, schema *yaml.Node) (vocabulary, error) {
	v := vocabulary{name: name, about: text(schema, "description"), sdk: text(schema, "x-sdk") == "true"}
	for _, n := range at(schema, "enum").Content {
		v.values = append(v.values, value{text: n.Value, more: map[string]*yaml.Node{}})
	}
	if more := at(schema, "x-values"); more != nil {
		for of, attributes := range fields(more) {
			i := slices.IndexFunc(v.values, func(v value) bool { return v.text == of })
			if i < 0 {
				return v, fmt.Errorf("x-values has %q, which is not in the enum", of)
			}
			for attribute, n := range fields(attributes) {
				v.values[i].more[attribute] = n
			}
		}
	}
	if targets := at(schema, "x-go"); targets != nil {
		if err := decodeStrictly(targets, &v.targets); err != nil {
			return v, fmt.Errorf("x-go: %w", err)
		}
	}
	return v, nil
}

// decodeStrictly refuses keys that there are not.
func decodeStrictly(n *yaml.Node, into any) error {
	source, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(source))
	d.KnownFields(true)
	return d.Decode(into)
}

func (c *contract) vocabulary(name string) (vocabulary, error) {
	for _, v := range c.vocabularies {
		if v.name == name {
			return v, nil
		}
	}
	return vocabulary{}, fmt.Errorf("no schema %s with an enum", name)
}

// resolve follows a $ref to the schema that it names.
func (c *contract) resolve(n *yaml.Node) (*yaml.Node, error) {
	ref := text(n, "$ref")
	if ref == "" {
		return n, nil
	}
	if schema := at(c.schemas, strings.TrimPrefix(ref, schemaRef)); schema != nil {
		return schema, nil
	}
	return nil, fmt.Errorf("%s is nowhere", ref)
}

const schemaRef = "#/components/schemas/"

// fields are the fields of a mapping in their order. Aliases are followed, and the fields of a mapping that is merged
// into it (<<) stand in the place of the merge; those of its own go before.
func fields(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		n = follow(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		own := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			own[n.Content[i].Value] = true
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i].Value, follow(n.Content[i+1])
			if key != mergeKey {
				if !yield(key, value) {
					return
				}
				continue
			}
			for merged, field := range fields(value) {
				if !own[merged] && !yield(merged, field) {
					return
				}
			}
		}
	}
}

// mergeKey is the field of YAML whose mapping's fields are taken over.
const mergeKey = "<<"

// at is what lies at a path of fields; nil where there is nothing.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		var found *yaml.Node
		for name, field := range fields(n) {
			if name == key {
				found = field
			}
		}
		if n = found; n == nil {
			return nil
		}
	}
	return n
}

// text is the scalar at a path of fields; empty where there is none.
func text(n *yaml.Node, path ...string) string {
	if found := at(n, path...); found != nil && found.Kind == yaml.ScalarNode {
		return found.Value
	}
	return ""
}

// list are the scalars of the sequence at a path of fields.
func list(n *yaml.Node, path ...string) (items []string) {
	if found := at(n, path...); found != nil && found.Kind == yaml.SequenceNode {
		for _, item := range found.Content {
			items = append(items, follow(item).Value)
		}
	}
	return items
}

func follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
