// Package conformance holds what the API answers and what its webhooks carry against the OpenAPI document as clients
// get it, closed: what the document does not describe is wrong, too.
package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/atender/atender/api/validation"
)

// Document is the served document, ready to be held against answers and deliveries. Each of its schemas is compiled
// once, when it is first needed. It may be used by several goroutines.
type Document struct {
	Text []byte // as /openapi.json has it

	routes   map[string][]*route // by method
	literal  map[string]bool     // the paths without parameters
	events   map[string][]header // the headers of what webhooks send, by event
	event    *schema             // of what they send
	refusal  *schema             // the error envelope
	mu       sync.Mutex          // for the compiler
	compiler *jsonschema.Compiler
}

// Served is the document that a server of this working tree serves, read once for each process.
var Served = sync.OnceValue(func() *Document {
	source, err := source()
	if err != nil {
		panic(err)
	}
	doc, err := validation.Parse(source)
	if err != nil {
		panic(err)
	}
	d, err := Read(doc.JSON)
	if err != nil {
		panic(err)
	}
	return d
})

// source is the text of api/openapi.yaml, which stands below the module's root: above, or where, the test runs.
func source() ([]byte, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, found := os.Stat(filepath.Join(dir, "go.mod")); found == nil {
			return os.ReadFile(filepath.Join(dir, "api", "openapi.yaml"))
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod in any folder above")
		}
	}
	return nil, fmt.Errorf("find the OpenAPI document: %w", err)
}

// object is one of JSON's.
type object = map[string]any

// resourceURL stands for the document among the compiler's resources. Nothing is fetched.
const resourceURL = "https://atender.invalid/openapi.json"

// Where the compiler's resource has what the document has elsewhere, or not at all.
const (
	schemasAt = "#/components/schemas/"
	eventAt   = "#/event" // any event that webhooks send
	placesAt  = "#/places/"
)

// Read reads a document as /openapi.json serves it.
func Read(text []byte) (*Document, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	root, _ := value.(object)
	d := &Document{
		Text: text, routes: map[string][]*route{}, literal: map[string]bool{}, events: map[string][]header{},
		compiler: jsonschema.NewCompiler(),
	}
	b := &builder{doc: d, root: root, parts: map[string]bool{}, places: object{}}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	resource := object{"components": root["components"], "event": b.anyEvent, "places": b.places}
	if err := d.compiler.AddResource(resourceURL, resource); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return d, nil
}

// schema is one of the document's, compiled when it is first needed.
type schema struct {
	types    []string // what it may be, as `type` says
	compiled func() (*jsonschema.Schema, error)
}

// at is the schema at a fragment of the compiler's resource.
func (d *Document) at(fragment string, types ...string) *schema {
	return &schema{types: types, compiled: sync.OnceValues(func() (*jsonschema.Schema, error) {
		d.mu.Lock() // a compiler is for one goroutine at a time
		defer d.mu.Unlock()
		return d.compiler.Compile(resourceURL + fragment)
	})}
}

// check says what the schema does not admit of a value.
func (s *schema) check(value any) error {
	compiled, err := s.compiled()
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// builder takes the parsed document apart.
type builder struct {
	doc      *Document
	root     object
	parts    map[string]bool // the named schemas that are parts of others
	places   object          // schemas that have no name, by number
	anyEvent object
}

func (b *builder) build() error {
	components, _ := b.root["components"].(object)
	schemas, _ := components["schemas"].(object)
	partsOf(b.root, b.parts)
	for name, s := range schemas {
		if b.parts[name] {
			b.part(s)
		} else {
			b.whole(s)
		}
	}
	if err := b.readEvents(); err != nil {
		return err
	}
	if err := b.readPaths(); err != nil {
		return err
	}
	b.doc.refusal = b.place(object{"$ref": schemasAt + "Error"})
	b.doc.event = b.doc.at(eventAt)
	return nil
}

// place is a schema that describes a whole value, which is closed.
func (b *builder) place(s any) *schema {
	b.whole(s)
	name := strconv.Itoa(len(b.places))
	b.places[name] = s
	m, _ := b.resolve(s).(object)
	var types []string
	switch t := m["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			types = append(types, fmt.Sprint(one))
		}
	}
	return b.doc.at(placesAt+name, types...)
}

// resolve follows a reference within the document, such as #/components/responses/Invalid.
func (b *builder) resolve(node any) any {
	for {
		m, _ := node.(object)
		ref, isRef := m["$ref"].(string)
		if !isRef {
			return node
		}
		node = b.root
		for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ := node.(object)
			node = m[key]
		}
	}
}
