// Package validation holds requests against the OpenAPI document: parameters, bodies, formats, and the rules that a schema
// cannot say. Behind it handlers may take shapes, types, lengths and formats for granted.
package validation

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/atender/atender/api/request"
)

// Document is the OpenAPI document in the forms the server needs: as it is served, and as requests are checked
// against it. It does not change after it is made.
type Document struct {
	YAML, JSON []byte // as they are served
	Spec       *openapi3.T
	Operations map[string]*Operation // by RouteKey

	// methods of the paths without parameters, sorted: such a path is no other's, whatever its last part could stand for.
	methods map[string][]string
	served  served
}

// Operation is what the document says of one method of one path.
type Operation struct {
	ID       string
	Endpoint string   // method and path, as the document writes them
	Public   bool     // needs no key
	Scopes   []string // that the caller must have, all of them; none when any valid key will do
	// KeyScopes are needed besides by a key, which acts for agents where an agent acts for himself.
	KeyScopes []string
	// SecretAnswer: what it answers must not be kept in plain.
	SecretAnswer bool
	// DockSession: the token of a dock session opens it, too, also from pages of other origins.
	DockSession bool
	// Shares: called with an Idempotency-Key, it can be written together with other calls (idempotency.Key).
	Shares bool
	// NoEffect: it changes nothing here, so that there is nothing to be kept from happening twice.
	NoEffect bool

	path     []*parameter
	query    []*parameter
	header   []*parameter
	takes    *shape // the body; nil for none
	needBody bool
}

// TakesHeader tells whether the document lists a header among the operation's parameters.
func (op *Operation) TakesHeader(name string) bool {
	return slices.ContainsFunc(op.header, func(p *parameter) bool { return p.name == name })
}

// parameter is one parameter of an operation.
type parameter struct {
	name     string
	required bool
	schema   *openapi3.Schema
}

// Parse reads and indexes a document, which takes a few tenths of a second. That it is valid, examples and all, a test
// checks: it takes as long again and cannot come out differently when the binary starts.
func Parse(source []byte) (*Document, error) {
	d := &Document{Operations: map[string]*Operation{}, methods: map[string][]string{}}
	var err error
	if d.Spec, err = openapi3.NewLoader().LoadFromData(source); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if d.served, err = readServed(source); err != nil {
		return nil, err
	}
	if err := d.write(); err != nil {
		return nil, err
	}
	for path, item := range d.Spec.Paths.Map() {
		for method, o := range item.Operations() {
			op, err := newOperation(item, o)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			op.Endpoint = method + " " + path
			d.Operations[RouteKey(method, ginPath(path))] = op
			if !pathParameter.MatchString(path) {
				d.methods[path] = append(d.methods[path], method)
			}
		}
	}
	return d, nil
}

// Methods are those that a path takes, as it was sent: nil for one that has parameters, or is not in the document.
func (d *Document) Methods(path string) []string { return d.methods[path] }

// At is the document of a server that is reached at publicURL; empty leaves the relative one.
func (d *Document) At(publicURL string) (*Document, error) {
	if publicURL == "" {
		return d, nil
	}
	at, spec, server := *d, *d.Spec, *d.Spec.Servers[0]
	server.URL = publicURL
	spec.Servers = openapi3.Servers{&server}
	at.Spec = &spec
	at.served = d.served.at(publicURL)
	if err := at.write(); err != nil {
		return nil, err
	}
	return &at, nil
}

// write makes the texts that are served, once: they are the same for every request.
func (d *Document) write() (err error) {
	if d.YAML, err = d.served.yaml(); err != nil {
		return err
	}
	d.JSON, err = d.served.json()
	return err
}

// secretAnswer is the extension that marks operations whose answer holds a secret.
const secretAnswer = "x-secret-answer"

// dockSessionRoute is the extension that marks operations which the token of a dock session opens.
const dockSessionRoute = "x-dock-session"

// noEffect is the extension that marks a POST that changes nothing here, and takes no Idempotency-Key.
const noEffect = "x-no-effect"

// shares is the extension that marks a POST whose effect and answer can be written together with those of other calls.
const shares = "x-shares-transaction"

// requiredScope is the extension that names what an operation needs: a scope, several, or "none" for any valid key.
const requiredScope = "x-required-scope"

// requiredKeyScope is the extension that names what an operation needs besides when a key, and not an agent, asks for it.
const requiredKeyScope = "x-required-key-scope"

func newOperation(item *openapi3.PathItem, o *openapi3.Operation) (*Operation, error) {
	op := &Operation{ID: o.OperationID, Public: o.Security != nil && len(*o.Security) == 0}
	op.SecretAnswer, _ = o.Extensions[secretAnswer].(bool)
	op.DockSession, _ = o.Extensions[dockSessionRoute].(bool)
	op.NoEffect, _ = o.Extensions[noEffect].(bool)
	op.Shares, _ = o.Extensions[shares].(bool)
	if op.Shares && op.SecretAnswer {
		return nil, fmt.Errorf("an answer with %s is sealed by itself, and cannot have %s", secretAnswer, shares)
	}
	named := false
	op.Scopes, named = scopesIn(o.Extensions[requiredScope])
	op.KeyScopes, _ = scopesIn(o.Extensions[requiredKeyScope])
	if !named && !op.Public {
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
		op.takes = newShape(o.RequestBody.Value.Content[request.JSON].Schema.Value)
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

// Operation returns what the document says of a request that gin has routed to route; nil for routes that are not in
// the document, such as its own.
func (d *Document) Operation(r *http.Request, route string) *Operation {
	return d.Operations[RouteKey(r.Method, route)]
}

// RouteKey names a route in Document.Operations: by its method, and its path as gin writes it.
func RouteKey(method, route string) string { return method + " " + route }

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// ginPath writes a path as gin does: /v1/webhooks/{id} is /v1/webhooks/:id.
func ginPath(path string) string { return pathParameter.ReplaceAllString(path, ":$1") }
