package api

import (
	"bytes"
	_ "embed" // the document is part of the binary
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var documentSource []byte

// document is the OpenAPI document in the forms the server needs: as it is served, and as requests are checked
// against it. It does not change after it is made.
type document struct {
	yaml, json []byte
	spec       *openapi3.T
	operations map[string]*operation // by routeKey
}

// operation is what the document says of one method of one path.
type operation struct {
	id       string
	endpoint string   // method and path, as the document writes them
	public   bool     // needs no key
	scopes   []string // that the caller must have, all of them; none when any valid key will do
	path     []*parameter
	query    []*parameter
	header   []*parameter
	takes    *shape // the body; nil for none
	needBody bool
	// keyScopes are needed besides by a key, which acts for agents where an agent acts for himself.
	keyScopes []string
	// secretAnswer: what it answers must not be kept in plain.
	secretAnswer bool
	// dockSession: the token of a dock session opens it, too, also from pages of other origins.
	dockSession bool
	// noEffect: it changes nothing here, so that there is nothing to be kept from happening twice.
	noEffect bool
}

// parameter is one parameter of an operation.
type parameter struct {
	name     string
	required bool
	schema   *openapi3.Schema
}

// openDocument returns the document, read and indexed. publicURL, where the API is reached from outside, becomes its
// server; empty leaves the relative one.
func openDocument(publicURL string) (*document, error) {
	read, err := readDocument()
	if err != nil || publicURL == "" {
		return read, err
	}
	d, spec, server := *read, *read.spec, *read.spec.Servers[0]
	server.URL = publicURL
	spec.Servers = openapi3.Servers{&server}
	d.spec = &spec
	d.yaml = bytes.Replace(read.yaml, []byte("\n  - url: /\n"), []byte("\n  - url: "+strconv.Quote(publicURL)+"\n"), 1)
	if d.json, err = json.Marshal(d.spec); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document as JSON: %w", err)
	}
	return &d, nil
}

// readDocument is parseDocument, once: it takes a few tenths of a second.
var readDocument = sync.OnceValues(parseDocument)

// parseDocument reads and indexes the document. A test checks that it is valid, examples and all, which takes as long again
// and cannot come out differently when the binary starts.
func parseDocument() (*document, error) {
	d := &document{yaml: documentSource, operations: map[string]*operation{}}
	var err error
	if d.spec, err = openapi3.NewLoader().LoadFromData(d.yaml); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if d.json, err = json.Marshal(d.spec); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document as JSON: %w", err)
	}
	for path, item := range d.spec.Paths.Map() {
		for method, o := range item.Operations() {
			op, err := newOperation(item, o)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			op.endpoint = method + " " + path
			d.operations[routeKey(method, ginPath(path))] = op
		}
	}
	return d, nil
}

// secretAnswer is the extension that marks operations whose answer holds a secret.
const secretAnswer = "x-secret-answer"

// dockSessionRoute is the extension that marks operations which the token of a dock session opens.
const dockSessionRoute = "x-dock-session"

// noEffect is the extension that marks a POST that changes nothing here, and takes no Idempotency-Key.
const noEffect = "x-no-effect"

// requiredScope is the extension that names what an operation needs: a scope, several, or "none" for any valid key.
const requiredScope = "x-required-scope"

// requiredKeyScope is the extension that names what an operation needs besides when a key, and not an agent, asks for it.
const requiredKeyScope = "x-required-key-scope"

func newOperation(item *openapi3.PathItem, o *openapi3.Operation) (*operation, error) {
	op := &operation{id: o.OperationID, public: o.Security != nil && len(*o.Security) == 0}
	op.secretAnswer, _ = o.Extensions[secretAnswer].(bool)
	op.dockSession, _ = o.Extensions[dockSessionRoute].(bool)
	op.noEffect, _ = o.Extensions[noEffect].(bool)
	named := false
	op.scopes, named = scopesIn(o.Extensions[requiredScope])
	op.keyScopes, _ = scopesIn(o.Extensions[requiredKeyScope])
	if !named && !op.public {
		return nil, fmt.Errorf("neither public nor with an %s", requiredScope)
	}
	for _, ref := range append(append(openapi3.Parameters{}, item.Parameters...), o.Parameters...) {
		p := &parameter{name: ref.Value.Name, required: ref.Value.Required, schema: ref.Value.Schema.Value}
		switch ref.Value.In {
		case openapi3.ParameterInPath:
			op.path = append(op.path, p)
		case openapi3.ParameterInQuery:
			op.query = append(op.query, p)
		case openapi3.ParameterInHeader:
			op.header = append(op.header, p)
		default:
			return nil, fmt.Errorf("parameter %s is in %q, which nothing checks", p.name, ref.Value.In)
		}
	}
	if o.RequestBody != nil {
		op.takes = newShape(o.RequestBody.Value.Content[jsonType].Schema.Value)
		op.needBody = o.RequestBody.Value.Required
	}
	return op, nil
}

// scopesIn reads the value of an extension that names scopes: one, a list of them, or "none". False where there is no value.
func scopesIn(extension any) (scopes []string, named bool) {
	switch value := extension.(type) {
	case string:
		if value != "none" {
			scopes = []string{value}
		}
		return scopes, true
	case []any:
		for _, s := range value {
			scopes = append(scopes, fmt.Sprint(s))
		}
		return scopes, true
	default:
		return nil, false
	}
}

// operationOf returns what the document says of a request that gin has routed to route; nil for routes that are not in
// the document, such as its own.
func (d *document) operationOf(r *http.Request, route string) *operation {
	return d.operations[routeKey(r.Method, route)]
}

func routeKey(method, route string) string { return method + " " + route }

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// ginPath writes a path as gin does: /v1/webhooks/{id} is /v1/webhooks/:id.
func ginPath(path string) string { return pathParameter.ReplaceAllString(path, ":$1") }
