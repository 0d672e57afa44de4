package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// publishedExtensions are the extensions that tell a client something; the document's text explains them. All others
// are for our own build and server, and no part of what is served.
var publishedExtensions = []string{requiredScope, requiredKeyScope}

// verbatim are the keys whose values are no part of the document's own structure: a name in them is whatever it is called.
var verbatim = []string{"example", "examples", "default", "const", "enum"}

// served is the document as it is served, in the order in which it is written: without the extensions that are nobody
// else's business, and with YAML's anchors and merges written out, which not every program that reads YAML knows.
type served struct{ root *yaml.Node }

// readServed makes what is served of a document's source.
func readServed(source []byte) (served, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return served{}, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if len(doc.Content) != 1 {
		return served{}, errors.New("the OpenAPI document is empty")
	}
	return served{plain(doc.Content[0], false)}, nil
}

// at is the document with another server's address.
func (s served) at(publicURL string) served {
	root := plain(s.root, true) // a copy
	if servers := valueOf(root, "servers"); servers != nil && len(servers.Content) > 0 {
		if url := valueOf(servers.Content[0], "url"); url != nil {
			url.Value, url.Style = publicURL, yaml.DoubleQuotedStyle
		}
	}
	return served{root}
}

// yaml writes the document as YAML.
func (s served) yaml() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(s.root); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document as YAML: %w", err)
	}
	return b.Bytes(), e.Close()
}

// json writes the document as JSON.
func (s served) json() ([]byte, error) {
	var b bytes.Buffer
	if err := writeJSON(&b, s.root); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document as JSON: %w", err)
	}
	return b.Bytes(), nil
}

// valueOf is what a mapping has under a key; nil for nothing.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// plain is a copy of a node without aliases, merges, comments and, unless all is to be kept, unpublished extensions.
func plain(n *yaml.Node, all bool) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return plain(n.Alias, all)
	}
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" { // to OpenAPI a time is a string
		c.Tag, c.Style = "!!str", yaml.DoubleQuotedStyle
	}
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			c.Content = append(c.Content, plain(child, all))
		}
		return c
	}
	for _, e := range entriesOf(n) {
		if !all && strings.HasPrefix(e.key.Value, "x-") && !slices.Contains(publishedExtensions, e.key.Value) {
			continue
		}
		c.Content = append(c.Content, plain(e.key, all), plain(e.value, all || slices.Contains(verbatim, e.key.Value)))
	}
	if !all {
		divideTypes(c)
	}
	return c
}

// ofStrings are the keywords that say something of strings alone.
var ofStrings = []string{"minLength", "maxLength", "pattern", "format"}

// divideTypes rewrites a schema of several types besides null as alternatives of one type each, which is the same;
// generators of clients refuse the list.
func divideTypes(schema *yaml.Node) {
	types := valueOf(schema, "type")
	if types == nil || types.Kind != yaml.SequenceNode {
		return
	}
	several := 0
	for _, t := range types.Content {
		if t.Value != "null" {
			several++
		}
	}
	if several < 2 {
		return
	}
	alternatives := &yaml.Node{Kind: yaml.SequenceNode}
	var rest, text []*yaml.Node
	for i := 0; i+1 < len(schema.Content); i += 2 {
		switch key := schema.Content[i].Value; {
		case key == "type":
		case slices.Contains(ofStrings, key):
			text = append(text, schema.Content[i:i+2]...)
		default:
			rest = append(rest, schema.Content[i:i+2]...)
		}
	}
	for _, t := range types.Content {
		name := *t // quoted or not, as it was written: "null" is a string
		one := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{word("type"), &name}}
		if t.Value == "string" {
			one.Content = append(one.Content, text...)
		}
		alternatives.Content = append(alternatives.Content, one)
	}
	schema.Content = append(rest, word("oneOf"), alternatives)
}

func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

type entry struct{ key, value *yaml.Node }

// entriesOf are a mapping's entries with those that it merges, which its own take precedence over.
func entriesOf(mapping *yaml.Node) []entry {
	var own, merged []entry
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.ShortTag() != "!!merge" {
			own = append(own, entry{key, value})
			continue
		}
		sources := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			sources = value.Content
		}
		for _, source := range sources {
			if source.Kind == yaml.AliasNode {
				source = source.Alias
			}
			merged = append(merged, entriesOf(source)...)
		}
	}
	for _, e := range merged {
		if !slices.ContainsFunc(own, func(o entry) bool { return o.key.Value == e.key.Value }) {
			own = append(own, e)
		}
	}
	return own
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeScalar(b, n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		var value any
		if err := n.Decode(&value); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return writeScalar(b, value)
	}
	return nil
}

func writeScalar(b *bytes.Buffer, value any) error {
	text := json.NewEncoder(b)
	text.SetEscapeHTML(false) // it is no page
	if err := text.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line break that the encoder adds
	return nil
}
