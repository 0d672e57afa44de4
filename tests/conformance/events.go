package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// EventHeader says which event a delivery is of.
const EventHeader = "X-Atender-Event"

// readEvents reads what webhooks send. A payload is one of all events, held against the schema of the one that it
// names.
func (b *builder) readEvents() error {
	webhooks, _ := b.root["webhooks"].(object)
	var names, kinds []any
	for _, name := range slices.Sorted(maps.Keys(webhooks)) {
		item, _ := b.resolve(webhooks[name]).(object)
		post, _ := item["post"].(object)
		body, _ := b.resolve(post["requestBody"]).(object)
		schema := jsonSchema(body)
		if schema == nil {
			return fmt.Errorf("webhook %s has no JSON body", name)
		}
		b.whole(schema)
		named := object{"required": []any{"event"}, "properties": object{"event": object{"const": name}}}
		names, kinds = append(names, name), append(kinds, object{"if": named, "then": schema})
		b.doc.events[name] = b.parameters(post, "header")
	}
	b.anyEvent = object{
		"type": "object", "required": []any{"event"},
		"properties": object{"event": object{"enum": names}}, "allOf": kinds,
	}
	return nil
}

// jsonSchema is the schema of the JSON that a body or an answer is; nil for none.
func jsonSchema(of object) any {
	content, _ := of["content"].(object)
	media, _ := content["application/json"].(object)
	return media["schema"]
}

// parameters are an operation's of one kind.
func (b *builder) parameters(operation object, in string) (found []header) {
	list, _ := operation["parameters"].([]any)
	for _, item := range list {
		p, _ := b.resolve(item).(object)
		if name, _ := p["name"].(string); p["in"] == in {
			found = append(found, b.header(name, p))
		}
	}
	return found
}

// Events are the names of all events that webhooks send, sorted.
func (d *Document) Events() []string { return slices.Sorted(maps.Keys(d.events)) }

// Delivery says what the document does not admit of a request that a webhook sends.
func (d *Document) Delivery(h http.Header, body []byte) error {
	name := h.Get(EventHeader)
	headers, known := d.events[name]
	if !known {
		return fmt.Errorf("no event is called %q, as %s says", name, EventHeader)
	}
	for _, one := range headers {
		if err := one.check(h); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
	}
	return d.Event(name, body)
}

// Event says what the document does not admit of an event's payload.
func (d *Document) Event(name string, payload []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("event %s: %w: %s", name, err, payload)
	}
	if m, _ := value.(object); m["event"] != name {
		return fmt.Errorf("event %s: the payload is of %v: %s", name, m["event"], payload)
	}
	if err := d.event.check(value); err != nil {
		return fmt.Errorf("event %s: %w\n%s", name, err, payload)
	}
	return nil
}
