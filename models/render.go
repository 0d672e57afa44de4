package models

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
)

// event is one event of a transaction, rendered.
type event struct {
	id             uuid.UUID
	kind           lifecycle.EventType
	conversationID *uuid.UUID // nil for events about a contact
	contactID      *uuid.UUID
	payload        string
}

// field is one key of an event's data with its JSON.
type field struct {
	name string
	json []byte
}

// renderEvent writes the envelope, exactly {"event","tenantId","timestamp","data"}: the event's id travels in the
// headers. The bytes are made once; every delivery, every retry and the feed carry them as they are.
func renderEvent(kind lifecycle.EventType, tenantID uuid.UUID, at time.Time, data ...field) string {
	size := 128
	for _, f := range data {
		size += len(f.name) + len(f.json) + 4
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(`{"event":"`)
	b.WriteString(string(kind))
	b.WriteString(`","tenantId":"`)
	b.WriteString(tenantID.String())
	b.WriteString(`","timestamp":`)
	b.Write(encode(wire.At(at)))
	b.WriteString(`,"data":{`)
	for i, f := range data {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(f.name)
		b.WriteString(`":`)
		b.Write(f.json)
	}
	b.WriteString("}}")
	return b.String()
}

// encode is v as JSON, with <, > and & as they are: payloads are not HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // only our own shapes and values that came as JSON
		panic("models: a value that JSON cannot hold: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// renderEvents renders what the write owes, all with the final snapshot and therefore the same version (P1.5).
func (w *write) renderEvents() []event {
	owed := w.change.Events()
	if len(owed) == 0 && w.contact == contactKnown {
		return nil
	}
	conversation := field{"conversation", encode(w.conversation.Wire())}
	actor := field{"actor", encode(w.actor)}
	events := make([]event, 0, len(owed)+1)
	add := func(kind lifecycle.EventType, conversationID, contactID *uuid.UUID, data ...field) {
		events = append(events, event{
			id: w.ids.Next(), kind: kind, conversationID: conversationID, contactID: contactID,
			payload: renderEvent(kind, w.conversation.TenantID, w.now, data...),
		})
	}
	switch contact := (field{"contact", encode(w.conversation.Contact.Wire())}); w.contact {
	case contactNew:
		add(lifecycle.ContactCreated, nil, &w.conversation.ContactID, contact, actor)
	case contactFilled:
		add(lifecycle.ContactUpdated, nil, &w.conversation.ContactID, contact, field{"changes", encode(w.contactChanges)}, actor)
	}
	for _, e := range owed {
		var data []field
		switch e.Type {
		case lifecycle.ConversationUpdated:
			data = []field{conversation, {"changes", encode(lifecycle.Diff(w.change.Before, w.change.After))}, actor}
		case lifecycle.MessageReceivedEvent, lifecycle.MessageSentEvent:
			data = []field{
				{"message", encode(w.messages[e.Fact.Index].Wire())},
				conversation,
				{"actor", encode(w.actorOf(e.Fact))},
			}
		case lifecycle.TagAddedEvent, lifecycle.TagRemovedEvent:
			tag := wire.Tag{ID: w.tags[e.Fact.Tag], Name: e.Fact.Tag}
			data = []field{conversation, {"tag", encode(tag)}, actor}
		case lifecycle.SLAWarning, lifecycle.SLABreached:
			data = []field{conversation, {"sla", encode(e.Fact.Data)}}
		case lifecycle.AssignmentChanged:
			data = []field{conversation, {"from", encode(e.Fact.Data["from"])}, {"to", encode(e.Fact.Data["to"])}, actor}
		default:
			data = []field{conversation, actor}
		}
		add(e.Type, &w.conversation.ID, nil, data...)
	}
	return events
}

// actorOf is who is behind one fact: time, the customer whose message it is, or whoever makes the change.
func (w *write) actorOf(f lifecycle.Fact) wire.Actor {
	switch {
	case f.ByUs:
		return wire.System
	case f.Kind == lifecycle.MessageReceived:
		return w.customer()
	default:
		return w.actor
	}
}

// customer is the conversation's contact as an actor who acts through whoever brought the message.
func (w *write) customer() wire.Actor {
	c := w.conversation.Contact
	a := wire.Actor{Type: wire.ActorCustomer, ID: &c.ID}
	if c.Name != nil {
		a.Name = *c.Name
	}
	if w.actor.ID != nil && w.actor.Type != wire.ActorCustomer {
		a.Via = &wire.Via{Type: w.actor.Type, ID: *w.actor.ID, Name: w.actor.Name}
	} else {
		a.Via = w.actor.Via
	}
	return a
}
