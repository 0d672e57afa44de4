package conversation

import (
	"github.com/google/uuid"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
)

// owedEvents is what the change fires, computed once: it is asked for when the change is complete.
func (w *write) owedEvents() []lifecycle.Event {
	if w.owed == nil {
		w.owed = w.change.Events()
	}
	return w.owed
}

// renderEvents renders what the write owes, all with the final snapshot and therefore the same version (P1.5).
func (w *write) renderEvents() []feed.NewEvent {
	owed := w.owedEvents()
	if len(owed) == 0 && w.contact == contactKnown {
		return nil
	}
	conversation := feed.Data("conversation", w.conversation.Wire())
	actor := feed.Data("actor", w.actor)
	events := make([]feed.NewEvent, 0, len(owed)+1)
	add := func(kind lifecycle.EventType, conversationID, contactID *uuid.UUID, data ...feed.Member) {
		var version *int64
		if conversationID != nil {
			version = &w.conversation.Version
		}
		events = append(events, feed.NewEvent{
			ID: w.ids.Next(), TenantID: w.conversation.TenantID, Type: kind, ConversationID: conversationID, ContactID: contactID,
			Version: version, Place: len(events) + 1,
			Payload: feed.Render(kind, w.conversation.TenantID, w.now, data...), Traceparent: w.trace,
		})
	}
	switch contact := (feed.Data("contact", w.conversation.Contact.Wire())); w.contact {
	case contactNew:
		add(lifecycle.ContactCreated, nil, &w.conversation.ContactID, contact, actor)
	case contactFilled:
		add(lifecycle.ContactUpdated, nil, &w.conversation.ContactID, contact, feed.Data("changes", w.contactChanges), actor)
	}
	for _, e := range owed {
		var data []feed.Member
		switch e.Type {
		case lifecycle.ConversationUpdated:
			data = []feed.Member{conversation, feed.Data("changes", lifecycle.Diff(w.change.Before, w.change.After)), actor}
		case lifecycle.MessageReceivedEvent, lifecycle.MessageSentEvent:
			data = []feed.Member{
				feed.Data("message", w.messages[e.Fact.Index].Wire()),
				conversation,
				feed.Data("actor", w.actorOf(e.Fact)),
			}
		case lifecycle.TagAddedEvent, lifecycle.TagRemovedEvent:
			tag := wire.Tag{ID: w.tags[e.Fact.Tag], Name: e.Fact.Tag}
			data = []feed.Member{conversation, feed.Data("tag", tag), actor}
		case lifecycle.SLAWarning, lifecycle.SLABreached:
			data = []feed.Member{conversation, feed.Data("sla", e.Fact.Data)}
		case lifecycle.AssignmentChanged:
			data = []feed.Member{conversation, feed.Data("from", e.Fact.Data["from"]), feed.Data("to", e.Fact.Data["to"]), actor}
		default:
			data = []feed.Member{conversation, actor}
		}
		add(e.Type, &w.conversation.ID, nil, data...)
	}
	return events
}

// actorOf is who is behind one fact: time, the customer whose message it is, or the actor of the change.
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

// customer is the conversation's contact as an actor who acts through the one that brought the message.
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
